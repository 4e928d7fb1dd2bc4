"""Values -> columns: all at once when all are good, and around the bad ones when some are not.

The columnar library takes a batch whole or not at all. So a batch that it refuses is halved until
the bad values stand nearly alone, and these the row library judges one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyruhvro

from pipeline.codec.columns import Columns
from pipeline.codec.schemas import HEAD_BYTES, HEAD_NAMES, ParsedSchema, arrow_schema
from pipeline.codec.sizes import shortest_bytes

#: A refused batch of this many values or fewer isn't halved again.
ROW_BY_ROW_MAX = 32

#: What a time may be: the years 1900 to 2299, which is what the store can hold.
TIME_MICROSECONDS_MIN = -2_208_988_800 * 1_000_000
TIME_MICROSECONDS_MAX = 10_413_792_000 * 1_000_000 - 1

#: positions in a batch, rising
Positions = npt.NDArray[np.int64]


class Failure(NamedTuple):
    """One value that is no event: where it stood in the batch, and why it was refused."""

    position: int
    reason: str


class Decoded(NamedTuple):
    """What one batch of values says."""

    #: at most one entry a record
    columns: list[Columns]
    #: rising positions; for the dead letters
    failures: list[Failure]
    #: rising positions of values in a schema this version doesn't know; to be parked
    unknown: list[int]


class Piece(NamedTuple):
    """Some rows of one record, with the position of each in the batch."""

    positions: Positions
    table: pa.RecordBatch


def decode_group(
    values: Sequence[bytes], positions: Positions, writer: ParsedSchema, reader: ParsedSchema
) -> tuple[list[Piece], list[Failure]]:
    """Decode values that were written with one schema into the columns of the reader's."""
    pieces: list[Piece] = []
    failures: list[Failure] = []
    waiting = [positions]
    while waiting:
        part = waiting.pop()
        try:
            raw = _read_columns(list(map(values.__getitem__, part.tolist())), writer)
        except ValueError:
            if len(part) > ROW_BY_ROW_MAX:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
                continue
            part, raw = _read_rows(values, part, writer, reader, failures)
        try:
            table = upgraded(raw, reader)
        except ValueError as error:
            reason = f"schema {writer.id:08x} can't be read as {reader.record}: {error}"
            failures += [Failure(position, reason) for position in part.tolist()]
            continue
        if len(part):
            pieces.append(Piece(part, table))
    return pieces, failures


def upgraded(table: pa.RecordBatch, reader: ParsedSchema) -> pa.RecordBatch:
    """A writer's columns as the reader's: its order and types, its defaults for what is missing.

    Raises ``ValueError`` when a field has neither a value nor a default.
    """
    target = arrow_schema(reader)
    columns = []
    for field, avro in zip(target, reader.fields, strict=True):
        index = table.schema.get_field_index(field.name)
        if index >= 0:
            column = table.column(index)
            columns.append(column if column.type == field.type else column.cast(field.type))
        elif "default" in avro:
            columns.append(pa.repeat(pa.scalar(avro["default"], field.type), table.num_rows))
        else:
            raise ValueError(f"it has no field {field.name!r}")
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _read_columns(values: list[bytes], writer: ParsedSchema) -> pa.RecordBatch:
    """Read whole values at once; ``ValueError`` when any of them is not exactly one value."""
    try:
        batch = pyruhvro.deserialize_array(values, writer.columnar)
    except BaseException as error:
        # what the library doesn't implement is a panic of its language, which is no Exception here
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(str(error)) from error
    if shortest_bytes(batch) != sum(map(len, values)):
        raise ValueError("bytes follow a value, or it isn't written in its shortest form")
    batch.validate(full=True)  # texts are UTF-8
    return batch.select(range(len(HEAD_NAMES), batch.num_columns))


def _read_rows(
    values: Sequence[bytes],
    positions: Positions,
    writer: ParsedSchema,
    reader: ParsedSchema,
    failures: list[Failure],
) -> tuple[Positions, pa.RecordBatch]:
    """Read values one by one; only the fields of the reader, so a writer's others may be of any type."""
    written = {field["name"] for field in writer.fields}
    schema = pa.schema([field for field in arrow_schema(reader) if field.name in written])
    good: list[int] = []
    rows: list[pa.RecordBatch] = []
    for position in positions.tolist():
        try:
            row = _read_row(values[position], writer)
            rows.append(pa.RecordBatch.from_pylist([row], schema=schema))
        except Exception as error:  # noqa: BLE001 - whatever the bytes made a library say, they are what is wrong
            failures.append(Failure(position, f"no {writer.record}: {_sentence(error)}"))
        else:
            good.append(position)
    table = pa.concat_batches(rows) if rows else pa.RecordBatch.from_pylist([], schema=schema)
    return np.array(good, np.int64), table


def _read_row(value: bytes, writer: ParsedSchema) -> Any:
    body = BytesIO(value)
    body.seek(HEAD_BYTES)
    row = fastavro.schemaless_reader(body, writer.rows, None)
    if left := len(value) - body.tell():
        raise ValueError(f"{left} bytes follow its end")
    return row


def _sentence(error: Exception) -> str:
    if isinstance(error, EOFError | IndexError):
        return "its bytes end too early"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def without_absurd_times(piece: Piece, failures: list[Failure]) -> Piece:
    """The rows whose times the store can hold; the others are added to the failures."""
    wrong: dict[int, str] = {}
    for field, column in zip(piece.table.schema, piece.table.columns, strict=True):
        if not pa.types.is_timestamp(field.type) or column.null_count == len(column):
            continue
        times = column.view(pa.int64())
        bounds = pc.min_max(times)
        if times_are_sane(bounds["min"].as_py(), bounds["max"].as_py()):
            continue
        for row, time in enumerate(times.to_pylist()):
            if time is not None and not times_are_sane(time, time):
                wrong.setdefault(
                    row, f"{field.name} is {time}: microseconds of the years 1900 to 2299 are meant"
                )
    return without(piece, wrong, failures)


def without(piece: Piece, wrong: Mapping[int, str], failures: list[Failure]) -> Piece:
    """A piece without some of its rows, which are added to the failures with the reason for each."""
    if not wrong:
        return piece
    failures += [Failure(int(piece.positions[row]), reason) for row, reason in wrong.items()]
    kept = np.setdiff1d(np.arange(piece.table.num_rows), list(wrong))
    return Piece(piece.positions[kept], piece.table.take(pa.array(kept)))


def times_are_sane(earliest: int, latest: int) -> bool:
    """Whether times lie where the store can hold them."""
    return earliest >= TIME_MICROSECONDS_MIN and latest <= TIME_MICROSECONDS_MAX


def joined(record: str, pieces: list[Piece]) -> Columns:
    """The pieces of one record as one, in the order of the batch."""
    if len(pieces) == 1:
        return Columns(record, *pieces[0])
    positions = np.concatenate([piece.positions for piece in pieces])
    table = pa.concat_batches([piece.table for piece in pieces])
    if np.any(np.diff(positions) < 0):
        order = np.argsort(positions)
        positions, table = positions[order], table.take(pa.array(order))
    return Columns(record, positions, table)
