"""Writes batches, and a group's offsets with them, in transactions: all of it or nothing."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from typing import NamedTuple, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import FENCED, error_of, timed_out, told
from pipeline.log.protocol import LogFenced, LogUnavailable, LogUncertain, NewRecord

#: an abort that takes longer is left to the broker, or to the next transaction of the same writer
ABORT_SECONDS_MAX = 5.0
#: a call that has not ended so long after its time never will
OVERDUE_SECONDS_MAX = 2.0
#: no call that ends a transaction gets less. librdkafka forgets which of them it resumes when one is over
#: before its own thread has taken it up, and ends the process when the broker's answer arrives
ENDING_SECONDS_MIN = 3.0
QUEUE_FULL_POLL_SECONDS = 0.05
TRIES_MAX = 3
_FORGOTTEN = frozenset(
    {
        KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
        KafkaError.UNKNOWN_PRODUCER_ID,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
    }
)

#: the consumer's own type for it has no name
GroupMetadata = object


class Batch(NamedTuple):
    """Records for one partition; an empty value of a compacted topic becomes a tombstone."""

    place: Place
    compacted: bool
    records: Sequence[NewRecord]


class Position(NamedTuple):
    """How far a group has come in one partition."""

    place: Place
    offset: int
    metadata: GroupMetadata


class _Open(Enum):
    """What a transaction left behind that did not end in time."""

    NOTHING = "nothing"
    ABORT = "abort"
    COMMIT = "commit"


class _Written:
    """The first and the last offset of a batch, as its delivery is reported."""

    first = -1
    last = -1
    error: KafkaError | None = None

    def at_first(self, error: KafkaError | None, message: Message) -> None:
        self.at_last(error, message)
        self.first = self.last

    def at_last(self, error: KafkaError | None, message: Message) -> None:
        self.error = self.error or error
        # not to be asked beside an error: a fatal one may be on its way up through this very call
        if error is None:
            self.last = message.offset() or 0


class Writer:
    """One transactional producer: the only one under its name; whoever wrote under it before is fenced.

    Not safe to use from several threads at once. What was interrupted by an outage is ended by the next
    call, under the same epoch, so that a writer that was replaced meanwhile stays out.
    """

    def __init__(
        self, settings: KafkaSettings, name: str, action: str, on_written: Callable[[Place, int], None]
    ) -> None:
        """Become the only one. Ends what a predecessor left open. Raises ``LogUnavailable``.

        ``on_written`` is told the last offset in each place as soon as a transaction is known to be
        committed: its markers may still be on their way to the partitions then.
        """
        self._on_written = on_written
        self._in_doubt: list[tuple[Place, int]] = []
        self._settings = settings
        self._action = action
        self._open = _Open.NOTHING
        self.lost: Exception | None = None
        self._abandoned = False
        self._producer = clients.writer(settings, name)
        try:
            self._until_deadline(self._producer.init_transactions)
        except KafkaException as raised:
            self.close()
            raise told(settings, action, error_of(raised)) from raised
        except BaseException:
            self.close()
            raise

    def settle(self) -> None:
        """End what an outage interrupted: nothing of it stays in doubt."""
        self._refuse_if_lost()
        if self._open is _Open.NOTHING:
            return
        try:
            if self._open is _Open.ABORT:
                self._until_deadline(self._producer.abort_transaction)
                self._open = _Open.NOTHING
            else:
                self._commit()
        except KafkaException as raised:
            self._failed(raised)

    def write(self, batches: Sequence[Batch], position: Position | None = None) -> list[int]:
        """Append the batches and move the group, or neither; returns the first offset of each batch.

        Raises ``LogUncertain`` when the answer to the commit was lost, ``LogFenced``, ``LogUnavailable``.
        """
        self.settle()
        until = time.monotonic() + self._settings.timeout_seconds
        for tried in range(1, TRIES_MAX + 1):
            try:
                return self._write(batches, position, until)
            except KafkaException as raised:
                code = error_of(raised).code()
                try:
                    self._failed(raised)
                except LogUnavailable:
                    # void for sure; the broker has only forgotten how far this writer had come
                    again = code in _FORGOTTEN and self.lost is None and self._open is _Open.NOTHING
                    if not again or tried == TRIES_MAX:
                        raise
            except BaseException:
                if not self._abandoned:
                    self._abort()
                raise
        raise AssertionError("the last try returns or raises")

    def _write(self, batches: Sequence[Batch], position: Position | None, until: float) -> list[int]:
        self._producer.begin_transaction()
        self._open = _Open.ABORT
        written = [self._send(batch, until) for batch in batches]
        self._deliver(until)
        for failed in filter(None, (each.error for each in written)):
            raise KafkaException(failed)
        if position is not None:
            topic = self._settings.topic(position.place.topic)
            offsets = [TopicPartition(topic, position.place.partition, position.offset)]
            self._send_offsets(offsets, position.metadata, until)
        self._open = _Open.COMMIT
        self._in_doubt = [(batch.place, each.last) for batch, each in zip(batches, written, strict=True)]
        self._commit()
        return [each.first for each in written]

    def _send_offsets(self, offsets: list[TopicPartition], metadata: GroupMetadata, until: float) -> None:
        """Put the group's offset into the transaction.

        librdkafka may wait for ever when the group's coordinator went away in the middle, whatever time it
        was given. Then this producer is left behind: its successor's first call ends what it had begun.
        """
        left = max(until - time.monotonic(), 0)
        sent: Future[None] = Future()

        def send() -> None:
            try:
                self._producer.send_offsets_to_transaction(offsets, metadata, left)
                sent.set_result(None)
            except BaseException as raised:  # noqa: BLE001 - told to whoever waits
                sent.set_exception(raised)

        threading.Thread(target=send, name="aftermerge-offsets", daemon=True).start()
        try:
            sent.result(left + OVERDUE_SECONDS_MAX)
        except TimeoutError:
            self._abandoned = True
            self.lost = LogUnavailable(
                f"Kafka at {self._settings.bootstrap} did not {self._action} and never answered:"
                " look whether its brokers run and can be reached from here"
            )
            raise self.lost from None

    def _commit(self) -> None:
        self._until_deadline(self._producer.commit_transaction)
        self._open = _Open.NOTHING
        for place, last in self._in_doubt:
            self._on_written(place, last)

    def close(self) -> None:
        """Stop writing; what is open is aborted."""
        if self._abandoned:
            return  # it would wait with the call that never ends
        # without this, closing would wait for a broker that may be down
        self._producer.purge()
        # it is closed all the same: what can't be aborted any more is raised, beside an answer, or warned of
        with suppress(KafkaException, SystemError), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            self._producer.close()

    def _send(self, batch: Batch, until: float) -> _Written:
        written = _Written()
        topic, partition = self._settings.topic(batch.place.topic), batch.place.partition
        produce, empty = self._producer.produce, None if batch.compacted else b""
        last = len(batch.records) - 1
        for number, (key, value) in enumerate(batch.records):
            while True:
                try:
                    if 0 < number < last:
                        produce(topic, value or empty, key, partition)
                    else:
                        produce(
                            topic,
                            value or empty,
                            key,
                            partition,
                            written.at_last if number else written.at_first,
                        )
                    break
                except BufferError:
                    if time.monotonic() > until:
                        raise timed_out("deliver the batch") from None
                    self._producer.poll(QUEUE_FULL_POLL_SECONDS)
        return written

    def _deliver(self, until: float) -> None:
        try:
            left = self._producer.flush(max(until - time.monotonic(), 0))
        except SystemError as raised:
            # a fatal error, and then a report of a delivery while that error is being raised
            if isinstance(raised.__cause__, KafkaException):
                raise raised.__cause__ from None
            raise
        if left:
            raise timed_out("deliver the batch")

    def _until_deadline(self, call: Callable[[float], None]) -> None:
        """Call until it succeeds or fails for good, or the time is over."""
        until = time.monotonic() + self._settings.timeout_seconds
        while True:
            try:
                return call(max(until - time.monotonic(), ENDING_SECONDS_MIN))
            except KafkaException as raised:
                if not error_of(raised).retriable() or until - time.monotonic() < ENDING_SECONDS_MIN:
                    raise

    def _failed(self, raised: KafkaException) -> NoReturn:
        """Leave the writer as usable as it can be, and raise what happened."""
        error = error_of(raised)
        if error.fatal() or error.code() in FENCED:
            self.lost = told(self._settings, self._action, error)
            raise self.lost from raised
        if self._open is _Open.COMMIT and not error.txn_requires_abort():
            raise LogUncertain(
                f"Kafka at {self._settings.bootstrap} did not answer in time whether it could"
                f" {self._action} ({error.str()}): read again where to go on, when its brokers answer"
            ) from raised
        self._open = _Open.ABORT
        self._abort()
        raise told(self._settings, self._action, error) from raised

    def _abort(self) -> None:
        try:
            within = min(ABORT_SECONDS_MAX, self._settings.timeout_seconds)
            self._producer.abort_transaction(max(within, ENDING_SECONDS_MIN))
            self._open = _Open.NOTHING
        except KafkaException as raised:
            if error_of(raised).fatal():
                self.lost = told(self._settings, self._action, error_of(raised))

    def _refuse_if_lost(self) -> None:
        if self.lost is not None:
            kind = type(self.lost) if isinstance(self.lost, LogFenced) else LogUnavailable
            raise kind(f"{self.lost}; this writer stays closed, claim the partition again")
