"""Time passes although nothing happens: once a minute it is told to every workspace."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.codec import Codec
from pipeline.core.events import ClockTicked
from pipeline.core.parameters import MINUTE
from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import EVENTS

TICK_EVERY = MINUTE


class Ticker:
    """Appends ticks. Several may tick the same workspaces: a tick's id is its minute."""

    def __init__(self, log: Log, codec: Codec, workspaces: Iterable[str]) -> None:
        self._log = log
        self._codec = codec
        self._workspaces = tuple(workspaces)
        self._ticked_at = 0

    def tick(self, now: int) -> bool:
        """Append a tick for each workspace when a minute has begun; ``now`` in microseconds UTC.

        Raises ``LogUnavailable``: the next call does it again.
        """
        minute = now - now % TICK_EVERY
        if minute <= self._ticked_at:
            return False
        partitions = self._log.partitions(EVENTS)
        for workspace in self._workspaces:
            tick = ClockTicked(f"clock {minute // TICK_EVERY}", "clock", minute, now, False, 0, 0, False, 0)
            (value,) = self._codec.encode([tick])
            record = NewRecord(workspace.encode(), value)
            self._log.append(EVENTS, partition_of(workspace, partitions), [record])
        self._ticked_at = minute
        return True
