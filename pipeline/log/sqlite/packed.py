"""Compacted topics: each append is one row that holds all of its records.

A state of many small records is written far more often than it is read, and one row for each of them
would cost a search in a B-tree and two changes of hands of the interpreter's lock. So an append packs
its records into one row; what was overwritten stays until the rows are merged, and no reader sees it.
Merging rewrites everything that lives, when there is about as much again that does not: each record
is rewritten once for each time that the topic doubles.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from pipeline.log.protocol import NewRecord, Record

TABLE = """CREATE TABLE packed (position INTEGER PRIMARY KEY, records INTEGER NOT NULL,
    merged INTEGER NOT NULL, value BLOB NOT NULL)"""

#: rows are never merged before a topic holds this many records
MERGED_RECORDS_MIN = 50_000
#: a merge packs at most this many records into a row
ROW_RECORDS_MAX = 10_000

#: offset, key and value; an empty value deletes the key
_Packed = tuple[int, bytes, bytes]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Packed]).decode


def append_packed(
    writer: sqlite3.Connection, base: int, end: int, first: int, records: Sequence[NewRecord]
) -> None:
    """Append a batch at offset ``first`` of the stream with positions ``[base, end)``."""
    packed = [(offset, key, value) for offset, (key, value) in enumerate(records, first)]
    _insert(writer, base + first, packed, merged=False)
    if _wants_merging(writer, base, end):
        survivors = read_packed(writer, base, end)
        writer.execute("DELETE FROM packed WHERE position >= ? AND position < ?", (base, end))
        for start in range(0, len(survivors), ROW_RECORDS_MAX):
            block = survivors[start : start + ROW_RECORDS_MAX]
            _insert(writer, base + block[0].offset, block, merged=True)


def read_packed(connection: sqlite3.Connection, base: int, end: int) -> list[Record]:
    """The newest record of every key that was not deleted, in order of offset."""
    newest: dict[bytes, _Packed] = {}
    # one row at a time: what was overwritten since is never held beside what lives
    for (value,) in connection.execute(
        "SELECT value FROM packed WHERE position >= ? AND position < ? ORDER BY position", (base, end)
    ):
        for record in _decode(value):
            newest[record[1]] = record
    return sorted(Record._make(record) for record in newest.values() if record[2])


def change_packed(
    writer: sqlite3.Connection, base: int, end: int, change: Callable[[Record], bytes | None]
) -> int:
    """Put other values in the place of records, in rows of any age; returns how many were changed."""
    count = 0
    rows = writer.execute(
        "SELECT position, value FROM packed WHERE position >= ? AND position < ?", (base, end)
    ).fetchall()
    for position, value in rows:
        records = _decode(value)
        changed = [change(Record._make(record)) for record in records]
        if any(new is not None for new in changed):
            count += sum(new is not None for new in changed)
            kept = [
                record if new is None else (*record[:2], new)
                for record, new in zip(records, changed, strict=True)
            ]
            writer.execute("UPDATE packed SET value = ? WHERE position = ?", (_encode(kept), position))
    return count


def _insert(writer: sqlite3.Connection, position: int, records: Sequence[_Packed], *, merged: bool) -> None:
    writer.execute(
        "INSERT INTO packed VALUES (?, ?, ?, ?)", (position, len(records), merged, _encode(records))
    )


def _wants_merging(writer: sqlite3.Connection, base: int, end: int) -> bool:
    total, merged = writer.execute(
        "SELECT sum(records), sum(records * merged) FROM packed WHERE position >= ? AND position < ?",
        (base, end),
    ).fetchone()
    return bool(total >= MERGED_RECORDS_MIN and total > 2 * merged)
