"""Fact rows as blocks: structs become Arrow arrays of the types that the tables have.

A block can be inserted as it is, and is what values of facts are written from. Built a thousand rows at a
time: a transposition that leaves the processor's cache costs three times as much.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate, chain

import msgspec
import pyarrow as pa

from pipeline.core.facts import TABLES, Fact

#: rows that one insert carries at most: one part of a table, one block in memory
BATCH_ROWS_MAX = 100_000
_PART_ROWS_MAX = 1_000

T = typing.TypeVar("T")
#: rows of one table in columns, ready to insert
Block: typing.TypeAlias = pa.Table

TIMESTAMP = pa.timestamp("us", "UTC")

#: what stands in a row beside the fields of its struct
STAMP = pa.schema([("workspace", pa.string()), ("version", pa.uint64()), ("is_deleted", pa.uint8())])

_SCALARS: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list[str]: pa.list_(pa.string()),
    list[int]: pa.list_(pa.int64()),
    dict[str, float]: pa.map_(pa.string(), pa.float64()),
    dict[str, int]: pa.map_(pa.string(), pa.int64()),
}


def is_time(name: str) -> bool:
    """Whether a field of a struct is a time: int64 microseconds there, a DateTime64 in its table."""
    return name == "time" or name.endswith("_at")


def column_type(name: str, hint: object) -> pa.DataType:
    """The Arrow type of a struct's field; raises ``TypeError`` for one that no column can hold."""
    if is_time(name):
        return TIMESTAMP
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    try:
        return _SCALARS[hint]
    except KeyError:
        raise TypeError(f"field {name!r} of type {hint!r} has no column type") from None


@cache
def schema_of(struct: type[msgspec.Struct]) -> pa.Schema:
    """The Arrow schema of a struct's fields, in their order."""
    hints = typing.get_type_hints(struct)
    return pa.schema([(name, column_type(name, hints[name])) for name in struct.__struct_fields__])


def fact_blocks(
    table: str, workspace: str, version: int, rows: Sequence[Fact], deleted: Sequence[tuple[object, ...]] = ()
) -> Iterator[pa.Table]:
    """Deletions, then rows, of one table: blocks ready to insert."""
    yield from keys_to_arrow(table, workspace, version, deleted)
    yield from facts_to_arrow(table, workspace, version, rows)


def facts_to_arrow(
    table: str, workspace: str, version: int, rows: Sequence[Fact], is_deleted: bool = False
) -> Iterator[pa.Table]:
    """Blocks of at most ``BATCH_ROWS_MAX`` rows, ready to insert."""
    struct = TABLES[table]
    schema = schema_of(struct)
    columns = (_transposed(part) for part in _parts(rows))
    yield from _blocks(columns, schema, workspace, version, is_deleted)


def keys_to_arrow(
    table: str, workspace: str, version: int, keys: Sequence[tuple[object, ...]]
) -> Iterator[pa.Table]:
    """Blocks that mark rows as deleted; the other columns take their defaults."""
    struct = TABLES[table]
    schema = pa.schema([schema_of(struct).field(name) for name in struct.keys])
    yield from _blocks((zip(*part, strict=True) for part in _parts(keys)), schema, workspace, version, True)


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + _PART_ROWS_MAX] for start in range(0, len(rows), _PART_ROWS_MAX))


def _transposed(rows: Sequence[Fact]) -> Iterator[Sequence[object]]:
    return zip(*map(msgspec.structs.astuple, rows), strict=True)


def _array(column: Sequence[object], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_map(kind):
        return pa.array(column, kind)
    # from their parts Arrow builds maps in half the time
    maps = typing.cast("Sequence[dict[str, object]]", column)
    return pa.MapArray.from_arrays(
        pa.array([0, *accumulate(map(len, maps))], pa.int32()),
        pa.array(list(chain.from_iterable(maps)), kind.key_type),
        pa.array(list(chain.from_iterable(map(dict.values, maps))), kind.item_type),
    )


def _blocks(
    parts: Iterable[Iterable[Sequence[object]]],
    schema: pa.Schema,
    workspace: str,
    version: int,
    is_deleted: bool,
) -> Iterator[pa.Table]:
    """Collect parts, each the columns of a few rows, into blocks of the size of an insert."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for part in parts:
        arrays = [_array(column, field.type) for column, field in zip(part, schema, strict=True)]
        waiting.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        rows += len(arrays[0])
        if rows + _PART_ROWS_MAX > BATCH_ROWS_MAX:
            yield _stamped(waiting, schema, workspace, version, is_deleted)
            waiting, rows = [], 0
    if waiting:
        yield _stamped(waiting, schema, workspace, version, is_deleted)


def _stamped(
    batches: list[pa.RecordBatch], schema: pa.Schema, workspace: str, version: int, is_deleted: bool
) -> pa.Table:
    # one chunk: the engine sorts and writes a whole block at a time
    block = pa.Table.from_batches(batches, schema).combine_chunks()
    for field, value in zip(STAMP, (workspace, version, int(is_deleted)), strict=True):
        block = block.append_column(field.name, pa.repeat(pa.scalar(value, field.type), block.num_rows))
    return block
