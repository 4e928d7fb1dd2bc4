"""A log in which everything is written under one claim.

What computes a workspace anew appends many times before it commits. Where another process takes the
partition over meanwhile, the next append is refused: two never write the same rows side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.log.protocol import Log, NewRecord, Record

#: an append under a claim does not say where it went
NOWHERE = -1


class Claimed:
    """Claims a group's partition, and writes as the one who has it; ``LogFenced`` once somebody else has.

    ``give_back`` ends the claim; the log itself stays open.
    """

    def __init__(self, log: Log, group: str, topic: str, partition: int) -> None:
        self._log = log
        self._place = (group, topic, partition)
        self._offset = log.claim(group, topic, partition)

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        """See ``Log.append``; returns ``NOWHERE``."""
        if records:
            self._log.commit(*self._place, self._offset, appended=[(topic, partition, records)])
        return NOWHERE

    def commit(
        self,
        group: str,
        topic: str,
        partition: int,
        offset: int,
        *,
        appended: Sequence[tuple[str, int, Sequence[NewRecord]]] = (),
    ) -> None:
        """See ``Log.commit``."""
        self._log.commit(group, topic, partition, offset, appended=appended)
        if (group, topic, partition) == self._place:
            self._offset = offset

    def give_back(self) -> None:
        """Let others have the partition."""
        self._log.release(*self._place)

    def create_topic(self, topic: str, *, partitions: int = 1, compacted: bool = False) -> None:
        """See ``Log.create_topic``."""
        self._log.create_topic(topic, partitions=partitions, compacted=compacted)

    def partitions(self, topic: str) -> int:
        """See ``Log.partitions``."""
        return self._log.partitions(topic)

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """See ``Log.read``."""
        return self._log.read(topic, partition, offset, limit)

    def end(self, topic: str, partition: int) -> int:
        """See ``Log.end``."""
        return self._log.end(topic, partition)

    def begin(self, topic: str, partition: int) -> int:
        """See ``Log.begin``."""
        return self._log.begin(topic, partition)

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """See ``Log.trim``."""
        return self._log.trim(topic, partition, offset)

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """See ``Log.latest``."""
        return self._log.latest(topic, partition)

    def committed(self, group: str, topic: str, partition: int) -> int:
        """See ``Log.committed``."""
        return self._log.committed(group, topic, partition)

    def claim(self, group: str, topic: str, partition: int) -> int:
        """See ``Log.claim``."""
        return self._log.claim(group, topic, partition)

    def release(self, group: str, topic: str, partition: int) -> None:
        """See ``Log.release``."""
        self._log.release(group, topic, partition)

    def close(self) -> None:
        """Nothing: the log belongs to whoever opened it."""
