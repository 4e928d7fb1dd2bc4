"""Structs -> values: one column a field, then all events of one record at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyruhvro

from pipeline.codec.decoding import times_are_sane
from pipeline.codec.schemas import HEAD_NAMES, ID_BYTES, ParsedSchema, arrow_schema
from pipeline.collector import collector_held_off
from pipeline.core.events import Event, InvalidEvent


def encode_group(events: Sequence[Event], schema: ParsedSchema, number: int) -> list[bytes]:
    """Encode events of one record under a schema's number.

    Raises ``InvalidEvent`` naming the first event whose values don't fit.
    """
    try:
        return _encode(events, schema, number)
    except (ValueError, TypeError, OverflowError) as error:
        if len(events) == 1:
            raise InvalidEvent(f"{schema.record} {events[0].id!r} can't be written: {error}") from error
    for event in events:
        encode_group([event], schema, number)
    raise InvalidEvent(f"{len(events)} events of {schema.record} can't be written together: write fewer")


def _encode(events: Sequence[Event], schema: ParsedSchema, number: int) -> list[bytes]:
    with collector_held_off():
        by_field = list(zip(*map(msgspec.structs.astuple, events), strict=True))
    columns = [
        _lists(column, field.type.value_type) if pa.types.is_list(field.type) else _scalars(column, field)
        for field, column in zip(arrow_schema(schema), by_field, strict=True)
    ]
    return serialized(columns, schema, number)


def serialized(columns: Sequence[pa.Array], schema: ParsedSchema, number: int) -> list[bytes]:
    """The values of rows that are given as the columns of a schema, head included."""
    rows = len(columns[0])
    head = np.frombuffer(number.to_bytes(ID_BYTES, "big") * rows, "<f4")
    names = [*HEAD_NAMES, *(field["name"] for field in schema.fields)]
    batch = pa.RecordBatch.from_arrays([pa.array(np.zeros(rows, bool)), pa.array(head), *columns], names)
    return [
        value
        for part in pyruhvro.serialize_record_batch(batch, schema.columnar, 1)
        for value in part.to_pylist()
    ]


def _scalars(column: Sequence[Any], field: pa.Field) -> pa.Array:
    array = pa.array(column, field.type)
    if array.null_count and not field.nullable:
        raise ValueError(f"{field.name} is required")
    if pa.types.is_timestamp(field.type) and array.null_count < len(array):
        bounds = pc.min_max(array.view(pa.int64()))
        if not times_are_sane(bounds["min"].as_py(), bounds["max"].as_py()):
            raise ValueError(f"{field.name} lies outside the years 1900 to 2299")
    return array


def _lists(column: Sequence[list[Any]], kind: pa.DataType) -> pa.ListArray:
    offsets = np.zeros(len(column) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, column), np.int32, len(column)), out=offsets[1:])
    items = pa.array(list(chain.from_iterable(column)), kind)
    if items.null_count:
        raise ValueError("a list holds an absent item")
    return pa.ListArray.from_arrays(pa.array(offsets), items)
