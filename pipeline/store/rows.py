"""What goes in and comes out beside facts and events: answers to questions, and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from pipeline.codec.blocks import TIMESTAMP, Block


class Result(NamedTuple):
    """The answer to a query: names and ClickHouse types of the columns, and the rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[object, ...]]


class DeadLetterRow(NamedTuple):
    """A row of the table ``dead_letters``; ``failed_at`` is in microseconds UTC.

    ``partition`` and ``offset`` are -1 where the place has none; for a file the offset is its line.
    """

    workspace: str
    topic: str
    partition: int
    offset: int
    place: str
    reason: str
    bytes: bytes
    failed_at: int


_DEAD_LETTERS = pa.schema(
    [
        ("workspace", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("place", pa.string()),
        ("reason", pa.string()),
        ("bytes", pa.binary()),
        ("failed_at", TIMESTAMP),
    ]
)


def letters_block(letters: Sequence[DeadLetterRow]) -> Block:
    """At least one dead letter, ready to insert."""
    columns = zip(*letters, strict=True)
    arrays = [pa.array(*typed) for typed in zip(columns, _DEAD_LETTERS.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_DEAD_LETTERS)
