"""Deliveries into the log: one thread writes all that wait as one batch, then tells those who wait.

A write to disk costs the same for one delivery and for hundreds, so while one batch is being written, the
next one gathers, and nobody waits for more than two writes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import Log, LogUnavailable, NewRecord
from pipeline.log.topics import RECEIVED

WAITING_MAX = 4_096
BATCH_DELIVERIES_MAX = 1_000
BATCH_BYTES_MAX = 32 * 1024 * 1024
STOP_SECONDS_MAX = 30.0
#: while the log is unavailable, it is tried so often whether or not deliveries come: a process that
#: says that it isn't ready gets none
PROBE_SECONDS = 2.0
PROBE_GROUP = "probe"

_log_lines = logging.getLogger("aftermerge.receive")


class QueueFull(RuntimeError):
    """As many deliveries wait for the disk as may; nothing was taken."""


class _Waiting(NamedTuple):
    record: NewRecord
    loop: asyncio.AbstractEventLoop
    stored: asyncio.Future[int]


class Appender:
    """Appends to one topic of a log, many callers' records at a time.

    ``failure`` is the error after which it gave up ("" while it works): a bug or a damaged log. A log that
    is merely unavailable is tried again with the next batch.
    """

    def __init__(
        self,
        log: Log,
        *,
        topic: str = RECEIVED,
        partitions: int = 1,
        waiting_max: int = WAITING_MAX,
        on_appended: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Records go into the partition of their key, of ``partitions`` that the topic has.

        ``on_appended`` is called with the size of each batch, in the writing thread, before its callers
        are told; it wakes whoever reads the topic."""
        self._log = log
        self._topic = topic
        self._partitions = partitions
        self._max = waiting_max
        self._on_appended = [on_appended]
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="aftermerge-append", daemon=True)
        self.failure: Exception | None = None
        #: whether the latest write failed because the log was not available
        self.unavailable = ""

    @property
    def waiting(self) -> int:
        """How many deliveries wait to be written."""
        return len(self._waiting)

    def tell(self, on_appended: Callable[[int], None]) -> None:
        """Somebody else who wants to know the size of each batch; before ``start``."""
        self._on_appended.append(on_appended)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end; a later ``append`` raises ``LogUnavailable``."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS_MAX)
        self._give_up(LogUnavailable("the receiver is stopping: send it again later"))

    async def append(self, key: bytes, value: bytes) -> int:
        """Store one record and return its offset; when this returns, the record survives a crash.

        Raises ``QueueFull`` or ``LogUnavailable``; a caller who stops waiting does not know whether the
        record was stored.
        """
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[int] = loop.create_future()
        with self._changed:
            if self._stopping or self.failure is not None:
                raise LogUnavailable("the receiver has stopped writing: look at its log lines")
            if len(self._waiting) >= self._max:
                raise QueueFull
            self._waiting.append(_Waiting(NewRecord(key, value), loop, stored))
            self._changed.notify()
        return await stored

    # the writing thread

    def _run(self) -> None:
        try:
            while not self._ended:
                if batch := self._next():
                    self._write(batch)
                elif not self._stopping:
                    self._probe()
        except Exception as error:  # noqa: BLE001 - kept in `failure` for whoever owns the process
            self.failure = error
            _log_lines.critical("the receiver stops writing: %s", error, exc_info=error)
            self._give_up(LogUnavailable("the log can't be written: look at the receiver's log lines"))

    @property
    def _ended(self) -> bool:
        return self._stopping and not self._waiting

    def _next(self) -> list[_Waiting]:
        """What waits, in order, up to a batch; nothing when it is time to end, or to try the log."""
        batch: list[_Waiting] = []
        with self._changed:
            while not self._waiting and not self._stopping:
                if not self._changed.wait(PROBE_SECONDS if self.unavailable else None):
                    break
            size = 0
            while self._waiting and len(batch) < BATCH_DELIVERIES_MAX and size < BATCH_BYTES_MAX:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].record.value)
        return batch

    def _write(self, batch: list[_Waiting]) -> None:
        """Append what waits; records of one partition are one batch, and fail or succeed by themselves."""
        by_partition: dict[int, list[_Waiting]] = {}
        for waiting in batch:
            partition = partition_of(waiting.record.key.decode(), self._partitions)
            by_partition.setdefault(partition, []).append(waiting)
        for number, (partition, mine) in enumerate(by_partition.items()):
            try:
                self._write_one(partition, mine)
            except BaseException:
                for left in list(by_partition.values())[number:]:
                    _tell(
                        left, 0, LogUnavailable("the log can't be written: look at the receiver's log lines")
                    )
                raise

    def _write_one(self, partition: int, batch: list[_Waiting]) -> None:
        error: LogUnavailable | None = None
        first = 0
        try:
            first = self._log.append(self._topic, partition, [waiting.record for waiting in batch])
        except LogUnavailable as unavailable:
            error = unavailable
            if not self.unavailable:
                _log_lines.error("deliveries are answered with 503: %s", unavailable)
            self.unavailable = str(unavailable)
        else:
            self._recovered()
        if error is None:
            for told in self._on_appended:
                told(len(batch))
        _tell(batch, first, error)

    def _probe(self) -> None:
        """Write something small that means nothing."""
        try:
            self._log.commit(PROBE_GROUP, self._topic, 0, 0)
        except LogUnavailable as unavailable:
            self.unavailable = str(unavailable)
        else:
            self._recovered()

    def _recovered(self) -> None:
        if self.unavailable:
            _log_lines.warning("the log can be written again: deliveries are accepted")
        self.unavailable = ""

    def _give_up(self, error: LogUnavailable) -> None:
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        _tell(left, 0, error)


def _tell(batch: list[_Waiting], first: int, error: LogUnavailable | None) -> None:
    """Wake everybody who waits, once for each event loop: waking costs more than telling."""
    for loop in {waiting.loop for waiting in batch}:
        mine = [
            (offset, waiting.stored) for offset, waiting in enumerate(batch, first) if waiting.loop is loop
        ]
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(_resolve, mine, error)


def _resolve(stored: list[tuple[int, asyncio.Future[int]]], error: LogUnavailable | None) -> None:
    for offset, future in stored:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(offset)
