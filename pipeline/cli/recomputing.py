"""``evaluate`` and ``rebuild``: how good the attributions are, and computing all of them anew."""

from __future__ import annotations

from collections.abc import Mapping

import click

from pipeline.cli.comparing import left_out_text, write_evaluation
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import format_option, write_rows
from pipeline.cli.progress import bars
from pipeline.cli.reporting import report

#: of each table and kind of difference
EXAMPLES_SHOWN_MAX = 2


@click.command(
    short_help="How often each model is right on your data.",
    epilog=examples(
        "aftermerge evaluate",
        "aftermerge evaluate --format csv > models.csv",
    ),
)
@format_option
@shared_options
@click.pass_obj
def evaluate(invocation: Invocation, format_: str) -> None:
    """Compare every model with what is known to have caused the incidents.

    What is known comes from histories (reverts, rollbacks); the models never see it, nor anything that
    happened after an incident was opened. Printed with n and 95 % intervals: how often the true culprit came
    first and among the first three, MRR, by how many points the intensity model is ahead, how often the
    likeliest answer (`none` included) was true, Brier score and calibration error. JSON and CSV hold more.
    """
    from pipeline.cli.wiring import evaluated, opened

    with opened(invocation.settings, create=False) as parts, bars() as progress:
        evaluation = evaluated(parts, progress)
    if not evaluation.rows:
        raise Problem(
            f"no incident of workspace {invocation.settings.workspace} has a known cause",
            hint="import a history with --incidents-from reverts",
            code=Exit.NOTHING,
        )
    write_evaluation(evaluation, format_)
    if left_out := left_out_text(evaluation):
        click.echo(left_out, err=True)


@click.command(
    short_help="Compute everything anew from the log.",
    epilog=examples("aftermerge rebuild", "aftermerge rebuild --dry-run      what it would change"),
)
@click.option("--dry-run", is_flag=True, help="Change nothing: say which rows would differ, and in what.")
@format_option
@shared_options
@click.pass_obj
def rebuild(invocation: Invocation, dry_run: bool, format_: str) -> None:
    """Read every event again, oldest first, and replace all state and all rows.

    It applies events that came from behind the horizon, and a changed model or setting. The log is not
    touched. Ctrl-C at any point loses nothing; the same command begins again.

    With --dry-run the rows are made in tables beside the live ones, compared, and dropped. Exit 0: nothing
    would differ; 1: something would.
    """
    from pipeline.cli.intake import rebuilt
    from pipeline.cli.wiring import opened

    if dry_run:
        _rehearse(invocation, format_)
        return
    with opened(invocation.settings, create=False) as parts, bars() as progress:
        outcome = rebuilt(parts, progress)
    report(outcome, format_)


def _rehearse(invocation: Invocation, format_: str) -> None:
    from pipeline.cli.following import UpFollower
    from pipeline.cli.wiring import opened, rehearsed

    with opened(invocation.settings, create=False) as parts, bars() as progress:
        if parts.running is not None:
            differences = UpFollower(parts.running, parts.workspace, {}).rehearse(progress)
        else:
            differences = rehearsed(parts, progress)
    rows = [
        (found.table, found.rows_live, found.rows_beside, found.only_beside, found.only_live, found.different,
         ", ".join(found.columns))
        for found in differences
    ]  # fmt: skip
    write_rows(("table", "rows", "rebuilt", "new", "gone", "different", "columns"), rows, format_)
    for found in differences:
        for kind, shown in (
            ("new", found.examples_only_beside),
            ("gone", found.examples_only_live),
            ("different", found.examples_different),
        ):
            for example in shown[:EXAMPLES_SHOWN_MAX]:
                click.echo(f"{found.table}: {kind}: {_named(example.key)}", err=True)
    if not all(found.same for found in differences):
        raise click.exceptions.Exit(Exit.PARTLY)


def _named(key: Mapping[str, object]) -> str:
    return " ".join(str(value) for name, value in key.items() if name != "workspace")
