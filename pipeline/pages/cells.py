"""Values in words and figures: how a cell of an answer is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pipeline.panels.panel import Limits, Unit

NOTHING: Final = "–"
#: members of a list that are shown; the rest is counted
LISTED_MAX = 12
_DAY_HOURS, _YEAR_HOURS = 48.0, 24 * 365.0


class Cell(NamedTuple):
    """What stands in a cell: ``state`` is ok, attention or bad, where there are limits."""

    text: str
    state: str = ""
    #: a link of its own page, or of somebody else's
    href: str = ""
    outside: bool = False
    #: machine's form of a time
    datetime: str = ""
    figure: bool = False
    #: what it was when it was first shown, and the day of that; empty: the same
    was: str = ""
    was_on: str = ""


def text_of(value: Any, unit: Unit) -> str:
    """A value as people read it."""
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _WRITTEN[unit](value)


def state_of(value: Any, limits: Limits | None) -> str:
    """Whether a figure needs attention; "" where nothing says so."""
    if limits is None or isinstance(value, str | list) or value is None:
        return ""
    if limits.more_is_worse:
        return "bad" if value >= limits.bad else "attention" if value >= limits.attention else "ok"
    return "bad" if value <= limits.bad else "attention" if value < limits.attention else "ok"


def hours(value: float) -> str:
    """A length of time."""
    if abs(value) < 1:
        return f"{value * 60:.0f} min"
    if abs(value) < _DAY_HOURS:
        return f"{value:.1f} h"
    return f"{value / 24:,.1f} d" if abs(value) < _YEAR_HOURS else f"{value / 24:,.0f} d"


def number(value: float) -> str:
    """A number with as many digits as say something."""
    if value == 0 or isinstance(value, int):
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    told = f"{value:,.{min(digits, 6)}f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def share(value: float) -> str:
    """A part of one, in percent."""
    return f"{100 * value:.1f} %" if abs(value) < 1 else f"{100 * value:,.0f} %"


def minute(value: str) -> str:
    """A moment to the minute; UTC, as everything here."""
    return value[:16].replace("T", " ")


def _listed(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    left = len(value) - LISTED_MAX
    return ", ".join(map(str, value[:LISTED_MAX])) + (f" and {left} more" if left > 0 else "")


def _count(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


_WRITTEN: Final[dict[Unit, Callable[[Any], str]]] = {
    Unit.TEXT: str,
    Unit.COUNT: _count,
    Unit.HOURS: lambda value: hours(float(value)),
    Unit.MINUTES: lambda value: hours(float(value) / 60),
    Unit.SHARE: lambda value: share(float(value)),
    Unit.NUMBER: number,
    Unit.TIME: lambda value: minute(str(value)),
    Unit.DAY: lambda value: str(value)[:10],
    Unit.LIST: _listed,
}
