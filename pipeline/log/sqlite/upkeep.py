"""Looking after the file of a log: copying it while it is written, what takes its room, erasing for good.

What SQLite drops stays in free parts of its file until something else is written there. What must not
be found any more is overwritten where it stands, and the file is written anew when a trace is left.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pipeline.log.protocol import LogCorrupt, LogUnavailable, Record
from pipeline.log.sqlite.file import FORMAT, translated
from pipeline.log.sqlite.log import SqliteLog
from pipeline.log.sqlite.packed import change_packed
from pipeline.log.sqlite.streams import Stream
from pipeline.measuring import ProgressCall

__all__ = ["FORMAT", "LogUpkeep", "Usage", "occurrences"]

#: pages that are copied between two tellings of progress
COPIED_PAGES = 1_000
READ_RECORDS_MAX = 1_000
#: more records than this are not counted byte by byte: a sample of them tells their size
COUNTED_RECORDS_MAX = 50_000
SAMPLED_RECORDS = 2_000
SEARCHED_BYTES = 4 * 2**20


class Usage(NamedTuple):
    """What one topic holds. ``size_bytes`` is an estimate when it holds many records."""

    records: int
    size_bytes: int


class LogUpkeep:
    """Work on the file of a log that this process holds; the log can be used meanwhile."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.path = log.path

    def copy_to(
        self, path: Path, *, without: Collection[str] = (), progress: ProgressCall | None = None
    ) -> None:
        """Copy the log as it is at this moment into a new file that only its owner can read.

        Nobody who writes waits for it. ``without`` names topics whose records are left out: they are not
        in the file any more, only the offsets at which they ended. Raises ``LogUnavailable`` and
        ``LogCorrupt``, and leaves no file then.
        """
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

        def copied(_: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress("copying", total - remaining, total)

        try:
            with translated(path, "write"), closing(sqlite3.connect(path, isolation_level=None)) as target:
                with self._snapshot() as source:
                    source.backup(target, pages=COPIED_PAGES, progress=copied)
                target.execute("PRAGMA journal_mode=DELETE").fetchall()
                # the copy is nobody's log yet: if the machine stops, it is made again
                target.execute("PRAGMA synchronous=OFF")
                self._leave_out(target, without)
                ((verdict,),) = target.execute("PRAGMA quick_check(1)").fetchall()
                if verdict != "ok":
                    raise LogCorrupt(f"{self.path} is damaged ({verdict}): restore it from an older backup")
            with path.open("rb") as file:
                os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees the file of one moment, however much is written meanwhile."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM topics").fetchall()
            yield source

    def _leave_out(self, target: sqlite3.Connection, topics: Collection[str]) -> None:
        for stream in (stream for topic in topics for stream in self._streams(topic)):
            table = "packed" if stream.compacted else "plain"
            target.execute(
                f"DELETE FROM {table} WHERE position >= ? AND position < ?", (stream.base, stream.limit)
            )
        target.execute("VACUUM")  # what was dropped, here or before, is still in free parts of the file

    def usage(self, topic: str) -> Usage:
        """How much a topic holds: quick, whatever its size."""
        records = size_bytes = 0
        for stream in self._streams(topic):
            count, size = self._usage(stream)
            records += count
            size_bytes += size
        return Usage(records, size_bytes)

    def _usage(self, stream: Stream) -> Usage:
        where = "WHERE position >= ? AND position < ?"
        bounds = (stream.base, stream.limit)
        with self._log.reading() as reader:
            if stream.compacted:
                found = f"SELECT ifnull(sum(records), 0), ifnull(sum(length(value)), 0) FROM packed {where}"
                return Usage(*reader.execute(found, bounds).fetchone())
            first, last = reader.execute(
                f"SELECT min(position), max(position) FROM plain {where}", bounds
            ).fetchone()
            if first is None:
                return Usage(0, 0)
            records = last - first + 1  # a plain topic has no holes
            size = "ifnull(sum(length(key) + length(value)), 0)"
            if records <= COUNTED_RECORDS_MAX:
                return Usage(
                    records, reader.execute(f"SELECT {size} FROM plain {where}", bounds).fetchone()[0]
                )
            step = records // SAMPLED_RECORDS
            total = sum(
                reader.execute(f"SELECT {size} FROM plain WHERE position = ?", (position,)).fetchone()[0]
                for position in range(first, last + 1, step)
            )
            return Usage(records, total * step)

    def rewrite(self, topic: str, change: Callable[[Record], bytes | None]) -> int:
        """Put other values in the place of records, overwritten ones of a compacted topic too.

        ``change`` gives the new value, or ``None`` for a record that stays. The old bytes are overwritten
        in the file; ``scrub`` removes what copies of them there may be. Returns how many were changed.
        """
        return sum(
            self._rewrite_packed(stream, change) if stream.compacted else self._rewrite_plain(stream, change)
            for stream in self._streams(topic)
        )

    def _rewrite_plain(self, stream: Stream, change: Callable[[Record], bytes | None]) -> int:
        count, position = 0, stream.base
        while True:
            with self._log.reading() as reader:
                rows = reader.execute(
                    "SELECT position, key, value FROM plain WHERE position >= ? AND position < ?"
                    " ORDER BY position LIMIT ?",
                    (position, stream.limit, READ_RECORDS_MAX),
                ).fetchall()
            if not rows:
                return count
            changed = [
                (value, at)
                for at, key, old in rows
                if (value := change(Record(at - stream.base, key, old))) is not None
            ]
            if changed:
                with self._log.transaction(erasing=True) as writer:
                    writer.executemany("UPDATE plain SET value = ? WHERE position = ?", changed)
            count += len(changed)
            position = rows[-1][0] + 1

    def _rewrite_packed(self, stream: Stream, change: Callable[[Record], bytes | None]) -> int:
        with self._log.transaction(erasing=True) as writer:
            return change_packed(writer, stream.base, stream.limit, change)

    def scrub(self, texts: Collection[bytes], *, anew: bool = False) -> int:
        """Leave no trace of texts outside the records; returns how often the file still holds one.

        ``texts`` are in small letters, and found however they are written. A file that holds one somewhere
        is written anew (``anew``: in any case), which needs as much room again, and for which whoever
        writes waits. Raises ``LogUnavailable`` when it can't be written anew now.
        """
        self._fold_back()
        if not anew and not self._standing(texts):
            return 0
        with self._log.writing() as writer:
            writer.execute("VACUUM")
        self._fold_back()
        return self._standing(texts)

    def _standing(self, texts: Collection[bytes]) -> int:
        descriptor = self._log.descriptor()
        return sum(occurrences(descriptor, text) for text in texts)

    def _fold_back(self) -> None:
        """Put what stands in the write-ahead file into the file itself, and empty the former."""
        with self._log.writing() as writer, self._log.reading():
            busy, _, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LogUnavailable(
                f"somebody reads {self.path} for long (a backup?): run the same command again when that ended"
            )

    def _streams(self, topic: str) -> list[Stream]:
        return [self._log.stream(topic, partition) for partition in range(self._log.partitions(topic))]


def occurrences(descriptor: int, text: bytes) -> int:
    """How often an open file holds a text (in small letters), however it is written there."""
    count, at, tail = 0, 0, b""
    while read := os.pread(descriptor, SEARCHED_BYTES, at):
        at += len(read)
        block = tail + read.lower()
        count += block.count(text)
        # shorter than the text, so that nothing is counted twice
        tail = block[-(len(text) - 1) :] if len(text) > 1 else b""
    return count
