"""Fact rows with only what a test cares about; everything else is the value for not told."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pyarrow as pa

from pipeline.codec.blocks import schema_of
from pipeline.core.events import RECORDS, Event

S = TypeVar("S", bound=msgspec.Struct)

WORKSPACE = "acme"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: a Monday, 2024-01-01 00:00 UTC
MONDAY = 1_704_067_200_000_000
HOUR = 3_600_000_000
DAY = 24 * HOUR

_ABSENT: dict[object, object] = {str: "", int: 0, float: 0.0, bool: False}


def row(struct: type[S], **told: object) -> S:
    """A struct with these fields; texts empty, numbers 0, lists empty, optional things ``None``."""
    hints = typing.get_type_hints(struct)
    return struct(**{name: told.get(name, _absent(hints[name])) for name in struct.__struct_fields__})


def _absent(hint: object) -> object:
    if isinstance(hint, types.UnionType):
        return None
    if hint in _ABSENT:
        return _ABSENT[hint]
    origin = typing.get_origin(hint)
    assert origin in (list, dict), hint
    return origin()


def event(record: str, **told: object) -> Event:
    """An event of one record type."""
    return row(RECORDS[record], **told)


def batch(record: str, events: Sequence[Event]) -> pa.RecordBatch:
    """Events as the codec decodes them."""
    schema = schema_of(RECORDS[record])
    columns = zip(*map(msgspec.structs.astuple, events), strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def moment(micros: int) -> datetime:
    """The aware datetime of a time in microseconds."""
    return EPOCH + timedelta(microseconds=micros)
