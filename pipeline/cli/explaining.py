"""``aftermerge explain``: why an incident is laid to a change, a deployment, or none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, microseconds
from pipeline.cli.output import printable, terminal_width, write_document
from pipeline.cli.progress import bars

if TYPE_CHECKING:
    from pipeline.explain import Explanation


@click.command(
    short_help="Why: one incident, change or deployment in 25 lines.",
    epilog=examples(
        "aftermerge explain INC-7",
        "aftermerge explain INC-7 --as-of 2024-10-02T14:30Z     what was known then",
        "aftermerge explain acme/api#17                         a change: where it went, what it caused",
        "aftermerge explain INC-7 --json",
    ),
)
@click.argument("name", metavar="INCIDENT|CHANGE|DEPLOYMENT")
@click.option("--as-of", type=INSTANT, help="What was known at that time, ISO 8601, UTC unless it says.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="A page for people, or one JSON document with everything that is known.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@shared_options
@click.pass_obj
def explain(invocation: Invocation, name: str, as_of: datetime | None, format_: str, as_json: bool) -> None:
    """Explain one incident, change or deployment in 25 lines.

    An incident: the verdict in words with its probability, the onset and how sure it is, three candidates
    with what speaks for and against each, what was excluded, which source has been silent, and what a
    rollback would take back. It may be named by the end of its key (`#17`), a deploy tag or the beginning
    of a commit; when several things are meant, they are listed and the exit status is 2.
    """
    from pipeline.cli.wiring import explained, opened

    with opened(invocation.settings, create=False) as parts, bars() as progress:
        explanation = explained(parts, name, None if as_of is None else microseconds(as_of), progress)
    if explanation is None:
        raise Problem(
            f"no incident, change or deployment {name!r} in workspace {invocation.settings.workspace}"
            + ("" if as_of is None else f" was known at {as_of.isoformat(' ', 'minutes')}"),
            hint='aftermerge sql "SELECT incident, title FROM incidents FINAL LIMIT 9"',
            code=Exit.NOTHING,
        )
    from pipeline.explain import SeveralFindings, as_document

    if as_json or format_ == "json":
        write_document(as_document(explanation))
    else:
        write_page(explanation)
    if isinstance(explanation, SeveralFindings):
        click.get_current_context().exit(Exit.USAGE)


def write_page(explanation: Explanation) -> None:
    """Print an explanation as it fits this terminal."""
    from pipeline.explain import render_text

    for line in render_text(explanation, terminal_width()).splitlines():
        click.echo(printable(line))
