"""Instants at the edge: RFC 3339 text and aware datetimes <-> int64 microseconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from pipeline.core.events import InvalidEvent

#: a time as RFC 3339 writes it, which says how far from UTC it is
AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]

MICROSECONDS = 1_000_000
_DAY_MICROSECONDS = 86_400 * MICROSECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (only formats what is UTC by construction)

#: what an event's time may be: nothing was delivered before, and int64 nanoseconds end after
TIME_MIN = 631_152_000 * MICROSECONDS  # 1990-01-01
TIME_MAX = 9_246_182_400 * MICROSECONDS - 1  # the end of 2262


def micros(moment: datetime, field: str) -> int:
    """Microseconds of an aware datetime; raises ``InvalidEvent`` naming the field when it is absurd."""
    if moment.tzinfo is None:
        raise InvalidEvent(f"{field}: {moment.isoformat()} has no time zone")
    since = moment - _EPOCH
    value = since.days * _DAY_MICROSECONDS + since.seconds * MICROSECONDS + since.microseconds
    if not TIME_MIN <= value <= TIME_MAX:
        raise InvalidEvent(f"{field}: {moment.isoformat()} is outside the years 1990 to 2262")
    return value


def rfc3339(time: int) -> str:
    """``2024-05-01T12:00:00.000000Z``: always with microseconds, always UTC."""
    return (_NAIVE_EPOCH + timedelta(microseconds=time)).isoformat(timespec="microseconds") + "Z"


def instant(time: int) -> str:
    """The same as short as it goes (``2024-05-01T12:00:00Z``), for keys that people read and type."""
    return (_NAIVE_EPOCH + timedelta(microseconds=time)).isoformat() + "Z"
