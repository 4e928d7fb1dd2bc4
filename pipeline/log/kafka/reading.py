"""Reads the committed records of one partition in batches, and keeps what was fetched ahead."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import accumulate
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from pipeline.collector import collector_held_off
from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Bounds, Place
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import translated
from pipeline.log.protocol import READ_BYTES_MAX, LogCorrupt, Record

#: a batch that has begun waits so long for more to be fetched
LINGER_SECONDS = 0.01
#: so many offsets before the end, it doesn't: they are likely to be markers
NEAR_END_OFFSETS = 2
#: partitions that are read at the same time; each has a client with its threads and buffers
READERS_MAX = 64
BATCH_RECORDS = 50_000


class Reader:
    """One partition. Reading on where the last batch ended costs no seek."""

    def __init__(self, settings: KafkaSettings, place: Place, bounds: Bounds) -> None:
        self._settings = settings
        self._place = place
        self._bounds = bounds
        self._lock = threading.Lock()
        self._consumer = clients.reader(settings)
        self._ahead: list[Record] = []
        self._bytes = 0
        #: from the first of these offsets to the second one there is nothing that was not handed out
        self._next = self._reached = -1
        self._any_read = False
        self._lost = False
        self._closed = False

    def read(self, offset: int, limit: int) -> list[Record] | None:
        """See ``Log.read``; nothing from a reader that was closed."""
        with self._lock, translated(self._settings, f"read {self._place}"):
            if self._closed:
                return None
            try:
                if not self._next <= offset <= self._reached:
                    found = self._bounds.range(self._place)
                    if offset >= found.stable:
                        return []
                    self._go_to(max(offset, found.begin))
                if not self._ahead and not self._fetch(limit, 0) and not self._wait_for_some(limit):
                    return []
                self._gather(limit)
                return self._take(limit)
            except BaseException:
                # some may have been taken from librdkafka and not handed out: begin again at an offset
                self._next = self._reached = -1
                raise

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._consumer.close()

    def _go_to(self, offset: int) -> None:
        topic = self._settings.topic(self._place.topic)
        self._consumer.assign([TopicPartition(topic, self._place.partition, offset)])
        self._ahead, self._bytes = [], 0
        self._next = self._reached = offset
        self._any_read = self._lost = False

    def _wait_for_some(self, limit: int) -> bool:
        """Wait for what must come, if the log goes on; false when it doesn't."""
        found = self._bounds.range(self._place)
        until = time.monotonic() + self._settings.timeout_seconds
        while self._reached < found.stable:
            left = until - time.monotonic()
            if left <= 0:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "nothing was fetched in time"))
            if self._fetch(1, left) or self._fetch(limit, 0):
                return True
            if self._lost:
                found = self._bounds.range(self._place)
                if self._next >= found.begin:
                    raise LogCorrupt(
                        f"{self._place} at {self._settings.bootstrap} ends at offset {found.stable}, before"
                        f" offset {self._next} that was there: records are lost, restore them from a backup"
                    )
                self._go_to(found.begin)
        if self._any_read:
            self._bounds.ended(self._place, found.stable, self._next)
        return False

    def _gather(self, limit: int) -> None:
        """Go on until the batch is full, or nothing more is at hand."""
        place = TopicPartition(self._settings.topic(self._place.topic), self._place.partition)
        while (count := limit - len(self._ahead)) > 0 and self._bytes < READ_BYTES_MAX:
            if not self._fetch(count, 0):
                _, high = self._consumer.get_watermark_offsets(place, cached=True)
                near = high - self._ahead[-1].offset <= NEAR_END_OFFSETS
                if near or not self._fetch(1, LINGER_SECONDS):
                    return

    def _take(self, limit: int) -> list[Record]:
        found, self._ahead = self._ahead, []
        if len(found) > limit or self._bytes >= READ_BYTES_MAX:
            sizes = accumulate(len(record.value) for record in found)
            enough = next((count for count, size in enumerate(sizes, 1) if size >= READ_BYTES_MAX), limit)
            enough = min(enough, limit)
            found, self._ahead = found[:enough], found[enough:]
        self._bytes = sum(len(record.value) for record in self._ahead)
        self._next = found[-1].offset + 1
        if self._ahead:
            # nothing lies between two records that follow upon each other
            self._reached = self._ahead[0].offset
        else:
            self._reached = max(self._reached, self._next)
        self._any_read = True
        return found

    def _fetch(self, count: int, seconds: float) -> bool:
        """Take over what librdkafka has; true when there were records."""
        # a loop over the messages, and a collector that looks at each again, would cost more than fetching
        with nullcontext() if seconds else collector_held_off():
            messages = self._consumer.consume(count, seconds)
            if any(map(Message.error, messages)):
                messages = list(self._records_among(messages))
            values = [value or b"" for value in map(Message.value, messages)]
            keys = [key or b"" for key in map(Message.key, messages)]
            columns = zip(map(Message.offset, messages), keys, values, strict=True)
            self._ahead += cast("Iterator[Record]", map(Record._make, columns))
            self._bytes += sum(map(len, values))
        return bool(messages)

    def _records_among(self, messages: list[Message]) -> Iterator[Message]:
        for message in messages:
            error, offset = message.error(), message.offset()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached = max(self._reached, offset or 0)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                self._lost = True
            else:
                raise KafkaException(error)


class Readers:
    """A reader for each partition that is being read; the one not used for longest goes first."""

    def __init__(self, settings: KafkaSettings, bounds: Bounds) -> None:
        self._settings = settings
        self._bounds = bounds
        self._lock = threading.Lock()
        self._held: OrderedDict[Place, Reader] = OrderedDict()

    def read(self, place: Place, offset: int, limit: int) -> list[Record]:
        """See ``Log.read``."""
        while (found := self._reader(place).read(offset, limit)) is None:
            self.forget(place)
        return found

    def _reader(self, place: Place) -> Reader:
        with self._lock:
            reader = self._held.get(place)
            if reader is None:
                reader = self._held[place] = Reader(self._settings, place, self._bounds)
            self._held.move_to_end(place)
            gone = self._held.popitem(last=False)[1] if len(self._held) > READERS_MAX else None
        if gone is not None:
            gone.close()
        return reader

    def batches(self, place: Place) -> Iterator[list[Record]]:
        """Every record that can be read now, from the first one on."""
        offset, stable = self._bounds.range(place)
        reader = Reader(self._settings, place, self._bounds)
        try:
            while offset < stable and (records := reader.read(offset, BATCH_RECORDS)):
                offset = records[-1].offset + 1
                yield records
        finally:
            reader.close()

    def forget(self, place: Place) -> None:
        """Let go of what was fetched ahead."""
        with self._lock:
            reader = self._held.pop(place, None)
        if reader is not None:
            reader.close()

    def close(self) -> None:
        with self._lock:
            for reader in self._held.values():
                reader.close()
            self._held.clear()
