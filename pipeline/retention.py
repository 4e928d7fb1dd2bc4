"""Kept deliveries expire: they name persons, and the events made of them do not."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.core.events import InvalidEvent
from pipeline.log.protocol import Log
from pipeline.log.topics import PARTITION, RECEIVED
from pipeline.normalize import GROUP
from pipeline.sources.deliveries import Delivery

#: deliveries that are looked at for their age at a time
LOOKED_AT_MAX = 500


def expire(log: Log, unseal: Callable[[bytes], Delivery], before: int) -> int:
    """Drop the deliveries that were received before a time (microseconds UTC); returns how many.

    One that was not normalized yet is never dropped. One that can't be opened any more (its key is
    gone) says no time: it goes with the next one that is old enough.
    """
    offset = log.begin(RECEIVED, PARTITION)
    end = log.committed(GROUP, RECEIVED, PARTITION)
    expired = offset
    while offset < end and (records := log.read(RECEIVED, PARTITION, offset, LOOKED_AT_MAX)):
        for record in records:
            if record.offset >= end:
                return log.trim(RECEIVED, PARTITION, expired)
            try:
                received_at = unseal(record.value).received_at
            except InvalidEvent:
                continue
            if received_at >= before:
                return log.trim(RECEIVED, PARTITION, expired)
            expired = record.offset + 1
        offset = records[-1].offset + 1
    return log.trim(RECEIVED, PARTITION, expired)
