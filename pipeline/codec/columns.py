"""Events of one record as columns, and from columns to structs.

Time goes into making Python objects, so the rule is: as few of them as possible. A column that
says nothing is one repeated value, and a column with few distinct texts (a source, a repository,
an author) makes each text once, which the events then share: less time, and far less memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.collector import collector_held_off
from pipeline.core.events import RECORDS, Event

#: A column's first texts decide whether it is made by distinct values ...
SAMPLE_ROWS = 256
#: ... which pays when at most one in so many of them is distinct.
DISTINCT_ONE_IN = 2


class Columns(NamedTuple):
    """The events of one record in a batch."""

    #: name in ``RECORDS``
    record: str
    #: where each row stood in the batch, rising
    positions: npt.NDArray[np.int64]
    #: one column a field of the struct, in its order; times are ``timestamp[us, UTC]``
    table: pa.RecordBatch

    def events(self) -> list[Event]:
        """The rows as structs. Lists may be shared between events, and are not to be changed."""
        with collector_held_off():
            return list(map(RECORDS[self.record], *map(python_values, self.table.columns)))


def python_values(column: pa.Array) -> Iterable[Any]:
    """A column's values as Python objects, as many as it has rows."""
    rows = len(column)
    if rows == 0:
        return []
    if column.null_count == rows:
        return repeat(None, rows)
    if pa.types.is_string(column.type):
        return _texts(column)
    if pa.types.is_list(column.type):
        return _lists(column)
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    if column.null_count:
        return _with_gaps(column)
    if pa.types.is_boolean(column.type):
        if column.true_count in (0, rows):
            return repeat(column.true_count == rows, rows)
        return list(column.to_numpy(zero_copy_only=False).tolist())
    numbers = column.to_numpy()
    if numbers[0] == numbers[-1] and (numbers == numbers[0]).all():
        return repeat(numbers[0].item(), rows)
    return list(numbers.tolist())


def _with_gaps(column: pa.Array) -> list[Any]:
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).astype(object)
    numbers[column.is_null().to_numpy(zero_copy_only=False)] = None
    return list(numbers.tolist())


def _texts(column: pa.StringArray) -> Iterable[str]:
    if column.buffers()[2] is None or _ends(column, 0) == _ends(column, len(column)):
        return repeat("", len(column))
    sample = column[:SAMPLE_ROWS]
    if len(sample.unique()) * DISTINCT_ONE_IN > len(sample):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    encoded = column.dictionary_encode()
    distinct = encoded.dictionary.to_numpy(zero_copy_only=False)
    if len(distinct) == 1:
        return repeat(distinct[0], len(column))
    return list(distinct[encoded.indices.to_numpy()].tolist())


def _ends(column: pa.StringArray, row: int) -> int:
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    return int(offsets[column.offset + row])


def _lists(column: pa.ListArray) -> Iterable[list[Any]]:
    empty: list[Any] = []
    flat = column.flatten()
    if len(flat) == 0:
        return repeat(empty, len(column))
    items = list(python_values(flat))
    offsets = column.offsets.to_numpy()
    bounds = (offsets - offsets[0]).tolist()
    return [items[start:stop] if start != stop else empty for start, stop in pairwise(bounds)]
