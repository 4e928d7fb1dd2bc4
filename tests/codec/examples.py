"""Events to write and read: one filled example a record, and strategies for any event.

``python -m tests.codec.examples`` writes the golden bytes of schemas that have none yet. Bytes that
are there stay: they stand for logs that were written long ago.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from pipeline.codec import Codec, ParsedSchema, load_schemas
from pipeline.core.events import RECORDS, Event

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "schemas"
GOLDEN = ROOT / "tests" / "golden" / "avro"

#: every time an event may have: the years 1900 to 2299
TIMES = st.integers(-2_208_988_800_000_000, 10_413_791_999_999_999)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.one_of(st.just(""), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))


def is_time(field: str) -> bool:
    return field == "time" or field.endswith("_at")


def _values(field: msgspec.structs.FieldInfo) -> st.SearchStrategy[Any]:
    numbers = TIMES if is_time(field.name) else INTEGERS
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        str: TEXTS,
        bool: st.booleans(),
        int: numbers,
        int | None: st.none() | numbers,
        float | None: st.none() | st.floats(allow_nan=False),
        list[str]: st.lists(TEXTS, max_size=4),
        list[int]: st.lists(INTEGERS, max_size=4),
    }
    return by_type[field.type]


def events_of(struct: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one record, every field anywhere in its range."""
    fields = msgspec.structs.fields(struct)
    return st.builds(struct, **{field.name: _values(field) for field in fields})


EVENTS = st.one_of([events_of(struct) for struct in RECORDS.values()])


def filled(record: str) -> Event:
    """An event in which every field says something, and something else than its neighbours."""
    struct = RECORDS[record]
    values: dict[str, Any] = {}
    for number, field in enumerate(msgspec.structs.fields(struct)):
        if is_time(field.name):
            values[field.name] = 1_700_000_000_000_000 + number
        elif field.type is bool:
            values[field.name] = True
        elif field.type is str:
            values[field.name] = f"{field.name} № {number}"
        elif field.type == list[str]:
            values[field.name] = [f"{field.name} {item}" for item in range(number % 3 + 1)]
        elif field.type == list[int]:
            values[field.name] = [number * 1_000 + item for item in range(number % 3 + 1)]
        elif field.type == float | None:
            values[field.name] = number / 8
        else:
            values[field.name] = number * 100
    return struct(**values)


def write_golden(schema: ParsedSchema) -> None:
    """Write the bytes of the filled example under a schema, and what is to be read from them."""
    path = GOLDEN / f"{schema.record}.{schema.id:08x}.bin"
    if path.exists():
        return
    value = as_written(filled(schema.record), schema)
    path.write_bytes(value)
    (event,) = Codec().decode([value]).columns[0].events()
    text = msgspec.json.format(msgspec.json.encode(msgspec.structs.asdict(event)), indent=2)
    path.with_suffix(".json").write_bytes(text + b"\n")


def as_written(event: Event, schema: ParsedSchema) -> bytes:
    """An event as any writer with this schema writes it, by the row library alone."""
    from io import BytesIO

    import fastavro

    body = BytesIO()
    fastavro.schemaless_writer(body, schema.rows, msgspec.structs.asdict(event))
    return b"\x00" + schema.id.to_bytes(4, "big") + body.getvalue()


if __name__ == "__main__":
    for shipped in load_schemas(SCHEMAS).values():
        write_golden(shipped)
