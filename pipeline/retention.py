"""Kept deliveries and dead letters expire: they name persons, and the events made of them do not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.dead_letters import DeadLetter, read_all, settle
from pipeline.log.protocol import Log
from pipeline.log.topics import DEAD_LETTERS, PARTITION, RECEIVED
from pipeline.normalize import GROUP
from pipeline.poison import is_unfoldable
from pipeline.sources.deliveries import Delivery

#: deliveries that are looked at for their age at a time
LOOKED_AT_MAX = 500
#: more dead letters than this are not kept, however young they are: whoever reads them reads all
LETTERS_MAX = 20_000


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


def expire_letters(log: Log, before: int, now: int, *, copied: int) -> int:
    """Drop the dead letters from before a time, and the oldest of more than ``LETTERS_MAX``; how many.

    Times are in microseconds UTC. A letter from ``copied`` on, the offset up to which the store's table has
    them, is never dropped. One that says no time goes with the next one that is old enough. That an event
    is passed over is not forgotten with its letter: the note of that follows anew, without the event.
    """
    begin, end = log.begin(DEAD_LETTERS, PARTITION), log.end(DEAD_LETTERS, PARTITION)
    expired = begin
    passed_over: dict[str, DeadLetter] = {}
    undated: dict[str, DeadLetter] = {}
    for offset, letter in read_all(log, begin):
        crowded = offset < end - LETTERS_MAX
        if offset >= copied or (not crowded and letter.failed_at >= before):
            break
        if is_unfoldable(letter):
            undated[letter.place] = letter
        if crowded or letter.failed_at:
            expired = offset + 1
            passed_over |= undated
            undated = {}
    # before the others go: made again after a crash in between, this says the same once more
    settle(log, (msgspec.structs.replace(letter, value=b"") for letter in passed_over.values()), now)
    return log.trim(DEAD_LETTERS, PARTITION, expired)
