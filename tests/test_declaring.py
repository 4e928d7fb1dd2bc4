"""What a catalogue changes: once is enough, order says nothing, and what is told makes what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core.events import ClockTicked, Event, ServiceDeclared, TeamDeclared
from pipeline.declaring import Changes, Declarations, changes
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.sources.catalogue_file import Entry, parse_catalogue
from pipeline.sources.times import TIME_MIN
from tests.strategies.names import BEGINNING, DAY, envelope

NOW = BEGINNING + 100 * DAY
HEAD = ("", "catalogue", 0, 0, True, 0, 1, False, 0)


def token(login: str) -> str:
    return f"p:{login}"


def team(name: str, *members: str, zone: str = "", valid_from: int | None = None, **more: Any) -> Entry:
    event = TeamDeclared(*HEAD, team=name, members=list(members), zone=zone)
    return Entry("c.yaml:1", event, valid_from, **{"removed": False, **more})


def service(name: str, owner: str = "", valid_from: int | None = None, removed: bool = False) -> Entry:
    return Entry("c.yaml:1", ServiceDeclared(*HEAD, service=name, team=owner), valid_from, removed)


def at(now: int | None) -> Declarations:
    held = Declarations()
    held.now = now
    return held


def members(held: Declarations, name: str) -> list[list[str]]:
    return [
        [member.removeprefix("p:") for member in version.members]
        for version in held.versions(("team", name))
        if isinstance(version, TeamDeclared)
    ]


def test_the_first_version_is_of_the_beginning_where_nothing_is() -> None:
    (event,) = changes(at(None), [team("a", "ada")], token).events
    assert (event.id, event.time, event.source_version) == (
        "catalogue team a 1990-01-01T00:00:00Z",
        TIME_MIN,
        0,
    )
    assert event.received_at == event.time
    assert event.imported


def test_beside_a_history_now_is_its_newest_receipt() -> None:
    (event,) = changes(at(NOW), [team("a", "ada")], token).events
    assert event.time == event.received_at == NOW


def test_an_edited_entry_is_a_new_version_and_the_old_one_stays() -> None:
    held = at(NOW)
    first = changes(held, [team("a", "ada")], token).events
    held.now = NOW + DAY
    second = changes(held, [team("a", "ada", "bob")], token).events
    third = changes(held, [team("a", "bob")], token).events
    assert [event.time for event in (*first, *second, *third)] == [NOW, NOW + DAY, NOW + DAY + 1]
    assert members(held, "a") == [["ada"], ["ada", "bob"], ["bob"]]


def test_an_edited_version_replaces_the_one_of_its_time() -> None:
    held = at(NOW)
    changes(held, [team("a", "ada", valid_from=BEGINNING), team("a", "eve", valid_from=NOW)], token)
    (event,) = changes(held, [team("a", "bob", valid_from=BEGINNING)], token).events
    assert (event.time, event.source_version) == (BEGINNING, 1)
    assert members(held, "a") == [["bob"], ["eve"]]


def test_what_is_taken_back_was_never_declared_and_can_be_declared_again() -> None:
    held = at(NOW)
    entries = [team("a", "ada", valid_from=BEGINNING), team("a", "bob"), service("s")]
    changes(held, entries, token)
    found = changes(held, [team("a", removed=True)], token)
    assert [(event.retracted, event.time, event.source_version) for event in found.events] == [
        (True, NOW, 1),
        (True, NOW, 1),
    ]
    assert found.removed == {"team": 1}
    assert held.names("team") == set()
    assert held.names("service") == {"s"}
    again = changes(held, [team("a", removed=True)], token)
    assert (again.events, again.unchanged) == ([], 1)
    changes(held, entries, token)
    assert members(held, "a") == [["ada"], ["bob"]]


def test_what_another_source_declares_is_compared_and_stays() -> None:
    held = at(NOW)
    posted = TeamDeclared(**envelope("backstage team a 1", "backstage", NOW), team="a", members=["p:ada"])
    held.put(posted)
    same = changes(held, [team("a", "ada")], token)
    assert (same.events, same.unchanged) == ([], 1)
    (event,) = changes(held, [team("a", "bob")], token).events
    assert event.time == NOW + 1
    found = changes(held, [team("a", removed=True)], token)
    assert found.notes == ["the team a is declared by backstage, too: that stays"]
    assert held.versions(("team", "a")) == [posted]


MEMBERS = st.lists(st.sampled_from(("ada", "bob", "eve")), max_size=2, unique=True).map(sorted)
TIMES = st.none() | st.sampled_from((BEGINNING, NOW, NOW + DAY))


@st.composite
def catalogues(draw: st.DrawFn) -> list[Entry]:
    """Entries that contradict each other nowhere."""
    found: list[Entry] = []
    for name in draw(st.lists(st.sampled_from("ab"), unique=True)):
        if draw(st.integers(0, 5)) == 0:
            found.append(team(name, removed=True))
            continue
        for time in draw(st.lists(TIMES, min_size=1, max_size=3, unique=True)):
            found.append(team(name, *draw(MEMBERS), valid_from=time))
    for name in draw(st.lists(st.sampled_from("ab"), unique=True)):
        found.append(service(name, draw(st.sampled_from(("", "a", "b"))), draw(TIMES)))
    return draw(st.permutations(found))


@given(catalogues(), st.none() | st.just(NOW), st.data())
def test_the_same_again_says_nothing_whatever_its_order(
    entries: list[Entry], now: int | None, data: st.DataObject
) -> None:
    held = at(now)
    first = changes(held, entries, token)
    assert len({event.id for event in first.events}) == len(first.events)
    assert [event.time for event in first.events] == sorted(event.time for event in first.events)
    again = changes(held, data.draw(st.permutations(entries)), token)
    assert (again.events, again.unchanged) == ([], len(entries))
    other = changes(at(now), data.draw(st.permutations(entries)), token)
    assert sorted(other.events, key=lambda event: event.id) == sorted(
        first.events, key=lambda event: event.id
    )


@given(st.lists(catalogues(), max_size=5), st.data())
def test_whatever_was_before_an_imported_catalogue_holds(
    imports: list[list[Entry]], data: st.DataObject
) -> None:
    held, told = at(BEGINNING), list[Event]()
    for entries in imports:
        told += changes(held, entries, token).events
        for entry in entries:
            versions = held.versions((entry.kind, entry.name))
            wanted = content(entry.event)
            if entry.removed:
                assert not versions
            elif entry.valid_from is None:
                assert content(versions[-1]) == wanted
            else:
                assert [content(event) for event in versions if event.time == entry.valid_from] == [wanted]
        held.now = max([held.now or 0, *(event.time for event in told)])
    fresh = at(None)
    for event in data.draw(st.permutations(told)):
        fresh.put(event)
    for kind in ("team", "service"):
        for name in "ab":
            assert fresh.versions((kind, name)) == held.versions((kind, name)), "in any order"


def content(event: Event) -> tuple[object, ...]:
    told = list(msgspec.structs.astuple(event)[9:])
    if isinstance(event, TeamDeclared):
        told[1] = [member.removeprefix("p:") for member in event.members]
    return tuple(told)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        for name, compacted in TOPICS.items():
            log.create_topic(name, compacted=compacted)
        yield log


def test_the_log_says_what_is_declared_and_when_now_is(log: SqliteLog) -> None:
    codec = Codec()
    assert Declarations.read(log, codec, "acme").now is None
    entries = [team("a", "ada"), service("s", "a")]
    events: list[Event] = [*changes(at(NOW), entries, token).events]
    live = envelope("clock 2", "clock", NOW + DAY) | {"received_at": NOW + 2 * DAY, "imported": False}
    ticks = [ClockTicked(**live), ClockTicked(**envelope("clock 1", "clock", NOW))]
    append_events(log, codec, "acme", [*events, *ticks], machine_now=NOW + 3 * DAY)
    later = ClockTicked(**envelope("clock", "clock", NOW + 9 * DAY))
    append_events(log, codec, "other", [later], machine_now=NOW + 10 * DAY)
    log.append("events", 0, [(b"acme", b"no event at all")])  # type: ignore[list-item]
    told: list[tuple[str, int]] = []
    held = Declarations.read(log, codec, "acme", lambda phase, done, total: told.append((phase, done)))
    assert held.now == NOW + 2 * DAY, "received, in this workspace"
    assert told == [("reading the catalogue", 4)]
    assert changes(held, entries, token) == Changes(unchanged=2)
    assert (held.names("team"), held.names("service")) == ({"a"}, {"s"})


def test_another_order_of_members_says_nothing() -> None:
    texts = (
        "teams: {a: {members: [ada, bob], aliases: [x, y]}}",
        "teams: {a: {aliases: [y, x], members: [bob, ada]}}",
    )
    held = at(NOW)
    first, second = (changes(held, parse_catalogue(text, "c").entries, token) for text in texts)
    assert len(first.events) == second.unchanged == 1
