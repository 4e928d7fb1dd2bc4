"""Working time once more, in the plainest way: date by date, with aware datetimes and the zones of Python."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: years in which places changed to the other side of the dateline
LEAPS = (1993, 1994, 1995, 2011)


def zones() -> list[str]:
    """All zones that mean the same on every machine."""
    return sorted(available_timezones() - {"localtime"})


def anchor(zone: str, chosen: random.Random) -> tuple[int, bool]:
    """A time, and whether the offset of the zone changes there: if it does in that year at all."""
    clock = ZoneInfo(zone)
    year = chosen.choice(LEAPS) if chosen.random() < 0.1 else chosen.randrange(1991, 2048)
    months = [datetime(year, month, 1, tzinfo=UTC) for month in range(1, 13)]
    found = [
        (before, after)
        for before, after in zip(months, months[1:], strict=False)
        if before.astimezone(clock).utcoffset() != after.astimezone(clock).utcoffset()
    ]
    if not found:
        return micros(chosen.choice(months)), False
    return micros(change(clock, *chosen.choice(found))), True


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def change(clock: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second with the offset that holds ``after``."""
    new = after.astimezone(clock).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(clock).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after


class Calendar:
    """The hours of one place."""

    def __init__(
        self, zone: str, days: tuple[int, ...], opens: int, closes: int, holidays: tuple[int, ...]
    ) -> None:
        self.clock = ZoneInfo(zone)
        self.days = days
        self.opens, self.closes = timedelta(minutes=opens), timedelta(minutes=closes)
        self.holidays = {date(1970, 1, 1) + timedelta(days=number) for number in holidays}

    def worked(self, start: int, end: int) -> int:
        begin, finish = EPOCH + start * MICROSECOND, EPOCH + end * MICROSECOND
        today = begin.astimezone(self.clock).date() - timedelta(days=2)
        last = finish.astimezone(self.clock).date() + timedelta(days=1)
        total, reached = timedelta(), begin
        while today <= last:
            if today.isoweekday() in self.days and today not in self.holidays:
                midnight = datetime(today.year, today.month, today.day)  # noqa: DTZ001 (what the wall shows)
                opening = max(self.instant(midnight + self.opens, 0), reached)
                closing = min(self.instant(midnight + self.closes, 1), finish)
                if closing > opening:
                    total += closing - opening
                    reached = closing
            today += timedelta(days=1)
        return total // MICROSECOND

    def instant(self, wall: datetime, fold: int) -> datetime:
        """What is shown twice is the first or the second (``fold``); what is skipped, the change itself."""
        shown = wall.replace(tzinfo=self.clock)
        first, second = shown.utcoffset(), shown.replace(fold=1).utcoffset()
        assert first is not None
        assert second is not None
        known = wall.replace(tzinfo=UTC)
        if first < second:
            return change(self.clock, known - second, known - first)
        return known - (second if fold else first)
