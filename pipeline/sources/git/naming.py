"""Times in the names of tags, and the time zone they were written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

YEAR_MIN = 2000
#: how many tags before and after one say which zone its name was written in
NEIGHBOURS_MAX = 25
NEIGHBOURS_MIN = 10
ZONE_HOURS_MAX = 14
#: the share of tags that may be dated before their commit for other reasons
STRAY_SHARE_MAX = 0.05
SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400

_DATE = re.compile(
    r"(?<!\d)(20\d\d)[-_./]?(\d\d)[-_./]?(\d\d)"
    r"(?:[-_.T/ ]*(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d))?)?(?!\d)"
)
_EPOCH = re.compile(r"(?<!\d)(1[0-9]{9})(?!\d)")


@dataclass(frozen=True, slots=True)
class NamedTime:
    """The time in a tag's name (seconds, read as UTC), and the earliest that it can have been."""

    named: int | None
    earliest: int


def date_in(name: str) -> int | None:
    """The instant in a tag's name, in seconds, taken as UTC; a bare date counts from its midnight."""
    for found in _DATE.finditer(name):
        year, month, day = int(found[1]), int(found[2]), int(found[3])
        hour, minute, second = (int(part or 0) for part in found.group(4, 5, 6))
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        if moment.year >= YEAR_MIN:
            return int(moment.timestamp())
    epoch = _EPOCH.search(name)
    return int(epoch[1]) if epoch else None


def local_offsets(tags: Sequence[NamedTime]) -> list[int]:
    """Seconds to add to each named time, in the order of the main line.

    A deployment can't be older than its commit. Where many neighbouring tags seem to be, their names
    are in a local time behind UTC; the whole hours that explain all but a few are its distance.
    A zone ahead of UTC contradicts nothing and stays unknown.
    """
    needs = [_hours_needed(one) for one in tags]
    offsets: list[int] = []
    for index, need in enumerate(needs):
        around = needs[max(0, index - NEIGHBOURS_MAX) : index + NEIGHBOURS_MAX + 1]
        known = sorted(hours for hours in around if hours is not None)
        if need is None or len(known) < NEIGHBOURS_MIN:
            offsets.append(0)
            continue
        strays = int(len(known) * STRAY_SHARE_MAX)
        offsets.append(known[len(known) - 1 - strays] * SECONDS_PER_HOUR)
    return offsets


def _hours_needed(one: NamedTime) -> int | None:
    """By how many hours a named time is too early; ``None`` when that says nothing about a zone."""
    if one.named is None or one.named % SECONDS_PER_DAY == 0:
        return None
    hours = -(-(one.earliest - one.named) // SECONDS_PER_HOUR)
    return max(0, hours) if hours <= ZONE_HOURS_MAX else None
