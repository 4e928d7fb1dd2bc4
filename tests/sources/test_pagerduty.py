"""PagerDuty's webhooks: the life of an incident, and that no bytes break the parser."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given, settings

from pipeline.core import events as e
from pipeline.core.facts import IncidentFact
from pipeline.core.tellings import winner
from pipeline.sources.mentions import causes, mentions, postmortem
from pipeline.sources.pagerduty import KINDS, PARSER_VERSION, parse
from pipeline.sources.times import MICROSECONDS
from tests.sources.deliveries import (
    READER,
    RECEIVED_AT,
    as_json,
    body,
    delivery,
    expected,
    names,
    payload,
    writable,
)
from tests.sources.documented import documented_kinds
from tests.sources.mutation import mutated
from tests.worlds import Told

PAGERDUTY = "pagerduty"
KEY = "pagerduty PGR0VU2"
#: 2024-05-01T12:00:00Z
NOON = 1_714_564_800 * MICROSECONDS
MINUTE = 60 * MICROSECONDS
SHA = "0123456789abcdef0123456789abcdef01234567"


def read(name: str, received_at: int = RECEIVED_AT) -> list[e.Event]:
    return parse(delivery(PAGERDUTY, body(PAGERDUTY, name), received_at), READER).events


def edited(name: str, **fields: Any) -> list[e.Event]:
    """The events of a golden delivery with another event's fields."""
    told = payload(PAGERDUTY, name)
    told["event"].update(fields)
    return parse(delivery(PAGERDUTY, told), READER).events


def incident(told: Told) -> IncidentFact:
    return told.row(IncidentFact, KEY)


@pytest.mark.parametrize("name", names(PAGERDUTY))
def test_golden_deliveries(name: str) -> None:
    reading = parse(delivery(PAGERDUTY, body(PAGERDUTY, name)), READER)
    assert as_json(reading) == expected(PAGERDUTY, name)
    assert bool(reading.events) != bool(reading.unused)
    assert {event.parser_version for event in reading.events} <= {PARSER_VERSION}


def test_every_kind_gives_the_records_that_are_listed() -> None:
    whole, part = payload(PAGERDUTY, "reassigned"), payload(PAGERDUTY, "annotated")
    for kind, records in KINDS.items():
        told = whole if "incident_detected" in records else part
        told["event"]["event_type"] = kind
        events = parse(delivery(PAGERDUTY, told), READER).events
        assert tuple(e.RECORD_OF[type(event)] for event in events) == records


def test_the_table_of_kinds_is_the_one_in_the_docs() -> None:
    assert documented_kinds("PagerDuty") == {kind: set(records) for kind, records in KINDS.items()}


@pytest.mark.parametrize("name", names(PAGERDUTY))
def test_a_hook_sent_again_tells_the_same_facts(name: str) -> None:
    once, again = read(name), read(name, RECEIVED_AT + 3_600 * MICROSECONDS)
    assert [event.id for event in once] == [event.id for event in again]
    assert len({event.id for event in once}) == len(once)
    for first, second in zip(once, again, strict=True):
        assert winner(first, second) == winner(second, first) == first


def test_the_whole_life_of_an_incident() -> None:
    told = Told(read("triggered"))
    assert incident(told).severity == "high", "the urgency, as long as nobody set a priority"
    told.then(read("acknowledged"), read("priority_updated"), read("service_updated"), read("annotated"))
    row = incident(told)
    assert (row.opened_at, row.resolved_at) == (NOON, None)
    assert (row.service, row.severity) == ("Ledger", "P1")
    assert row.title == "Checkout is slow since acme/api#17"


def test_an_incident_that_is_opened_again_stays_one() -> None:
    told = Told(read("triggered"), read("resolved"))
    assert incident(told).resolved_at == NOON + 40 * MINUTE + MICROSECONDS // 4
    told.then(read("reopened"))
    assert incident(told).resolved_at is None
    told.then(edited("resolved", occurred_at="2024-05-01T13:10:00Z"))
    assert incident(told).resolved_at == NOON + 70 * MINUTE
    # the first end comes once more, late
    told.then(read("resolved"))
    assert incident(told).resolved_at == NOON + 70 * MINUTE
    assert len(told.keys("incidents")) == 1


def test_an_incident_whose_trigger_was_missed_is_known_by_its_end() -> None:
    row = incident(Told(read("resolved")))
    assert (row.opened_at, row.service) == (NOON, "API Service")


def test_the_newest_telling_of_an_incident_holds() -> None:
    whole = payload(PAGERDUTY, "acknowledged")
    whole["event"]["data"]["title"] = "Checkout is down"
    later = parse(delivery(PAGERDUTY, whole), READER).events[0]
    first = read("triggered")[0]
    assert first.id == later.id
    assert winner(first, later) == winner(later, first) == later


def test_persons_are_tokens_and_each_is_named_once() -> None:
    acknowledged = read("acknowledged")[-1]
    assert isinstance(acknowledged, e.IncidentUpdated)
    assert acknowledged.responders == ["p:PLH1HKV", "p:PVMGSML"], "who acknowledged, and who was called"
    declined = read("responder_declined")[0]
    assert isinstance(declined, e.IncidentUpdated)
    assert declined.responders == []


@pytest.mark.parametrize(
    ("text", "repository", "found"),
    [
        ("broken by acme/api#17", "", ["acme/api#17"]),
        ("see https://github.com/acme/api/pull/17.", "", ["acme/api#17"]),
        ("https://gitlab.acme.example/acme/money/api/-/merge_requests/9", "", ["acme/money/api#9"]),
        (f"https://github.com/acme/api/commit/{SHA} and {SHA}", "", [SHA]),
        ("since !17 and group/other!3", "acme/api", ["acme/api#17", "group/other#3"]),
        ("issue acme/api#17 is none of it", "acme/api", []),
        ("since !17", "", []),
        ("nothing here: 17, #17, v1.2/3", "", []),
        ("x!17 a/b#1x", "acme/api", []),
    ],
)
def test_changes_that_a_text_names(text: str, repository: str, found: list[str]) -> None:
    assert mentions(text, repository) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Root cause: acme/api#17", ["acme/api#17"]),
        (f"root cause was {SHA}", [SHA]),
        ("caused by https://github.com/acme/api/pull/17", ["acme/api#17"]),
        ("acme/api#17 went out before", []),
        ("root cause: unknown, see acme/api#17", []),
    ],
)
def test_causes_that_a_text_names(text: str, found: list[str]) -> None:
    assert causes(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://wiki.acme.example/postmortems/77.", "https://wiki.acme.example/postmortems/77"),
        ("Postmortem: https://docs.acme.example/d/77", "https://docs.acme.example/d/77"),
        ("we need a postmortem", ""),
        ("https://docs.acme.example/d/77", ""),
    ],
)
def test_postmortems_that_a_text_names(text: str, found: str) -> None:
    assert postmortem(text) == found


@settings(max_examples=400)
@given(mutated(PAGERDUTY))
@example(b"")
@example(b"{}")
@example(b'{"event": {"event_type": "incident.annotated", "occurred_at": "2024-05-01T12:00:00Z"}}')
@example(b'{"event": {"event_type": "incident.triggered", "occurred_at": "2024-05-01T12:00:00", "data": {}}}')
def test_no_bytes_break_the_parser(content: bytes) -> None:
    with contextlib.suppress(e.InvalidEvent):
        reading = parse(delivery(PAGERDUTY, content), READER)
        assert bool(reading.events) != bool(reading.unused)
        for event in reading.events:
            assert writable(event)
