"""``aftermerge report finding|cost|metric``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pipeline.cli.frame import examples
from pipeline.cli.report.telling import Report, commit_options, service_options, telling
from pipeline.sources import reports

Command = TypeVar("Command", bound=Callable[..., Any])

#: a negative number is a value here, and no option
_NUMBERS = {"ignore_unknown_options": True}


@click.command(
    short_help="A scanner's finding came up or changed.",
    epilog=examples(
        "aftermerge report finding CVE-2026-1234:libfoo open --kind dependency --severity high --tool trivy",
        "aftermerge report finding sql-injection:app/db.py fixed --kind code --path app/db.py",
    ),
)
@click.argument("finding")
@click.argument("state")
@click.option("--kind", type=click.Choice(reports.FINDING_KINDS), default=None, help="What was found.")
@click.option("--severity", metavar="TEXT", default="", help="Severity in the scanner's words.")
@click.option("--rule", metavar="TEXT", default="", help="Rule or advisory that found it.")
@click.option("--tool", metavar="NAME", default="", help="Scanner that found it.")
@click.option("--path", metavar="PATH", default="", help="File it stands in.")
@click.option("--details", metavar="URL", default="", help="Where the finding can be read.")
@commit_options
@click.option("--actor", metavar="LOGIN", default="", help="Who changed it; kept as a token.")
@telling
def finding(
    report: Report,
    finding: str,
    state: str,
    kind: str | None,
    details: str,
    repository: str | None,
    sha: str | None,
    branch: str | None,
    **fields: Any,
) -> None:
    """Tell that FINDING is in STATE: open, fixed, dismissed, or the scanner's own word.

    FINDING is a key that stays the same from scan to scan.
    """
    fields |= report.commit(repository, sha, branch) | {"kind": kind or "", "url": details}
    report.tell(lambda told: reports.finding(told, finding, state, **fields))


def _measure_options(command: Command) -> Command:
    for option in (
        click.option("--change", metavar="KEY", default="", help="Change that it was measured of."),
        click.option("--tag", metavar="TAG", default="", help="Deploy tag that it was measured of."),
        click.option("--unit", metavar="UNIT", default="", help="Unit; of a cost, the currency."),
    ):
        command = option(command)
    return service_options(command)


@click.command(
    short_help="What something costs.",
    context_settings=_NUMBERS,
    epilog=examples(
        "aftermerge report cost ci-minutes 0.31 --unit EUR",
        "aftermerge report cost monthly-estimate 1240 --unit USD --service api --change acme/infra#12",
    ),
)
@click.argument("name")
@click.argument("value", type=float)
@_measure_options
@telling
def cost(report: Report, name: str, value: float, **fields: Any) -> None:
    """Tell the cost NAME as VALUE, in the currency of --unit."""
    report.tell(lambda told: reports.measurement(told, "cost", name, value, **fields))


@click.command(
    short_help="A number that a job measured.",
    context_settings=_NUMBERS,
    epilog=examples(
        "aftermerge report metric image-size 184.2 --unit MiB --service api --tag v42",
        "aftermerge report metric coverage 81.5 --unit % --change acme/api#17",
    ),
)
@click.argument("name")
@click.argument("value", type=float)
@_measure_options
@telling
def metric(report: Report, name: str, value: float, **fields: Any) -> None:
    """Tell the measurement NAME as VALUE."""
    report.tell(lambda told: reports.measurement(told, "metric", name, value, **fields))
