"""The zones in which teams live: their offsets from UTC, by rules that have held for many years.

The world can't ask the machine's zone database: two machines have two versions of it.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

DAY = 86_400
HOUR = 3_600
_EPOCH = date(1970, 1, 1).toordinal()
#: weekday of 1970-01-01, Monday being 0
EPOCH_WEEKDAY = 3
_SUNDAY = 6


class Zone(NamedTuple):
    """One zone; ``rule`` says when its clocks change: "", eu or us."""

    name: str
    standard: int
    rule: str
    #: days off, month and day
    holidays: tuple[tuple[int, int], ...]


ZONES = (
    Zone("Europe/Berlin", 1 * HOUR, "eu", ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))),
    Zone("America/New_York", -5 * HOUR, "us", ((1, 1), (7, 4), (11, 11), (12, 25))),
    Zone("Asia/Kolkata", 5 * HOUR + HOUR // 2, "", ((1, 26), (8, 15), (10, 2))),
    Zone("Europe/London", 0, "eu", ((1, 1), (12, 25), (12, 26))),
    Zone("America/Los_Angeles", -8 * HOUR, "us", ((1, 1), (7, 4), (11, 11), (12, 25))),
    Zone("Asia/Tokyo", 9 * HOUR, "", ((1, 1), (2, 11), (4, 29), (5, 3), (11, 3))),
    Zone("America/Sao_Paulo", -3 * HOUR, "", ((1, 1), (4, 21), (5, 1), (9, 7), (12, 25))),
)


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01."""
    return date(year, month, day).toordinal() - _EPOCH


def year_of(seconds: int) -> int:
    """The year of an instant, in UTC."""
    return date.fromordinal(seconds // DAY + _EPOCH).year


def _sunday(year: int, month: int, place: int) -> int:
    """The day number of a month's Sunday: 1 is the first, 2 the second, -1 the last."""
    if place < 0:
        last = day_number(year + month // 12, month % 12 + 1, 1) - 1
        return last - ((last + EPOCH_WEEKDAY - _SUNDAY) % 7)
    first = day_number(year, month, 1)
    return first + (_SUNDAY - first - EPOCH_WEEKDAY) % 7 + 7 * (place - 1)


def changes_of(zone: Zone, begin: int, end: int) -> tuple[list[int], list[int]]:
    """Instants (seconds) at which the offset changes, and the offsets: the first holds before them all.

    Whole years around the span are told, so that what is asked a little outside of it is right, too.
    """
    if not zone.rule:
        return [], [zone.standard]
    instants: list[int] = []
    offsets = [zone.standard]
    for year in range(year_of(begin) - 1, year_of(end) + 2):
        if zone.rule == "eu":
            starts = _sunday(year, 3, -1) * DAY + HOUR
            ends = _sunday(year, 10, -1) * DAY + HOUR
        else:
            starts = _sunday(year, 3, 2) * DAY + 2 * HOUR - zone.standard
            ends = _sunday(year, 11, 1) * DAY + 2 * HOUR - zone.standard - HOUR
        instants += [starts, ends]
        offsets += [zone.standard + HOUR, zone.standard]
    return instants, offsets


def holidays_of(zone: Zone, begin: int, end: int) -> list[int]:
    """Days off as days since 1970-01-01, in whole years around the span."""
    years = range(year_of(begin) - 1, year_of(end) + 2)
    return sorted(day_number(year, month, day) for year in years for month, day in zone.holidays)
