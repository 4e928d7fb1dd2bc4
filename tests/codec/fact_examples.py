"""Facts to write and read: one filled example a table, and strategies for any row.

``python -m tests.codec.fact_examples`` writes the golden bytes of schemas that have none yet. Bytes that
are there stay: they stand for topics that were written long ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro
import msgspec
import pyarrow as pa
from hypothesis import strategies as st

from pipeline.codec import FactCodec, ParsedSchema, load_schemas
from pipeline.core.facts import TABLES, Fact
from tests.codec.examples import GOLDEN, INTEGERS, SCHEMAS, TEXTS, is_time

FACT_SCHEMAS = SCHEMAS / "facts"
FACT_GOLDEN = GOLDEN / "facts"
WORKSPACE = "acme"
VERSION = (3 << 40) | 17

FLOATS = st.floats(allow_nan=False)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    bool: st.booleans(),
    int: INTEGERS,
    int | None: st.none() | INTEGERS,
    float: FLOATS,
    float | None: st.none() | FLOATS,
    list[str]: st.lists(TEXTS, max_size=4),
    list[int]: st.lists(INTEGERS, max_size=4),
    dict[str, float]: st.dictionaries(TEXTS, FLOATS, max_size=4),
    dict[str, int]: st.dictionaries(TEXTS, INTEGERS, max_size=4),
}


def facts_of(table: str) -> st.SearchStrategy[Fact]:
    """Any row of one table, every field anywhere in its range."""
    struct = TABLES[table]
    return st.builds(struct, **{field.name: VALUES[field.type] for field in msgspec.structs.fields(struct)})


def keys_of(table: str) -> st.SearchStrategy[tuple[object, ...]]:
    """Any key of one table."""
    types = {field.name: field.type for field in msgspec.structs.fields(TABLES[table])}
    return st.tuples(*(VALUES[types[name]] for name in TABLES[table].keys))


def filled(table: str) -> Fact:
    """A row in which every field says something, and something else than its neighbours."""
    struct = TABLES[table]
    values: dict[str, Any] = {}
    for number, field in enumerate(msgspec.structs.fields(struct)):
        name = field.name
        by_type: dict[Any, Any] = {
            str: f"{name} № {number}",
            bool: True,
            int: number * 100,
            int | None: number * 100,
            float: number / 8,
            float | None: number / 8,
            list[str]: [f"{name} {item}" for item in range(number % 3 + 1)],
            list[int]: [number + item for item in range(number % 3 + 1)],
            dict[str, float]: {"lag": -number / 8, "same service": 2.25},
            dict[str, int]: {"too old": number, "other environment": 1},
        }
        values[name] = 1_700_000_000_000_000 + number if is_time(name) else by_type[field.type]
    return struct(**values)


def key_in(fact: Fact) -> tuple[object, ...]:
    return tuple(getattr(fact, name) for name in fact.keys)


def record_of(fact: Fact, version: int = VERSION) -> dict[str, Any]:
    """What a row's value says, by field."""
    return {
        **msgspec.structs.asdict(fact),
        "workspace": WORKSPACE,
        "version": version,
        "is_deleted": False,
    }


def deletion_of(table: str, key: tuple[object, ...], version: int = VERSION) -> dict[str, Any]:
    """What a deletion's value says where it isn't a default."""
    stamp = {"workspace": WORKSPACE, "version": version, "is_deleted": True}
    return dict(zip(TABLES[table].keys, key, strict=True)) | stamp


def as_written(record: Mapping[str, Any], schema: ParsedSchema) -> bytes:
    """A record as any writer with this schema writes it, by the row library alone."""
    body = BytesIO()
    fastavro.schemaless_writer(body, schema.rows, record)
    return b"\x00" + schema.id.to_bytes(4, "big") + body.getvalue()


def records_in(block: pa.Table) -> list[dict[str, Any]]:
    """The rows of a block by field, in the types of the values: times as numbers, flags as such."""
    columns = {}
    for field in block.schema:
        column = block.column(field.name)
        if pa.types.is_timestamp(field.type):
            column = column.cast(pa.int64())
        columns[field.name] = column.to_pylist(maps_as_pydicts="strict")
    columns["is_deleted"] = list(map(bool, columns["is_deleted"]))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def write_golden(schema: ParsedSchema) -> None:
    """Write the bytes of the filled example under a schema, and what is to be read from them."""
    path = FACT_GOLDEN / f"{schema.record}.{schema.id:08x}.bin"
    if path.exists():
        return
    value = as_written(record_of(filled(schema.record)), schema)
    path.write_bytes(value)
    (record,) = records_in(FactCodec().decode([value]).tables[0].block)
    text = msgspec.json.format(msgspec.json.encode(record), indent=2)
    path.with_suffix(".json").write_bytes(text + b"\n")


if __name__ == "__main__":
    FACT_GOLDEN.mkdir(exist_ok=True)
    for shipped in load_schemas(FACT_SCHEMAS).values():
        write_golden(shipped)
