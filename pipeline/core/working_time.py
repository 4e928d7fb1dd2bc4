"""How much of a span of time was working time, for people of one place or of several.

Who waits for a reviewer over a weekend isn't slow. Hours are declared on the clock on the wall; here they
become windows of UTC, so that everything after is a sum of integers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from pipeline.core.events import MICROSECONDS
from pipeline.core.parameters import DAY, MINUTE

#: whole weeks, so that all blocks without a clock change or a holiday are alike
BLOCK_DAYS = 52 * 7
#: blocks with windows that one ``WorkingTime`` keeps: more than sixty years, some hundred kilobytes
BLOCKS_MAX = 64
#: how far ahead work is looked for
LOOKAHEAD_DAYS_MAX = 731
#: how many unions of hours are kept at the ready
SCHEDULES_MAX = 256

_BLOCK = BLOCK_DAYS * DAY
_LOOKAHEAD = LOOKAHEAD_DAYS_MAX * DAY
#: local midnight is less than a day from that of UTC, and a window is at most a day: farther off, a change
#: of the clock or a holiday touches no window
_REACH = 3 * DAY
#: 1970-01-01 was a Thursday
_EPOCH_WEEKDAY = 4


class Hours(msgspec.Struct, frozen=True, cache_hash=True):
    """When the people of one place work, by the clock on their wall.

    ``opens_minute < closes_minute <= 1440``: nights are two places. What has another shape is refused where
    it comes in, not here.
    """

    #: ISO weekdays: 1 is Monday
    days: tuple[int, ...] = (1, 2, 3, 4, 5)
    #: local minutes after midnight
    opens_minute: int = 540
    closes_minute: int = 1020
    #: local dates as days since 1970-01-01, in order
    holidays: tuple[int, ...] = ()
    #: instants (microseconds UTC, rising) at which the offset from UTC changes
    offsets_from: tuple[int, ...] = ()
    #: the first one holds before ``offsets_from[0]``, so there is one more of them
    offsets_seconds: tuple[int, ...] = (0,)


class _Block(NamedTuple):
    """The windows of one stretch of time; all times are from its beginning, in order.

    Window ``i`` opens at ``opens[i]``; ``idle[i]`` is the time until then that was no working time, and
    ``done[i]`` the working time when it closes. The first one is empty, so that there is always one before.
    """

    opens: array[int]
    idle: array[int]
    done: array[int]
    total: int

    def until(self, time: int) -> int:
        """Working time from the beginning of the block."""
        index = bisect_right(self.opens, time) - 1
        since = time - self.idle[index]
        done = self.done[index]
        return since if since < done else done


class WorkingTime:
    """The union of the hours of those who are waited on: it is working time while any of them works.

    A day's window goes from the first instant at which the clock shows the opening or more to the last at
    which it shows the closing or less. So an hour that the clock repeats counts twice, one that it skips
    doesn't count, and a date that a place skipped has no window.
    """

    __slots__ = ("_blocks", "_joined", "_places", "_special")

    def __init__(self, places: Iterable[Hours]) -> None:
        self._places = [_Place(hours) for hours in places]
        #: numbers of the blocks that are like no other, in order
        self._special = sorted({number for place in self._places for number in place.special_blocks()})
        self._blocks: dict[int, _Block] = {}
        self._joined: dict[int, tuple[array[int], array[int]]] = {}

    def worked(self, start: int, end: int) -> int:
        """Microseconds of working time in ``[start, end)``; 0 when it ends before it starts."""
        if end <= start:
            return 0
        first, start = divmod(start, _BLOCK)
        last, end = divmod(end, _BLOCK)
        block = self._blocks.get(first) or self._block(first)
        if first == last:
            opens, idle, done = block.opens, block.idle, block.done
            # ``until`` of both, written out: this is asked for every turn
            index = bisect_right(opens, start) - 1
            before = min(start - idle[index], done[index])
            index = bisect_right(opens, end, index) - 1
            return min(end - idle[index], done[index]) - before
        rest = block.total - block.until(start) + self._between(first + 1, last)
        return rest + self._block(last).until(end)

    def after(self, start: int, amount: int) -> int | None:
        """The earliest instant by which this much was worked since ``start``.

        ``None`` when that isn't within ``LOOKAHEAD_DAYS_MAX``: there are hours at which nobody ever works.
        """
        if amount <= 0:
            return start
        number, since = divmod(start, _BLOCK)
        block = self._blocks.get(number) or self._block(number)
        need = amount + block.until(since)
        while need > block.total:
            need -= block.total
            number += 1
            if number * _BLOCK > start + _LOOKAHEAD:
                return None
            block = self._block(number)
        found = number * _BLOCK + block.idle[bisect_left(block.done, need)] + need
        return found if found <= start + _LOOKAHEAD else None

    def windows(self, start: int, count_max: int) -> list[tuple[int, int]]:
        """The next working windows, the first one cut at ``start``; those that touch are one.

        They are looked for within ``LOOKAHEAD_DAYS_MAX``, and what is open then is cut there.
        """
        limit = start + _LOOKAHEAD
        found: list[tuple[int, int]] = []
        for number in range(start // _BLOCK, -(-limit // _BLOCK)):
            opens, closes = self._windows(number)
            index = bisect_right(closes, start)
            ahead = slice(index, index + count_max + 1)
            if not found and index + count_max < len(closes) and closes[index + count_max] <= limit:
                # all of them are in one block
                found = list(zip(opens[ahead], closes[ahead], strict=True))[:count_max]
                if found and found[0][0] < start:
                    found[0] = (start, found[0][1])
                return found
            for opens_at, closes_at in zip(opens[ahead], closes[ahead], strict=True):
                opening, closing = max(opens_at, start), min(closes_at, limit)
                if opening >= closing:
                    continue
                if found and found[-1][1] == opening:
                    found[-1] = (found[-1][0], closing)
                elif len(found) >= count_max:
                    return found
                else:
                    found.append((opening, closing))
        return found

    def _windows(self, number: int) -> tuple[array[int], array[int]]:
        """When the windows of a block open and close; those that touch within it are one."""
        known = self._joined.get(number)
        if known is None:
            block, begin = self._block(number), number * _BLOCK
            opens, closes = array("q"), array("q")
            for opening, idle, done in zip(block.opens, block.idle, block.done, strict=True):
                if closes and closes[-1] == begin + opening:
                    closes[-1] = begin + idle + done
                elif idle + done > opening:
                    opens.append(begin + opening)
                    closes.append(begin + idle + done)
            if len(self._joined) >= BLOCKS_MAX:
                del self._joined[next(iter(self._joined))]
            known = self._joined[number] = opens, closes
        return known

    def _between(self, first: int, end: int) -> int:
        """Working time of whole blocks, however many: those that are alike are multiplied."""
        special, total, number = self._special, 0, first
        while number < end:
            index = bisect_left(special, number)
            following = special[index] if index < len(special) else end
            until = number + 1 if following == number else min(end, following)
            total += self._block(number).total * (until - number)
            number = until
        return total

    def _block(self, number: int) -> _Block:
        block = self._blocks.get(number)
        if block is None:
            alike = self._alike(number)
            block = self._made(number) if alike == number else self._block(alike)
            if len(self._blocks) >= BLOCKS_MAX:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[number] = block
        return block

    def _alike(self, number: int) -> int:
        """The number under which a block is built: the same for all between two that are special."""
        special = self._special
        index = bisect_left(special, number)
        if index < len(special) and special[index] == number:
            return number
        if index:
            return special[index - 1] + 1
        return special[0] - 1 if special else 0

    def _made(self, number: int) -> _Block:
        begin = number * _BLOCK
        block = _Block(array("q", [0]), array("q", [0]), array("q", [0]), 0)
        total = closed = 0
        for opening, closing in sorted(window for place in self._places for window in place.windows(number)):
            opens = max(opening - begin, closed)  # nothing counts twice
            closes = min(closing - begin, _BLOCK)
            if opens >= closes:
                continue
            block.opens.append(opens)
            block.idle.append(opens - total)
            total += closes - opens
            block.done.append(total)
            closed = closes
        return block._replace(total=total)


class _Place:
    """The hours of one place as windows of UTC."""

    __slots__ = ("_changes", "_hours", "_offsets", "_holidays")

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._holidays = frozenset(hours.holidays)
        self._changes = hours.offsets_from
        self._offsets = [seconds * MICROSECONDS for seconds in hours.offsets_seconds]

    def special_blocks(self) -> Iterator[int]:
        """Numbers of the blocks that a clock change or a holiday touches."""
        for time in (*self._changes, *(date * DAY for date in self._holidays)):
            yield (time - _REACH) // _BLOCK
            yield (time + _REACH) // _BLOCK

    def windows(self, number: int) -> Iterator[tuple[int, int]]:
        """The windows that lie in a block, or partly, or touch it."""
        hours = self._hours
        opens, closes = hours.opens_minute * MINUTE, hours.closes_minute * MINUTE
        first = number * BLOCK_DAYS
        for date in range(first - 1, first + BLOCK_DAYS + 1):
            if (date + _EPOCH_WEEKDAY - 1) % 7 + 1 in hours.days and date not in self._holidays:
                yield self._first_showing(date * DAY + opens), self._last_showing(date * DAY + closes)

    def _first_showing(self, local: int) -> int:
        """The first instant at which the clock shows this local time or more."""
        changes = self._changes
        index = bisect_right(changes, local - DAY)
        while True:
            time = local - self._offsets[index]
            if index and time < changes[index - 1]:
                time = changes[index - 1]
            if index == len(changes) or time < changes[index]:
                return time
            index += 1

    def _last_showing(self, local: int) -> int:
        """The last instant at which the clock shows this local time or less."""
        changes = self._changes
        index = bisect_left(changes, local + DAY)
        while True:
            time = local - self._offsets[index]
            if index < len(changes) and time > changes[index]:
                time = changes[index]
            if not index or time >= changes[index - 1]:
                return time
            index -= 1


@lru_cache(SCHEDULES_MAX)
def working_time(places: frozenset[Hours]) -> WorkingTime:
    """The same as ``WorkingTime``, built once for all who ask."""
    return WorkingTime(places)
