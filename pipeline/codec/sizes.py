"""How many bytes a batch takes in Avro's shortest form, from its columns alone.

The columnar library reads a value from its beginning and doesn't look at what follows. But no value
can be read from fewer bytes than its shortest form; so when the shortest forms together take exactly
the bytes that came, nothing followed any of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_VARINT_BITS = 7
_VARINT_BYTES_MAX = 10
_FIXED_BYTES = {pa.bool_(): 1, pa.float32(): 4, pa.float64(): 8}


def shortest_bytes(batch: pa.RecordBatch) -> int:
    """The bytes of all rows together; ``ValueError`` for a type that we don't use."""
    return sum(
        _column_bytes(column, field.nullable)
        for column, field in zip(batch.columns, batch.schema, strict=True)
    )


def _column_bytes(column: pa.Array, optional: bool) -> int:
    if optional:
        # one byte says which branch of the union follows, and null takes no more
        return len(column) + _column_bytes(column.drop_null(), False)
    if fixed := _FIXED_BYTES.get(column.type):
        return fixed * len(column)
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    if pa.types.is_integer(column.type):
        return _varint_bytes(column.to_numpy().astype(np.int64, copy=False))
    if pa.types.is_string(column.type):
        return _text_bytes(column)
    if pa.types.is_list(column.type):
        counts = np.diff(column.offsets.to_numpy())
        # a block of items with its count, unless there is none; then the zero that ends the list
        return len(column) + _varint_bytes(counts[counts > 0]) + _column_bytes(column.flatten(), False)
    if pa.types.is_map(column.type):
        bounds = column.offsets.to_numpy()
        counts = np.diff(bounds)
        first, entries = int(bounds[0]), int(bounds[-1] - bounds[0])
        # as a list of pairs
        return (
            len(column)
            + _varint_bytes(counts[counts > 0])
            + _text_bytes(column.keys.slice(first, entries))
            + _column_bytes(column.items.slice(first, entries), False)
        )
    raise ValueError(f"no size is known for {column.type}")


def _text_bytes(column: pa.StringArray) -> int:
    if len(column) == 0:
        return 0
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    return int(offsets[-1] - offsets[0]) + _varint_bytes(np.diff(offsets))


def _varint_bytes(numbers: npt.NDArray[np.signedinteger]) -> int:
    if len(numbers) == 0:
        return 0
    wide = numbers.astype(np.int64, copy=False)
    zigzag = ((wide << 1) ^ (wide >> 63)).view(np.uint64)
    total = len(numbers)
    least, most = int(zigzag.min()), int(zigzag.max())
    for length in range(1, _VARINT_BYTES_MAX):
        limit = 1 << (_VARINT_BITS * length)
        if most < limit:
            break
        total += len(numbers) if least >= limit else int(np.count_nonzero(zigzag >= np.uint64(limit)))
    return total
