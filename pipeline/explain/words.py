"""Plain words for a terminal: outside text made safe, cut and laid out; times, shares and counts.

Widths are counted in terminal cells: East Asian wide characters take two, combining marks none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipeline.core.events import MICROSECONDS

ELLIPSIS = "…"
#: marks on one letter; more of them would smear over the lines above and below
MARKS_MAX = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: from so many hours on, minutes say nothing
_HOURS_ALONE = 12
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def safe(text: str) -> str:
    """Text from outside on one line: nothing in it can steer a terminal or turn its direction."""
    shown: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character in "\t\n\r" or category[0] == "Z":
            shown.append(" ")
        elif category[0] == "C":
            shown.append("\N{REPLACEMENT CHARACTER}")
        elif marks <= MARKS_MAX:
            shown.append(character)
    return " ".join("".join(shown).split())


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """A text that takes at most ``width`` cells, with an ellipsis where something is missing."""
    if cells(text) <= width:
        return text
    taken, room = [], width - 1
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        taken.append(character)
    return "".join(taken).rstrip() + ELLIPSIS if width > 0 else ""


def cut_left(text: str, width: int) -> str:
    """The end of a text, where keys and tags say most."""
    if cells(text) <= width:
        return text
    kept = list(text)
    while kept and cells("".join(kept)) > width - 1:
        kept.pop(0)
    return ELLIPSIS + "".join(kept)


def flow(start: str, phrases: Sequence[str], width: int, *, lines_max: int, between: str = "; ") -> list[str]:
    """Phrases one after the other, broken between them; later lines are indented as far as ``start``.

    What ``lines_max`` lines can't hold is counted at the end.
    """
    if not phrases:
        return []
    indent = " " * cells(start)
    lines: list[str] = []
    line = start
    for index, phrase in enumerate(phrases):
        left = len(phrases) - index - 1
        last = len(lines) == lines_max - 1
        # room for what follows on this line: the count of what is missing, or the separator
        more = (f"{between}+{left} more" if last else between.rstrip()) if left else ""
        first = line in (start, indent)
        glued = phrase if first else between + phrase
        if cells(line) + cells(glued) + cells(more) <= width:
            line += glued
        elif not first and not last:
            lines.append(line + between.rstrip())
            line = indent + cut(phrase, width - cells(indent) - cells(between.rstrip()))
        elif first:
            line += cut(phrase, width - cells(line) - cells(more))
        else:
            line = cut(f"{line}{between}+{left + 1} more", width)
            break
    return [*lines, line]


def clock(at: int, beside: int | None = None) -> str:
    """``2025-02-19 14:11``, in UTC; only ``14:11`` when it is the same day as ``beside``."""
    moment = _EPOCH + timedelta(microseconds=at)
    if beside is not None and (_EPOCH + timedelta(microseconds=beside)).date() == moment.date():
        return moment.strftime("%H:%M")
    return moment.strftime("%Y-%m-%d %H:%M")


def iso(at: int) -> str:
    """ISO 8601 in UTC with a Z, microseconds only where there are any."""
    return (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat() + "Z"


def span(seconds: float) -> str:
    """A length of time in words: ``45 s``, ``28 min``, ``5 h 12 min``, ``3.2 days``."""
    seconds = abs(seconds)
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 1.5 * _DAY:
        hours, minutes = divmod(round(seconds / _MINUTE), 60)
        if hours >= _HOURS_ALONE:
            return f"{seconds / _HOUR:.0f} h"
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{seconds / _DAY:.1f} days"


def between(earlier: int, later: int) -> str:
    """The time between two moments in words."""
    return span((later - earlier) / MICROSECONDS)


def share(probability: float) -> str:
    """A probability as a person reads it; never a certainty that isn't one."""
    if probability >= 1.0:
        return "100%"
    if probability > 0.99:
        return ">99%"
    if 0.0 < probability < 0.01:
        return "<1%"
    return f"{100 * probability:.0f}%"


def count(number: int, one: str, many: str = "") -> str:
    """``1 change``, ``2 changes``, ``1,200 changes``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
