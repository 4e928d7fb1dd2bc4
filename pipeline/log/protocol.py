"""The log: where everything that happened is kept, in order, before anybody acts on it.

Steps talk to this protocol alone. Its implementations pass one contract test
(``tests/log/contract.py``), so what runs on one file on a laptop runs on a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

#: a read ends with the record that takes its values to this many bytes
READ_BYTES_MAX = 64 << 20


class Record(NamedTuple):
    """One record as it was read: its offset inside its partition, its key and its bytes."""

    offset: int
    key: bytes
    value: bytes


class NewRecord(NamedTuple):
    """One record to append. An empty value on a compacted topic deletes its key."""

    key: bytes
    value: bytes


class LogUnavailable(RuntimeError):
    """The log can't be reached or written now (full disk, lock, outage): retry, then stop."""


class LogUncertain(LogUnavailable):
    """The answer was lost on its way: what was being written is there as a whole, or not at all."""


class LogFenced(LogUnavailable):
    """Another process took over the group's partition: what this one was writing is void. Stop it."""


class LogHeld(LogUnavailable):
    """Another process, named in the message, holds the log: stop that one, or use another log."""


class LogCorrupt(RuntimeError):
    """What the log returned can't be what was written: stop, and restore from a backup."""


class Log(Protocol):
    """Durable, partitioned topics with consumer groups."""

    def create_topic(self, topic: str, *, partitions: int = 1, compacted: bool = False) -> None:
        """Make a topic; a second call with the same settings changes nothing.

        Raises ``ValueError`` when the topic exists with other settings.
        """

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; ``KeyError`` for a topic nobody created."""

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        """Append a batch and return the offset of its first record.

        When this returns, the whole batch survives a crash; when it raises, none of it is readable (but for
        ``LogUncertain``). Offsets rise inside of a batch, and need not follow upon each other.
        """

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` records with an offset of at least ``offset``, in order of offset.

        No more follow once they hold ``READ_BYTES_MAX`` bytes. Never blocks: an empty list means that
        nothing has been appended yet.
        """

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last record: the next one to be appended gets this one, or a later one."""

    def begin(self, topic: str, partition: int) -> int:
        """An offset before which nothing is kept: that of the first record, or shortly before it."""

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drop every record before an offset, for good; returns how many that were.

        What lies behind the end is not there to be dropped. Raises ``ValueError`` for a compacted topic.
        """

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The live value of every key of a compacted topic."""

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on; 0 before its first commit."""

    def commit(
        self,
        group: str,
        topic: str,
        partition: int,
        offset: int,
        *,
        appended: Sequence[tuple[str, int, Sequence[NewRecord]]] = (),
    ) -> None:
        """Move a group's offset, and append to other topics, as one atomic step."""

    def claim(self, group: str, topic: str, partition: int) -> int:
        """Become the one that commits for a group's partition; returns the offset from which it goes on.

        Where several processes write a log, whoever committed for it before gets ``LogFenced`` from then
        on, and what it had committed is complete. Where one process does, this is ``committed``.
        """

    def release(self, group: str, topic: str, partition: int) -> None:
        """Give a partition back: this process commits for it no more, unless it claims it again."""

    def close(self) -> None:
        """Release the log; what was appended or committed stays."""
