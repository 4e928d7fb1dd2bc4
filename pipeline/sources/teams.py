"""What the edge makes of a team's entry: its zone becomes offsets, and what no team can be is refused.

The core reads no zone database, so that one log gives the same rows on any machine: which offsets a zone
has is written into the event when it comes in.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import msgspec

from pipeline.core.events import Event, InvalidEvent, TeamDeclared
from pipeline.core.parameters import DAY
from pipeline.core.teams import DAYS_A_WEEK, DEFAULT_HOURS, MINUTES_A_DAY, SECONDS_A_DAY
from pipeline.sources.times import TIME_MAX, TIME_MIN
from pipeline.sources.zones import offsets_of

MEMBERS_MAX = 1_000
ALIASES_MAX = 100
#: fifty years of them, where nearly every week has one
HOLIDAYS_MAX = 4_000
OFFSETS_MAX = 1_000
NAME_CHARACTERS_MAX = 200
#: a year by the wall clock
RESPONSE_MINUTES_MAX = 366 * 24 * 60


E = TypeVar("E", bound=Event)


class InvalidTeam(InvalidEvent):
    """No team can be so: the message begins with the name of the field."""


def completed(event: E) -> E:
    """The event, and if it declares a team, with the offsets of its zone, days and dates in order.

    Raises ``InvalidTeam`` naming the field that no team can have.
    """
    if not isinstance(event, TeamDeclared):
        return event
    _check_sizes(event)
    days, holidays = sorted(set(event.days)), sorted(set(event.holidays))
    if days and not 1 <= days[0] <= days[-1] <= DAYS_A_WEEK:
        raise InvalidTeam(f"days: {days}: a day is 1 (Monday) to 7 (Sunday)")
    if holidays and not TIME_MIN // DAY <= holidays[0] <= holidays[-1] <= _LAST_DATE:
        raise InvalidTeam("holidays: a date is its days since 1970-01-01, in the years 1990 to 2262")
    check_hours(event.opens_minute, event.closes_minute)
    if event.response_minutes is not None and not 0 < event.response_minutes <= RESPONSE_MINUTES_MAX:
        raise InvalidTeam(
            f"response_minutes: {event.response_minutes}: 1 to {RESPONSE_MINUTES_MAX} are meant"
        )
    offsets_from, offsets_seconds = event.offsets_from, event.offsets_seconds
    if event.zone and not offsets_from and not offsets_seconds:
        try:
            changes, seconds = offsets_of(event.zone)
        except InvalidEvent as error:
            raise InvalidTeam(f"zone: {error}") from None
        offsets_from, offsets_seconds = list(changes), list(seconds)
    _check_offsets(offsets_from, offsets_seconds)
    return msgspec.structs.replace(
        event, days=days, holidays=holidays, offsets_from=offsets_from, offsets_seconds=offsets_seconds
    )


_LAST_DATE = TIME_MAX // DAY


def check_hours(opens: int | None, closes: int | None) -> None:
    """Whether a day can begin and end so, in minutes after midnight; raises ``InvalidTeam``."""
    begin = DEFAULT_HOURS.opens_minute if opens is None else opens
    end = DEFAULT_HOURS.closes_minute if closes is None else closes
    for name, minute in (("opens_minute", begin), ("closes_minute", end)):
        if not 0 <= minute <= MINUTES_A_DAY:
            raise InvalidTeam(f"{name}: {minute}: a day has the minutes 0 to {MINUTES_A_DAY}")
    if end <= begin:
        raise InvalidTeam(
            f"closes_minute: the day ends at {clock(end)}, not after its beginning at {clock(begin)}:"
            " for hours that pass midnight, write 00:00 to 24:00"
        )


def clock(minute: int) -> str:
    """``17:30`` for a minute after midnight."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _check_sizes(team: TeamDeclared) -> None:
    for name, most in (
        ("members", MEMBERS_MAX),
        ("aliases", ALIASES_MAX),
        ("days", DAYS_A_WEEK),
        ("holidays", HOLIDAYS_MAX),
        ("offsets_from", OFFSETS_MAX),
    ):
        if (count := len(getattr(team, name))) > most:
            raise InvalidTeam(f"{name}: {count} of them, at most {most} are read")
    if len(team.zone) > NAME_CHARACTERS_MAX:
        raise InvalidTeam(f"zone: longer than {NAME_CHARACTERS_MAX} characters")


def _check_offsets(changes: list[int], seconds: list[int]) -> None:
    if not changes and not seconds:
        return
    if len(seconds) != len(changes) + 1:
        raise InvalidTeam(
            f"offsets_seconds: {len(seconds)} around {len(changes)} changes: one more is meant;"
            " leave out both, and they follow from zone"
        )
    rising = all(earlier < later for earlier, later in pairwise(changes))
    if not rising or (changes and not TIME_MIN <= changes[0] <= changes[-1] <= TIME_MAX):
        raise InvalidTeam("offsets_from: rising microseconds of the years 1990 to 2262 are meant")
    if max(map(abs, seconds)) >= SECONDS_A_DAY:
        raise InvalidTeam("offsets_seconds: less than a day is meant")
