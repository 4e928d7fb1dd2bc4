"""Facts <-> Avro: what the topics ``facts.<table>`` hold.

A value is a whole row with its workspace, its version and whether it is deleted, so whoever follows a
topic keeps, for each key, the value of the highest version. Encoding starts from the blocks that are
inserted where there is no topic, and decoding ends in them: both ways write the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.codec.blocks import STAMP, Block, facts_to_arrow, keys_to_arrow, schema_of
from pipeline.codec.columns import python_values
from pipeline.codec.decoding import Failure, Piece, Positions, joined, upgraded, without
from pipeline.codec.encoding import serialized
from pipeline.codec.schemas import FACTS, ParsedSchema, arrow_schema, current_schemas, shipped_schemas
from pipeline.codec.wire import read_pieces
from pipeline.core.facts import TABLES, Fact

_KEY_SEPARATOR = b"\0"
#: values of a topic that are read at once when all of it is looked through
READ_AGAIN_ROWS_MAX = 50_000


class FactRows(NamedTuple):
    """The rows of one table in a batch of values."""

    #: name in ``TABLES``
    table: str
    #: where each row stood in the batch, rising
    positions: Positions
    #: the struct's fields, workspace, version and is_deleted: ready to insert
    block: Block


class DecodedFacts(NamedTuple):
    """What one batch of values of facts says."""

    #: at most one entry a table, in the order in which tables are written
    tables: list[FactRows]
    #: rising positions; for the dead letters
    failures: list[Failure]
    #: rising positions of values in a schema this version doesn't know; to be read again after an upgrade
    unknown: list[int]


class FactCodec:
    """Writes every table's rows with its current schema, and reads them from any schema it knows.

    ``ids`` says under which id each table is written, and ``schemas`` which schema an id in front of a
    value means; both are for a registry, and default to the shipped schemas under the ids that follow
    from their content.
    """

    def __init__(
        self, *, ids: Mapping[str, int] | None = None, schemas: Mapping[int, ParsedSchema] | None = None
    ) -> None:
        self._writers = shipped_schemas(FACTS) if schemas is None else schemas
        self._readers = current_schemas(FACTS)
        self._ids = {table: schema.id for table, schema in self._readers.items()} if ids is None else ids

    def encode(
        self,
        table: str,
        workspace: str,
        version: int,
        rows: Sequence[Fact],
        deleted: Sequence[tuple[object, ...]] = (),
    ) -> list[tuple[bytes, bytes]]:
        """Keys and values of rows of one table, then of deletions, each in its order.

        ``deleted`` holds keys in the order of ``Fact.keys``. Raises ``ValueError``, ``TypeError`` or
        ``OverflowError`` for what a table's columns can't hold.
        """
        pairs: list[tuple[bytes, bytes]] = []
        for block in facts_to_arrow(table, workspace, version, rows):
            pairs += self._pairs(table, workspace, block)
        for block in keys_to_arrow(table, workspace, version, deleted):
            pairs += self._pairs(table, workspace, block)
        return pairs

    def _pairs(self, table: str, workspace: str, block: Block) -> Iterator[tuple[bytes, bytes]]:
        schema = self._readers[table]
        (batch,) = block.to_batches()
        # the columns that a deletion doesn't have take their defaults
        whole = upgraded(batch, schema)
        for field, column in zip(arrow_schema(schema), whole.columns, strict=True):
            if _has_gaps(column, field.nullable):
                raise ValueError(f"{table}: {field.name} holds an absent value")
        values = serialized(whole.columns, schema, self._ids[table])
        parts = (python_values(batch.column(name)) for name in TABLES[table].keys)
        keys = map(_key_text, zip(*parts, strict=True))
        head = workspace.encode() + _KEY_SEPARATOR
        return zip((head + key for key in keys), values, strict=True)

    def decode(self, values: Sequence[bytes]) -> DecodedFacts:
        """Read a batch of values of any tables by columns. Bad values are reported, and never raise."""
        pieces, failures, unknown = read_pieces(values, self._writers, self._readers)
        found = []
        for table in TABLES:
            sound = [_without_impossible_versions(piece, failures) for piece in pieces.get(table, ())]
            if any(len(piece.positions) for piece in sound):
                _, positions, batch = joined(table, sound)
                found.append(FactRows(table, positions, _insertable(table, batch)))
        return DecodedFacts(found, sorted(failures), sorted(unknown))

    def stale_keys(
        self, table: str, workspace: str, latest: Mapping[bytes, bytes], below: int
    ) -> list[tuple[object, ...]]:
        """Keys of the rows that hold though nothing under the version ``below`` should: for deletion.

        ``latest`` maps every key of the table's topic to its newest value, whatever the workspace. A value
        that can't be read is older than everything that this version wrote.
        """
        head = workspace.encode() + _KEY_SEPARATOR
        keys = sorted(key for key in latest if key.startswith(head))
        stale: list[tuple[object, ...]] = []
        for start in range(0, len(keys), READ_AGAIN_ROWS_MAX):
            part = keys[start : start + READ_AGAIN_ROWS_MAX]
            decoded = self.decode([latest[key] for key in part])
            standing = np.ones(len(part), bool)
            for rows in decoded.tables:
                version, is_deleted = (
                    rows.block.column(name).to_numpy() for name in ("version", "is_deleted")
                )
                standing[rows.positions] = (rows.table == table) & (is_deleted == 0) & (version < below)
            stale += [tuple(msgspec.json.decode(part[row][len(head) :])) for row in np.flatnonzero(standing)]
        return stale


def fact_key(workspace: str, key: Iterable[object]) -> bytes:
    """The key of a row on its topic: the workspace, a zero byte, and the fields of its key.

    These are a JSON array in UTF-8 without spaces, a time as its microseconds. Characters that needn't
    be escaped aren't, so equal keys are equal bytes, whichever language makes them.
    """
    return workspace.encode() + _KEY_SEPARATOR + _key_text(tuple(key))


_key_text = msgspec.json.Encoder().encode


def _has_gaps(column: pa.Array, nullable: bool) -> bool:
    if column.null_count:
        return not nullable
    if pa.types.is_map(column.type):
        return bool(column.keys.null_count or column.items.null_count)
    return pa.types.is_list(column.type) and bool(column.flatten().null_count)


def _without_impossible_versions(piece: Piece, failures: list[Failure]) -> Piece:
    versions = piece.table.column("version")
    if not len(versions) or pc.min(versions).as_py() >= 0:
        return piece
    numbers = versions.to_numpy()
    wrong = np.flatnonzero(numbers < 0).tolist()
    return without(piece, {row: f"version is {numbers[row]}: 0 or more is meant" for row in wrong}, failures)


def _insertable(table: str, batch: pa.RecordBatch) -> Block:
    schema = pa.schema([*schema_of(TABLES[table]), *STAMP])
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for field, column in zip(schema, batch.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
