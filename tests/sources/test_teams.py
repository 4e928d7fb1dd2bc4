"""A team that comes in: its zone becomes offsets, its members tokens; what no team can be is refused."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import MICROSECONDS, InvalidEvent, TeamDeclared
from pipeline.core.vocabulary import TYPES
from pipeline.sources.cloudevents import parse_line
from pipeline.sources.cloudevents_http import STRUCTURED
from pipeline.sources.cloudevents_http import parse as parse_posted
from pipeline.sources.deliveries import Delivery
from pipeline.sources.teams import (
    ALIASES_MAX,
    HOLIDAYS_MAX,
    MEMBERS_MAX,
    RESPONSE_MINUTES_MAX,
    completed,
)
from tests.sources.deliveries import READER, token
from tests.strategies import EVENTS

HOUR = 3_600


def line(**fields: Any) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": "backstage team payments 1",
            "source": "backstage",
            "type": TYPES["team_declared"],
            "subject": "payments",
            "time": "2024-05-01T12:00:00Z",
            "data": {"customData": {"aftermerge": fields}},
        }
    ).encode()


def read(**fields: Any) -> TeamDeclared:
    _, event = parse_line(line(**fields), person_token=token)
    assert isinstance(event, TeamDeclared)
    return event


def offset(team: TeamDeclared, moment: datetime) -> int:
    """What the offsets of a team say of an instant, in seconds."""
    passed = sum(change <= moment.timestamp() * MICROSECONDS for change in team.offsets_from)
    return team.offsets_seconds[passed]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
def test_a_zone_becomes_offsets(zone: str) -> None:
    team = read(zone=zone)
    assert team.zone == zone
    for month in (1, 4, 7, 10):
        moment = datetime(2026, month, 15, 12, tzinfo=ZoneInfo(zone))
        told = moment.utcoffset()
        assert told is not None
        assert offset(team, moment) == told.total_seconds()


def test_offsets_that_are_told_are_kept_whatever_the_zone() -> None:
    team = read(zone="Moon/Tycho", offsets_from=[1_700_000_000_000_000], offsets_seconds=[HOUR, 2 * HOUR])
    assert (team.offsets_from, team.offsets_seconds) == ([1_700_000_000_000_000], [HOUR, 2 * HOUR])


def test_without_a_zone_nothing_is_made_up() -> None:
    team = read(members=["ada"])
    assert (team.zone, team.offsets_from, team.offsets_seconds) == ("", [], [])


def test_a_posted_team_is_completed_and_its_members_become_tokens() -> None:
    headers = {"content-type": STRUCTURED}
    body = line(members=["ada", "p:0123456789abcdef"], zone="Europe/Berlin")
    (event,) = parse_posted(Delivery("acme", "cloudevents", 1, headers, body), READER).events
    assert isinstance(event, TeamDeclared)
    assert event.members == [token("ada"), "p:0123456789abcdef"]
    assert event.offsets_seconds[:1] == [HOUR]
    assert (event.imported, event.received_at) == (False, 1)


def test_days_and_dates_are_put_in_order() -> None:
    team = read(days=[5, 1, 5], holidays=[20_000, 19_000, 20_000])
    assert (team.days, team.holidays) == ([1, 5], [19_000, 20_000])


@given(EVENTS["team_declared"])
def test_what_is_complete_stays_as_it_is(team: TeamDeclared) -> None:
    assert completed(team) == team


@given(st.integers(-10, 1_500) | st.none(), st.integers(-10, 1_500) | st.none())
def test_a_day_ends_after_it_begins(opens: int | None, closes: int | None) -> None:
    begin, end = (540 if opens is None else opens), (1_020 if closes is None else closes)
    if 0 <= begin < end <= 1_440:
        assert (read(opens_minute=opens, closes_minute=closes).opens_minute) == opens
    else:
        with pytest.raises(InvalidEvent, match=r"data\.customData\.aftermerge\.(opens|closes)_minute: "):
            read(opens_minute=opens, closes_minute=closes)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"zone": "Europe/Atlantis"}, r"zone: .*'Europe/Atlantis'"),
        ({"zone": "../../etc/passwd"}, "zone: "),
        ({"zone": "x" * 201}, "zone: longer than 200"),
        ({"days": [0]}, r"days: \[0\]: a day is 1 \(Monday\) to 7"),
        ({"days": [8]}, "days: "),
        ({"days": [1] * 8}, "days: 8 of them, at most 7"),
        ({"days": ["mon"]}, "Expected `int`"),
        ({"days": [2**63]}, r"days\[0\]: "),
        ({"opens_minute": 17 * 60}, "closes_minute: the day ends at 17:00, not after its beginning at 17:00"),
        ({"closes_minute": 1_441}, "closes_minute: 1441: a day has the minutes 0 to 1440"),
        ({"holidays": [7_304]}, "holidays: .* 1990 to 2262"),
        ({"holidays": [20_261_224]}, "holidays: .* 1990 to 2262"),
        ({"response_minutes": 0}, f"response_minutes: 0: 1 to {RESPONSE_MINUTES_MAX}"),
        ({"response_minutes": RESPONSE_MINUTES_MAX + 1}, "response_minutes: "),
        ({"offsets_seconds": [HOUR, HOUR]}, "offsets_seconds: 2 around 0 changes"),
        ({"zone": "UTC", "offsets_from": [1_700_000_000_000_000]}, "offsets_seconds: 0 around 1 changes"),
        ({"offsets_from": [2, 1], "offsets_seconds": [0, 1, 2]}, "offsets_from: rising"),
        ({"offsets_from": [1], "offsets_seconds": [0, 1]}, "offsets_from: .* 1990 to 2262"),
        ({"offsets_seconds": [86_400]}, "offsets_seconds: less than a day"),
        ({"members": ["ada"] * (MEMBERS_MAX + 1)}, f"members: {MEMBERS_MAX + 1} of them"),
        ({"aliases": ["a"] * (ALIASES_MAX + 1)}, "aliases: "),
        ({"holidays": [20_000] * (HOLIDAYS_MAX + 1)}, "holidays: "),
    ],
    ids=str,
)
def test_what_no_team_can_be_is_refused_with_its_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidEvent, match=rf"data\.customData\.aftermerge.*{reason}"):
        read(**fields)
