"""Where a moment stands on a line: minutes near the middle, days at its ends."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from pipeline.core.events import MICROSECONDS
from pipeline.explain.words import span

#: what is nearer to the middle than this is drawn in proportion, what is farther by its logarithm
LINEAR_SECONDS: Final = 600.0
REACH_SECONDS: Final = 14 * 86_400.0
_EDGE = 3.0
_TICKS: Final = (-7 * 86_400, -86_400, -3_600, 0, 3_600, 86_400, 7 * 86_400)


class Track(NamedTuple):
    """Something on the line: ``left`` and ``right`` in percent of its width; equal for a moment."""

    kind: str
    title: str
    href: str
    at: int
    when: str
    left: float
    right: float
    #: who says so, how likely, what became of it
    remark: str = ""


def place(seconds: float) -> float:
    """Percent of the width for so many seconds after the middle; before it where that is negative."""
    most = math.log1p(REACH_SECONDS / LINEAR_SECONDS)
    far = math.log1p(min(abs(seconds), REACH_SECONDS) / LINEAR_SECONDS) / most
    return round(50 + math.copysign(far, seconds) * (50 - _EDGE), 2)


def track(
    kind: str, title: str, href: str, at: int, middle: int, *, until: int | None = None, remark: str = ""
) -> Track:
    """A moment, or a time from ``at`` to ``until``, beside the middle; all in microseconds UTC."""
    seconds = (at - middle) / MICROSECONDS
    right = place(((until if until is not None else at) - middle) / MICROSECONDS)
    return Track(kind, title, href, at, relative(seconds), place(seconds), max(right, place(seconds)), remark)


def relative(seconds: float) -> str:
    """How long before or after the middle."""
    if seconds == 0:
        return "the onset"
    return f"{span(seconds)} {'before' if seconds < 0 else 'after'}"


def ticks() -> list[tuple[float, str]]:
    """Marks of the line and how they are called."""
    names = {0: "onset", 3_600: "1 h", 86_400: "1 d", 7 * 86_400: "7 d"}
    return [(place(at), f"{'-' if at < 0 else '+' if at else ''}{names[abs(at)]}") for at in _TICKS]
