"""``aftermerge report``: any job tells what it did, one event at a time."""

from __future__ import annotations

import click

from pipeline.cli.frame import examples, shared_options
from pipeline.cli.report.deliveries import check, deployment, smoke
from pipeline.cli.report.measures import cost, finding, metric
from pipeline.cli.report.troubles import drift, incident, slo


@click.group(
    short_help="Tell of a deployment, a check, an incident ... from any job.",
    epilog=examples(
        "aftermerge report deployment api production v42 started",
        "aftermerge report deployment api production v42 success",
        "aftermerge report smoke checkout failure",
        'aftermerge report incident INC-7 detected --service api --title "checkout fails"',
        "aftermerge report cost build 0.31 --unit EUR --to-file told.jsonl",
    ),
)
@shared_options
def report() -> None:
    """Tell a running `aftermerge up` what a job did, or keep it in a file for `aftermerge replay`.

    Told twice by the same run of a job it counts once. What GitHub Actions and GitLab CI say in a job's
    environment (repository, commit, run) needn't be said again; --verbose says what was taken.

    The receiver is --url, else AFTERMERGE_URL, else this machine. The token comes from
    AFTERMERGE_REPORT_TOKEN or --token-file. No data directory is needed.
    """


for _command in (deployment, check, smoke, incident, drift, slo, finding, cost, metric):
    report.add_command(_command)
