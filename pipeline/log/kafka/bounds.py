"""Where the readable part of a partition begins and ends.

Markers of transactions take offsets, too. So behind the last record there is usually at least one offset
that holds nothing, and a group that has read everything would seem to be behind for ever. The end that
is told here is the offset behind the last *record*; what the brokers know is the first offset that
can't be read yet (the last stable offset). From one to the other leads a look at the last few records,
remembered until the partition grows.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.configuration import Configuration, KafkaSettings
from pipeline.log.kafka.failures import PASSING_POLL_SECONDS, error_of, patiently, timed_out, translated

#: how far before the end the last record is looked for first; if there is none, ever farther
LOOKED_BACK_OFFSETS = 16
LOOKED_BACK_FACTOR = 16
LOOKED_AT_RECORDS = 1_000
LOOKED_AT_KIB_MAX = 8 * 1024
FETCH_WAIT_MILLISECONDS_MAX = 10
SETTLING_POLL_SECONDS = 0.001
#: one answer is waited for so long at most: a leader that died is asked for ever otherwise
ANSWER_SECONDS_MAX = 5.0
#: asking who leads a partition takes so long at most; it is asked again while there is time
LEADER_SECONDS_MAX = 2.0
#: the client keeps for minutes which broker led a partition, or that there was none
_LED_BY_ANOTHER = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._DESTROY_BROKER,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
_BRIEF: Configuration = {
    "fetch.wait.max.ms": FETCH_WAIT_MILLISECONDS_MAX,
    "queued.max.messages.kbytes": LOOKED_AT_KIB_MAX,
}


class Place(NamedTuple):
    """One partition of one topic, by the name the topic has with us."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"topic {self.topic!r}, partition {self.partition}"


class Range(NamedTuple):
    """``begin``: nothing is kept before it; ``stable``: nothing can be read from there on yet."""

    begin: int
    stable: int


class Bounds:
    """Asks the brokers; safe to use from several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        # one client to ask, which never fetches: an answer would wait behind a fetch for what isn't there yet
        self._asking = clients.reader(settings)
        self._looking: Consumer | None = None
        self._looking_lock = threading.Lock()
        self._ends: dict[Place, tuple[int, int]] = {}
        self._written: dict[Place, int] = {}

    def wrote(self, place: Place, last: int) -> None:
        """Remember that this process has committed a record here: it reads what it wrote."""
        with self._lock:
            self._written[place] = max(last, self._written.get(place, -1))

    def ended(self, place: Place, stable: int, end: int) -> None:
        """Remember what a reader saw: behind ``end`` there is nothing up to ``stable``."""
        with self._lock:
            self._ends[place] = (stable, end)

    def range(self, place: Place) -> Range:
        """What can be read now, of what this process wrote all."""
        until = time.monotonic() + self._settings.timeout_seconds
        with self._lock:
            written = self._written.get(place, -1)
        with translated(self._settings, f"say where {place} ends"):
            while (found := self._ask(place)).stable <= written:
                # committed, but its marker is still on its way to this partition
                if time.monotonic() > until:
                    raise timed_out("end a transaction")
                time.sleep(SETTLING_POLL_SECONDS)
        if found.stable == written + 2:  # our last record and the marker of its transaction
            self.ended(place, found.stable, written + 1)
        return found

    def end(self, place: Place) -> int:
        """The offset behind the last record that can be read; the beginning when there is none."""
        found = self.range(place)
        with self._lock:
            stable, end = self._ends.get(place, (-1, -1))
        if stable != found.stable:
            with self._looking_lock, translated(self._settings, f"look at the end of {place}"):
                end = self._look(place, found)
            self.ended(place, found.stable, end)
        return max(end, found.begin)

    def close(self) -> None:
        with self._looking_lock:
            self._asking.close()
            if self._looking is not None:
                self._looking.close()

    def _ask(self, place: Place) -> Range:
        self._asking.poll(0)  # hands over the log lines
        asked = TopicPartition(self._settings.topic(place.topic), place.partition)

        def ask(seconds: float) -> tuple[int, int] | None:
            until = time.monotonic() + seconds
            while True:
                left = max(until - time.monotonic(), 0)
                try:
                    return self._asking.get_watermark_offsets(asked, timeout=min(left, ANSWER_SECONDS_MAX))
                except KafkaException as raised:
                    if error_of(raised).code() not in _LED_BY_ANOTHER or time.monotonic() > until:
                        raise
                # made to look again, it finds who leads now
                with suppress(KafkaException):
                    self._asking.list_topics(asked.topic, timeout=LEADER_SECONDS_MAX)
                time.sleep(PASSING_POLL_SECONDS)

        answer = patiently(self._settings, ask)
        if answer is None:
            raise timed_out("ask for offsets")
        return Range(*answer)

    def _look(self, place: Place, found: Range) -> int:
        back = LOOKED_BACK_OFFSETS
        while found.begin < found.stable:
            start = max(found.begin, found.stable - back)
            last = self._last_record(place, start, found.stable)
            if last is not None:
                return last + 1
            if start == found.begin:
                break
            back *= LOOKED_BACK_FACTOR
        return found.begin

    def _last_record(self, place: Place, start: int, stable: int) -> int | None:
        if self._looking is None:
            self._looking = clients.reader(self._settings, more=_BRIEF)
        consumer, name = self._looking, self._settings.topic(place.topic)
        until = time.monotonic() + self._settings.timeout_seconds
        consumer.assign([TopicPartition(name, place.partition, start)])
        last: int | None = None
        try:
            while (left := until - time.monotonic()) > 0:
                for message in consumer.consume(LOOKED_AT_RECORDS, 0) or consumer.consume(1, left):
                    offset, error = message.offset(), message.error()
                    assert offset is not None
                    if error is None:
                        last = offset if offset < stable else last
                        offset += 1
                    elif error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    if offset >= stable:
                        return last
            raise timed_out("find the last record")
        finally:
            consumer.unassign()
