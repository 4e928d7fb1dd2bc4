"""Topics, records and groups in the tables of one SQLite file.

One table row holds one record, and a record's place is one integer: the stream (a partition of a
topic) in the high bits, the offset in the low ones. So appending writes to the right edge of one
B-tree, and reading is one range scan. Measured beside it on records of 300 bytes: a primary key of
(stream, offset) without rowid appends and reads a third slower; many records packed into one row
append twice as fast, but read no faster, and live traffic, one record at a time, gains nothing.

A compacted topic packs each append into one row (``packed``). A record that was overwritten leaves a
hole in the offsets.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.log.protocol import READ_BYTES_MAX, LogCorrupt, LogUnavailable, NewRecord, Record
from pipeline.log.sqlite.file import connect, hold, make_tables, translated
from pipeline.log.sqlite.packed import read_packed
from pipeline.log.sqlite.streams import OFFSET_BITS, Stream, append, end, first_gap, settings

#: records that one transaction drops at most
TRIMMED_RECORDS_MAX = 1_000


class SqliteLog:
    """The ``Log`` protocol on one file, held by one process; safe to use from several threads.

    One connection writes and another one reads, each behind its own lock, so a reader never waits
    for a writer. A child made by ``fork`` must open nothing of its parent's: every call in it raises.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises ``LogHeld``, ``LogUnavailable`` or ``LogCorrupt``."""
        self.path = path
        self._process = os.getpid()
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._streams: dict[tuple[str, int], Stream] = {}
        self._topics: dict[str, tuple[int, bool]] = {}
        self._closed = False
        self._held = hold(path)
        self._bytes: int | None = None
        connections: list[sqlite3.Connection] = []
        try:
            with translated(self.path, "open"):
                for _ in range(2):
                    connections.append(connect(path))
                    make_tables(connections[-1])
                self._writer, self._reader = connections
                self._load_topics()
        except BaseException:
            for connection in connections:
                with suppress(sqlite3.Error):
                    connection.close()
            os.close(self._held)
            raise

    # topics

    def create_topic(self, topic: str, *, partitions: int = 1, compacted: bool = False) -> None:
        """Make a topic; see ``Log.create_topic``."""
        if partitions < 1:
            raise ValueError(f"topic {topic!r} needs at least one partition, not {partitions}")
        with self.transaction() as writer:
            known = self._topics.get(topic)
            if known is not None:
                if known != (partitions, compacted):
                    raise ValueError(
                        f"topic {topic!r} in {self.path} has {settings(*known)}, not"
                        f" {settings(partitions, compacted)}: use those, or another topic"
                    )
                return
            writer.execute("INSERT INTO topics VALUES (?, ?, ?)", (topic, partitions, compacted))
            writer.executemany(
                'INSERT INTO streams (topic, "partition") VALUES (?, ?)',
                ((topic, partition) for partition in range(partitions)),
            )
        with self._write_lock, translated(self.path, "read"):
            self._load_topics()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; see ``Log.partitions``."""
        if topic not in self._topics:
            raise KeyError(f"no topic {topic!r} in {self.path}; it has {sorted(self._topics)}")
        return self._topics[topic][0]

    # records

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        """Append a batch as one transaction; see ``Log.append``."""
        stream = self.stream(topic, partition)
        with self.transaction() as writer:
            return append(writer, stream, records)

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` records from an offset on; see ``Log.read``."""
        stream = self.stream(topic, partition)
        offset = max(offset, 0)
        if limit <= 0 or offset >> OFFSET_BITS:
            return []
        with self.reading() as reader:
            if stream.compacted:
                survivors = read_packed(reader, stream.base, stream.limit)
                return [record for record in survivors if record.offset >= offset][:limit]
            records, bytes_read = [], 0
            for row in reader.execute(
                "SELECT position - ?, key, value FROM plain"
                " WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
                (stream.base, stream.base + offset, stream.limit, limit),
            ):
                records.append(Record._make(row))
                bytes_read += len(row[2])
                if bytes_read >= READ_BYTES_MAX:
                    break
        if records and records[-1].offset - records[0].offset >= len(records):
            missing = first_gap(records)
            raise LogCorrupt(
                f"{self.path}: topic {topic!r}, partition {partition} has lost its record at"
                f" offset {missing}: restore the file from a backup"
            )
        return records

    def end(self, topic: str, partition: int) -> int:
        """The offset of the next record; see ``Log.end``."""
        stream = self.stream(topic, partition)
        with self.reading() as reader:
            return end(reader, stream)

    def begin(self, topic: str, partition: int) -> int:
        """The offset of the first record that is kept; see ``Log.begin``."""
        stream = self.stream(topic, partition)
        table = "packed" if stream.compacted else "plain"
        with self.reading() as reader:
            row = reader.execute(
                f"SELECT min(position) FROM {table} WHERE position >= ? AND position < ?",
                (stream.base, stream.limit),
            ).fetchone()
            return int(row[0]) - stream.base if row[0] is not None else end(reader, stream)

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drop the records before an offset, and overwrite them in the file. See ``Log.trim``."""
        stream = self.stream(topic, partition)
        if stream.compacted:
            raise ValueError(f"topic {topic!r} is compacted: delete a key by an empty value instead")
        limit = stream.base + max(0, min(offset, 1 << OFFSET_BITS))
        count = 0
        while True:
            with self.transaction(erasing=True) as writer:
                first = writer.execute(
                    "SELECT min(position) FROM plain WHERE position >= ? AND position < ?",
                    (stream.base, limit),
                ).fetchone()[0]
                if first is None:
                    return count
                # a few at a time: whoever wants to append meanwhile waits for milliseconds
                until = min(limit, int(first) + TRIMMED_RECORDS_MAX)
                done = writer.execute(
                    "DELETE FROM plain WHERE position >= ? AND position < ?", (first, until)
                )
                count += done.rowcount

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The live value of every key; ``ValueError`` for a topic that isn't compacted."""
        stream = self.stream(topic, partition)
        if not stream.compacted:
            raise ValueError(f"topic {topic!r} isn't compacted: read it from an offset instead")
        with self.reading() as reader:
            return {record.key: record.value for record in read_packed(reader, stream.base, stream.limit)}

    # groups

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on; see ``Log.committed``."""
        stream = self.stream(topic, partition)
        with self.reading() as reader:
            row = reader.execute(
                'SELECT "offset" FROM committed WHERE "group" = ? AND stream = ?',
                (group, stream.number),
            ).fetchone()
        return int(row[0]) if row else 0

    def claim(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on: one process holds this log; see ``Log.claim``."""
        return self.committed(group, topic, partition)

    def release(self, group: str, topic: str, partition: int) -> None:
        """Nothing: nobody else could take it; see ``Log.release``."""

    def commit(
        self,
        group: str,
        topic: str,
        partition: int,
        offset: int,
        *,
        appended: Sequence[tuple[str, int, Sequence[NewRecord]]] = (),
    ) -> None:
        """Move a group's offset and append, as one transaction; see ``Log.commit``."""
        if offset < 0:
            raise ValueError(f"group {group!r} can't commit offset {offset}: offsets begin at 0")
        stream = self.stream(topic, partition)
        targets = [(self.stream(name, number), records) for name, number, records in appended]
        with self.transaction() as writer:
            for target, records in targets:
                append(writer, target, records)
            writer.execute(
                "INSERT OR REPLACE INTO committed VALUES (?, ?, ?)", (group, stream.number, offset)
            )

    def close(self) -> None:
        """Release the file; a second call does nothing."""
        with self._write_lock, self._read_lock:
            if self._closed or os.getpid() != self._process:
                return
            self._closed = True
            try:
                with translated(self.path, "close"):
                    self._reader.close()
                    self._writer.close()
            finally:
                if self._bytes is not None:
                    os.close(self._bytes)
                os.close(self._held)

    # how: for the rest of this package

    def stream(self, topic: str, partition: int) -> Stream:
        stream = self._streams.get((topic, partition))
        if stream is None:
            raise KeyError(f"topic {topic!r} has {self.partitions(topic)} partitions, no {partition}")
        return stream

    def descriptor(self) -> int:
        """The file as bytes. It stays open: closing it would drop the locks that SQLite holds on the file."""
        with self._read_lock:
            self._refuse_misuse()
            if self._bytes is None:
                self._bytes = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            return self._bytes

    def _load_topics(self) -> None:
        rows = self._writer.execute("SELECT topic, partitions, compacted FROM topics").fetchall()
        topics = {topic: (partitions, bool(compacted)) for topic, partitions, compacted in rows}
        streams = self._writer.execute('SELECT topic, "partition", stream FROM streams').fetchall()
        self._streams = {
            (topic, partition): Stream(number, topics[topic][1]) for topic, partition, number in streams
        }
        self._topics = topics

    def _refuse_misuse(self) -> None:
        if self._closed:
            raise LogUnavailable(f"the log {self.path} is closed: open it again")
        if os.getpid() != self._process:
            raise LogUnavailable(
                f"the log {self.path} was opened by process {self._process}, before this one was"
                " forked from it: open it after the fork, in one process"
            )

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes, outside of a transaction."""
        with self._write_lock, translated(self.path, "write"):
            self._refuse_misuse()
            yield self._writer

    @contextmanager
    def transaction(self, *, erasing: bool = False) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; ``erasing``: what is dropped is overwritten in the file."""
        with self.writing() as writer:
            if erasing:
                writer.execute("PRAGMA secure_delete=ON").fetchall()
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, a full disk among them
                if writer.in_transaction:
                    with suppress(sqlite3.Error):
                        writer.execute("ROLLBACK")
                raise
            finally:
                if erasing:
                    writer.execute("PRAGMA secure_delete=OFF").fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock, translated(self.path, "read"):
            self._refuse_misuse()
            yield self._reader
