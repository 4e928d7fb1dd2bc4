"""Commit clocks lie; the order of the main line does not.

Times that break the longest non-decreasing subsequence are moved between their neighbours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_PER_DAY = 86_400
SECONDS_PER_YEAR = 31_556_952
#: git counts from 1970; a commit at the very beginning has no clock rather than that one
TIME_SECONDS_MIN = SECONDS_PER_YEAR
FUTURE_SECONDS_MAX = 3_600


@dataclass(frozen=True)
class Straightened:
    """Times in seconds in the order of the main line, never decreasing, and what it took."""

    times: list[int]
    moved: int
    moved_days: int
    worst: int | None
    worst_seconds: int


def straighten(times: Sequence[int], now: int) -> Straightened:
    """Clamp the times (seconds) that contradict their order; ``now`` + 1 h is the last credible one.

    ``moved`` counts the changed times, ``moved_days`` those moved by more than a day; ``worst`` is the
    position moved farthest, by ``worst_seconds``.
    """
    kept = _longest_line(times, TIME_SECONDS_MIN, now + FUTURE_SECONDS_MAX)
    if len(kept) == len(times):
        return Straightened(list(times), 0, 0, None, 0)
    straight: list[int] = []
    line = iter(kept)
    following = next(line, None)
    # nothing credible at all: everything happened now, in order
    before = times[kept[0]] if kept else now
    moved = moved_days = worst_seconds = 0
    worst: int | None = None
    for position, time in enumerate(times):
        if position == following:
            before = time
            following = next(line, None)
        else:
            after = times[following] if following is not None else now + FUTURE_SECONDS_MAX
            before = min(max(time, before), max(after, before)) if _credible(time, now) else before
            off = abs(time - before)
            moved += off > 0
            moved_days += off > SECONDS_PER_DAY
            if off > worst_seconds:
                worst, worst_seconds = position, off
        straight.append(before)
    return Straightened(straight, moved, moved_days, worst, worst_seconds)


def _credible(time: int, now: int) -> bool:
    return TIME_SECONDS_MIN <= time <= now + FUTURE_SECONDS_MAX


def _longest_line(times: Sequence[int], low: int, high: int) -> list[int]:
    """Positions of the longest non-decreasing subsequence of the times within the bounds."""
    ends: list[int] = []
    positions: list[int] = []
    previous = [-1] * len(times)
    for position, time in enumerate(times):
        if not low <= time <= high:
            continue
        slot = bisect_right(ends, time)
        if slot:
            previous[position] = positions[slot - 1]
        if slot == len(ends):
            ends.append(time)
            positions.append(position)
        else:
            ends[slot] = time
            positions[slot] = position
    line: list[int] = []
    position = positions[-1] if positions else -1
    while position >= 0:
        line.append(position)
        position = previous[position]
    line.reverse()
    return line


def duration(seconds: int) -> str:
    """A span in the unit in which people would say it."""
    if seconds >= SECONDS_PER_YEAR:
        return f"{seconds / SECONDS_PER_YEAR:.1f} years"
    if seconds >= SECONDS_PER_DAY:
        return f"{seconds / SECONDS_PER_DAY:.1f} days"
    return f"{seconds} s"
