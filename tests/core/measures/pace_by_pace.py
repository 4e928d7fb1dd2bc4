"""How fast an approval has to be to be too fast, the slow way: from all approvals of the weeks before.

Nothing of the core's counting is shared: paces are fractions, and every limit is tried on every approval.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from pipeline.core.limits import Remarks

EPOCH = datetime.date(1970, 1, 1)
WEEK = datetime.timedelta(weeks=1)


class Approved(NamedTuple):
    """One request; times in microseconds, ``None``: not told, or not yet."""

    change: str
    repository: str
    opened_at: int
    merged_at: int | None
    seconds: int | None
    lines: int | None
    bot: bool = False


def limits_of(requests: Sequence[Approved], rules: Remarks) -> dict[str, int | None]:
    """The seconds below which each request is approved too fast."""
    return {request.change: _limit(request, requests, rules) for request in requests}


def _limit(one: Approved, requests: Sequence[Approved], rules: Remarks) -> int | None:
    if one.lines is None or one.lines < 50:
        return None
    opened = _monday(one.opened_at)
    paces = [
        Fraction(other.seconds, other.lines)
        for other in requests
        if other.repository == one.repository
        and not other.bot
        and other.merged_at is not None
        and other.seconds is not None
        and other.lines is not None
        and other.lines >= 50
        and opened - rules.pace_weeks * WEEK <= _monday(other.merged_at) < opened
    ]
    limit = Fraction(3600, 2000)
    while len(paces) >= rules.pace_cases_min and limit < Fraction(3600, 500):
        slower = limit + Fraction(rules.pace_step, 1000)
        faster = sum(pace < slower for pace in paces)
        if Fraction(faster, len(paces)) > Fraction(rules.pace_fastest_percent, 100):
            break
        limit = slower
    return int(limit * one.lines)


def _monday(at: int) -> datetime.date:
    date = EPOCH + datetime.timedelta(microseconds=at)
    return date - datetime.timedelta(days=date.weekday())
