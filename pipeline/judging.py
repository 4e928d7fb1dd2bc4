"""A person's word about an incident: is it about things that are there, and which events does it become?

The command and the live process give words by the same rules; each of them says in its own way what is
wrong with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.appending import refusal
from pipeline.codec import Codec
from pipeline.core.events import InvalidEvent, VerdictGiven
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import EVENTS
from pipeline.persons import KnownPersons
from pipeline.sources.times import TIME_MIN
from pipeline.store import Store

SOURCE = "person"
PARSER_VERSION = 1
REASON_CHARACTERS_MAX = 2_000
SHA_DIGITS_MIN = 7
SUGGESTIONS_MAX = 3
#: causes that are no change
NO_CHANGE = ("none", "unseen")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Word:
    """What a person says about one incident; every field but ``incident`` and ``because`` may be absent.

    ``cause`` is a change (its key, or the beginning of its commit), ``none`` or ``unseen``; ``onset_at`` is
    in microseconds UTC. ``retracted`` takes the same word back.
    """

    incident: str
    because: str
    cause: str = ""
    merge_into: str = ""
    onset_at: int | None = None
    ignore_deployment: str = ""
    retracted: bool = False


class WrongWord(ValueError):
    """The word says nothing, or what can't be; the text says what to set right."""


class UnknownName(LookupError):
    """Nothing has this name. ``column`` of ``table`` has those that there are; ``like`` are most like it."""

    def __init__(self, workspace: str, column: str, table: str, name: str, like: Sequence[str]) -> None:
        super().__init__(f"no {column} {name!r} in workspace {workspace}")
        self.column = column
        self.table = table
        self.like = like


class NothingToRetract(LookupError):
    """Nobody said so. ``standing`` are the events of that kind that hold."""

    def __init__(self, incident: str, event: str, standing: Sequence[str]) -> None:
        super().__init__(f"nobody said so of {incident}: there is no {event!r} to take back")
        self.standing = standing


def check(word: Word, login: str) -> None:
    """Refuse what can't be said of any incident. Raises ``WrongWord``."""
    if not (word.cause or word.merge_into or word.onset_at is not None or word.ignore_deployment):
        raise WrongWord(
            "it says nothing: name a change (or none, or unseen), an incident to merge into, an onset, or a"
            " deployment to ignore"
        )
    if not login.strip() or not word.because.strip():
        raise WrongWord("who says so, and because of what, can't be empty")


def judged(
    store: Store,
    workspace: str,
    word: Word,
    person_token: Callable[[str], str],
    login: str,
    *,
    said_at: int,
    horizon: int,
) -> list[VerdictGiven]:
    """One event for each thing that a word says, ``said_at`` being now; both times in microseconds.

    The natural key is the thing with what was said of it, and the moment of speaking is its version: the
    latest word holds, a retraction takes back one word and no other, and the word before it holds again.
    Raises ``WrongWord``, ``UnknownName``, ``NothingToRetract``.
    """
    check(word, login)
    names = _Names(store, workspace)
    opened_at, final_at = names.times(word.incident)
    if word.merge_into:
        names.times(word.merge_into)
        if word.merge_into == word.incident:
            raise WrongWord("it can't be merged into itself: name the other incident")
    if word.onset_at is not None and not TIME_MIN <= word.onset_at <= said_at:
        raise WrongWord("the onset lies in the future, or before 1990: check the time and its zone")
    time, imported = _moment(opened_at, final_at, said_at, horizon)
    events = []
    for kind, thing, values in _said(names, word):
        key = f"{thing} {kind}"
        event = VerdictGiven(
            id=f"verdict {key}",
            source=SOURCE,
            time=time,
            received_at=time,
            imported=imported,
            source_version=said_at,
            parser_version=PARSER_VERSION,
            retracted=word.retracted,
            sequence=0,
            verdict_key=key,
            incident=word.incident,
            verdict=kind,
            by=person_token(login),
            because=word.because.strip()[:REASON_CHARACTERS_MAX],
            **values,  # type: ignore[arg-type]  # each value belongs to the field beside it
        )
        if word.retracted:
            names.demand(word.incident, kind, event.id)
        if reason := refusal(event, said_at):
            raise WrongWord(reason)
        events.append(event)
    return events


def waits_for_rebuild(store: Store, workspace: str, events: Sequence[VerdictGiven], horizon: int) -> bool:
    """Whether a word is about so long ago that only a rebuild takes it in.

    It is not where nothing newer was told either, as in an imported history that ended long ago.
    """
    if not any(event.imported for event in events):
        return False
    rows = store.query(
        "SELECT max(received_at) FROM events WHERE workspace = {workspace:String}", {"workspace": workspace}
    ).rows
    ((newest_at,),) = rows
    assert isinstance(newest_at, datetime)
    return min(event.time for event in events) < _microseconds(newest_at) - horizon


def keep(
    log: Log, codec: Codec, workspace: str, persons: KnownPersons, events: Sequence[VerdictGiven]
) -> None:
    """Append the events of a word, all of them or none, and whose word it is; then they survive a crash.

    Raises ``WrongWord`` for what can't be written, ``LogUnavailable``.
    """
    try:
        values = codec.encode(events)
    except InvalidEvent as error:
        raise WrongWord(str(error)) from None
    persons.keep()
    partition = partition_in(log, workspace)
    log.append(EVENTS, partition, [NewRecord(workspace.encode(), value) for value in values])


def _said(names: _Names, word: Word) -> list[tuple[str, str, dict[str, object]]]:
    """Each thing that is said: its kind, the incident with what is said of it, and the event's field."""
    incident = word.incident
    said: list[tuple[str, str, dict[str, object]]] = []
    if word.cause:
        cause = word.cause if word.cause in NO_CHANGE else names.change(word.cause)
        said.append(("cause", f"{incident} by {cause}", {"cause": cause}))
    if word.merge_into:
        said.append(("merge", f"{incident} into {word.merge_into}", {"other_incident": word.merge_into}))
    if word.onset_at is not None:
        said.append(("onset", f"{incident} at {_instant(word.onset_at)}", {"onset_at": word.onset_at}))
    if word.ignore_deployment:
        deployment = names.deployment(word.ignore_deployment)
        said.append(("ignore", f"{incident} without {deployment}", {"deployment": deployment}))
    return said


def _moment(opened_at: int, final_at: int, said_at: int, horizon: int) -> tuple[int, bool]:
    """When the word counts as said, and whether it is history.

    About a recent incident: now. A word about an incident of an old, imported history would drag the
    clock of the whole workspace to today and everything in it behind the horizon; it is dated just
    after that incident's own verdict became final (which it revises), and counts as imported.
    """
    if said_at - opened_at <= horizon:
        return said_at, False
    return final_at + 1, True


class _Names:
    """What there is in one workspace, by the names that people use."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def times(self, incident: str) -> tuple[int, int]:
        """Opening and finality of an incident, named by its own key or by one that was united with others."""
        rows = self._rows(
            "SELECT opened_at, final_at FROM incidents FINAL"
            " WHERE workspace = {workspace:String}"
            " AND (incident = {name:String} OR has(members, {name:String}))"
            " ORDER BY incident = {name:String} DESC LIMIT 1",
            name=incident,
        )
        if not rows:
            raise self._unknown("incident", "incidents", incident)
        opened_at, final_at = rows[0]
        assert isinstance(opened_at, datetime)
        assert isinstance(final_at, datetime)
        return _microseconds(opened_at), _microseconds(final_at)

    def change(self, name: str) -> str:
        """The key of a change, by its key or by the beginning of its commit."""
        rows = self._rows(
            "SELECT change FROM changes FINAL WHERE workspace = {workspace:String}"
            " AND (change = {name:String}"
            " OR (length({name:String}) >= {digits:UInt8} AND startsWith(sha, {name:String})))"
            " ORDER BY change = {name:String} DESC LIMIT 2",
            name=name,
            digits=SHA_DIGITS_MIN,
        )
        keys = [str(key) for (key,) in rows]
        if not keys:
            raise self._unknown("change", "changes", name)
        if len(keys) > 1 and keys[0] != name:
            raise WrongWord(f"{name} is the beginning of several commits: write more digits of it")
        return keys[0]

    def deployment(self, name: str) -> str:
        """The key of a deployment, also that of a further reporter."""
        rows = self._rows(
            "SELECT deployment FROM deployments FINAL"
            " WHERE workspace = {workspace:String} AND deployment = {name:String}"
            " UNION ALL SELECT deployment FROM events_deployment_finished"
            " WHERE workspace = {workspace:String} AND deployment = {name:String} LIMIT 1",
            name=name,
        )
        if not rows:
            raise self._unknown("deployment", "deployments", name)
        return name

    def demand(self, incident: str, kind: str, event: str) -> None:
        """Refuse to take back what nobody said."""
        rows = self._rows(
            "SELECT id FROM events_verdict_given"
            " WHERE workspace = {workspace:String} AND incident = {name:String} AND verdict = {kind:String}"
            " GROUP BY id HAVING NOT argMax(retracted, source_version) ORDER BY max(source_version) DESC",
            name=incident,
            kind=kind,
        )
        standing = [str(row[0]) for row in rows]
        if event not in standing:
            raise NothingToRetract(incident, event, standing)

    def _unknown(self, column: str, table: str, name: str) -> UnknownName:
        rows = self._rows(
            f"SELECT {column} FROM {table} FINAL WHERE workspace = {{workspace:String}}"
            f" ORDER BY positionCaseInsensitive({column}, {{name:String}}) = 0,"
            f" ngramDistance({column}, {{name:String}}), {column} LIMIT {{limit:UInt8}}",
            name=name,
            limit=SUGGESTIONS_MAX,
        )
        return UnknownName(self._workspace, column, table, name, [str(row[0]) for row in rows])

    def _rows(self, statement: str, **parameters: object) -> Sequence[Sequence[object]]:
        return self._store.query(statement, {"workspace": self._workspace, **parameters}).rows


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(at: int) -> str:
    """As a key names it: ISO 8601 in UTC, microseconds only where there are any."""
    return (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat() + "Z"
