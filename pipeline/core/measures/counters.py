"""Counters of good and of all events as columns over time, whoever counted them.

A bucket counts at its end: a window ``(t - width, t]`` holds the buckets that end in it. Buckets of one
end (of several shards or reporters) add up, so what comes late or again only replaces its own part.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.entities import Entity
from pipeline.core.events import MICROSECONDS, ObjectiveCounted
from pipeline.core.limits import BudgetLimits

Integers = npt.NDArray[np.int64]
#: windows of one objective that are kept while its rules look at them
WINDOWS_REMEMBERED_MAX = 16
#: objective, service and environment in the words of whoever counts
Told = tuple[str, str, str]


class Counts(NamedTuple):
    """Buckets in order of their ends, each end once: beginnings, ends, bad events, all events."""

    starts: Integers
    ends: Integers
    bad: Integers
    total: Integers


NOTHING = Counts(*(np.empty(0, np.int64) for _ in range(4)))


def read_counts(entity: Entity, limits: BudgetLimits) -> dict[Told, Counts]:
    """What the counts of one day say, by objective; counts that make no sense count nothing."""
    rows: dict[Told, list[tuple[int, int, int, int]]] = {}
    for event in entity.events():
        if not isinstance(event, ObjectiveCounted):
            continue
        seconds, good, total = event.seconds, event.good, event.total
        if seconds is None or good is None or total is None:
            continue
        if not 0 < seconds <= limits.bucket_seconds_max or not 0 <= good <= total <= limits.bucket_events_max:
            continue
        row = (event.time - seconds * MICROSECONDS, event.time, total - good, total)
        rows.setdefault((event.slo, event.service, event.environment), []).append(row)
    return {told: merged([Counts(*np.array(found, np.int64).T)]) for told, found in rows.items()}


def merged(parts: list[Counts]) -> Counts:
    """Several counts of one objective as one."""
    if not parts:
        return NOTHING
    starts, ends, bad, total = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(ends, kind="stable")
    ends = ends[order]
    first = np.flatnonzero(np.diff(ends, prepend=ends[0] - 1))
    return Counts(
        np.minimum.reduceat(starts[order], first),
        ends[first],
        np.add.reduceat(bad[order], first),
        np.add.reduceat(total[order], first),
    )


def first_difference(one: Counts, other: Counts) -> int | None:
    """The earliest end at which two counts differ; ``None`` when they are equal."""
    shared = min(len(one.ends), len(other.ends))
    unlike = np.zeros(shared, np.bool_)
    for mine, theirs in zip(one, other, strict=True):
        unlike |= mine[:shared] != theirs[:shared]
    places = np.flatnonzero(unlike)
    place = int(places[0]) if len(places) else shared
    ends = [int(counts.ends[place]) for counts in (one, other) if place < len(counts.ends)]
    return min(ends, default=None)


class Columns:
    """Counts of one objective with their sums from the beginning, so that a window is two look-ups."""

    __slots__ = ("_bad", "_newest", "_total", "ends", "starts")

    def __init__(self, counts: Counts) -> None:
        self.starts = counts.starts
        self.ends = counts.ends
        self._bad = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts.bad)))
        self._total = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts.total)))
        #: the windows that were asked for last: several rules look at the same ones
        self._newest: dict[tuple[int, int, int], tuple[Integers, Integers]] = {}

    def __len__(self) -> int:
        return len(self.ends)

    def index(self, time: int) -> int:
        """Index of the first bucket that ends at this time or later."""
        return int(np.searchsorted(self.ends, time))

    def windows(self, low: int, high: int, width: int) -> tuple[Integers, Integers]:
        """Bad and all events of the windows of a width that end with each of the buckets ``[low, high)``."""
        found = self._newest.get((low, high, width))
        if found is None:
            if len(self._newest) >= WINDOWS_REMEMBERED_MAX:
                self._newest.clear()
            first = self._first(low, high, width)
            behind = slice(low + 1, high + 1)
            found = self._bad[behind] - self._bad[first], self._total[behind] - self._total[first]
            self._newest[(low, high, width)] = found
        return found

    def observed(self, low: int, high: int, width: int) -> Integers:
        """How much of each of these windows is counted, from the first bucket in it on."""
        counted = self.ends[low:high] - self.starts[self._first(low, high, width)]
        found: Integers = np.minimum(counted, width)
        return found

    def _first(self, low: int, high: int, width: int) -> npt.NDArray[np.intp]:
        return np.searchsorted(self.ends, self.ends[low:high] - width, side="right")

    def window(self, index: int, width: int) -> tuple[int, int]:
        """Bad and all events of the window of a width that ends with one bucket."""
        return self.between(self.index(int(self.ends[index]) - width + 1), index + 1)

    def rest(self) -> None:
        """Nobody looks at its windows for now."""
        self._newest.clear()

    def between(self, first: int, last: int) -> tuple[int, int]:
        """Bad and all events of the buckets ``[first, last)``."""
        return int(self._bad[last] - self._bad[first]), int(self._total[last] - self._total[first])

    def single(self, low: int, high: int) -> tuple[Integers, Integers]:
        """Bad and all events of each of the buckets ``[low, high)``."""
        return np.diff(self._bad[low : high + 1]), np.diff(self._total[low : high + 1])
