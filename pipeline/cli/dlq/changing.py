"""``aftermerge dlq redrive`` and ``dlq drop``: letters are brought back, or not wanted."""

from __future__ import annotations

import getpass
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline.cli.dlq.choosing import check_choice, choice_options, chosen
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import machine_now
from pipeline.cli.output import format_option, write_rows
from pipeline.cli.progress import bars
from pipeline.cli.reporting import Outcome as Counts
from pipeline.measuring import ProgressCall

if TYPE_CHECKING:
    from pipeline.cli.following import Follower
    from pipeline.cli.wiring import Parts
    from pipeline.letters import Entry
    from pipeline.redriving import Redriven, Result

#: of what is about to be dropped, so many reasons are told
REASONS_SHOWN_MAX = 3


@click.command(
    short_help="Try letters again, and take in what can be.",
    epilog=examples(
        "aftermerge dlq redrive 17",
        "aftermerge dlq redrive --reason 'no such field' --dry-run",
        "aftermerge dlq redrive --all",
    ),
)
@choice_options
@click.option("--dry-run", is_flag=True, help="Say what would become of them, and write nothing.")
@format_option
@shared_options
@click.pass_obj
def redrive(
    invocation: Invocation,
    numbers: tuple[str, ...],
    reason: str,
    everything: bool,
    dry_run: bool,
    format_: str,
) -> None:
    """Try letters again by NUMBER, by reason, or all, with the parsers of today, and correlate.

    A delivery that is still kept is parsed again. A line of a replayed file and an event of an import are
    read again from the bytes that the letter kept. An event that could not be decoded or folded is told
    once more at the end of the log. What is taken in is settled, what fails again stays with its new
    reason, and what can't be tried says why. Letters that were acknowledged are tried, too.
    """
    from pipeline.cli.wiring import opened
    from pipeline.letters import entries
    from pipeline.log.topics import DEAD_LETTERS
    from pipeline.redriving import Outcome, failed_again

    check_choice(numbers, reason, everything)
    settings = invocation.settings
    with opened(settings, create=False) as parts, bars() as progress:
        wanted = chosen(entries(parts.log), numbers, reason, settings)
        followers = _followers(parts, wanted)
        ends = [parts.log.end(DEAD_LETTERS, each) for each in range(parts.log.partitions(DEAD_LETTERS))]
        result = _redriven(parts, wanted, dry_run, progress)
        counts = Counts()
        told: Sequence[Redriven] = result.letters
        if not dry_run:
            counts = _correlated(
                parts, sorted({each.letter.workspace for each in wanted}), followers, progress
            )
            told = list(failed_again(parts.log, result, ends))
    rows = [[each.number, each.workspace, str(each.outcome), each.place, each.remark] for each in told]
    write_rows(["number", "workspace", "outcome", "place", "remark"], rows, format_)
    totals = Counter(str(each.outcome) for each in told)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in totals.items())
    written = f"{counts.rows:,} rows written" if counts.rows or not counts.elsewhere else "correlated"
    after = f"; {written}{', all made anew by a rebuild' * counts.rebuilt}"
    click.echo(said + ("; nothing was written" if dry_run else after), err=True)
    failed = any(each.outcome in (Outcome.REFUSED, Outcome.LEFT) for each in told)
    click.get_current_context().exit(Exit.PARTLY if failed else Exit.OK)


def _redriven(parts: Parts, wanted: Sequence[Entry], dry_run: bool, progress: ProgressCall) -> Result:
    """Do it here, or have the process do it that holds the directory, with its keys."""
    from pipeline.redriving import Result

    numbers = [str(entry.number) for entry in wanted]
    try:
        if parts.running is None:
            from pipeline.cli.keeping import upkeep_here

            return upkeep_here(parts).redrive(numbers, dry_run, progress)
        from pipeline.log.served.jobs import act

        socket = parts.running.control_socket
        told: Any = act(socket, "redrive", progress, numbers=numbers, dry_run=dry_run)
        return msgspec.convert(told, Result)
    except KeyError as error:  # no such action, or a letter that is not kept any more
        raise Problem(
            str(error.args[0]),
            hint="list the letters again; an `aftermerge up` of an older version has to be restarted",
            code=Exit.UNAVAILABLE,
        ) from None
    except ValueError as error:
        raise Problem(str(error), code=Exit.USAGE) from None


def _followers(parts: Parts, wanted: Sequence[Entry]) -> dict[str, Follower]:
    """By workspace: how far whoever correlates was before anything is told again."""
    if parts.follower is None:
        return {}
    names = sorted({entry.letter.workspace for entry in wanted})
    return {name: parts.follower.of(name) for name in names}


def _correlated(
    parts: Parts, workspaces: Sequence[str], followers: dict[str, Follower], progress: ProgressCall
) -> Counts:
    """Bring the tables up to date; what came from behind the horizon of a workspace is applied."""
    from pipeline.cli.wiring import correlator

    total = Counts()
    for each in followers.values():
        found = each.caught_up(parts.log, Counts(), progress)
        # each counts what was done since the beginning
        total.rows = max(total.rows, found.rows)
        total.rebuilt |= found.rebuilt
        total.elsewhere |= found.elsewhere
    if parts.follower is None:
        step = correlator(parts)
        summary = step.run(progress)
        total.rows, total.rebuilt = summary.rows, summary.rebuilt
        for name in workspaces:
            if step.behind_horizon(name):
                total.rows += step.rebuild(name, progress).rows
                total.rebuilt = True
    return total


@click.command(
    short_help="Say that letters are not wanted, and why.",
    epilog=examples(
        'aftermerge dlq drop 17 18 --because "a test of the sender"',
        'aftermerge dlq drop --reason "source \'jenkins\'" --because "switched off in May" --yes',
    ),
)
@choice_options
@click.option("--because", required=True, metavar="TEXT", help="Why, in a sentence (required).")
@click.option(
    "--by",
    metavar="LOGIN",
    default="",
    help="Who says so; kept as a token, never as a name. [default: the user of this machine]",
)
@click.option("--yes", is_flag=True, help="Don't ask first (it is asked on a terminal only).")
@format_option
@shared_options
@click.pass_obj
def drop(
    invocation: Invocation,
    numbers: tuple[str, ...],
    reason: str,
    everything: bool,
    because: str,
    by: str,
    yes: bool,
    format_: str,
) -> None:
    """Note that letters are not wanted: by NUMBER, by reason, or all that ask for attention.

    Nothing is deleted. Each letter stays in the log and in the table `dead_letters`, with a note of why,
    when, and a token of who said so, which `dlq show` tells; it asks for no attention any more.
    """
    from pipeline.cli.wiring import opened_log, persons_for
    from pipeline.letters import State, entries
    from pipeline.letters import drop as dropped

    check_choice(numbers, reason, everything)
    if not because.strip():
        raise click.UsageError("--because: say why")
    settings = invocation.settings
    with opened_log(settings, create=False) as log:
        from pipeline.persons import KnownPersons

        found = [entry for entry in entries(log) if numbers or entry.state == State.WAITING]
        wanted = chosen(found, numbers, reason, settings)
        if not yes:
            _ask(wanted)
        persons = KnownPersons(persons_for(settings), log)
        who = persons.person_token(by.strip() or getpass.getuser())
        persons.keep()
        dropped(log, [entry.number for entry in wanted], because=because, by=who, now=machine_now())
    rows = [
        [str(entry.number), entry.letter.workspace, entry.letter.place, entry.letter.reason]
        for entry in wanted
    ]
    write_rows(["number", "workspace", "place", "reason"], rows, format_)
    click.echo(f"{len(rows):,} letter{'s' * (len(rows) != 1)} dropped", err=True)


def _ask(wanted: Sequence[Entry]) -> None:
    if not sys.stdin.isatty():
        return
    reasons = Counter(entry.letter.reason for entry in wanted)
    for text, count in reasons.most_common(REASONS_SHOWN_MAX):
        click.echo(f"{count:>7,}  {text}", err=True)
    question = f"Drop {len(wanted):,} letter{'s' * (len(wanted) != 1)} of {len(reasons):,} reasons?"
    if not click.confirm(question, err=True):
        raise Problem("nothing was dropped", code=Exit.NOTHING)
