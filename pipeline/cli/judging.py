"""``aftermerge verdict``: a person's word about an incident, kept as an event like any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, machine_now, microseconds, moment
from pipeline.cli.output import format_option, iso_time, write_rows

if TYPE_CHECKING:
    from pipeline.cli.wiring import Parts
    from pipeline.core.events import VerdictGiven

SOURCE = "person"
PARSER_VERSION = 1
REASON_CHARACTERS_MAX = 2_000
SHA_DIGITS_MIN = 7
SUGGESTIONS_MAX = 3
DAY_MICROSECONDS = 24 * 3600 * 1_000_000
NO_CHANGE = ("none", "unseen")


@dataclass(frozen=True)
class Word:
    """What a person said about one incident; every field but ``by`` and ``because`` may be absent."""

    incident: str
    cause: str
    merge_into: str
    onset_at: int | None
    ignore_deployment: str
    by: str
    because: str
    retracted: bool


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

    if not (change or merge_into or onset or ignore_deployment):
        raise click.UsageError("say what: --change, --merge-into, --onset or --ignore-deployment")
    if not by.strip() or not because.strip():
        raise click.UsageError("--by and --because can't be empty")
    if merge_into == incident:
        raise click.UsageError("--merge-into names the same incident")
    with opened(invocation.settings, create=False) as parts:
        for named in filter(None, (incident, merge_into)):
            _incident_times(parts, named)
        word = Word(
            incident=incident,
            cause=change if change in NO_CHANGE else _change(parts, change),
            merge_into=merge_into,
            onset_at=None if onset is None else microseconds(onset),
            ignore_deployment=_deployment(parts, ignore_deployment),
            by=parts.person_token(by),
            because=because.strip()[:REASON_CHARACTERS_MAX],
            retracted=retract,
        )
        take_in(parts, list(_events(parts, word)))
        columns, rows = _after(parts, word)
    write_rows(columns, rows, format_)


def _events(parts: Parts, word: Word) -> Iterator[VerdictGiven]:
    """One event for each thing said. The natural key is the thing with what was said of it, and the moment
    of speaking is its version: the latest word holds, a retraction takes back one word and no other, and
    the word before it holds again."""
    from pipeline.core.events import VerdictGiven

    said_at = machine_now()
    time, imported = _moment(parts, word.incident, said_at)
    said: list[tuple[str, str, dict[str, object]]] = []
    if word.cause:
        said.append(("cause", f"{word.incident} by {word.cause}", {"cause": word.cause}))
    if word.merge_into:
        said.append(("merge", f"{word.incident} into {word.merge_into}", {"other_incident": word.merge_into}))
    if word.onset_at is not None:
        onset = iso_time(moment(word.onset_at))
        said.append(("onset", f"{word.incident} at {onset}", {"onset_at": word.onset_at}))
    if word.ignore_deployment:
        deployment = word.ignore_deployment
        said.append(("ignore", f"{word.incident} without {deployment}", {"deployment": deployment}))
    for kind, thing, values in said:
        if word.retracted:
            _demand(parts, word.incident, kind, f"verdict {thing} {kind}")
        yield VerdictGiven(
            id=f"verdict {thing} {kind}",
            source=SOURCE,
            time=time,
            received_at=time,
            imported=imported,
            source_version=said_at,
            parser_version=PARSER_VERSION,
            retracted=word.retracted,
            sequence=0,
            verdict_key=f"{thing} {kind}",
            incident=word.incident,
            verdict=kind,
            by=word.by,
            because=word.because,
            **values,  # type: ignore[arg-type]  # each value belongs to the field beside it
        )


def _demand(parts: Parts, incident: str, kind: str, event: str) -> None:
    """Refuse to take back what nobody said; exit 5, with what was said."""
    rows = parts.store.query(
        "SELECT id FROM events_verdict_given"
        " WHERE workspace = {workspace:String} AND incident = {incident:String} AND verdict = {kind:String}"
        " GROUP BY id HAVING NOT argMax(retracted, source_version) ORDER BY max(source_version) DESC",
        {"workspace": parts.workspace, "incident": incident, "kind": kind},
    ).rows
    standing = [str(row[0]) for row in rows]
    if event not in standing:
        raise Problem(
            f"nobody said so of {incident}: there is no {event!r} to take back",
            hint=f"what stands: {', '.join(standing)}" if standing else f"no word on its {kind} stands",
            code=Exit.NOTHING,
        )


def _moment(parts: Parts, incident: str, said_at: int) -> tuple[int, bool]:
    """When the word counts as said, and whether it is history.

    About a recent incident: now. A word about an incident of an old, imported history would drag the
    clock of the whole workspace to today and everything in it behind the horizon; it is dated just
    after that incident's own verdict became final (which it revises), and counts as imported.
    """
    opened_at, final_at = _incident_times(parts, incident)
    if said_at - opened_at <= parts.settings.horizon_days * DAY_MICROSECONDS:
        return said_at, False
    return final_at + 1, True


def _incident_times(parts: Parts, name: str) -> tuple[int, int]:
    """Opening and finality of an incident, named by its own key or by one that was united with others."""
    rows = parts.store.query(
        "SELECT opened_at, final_at FROM incidents FINAL"
        " WHERE workspace = {workspace:String} AND (incident = {name:String} OR has(members, {name:String}))"
        " ORDER BY incident = {name:String} DESC LIMIT 1",
        {"workspace": parts.workspace, "name": name},
    ).rows
    if not rows:
        raise _unknown(parts, "incident", "incidents", name)
    opened_at, final_at = rows[0]
    assert isinstance(opened_at, datetime)
    assert isinstance(final_at, datetime)
    return microseconds(opened_at), microseconds(final_at)


def _change(parts: Parts, name: str) -> str:
    """The key of a change, by its key or by the beginning of its commit."""
    if not name:
        return ""
    rows = parts.store.query(
        "SELECT change FROM changes FINAL WHERE workspace = {workspace:String}"
        " AND (change = {name:String}"
        " OR (length({name:String}) >= {digits:UInt8} AND startsWith(sha, {name:String})))"
        " ORDER BY change = {name:String} DESC LIMIT 2",
        {"workspace": parts.workspace, "name": name, "digits": SHA_DIGITS_MIN},
    ).rows
    keys = [str(key) for (key,) in rows]
    if not keys:
        raise _unknown(parts, "change", "changes", name)
    if len(keys) > 1 and keys[0] != name:
        raise Problem(f"{name} is the beginning of several commits", hint="write more digits of it")
    return keys[0]


def _deployment(parts: Parts, name: str) -> str:
    if not name:
        return ""
    rows = parts.store.query(
        "SELECT deployment FROM deployments FINAL"
        " WHERE workspace = {workspace:String} AND deployment = {name:String}"
        " UNION ALL SELECT deployment FROM events_deployment_finished"  # a further reporter's own key
        " WHERE workspace = {workspace:String} AND deployment = {name:String} LIMIT 1",
        {"workspace": parts.workspace, "name": name},
    ).rows
    if not rows:
        raise _unknown(parts, "deployment", "deployments", name)
    return name


def _unknown(parts: Parts, what: str, table: str, name: str) -> Problem:
    """Nothing has this name; name what is most like it."""
    rows = parts.store.query(
        f"SELECT {what} FROM {table} FINAL WHERE workspace = {{workspace:String}}"
        f" ORDER BY positionCaseInsensitive({what}, {{name:String}}) = 0,"
        f" ngramDistance({what}, {{name:String}}), {what} LIMIT {{limit:UInt8}}",
        {"workspace": parts.workspace, "name": name, "limit": SUGGESTIONS_MAX},
    ).rows
    like = ", ".join(str(row[0]) for row in rows)
    return Problem(
        f"no {what} {name!r} in workspace {parts.workspace}",
        hint=f"most like it: {like}" if like else f'aftermerge sql "SELECT {what} FROM {table} FINAL"',
        code=Exit.NOTHING,
    )


def _after(parts: Parts, word: Word) -> tuple[list[str], list[list[object]]]:
    """How the incident stands now."""
    columns = ["incident", "verdict", "cause", "probability", "onset_at", "state"]
    rows = parts.store.query(
        f"SELECT {', '.join(columns)} FROM incidents FINAL WHERE workspace = {{workspace:String}}"
        " AND (incident = {name:String} OR has(members, {name:String}))",
        {"workspace": parts.workspace, "name": word.incident},
    ).rows
    return columns, [list(row) for row in rows]
