"""IANA time zones -> the offsets from UTC that the core counts with.

Rules of zones change from year to year, and machines have different editions of them. So a zone is looked up
once, at the edge, and what was found travels with the event.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from pipeline.core.events import MICROSECONDS, InvalidEvent

#: changes of the clock are told from here (1990-01-01) ...
SECONDS_FIRST = 631_152_000
#: ... to here (2050-01-01); before and after, the nearest offset holds
SECONDS_LAST = 2_524_608_000

ZONES_REMEMBERED_MAX = 1_024
ZONE_SHOWN_CHARACTERS_MAX = 64

#: links to whatever one machine was set to, which some systems list among the zones
_OF_ONE_MACHINE = {"localtime"}
_DAY_SECONDS = 86_400
_EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
#: clocks that were changed and changed back kept the new time for a week at least
_STEP = timedelta(hours=12)
_STEP_SECONDS = 43_200


@lru_cache(ZONES_REMEMBERED_MAX)
def offsets_of(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the offset of a zone changes (microseconds UTC), and the offsets around these changes (seconds).

    The first offset holds before the first change, so there is one more of them. Raises ``InvalidEvent`` when
    there is no such zone.
    """
    clock = _clock(zone)
    changes = [time for time in _changes(clock) if SECONDS_FIRST < time < SECONDS_LAST]
    return (
        tuple(time * MICROSECONDS for time in changes),
        tuple(_offset(clock, time) for time in (SECONDS_FIRST, *changes)),
    )


@lru_cache(1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _OF_ONE_MACHINE


def _clock(zone: str) -> ZoneInfo:
    """The zone, if the database lists it: a name is never looked for as the file that it might be."""
    shown = repr(zone[:ZONE_SHOWN_CHARACTERS_MAX])
    if not _zones():
        raise InvalidEvent(
            f"time zone {shown}: this machine has no time zone database: install the package tzdata"
        )
    if zone not in _zones():
        raise InvalidEvent(f"time zone {shown}: no IANA zone has this name; one is called 'Europe/Berlin'")
    try:
        return ZoneInfo(zone)
    except (EOFError, LookupError, OSError, ValueError, struct.error) as error:
        raise InvalidEvent(
            f"time zone {shown}: its file is damaged on this machine ({error}): "
            "install the package tzdata again"
        ) from error


def _changes(clock: ZoneInfo) -> Iterator[int]:
    """Seconds since the epoch at which the offset changes, in order.

    Asking for the offset at a local time is several times as fast as at an instant, so it is the clock on the
    wall that is looked at every half day. By that clock the new offset is answered from the change plus the
    greater of both offsets on (PEP 495, the first fold), which leaves half a day of instants to search.
    """
    first, last = SECONDS_FIRST // _DAY_SECONDS - 2, SECONDS_LAST // _DAY_SECONDS + 2
    days = map(datetime.fromordinal, range(first + _EPOCH_ORDINAL, last + _EPOCH_ORDINAL))
    walls = (wall for day in days for wall in (day, day + _STEP))
    for number, (before, after) in enumerate(pairwise(map(clock.utcoffset, walls))):
        if before == after or before is None or after is None:
            continue
        low = first * _DAY_SECONDS + number * _STEP_SECONDS - int(max(before, after).total_seconds())
        high = low + _STEP_SECONDS
        new = int(after.total_seconds())
        while high - low > 1:
            middle = (low + high) // 2
            if _offset(clock, middle) == new:
                high = middle
            else:
                low = middle
        yield high


def _offset(clock: ZoneInfo, time: int) -> int:
    """Seconds by which the clock on the wall is ahead of UTC at an instant."""
    return int(datetime.fromtimestamp(time, clock).replace(tzinfo=UTC).timestamp()) - time
