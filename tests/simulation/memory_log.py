"""A log in memory that promises what the log on a cluster does, and does what that one may do.

``Brokers`` hold what survives every process; each process has a ``MemoryLog`` of its own. Markers of
transactions leave holes in the offsets, overwritten records of a compacted topic go at some moment, whoever
was replaced is fenced, and a commit whose answer was lost stays in doubt until somebody settles it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from pipeline.log.protocol import READ_BYTES_MAX, LogFenced, LogUnavailable, NewRecord, Record

_offset_of = itemgetter(0)

Appended = Sequence[tuple[str, int, Sequence[NewRecord]]]


class Place(NamedTuple):
    """A group's partition of a topic."""

    group: str
    topic: str
    partition: int


class Partition:
    """Records in order of offset; ``next`` is the offset of the next one, ``end`` lies behind the last."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.next = 0
        self.end = 0

    def append(self, records: Sequence[NewRecord], markers: int) -> int:
        if not records:
            return self.end
        first = self.next
        self.records += [Record(first + place, *record) for place, record in enumerate(records)]
        self.end = first + len(records)
        self.next = self.end + markers
        return first

    def position(self, offset: int) -> int:
        return bisect_left(self.records, offset, key=_offset_of)

    def latest(self) -> dict[bytes, bytes]:
        held = {record.key: record.value for record in self.records}
        return {key: value for key, value in held.items() if value}

    def compact(self) -> None:
        """Drop what was overwritten. What was deleted goes, too; the last record stays, as on brokers."""
        newest = {record.key: record.offset for record in self.records}
        self.records = [
            record
            for record in self.records
            if record.offset + 1 == self.end or (newest[record.key] == record.offset and record.value)
        ]


class Topic(NamedTuple):
    compacted: bool
    partitions: list[Partition]


class Doubt(NamedTuple):
    """A commit that may have happened or not."""

    offset: int
    appended: Appended


class Brokers:
    """Topics, groups, and who may commit: what all processes share."""

    def __init__(
        self,
        *,
        markers: int = 0,
        happened: Callable[[], bool] = lambda: True,
        timed_out: Callable[[], bool] = lambda: True,
    ) -> None:
        """``markers`` are the offsets that each transaction takes. ``happened`` decides what was in doubt,
        and ``timed_out`` whether the brokers have ended by now what nobody else does."""
        self.topics: dict[str, Topic] = {}
        self.offsets: dict[Place, int] = {}
        self.claims: dict[Place, int] = {}
        self.doubts: dict[Place, Doubt] = {}
        self._markers = markers
        self._happened = happened
        self.timed_out = timed_out

    def partition(self, topic: str, partition: int) -> Partition:
        if topic not in self.topics:
            raise KeyError(f"no topic {topic!r}")
        partitions = self.topics[topic].partitions
        if not 0 <= partition < len(partitions):
            raise KeyError(f"topic {topic!r} has {len(partitions)} partitions, no {partition}")
        return partitions[partition]

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        return self.partition(topic, partition).append(records, self._markers)

    def write(self, place: Place, offset: int, appended: Appended) -> None:
        for topic, partition, records in appended:
            self.append(topic, partition, records)
        self.offsets[place] = offset

    def claim(self, place: Place) -> int:
        """Whoever committed here before is fenced; what it left in doubt is settled."""
        self.settle(place)
        self.claims[place] = self.claims.get(place, 0) + 1
        return self.claims[place]

    def settle(self, place: Place) -> None:
        doubt = self.doubts.pop(place, None)
        if doubt is not None and self._happened():
            self.write(place, *doubt)


class MemoryLog:
    """What one process has of the brokers; see ``pipeline.log.protocol.Log``."""

    def __init__(self, brokers: Brokers) -> None:
        self.brokers = brokers
        #: what this process claimed, under which number; ``None`` = given back
        self._claimed: dict[Place, int | None] = {}

    def create_topic(self, topic: str, *, partitions: int = 1, compacted: bool = False) -> None:
        if partitions < 1:
            raise ValueError(f"topic {topic!r} needs at least one partition, not {partitions}")
        known = self.brokers.topics.get(topic)
        if known is None:
            self.brokers.topics[topic] = Topic(compacted, [Partition() for _ in range(partitions)])
        elif (known.compacted, len(known.partitions)) != (compacted, partitions):
            raise ValueError(f"topic {topic!r} has other settings")

    def partitions(self, topic: str) -> int:
        self.brokers.partition(topic, 0)
        return len(self.brokers.topics[topic].partitions)

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        return self.brokers.append(topic, partition, records)

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        held = self.brokers.partition(topic, partition)
        start, found, size = held.position(offset), [], 0
        for record in islice(held.records, start, start + max(limit, 0)):
            found.append(record)
            size += len(record.value)
            if size >= READ_BYTES_MAX:
                break
        return found

    def end(self, topic: str, partition: int) -> int:
        return self.brokers.partition(topic, partition).end

    def begin(self, topic: str, partition: int) -> int:
        held = self.brokers.partition(topic, partition)
        return held.records[0].offset if held.records else held.end

    def trim(self, topic: str, partition: int, offset: int) -> int:
        held = self.brokers.partition(topic, partition)
        if self.brokers.topics[topic].compacted:
            raise ValueError(f"topic {topic!r} is compacted")
        count = held.position(offset)
        del held.records[:count]
        return count

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The live values; a commit in doubt is not seen, and this does not settle it."""
        held = self.brokers.partition(topic, partition)
        if not self.brokers.topics[topic].compacted:
            raise ValueError(f"topic {topic!r} isn't compacted")
        return held.latest()

    def claim(self, group: str, topic: str, partition: int) -> int:
        self.brokers.partition(topic, partition)
        place = Place(group, topic, partition)
        self._claimed[place] = self.brokers.claim(place)
        return self.brokers.offsets.get(place, 0)

    def release(self, group: str, topic: str, partition: int) -> None:
        self._claimed[Place(group, topic, partition)] = None

    def committed(self, group: str, topic: str, partition: int) -> int:
        self.brokers.partition(topic, partition)
        place = Place(group, topic, partition)
        if place in self.brokers.doubts:
            if not self._is_mine(place) and not self.brokers.timed_out():
                raise LogUnavailable(f"a transaction is about to move {place}")
            self.brokers.settle(place)
        return self.brokers.offsets.get(place, 0)

    def commit(self, group: str, topic: str, partition: int, offset: int, *, appended: Appended = ()) -> None:
        self.brokers.write(self.prepared(group, topic, partition, offset, appended), offset, appended)

    def prepared(self, group: str, topic: str, partition: int, offset: int, appended: Appended) -> Place:
        """Everything that a commit checks and settles before it writes."""
        if offset < 0:
            raise ValueError(f"group {group!r} can't commit offset {offset}")
        self.brokers.partition(topic, partition)
        for name, number, _ in appended:
            self.brokers.partition(name, number)
        place = Place(group, topic, partition)
        if place not in self._claimed:
            if not any(records for _, _, records in appended):
                return place  # only an offset: it is moved, whoever else moves it
            self.claim(*place)
        if not self._is_mine(place):
            raise LogFenced(f"another process has claimed {place}: claim it again")
        self.brokers.settle(place)
        return place

    def close(self) -> None:
        """Nothing is held here."""

    def is_claimed(self, place: Place) -> bool:
        """Whether what this process commits there is a transaction."""
        return place in self._claimed

    def _is_mine(self, place: Place) -> bool:
        claimed = self._claimed.get(place)
        return claimed is not None and claimed == self.brokers.claims.get(place)
