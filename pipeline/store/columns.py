"""Decoded events as blocks: the columns of a record, checked against its table, and the workspace."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline.codec.blocks import BATCH_ROWS_MAX, TIMESTAMP, is_time
from pipeline.core.events import RECORDS


def events_to_arrow(record: str, workspace: str, batch: pa.RecordBatch) -> Iterator[pa.Table]:
    """Blocks of events as decoded; times may come as int64 microseconds or as timestamps.

    Raises ``ValueError`` for a column that the record's table doesn't have.
    """
    known = set(RECORDS[record].__struct_fields__)
    unknown = [name for name in batch.schema.names if name not in known]
    if unknown:
        raise ValueError(f"table events_{record} has no column {unknown[0]!r}: add it in a migration")
    arrays = [
        array.cast(TIMESTAMP) if is_time(name) and array.type != TIMESTAMP else array
        for name, array in zip(batch.schema.names, batch.columns, strict=True)
    ]
    whole = pa.Table.from_arrays(arrays, names=batch.schema.names)
    for start in range(0, whole.num_rows, BATCH_ROWS_MAX):
        block = whole.slice(start, BATCH_ROWS_MAX)
        yield block.append_column("workspace", pa.repeat(pa.scalar(workspace, pa.string()), block.num_rows))
