"""A partition of a topic as a range of positions in the tables of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.log.protocol import NewRecord, Record
from pipeline.log.sqlite.packed import append_packed

#: Offsets take the low bits of a position: 10^12 records a partition, 8 million partitions a file.
OFFSET_BITS = 40


class Stream(NamedTuple):
    """One partition of one topic: its number, and the table that its records are in."""

    number: int
    compacted: bool

    @property
    def base(self) -> int:
        """The position of offset 0."""
        return self.number << OFFSET_BITS

    @property
    def limit(self) -> int:
        """The position behind every offset of the stream."""
        return self.base + (1 << OFFSET_BITS)


def settings(partitions: int, compacted: bool) -> str:
    return f"{partitions} partitions and is {'compacted' if compacted else 'plain'}"


def end(connection: sqlite3.Connection, stream: Stream) -> int:
    row = connection.execute('SELECT "end" FROM streams WHERE stream = ?', (stream.number,)).fetchone()
    return int(row[0])


def append(writer: sqlite3.Connection, stream: Stream, records: Sequence[NewRecord]) -> int:
    first = end(writer, stream)
    if not records:
        return first
    start = stream.base + first
    if stream.compacted:
        append_packed(writer, stream.base, stream.limit, first, records)
    else:
        writer.executemany(
            "INSERT INTO plain VALUES (?, ?, ?)",
            ((position, key, value) for position, (key, value) in enumerate(records, start)),
        )
    writer.execute('UPDATE streams SET "end" = ? WHERE stream = ?', (first + len(records), stream.number))
    return first


def first_gap(records: list[Record]) -> int:
    return next(
        expected for expected, record in enumerate(records, records[0].offset) if record.offset != expected
    )
