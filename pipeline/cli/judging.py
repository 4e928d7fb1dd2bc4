"""``aftermerge verdict``: a person's word about an incident, kept as an event like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, machine_now, microseconds
from pipeline.cli.output import format_option, write_rows

if TYPE_CHECKING:
    from pipeline.cli.wiring import Parts

DAY_MICROSECONDS = 24 * 3600 * 1_000_000


@click.command(
    short_help="Say what caused an incident; it restates.",
    epilog=examples(
        'aftermerge verdict INC-7 --change acme/api#17 --by dana --because "postmortem of 3 May"',
        'aftermerge verdict INC-7 --change none --by dana --because "the provider was down"',
        'aftermerge verdict INC-8 --merge-into INC-7 --by dana --because "same outage"',
        'aftermerge verdict INC-7 --onset 2024-10-02T14:05Z --by dana --because "first failed request"',
        'aftermerge verdict INC-7 --change none --retract --by dana --because "was wrong"',
    ),
)
@click.argument("incident")
@click.option(
    "--change",
    metavar="C|none|unseen",
    default="",
    help="What caused it: a change (acme/api#17, a commit), `none` (no change did), or `unseen` (a deployment"
    " that nobody reported).",
)
@click.option("--merge-into", metavar="INCIDENT", default="", help="It is the same as this other incident.")
@click.option("--onset", type=INSTANT, help="When the symptoms began, ISO 8601; UTC where no zone is given.")
@click.option(
    "--ignore-deployment", metavar="D", default="", help="This deployment can't have caused it: leave it out."
)
@click.option("--by", required=True, metavar="LOGIN", help="Who says so; kept as a token, never as a name.")
@click.option("--because", required=True, metavar="TEXT", help="Why, in a sentence; shown by `explain`.")
@click.option("--retract", is_flag=True, help="Take the same word back: the one before it holds again.")
@format_option
@shared_options
@click.pass_obj
def verdict(
    invocation: Invocation,
    incident: str,
    change: str,
    merge_into: str,
    onset: datetime | None,
    ignore_deployment: str,
    by: str,
    because: str,
    retract: bool,
    format_: str,
) -> None:
    """Say what caused INCIDENT, what it is the same as, when it began, or what can't have caused it.

    At least one of --change, --merge-into, --onset, --ignore-deployment. A later word about the same
    thing replaces an earlier one. Everything that rests on it is restated at once.
    """
    from pipeline.cli.intake import take_in
    from pipeline.cli.wiring import opened
    from pipeline.judging import Word, check, judged

    word = Word(
        incident=incident,
        because=because,
        cause=change,
        merge_into=merge_into,
        onset_at=None if onset is None else microseconds(onset),
        ignore_deployment=ignore_deployment,
        retracted=retract,
    )
    with _explained():
        check(word, by)
    with opened(invocation.settings, create=False) as parts:
        with _explained():
            events = judged(
                parts.store,
                parts.workspace,
                word,
                parts.person_token,
                by,
                said_at=machine_now(),
                horizon=parts.settings.horizon_days * DAY_MICROSECONDS,
            )
        take_in(parts, events)
        columns, rows = _after(parts, incident)
    write_rows(columns, rows, format_)


@contextmanager
def _explained() -> Iterator[None]:
    """What is wrong with a word, in the way of the command line."""
    from pipeline.judging import NothingToRetract, UnknownName, WrongWord

    try:
        yield
    except WrongWord as error:
        raise click.UsageError(str(error)) from None
    except UnknownName as error:
        like = ", ".join(error.like)
        query = f'aftermerge sql "SELECT {error.column} FROM {error.table} FINAL"'
        raise Problem(
            str(error), hint=f"most like it: {like}" if like else query, code=Exit.NOTHING
        ) from None
    except NothingToRetract as error:
        stands = ", ".join(error.standing)
        hint = f"what stands: {stands}" if stands else "no word of that kind stands"
        raise Problem(str(error), hint=hint, code=Exit.NOTHING) from None


def _after(parts: Parts, incident: str) -> tuple[list[str], list[list[object]]]:
    """How the incident stands now."""
    columns = ["incident", "verdict", "cause", "probability", "onset_at", "state"]
    rows = parts.store.query(
        f"SELECT {', '.join(columns)} FROM incidents FINAL WHERE workspace = {{workspace:String}}"
        " AND (incident = {name:String} OR has(members, {name:String}))",
        {"workspace": parts.workspace, "name": incident},
    ).rows
    return columns, [list(row) for row in rows]
