"""``evaluate`` and ``rebuild``: how good the attributions are, and computing all of them anew."""

from __future__ import annotations

import click

from pipeline.cli.comparing import left_out_text, write_evaluation
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import format_option
from pipeline.cli.progress import bars
from pipeline.cli.reporting import report


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


@click.command(short_help="Compute everything anew from the log.", epilog=examples("aftermerge rebuild"))
@format_option
@shared_options
@click.pass_obj
def rebuild(invocation: Invocation, format_: str) -> None:
    """Read every event again, oldest first, and replace all state and all rows.

    It applies events that came from behind the horizon, and a changed model or setting. The log is not
    touched. Ctrl-C at any point loses nothing; the same command begins again.
    """
    from pipeline.cli.intake import rebuilt
    from pipeline.cli.wiring import opened

    with opened(invocation.settings, create=False) as parts, bars() as progress:
        outcome = rebuilt(parts, progress)
    report(outcome, format_)
