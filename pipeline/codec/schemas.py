"""The Avro schemas: read from a directory, named by their content, ready for both Avro libraries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa
from fastavro.schema import SchemaParseException, to_parsing_canonical_form

from pipeline import resources

MAGIC = b"\x00"
ID_BYTES = 4
HEAD_BYTES = len(MAGIC) + ID_BYTES

#: The five bytes in front of a value are themselves two Avro fields (a boolean that is false, and
#: four bytes that a float leaves as they are), so both directions work on whole values uncopied.
_HEAD_FIELDS = [{"name": "_magic", "type": "boolean"}, {"name": "_schema", "type": "float"}]
HEAD_NAMES = [field["name"] for field in _HEAD_FIELDS]

#: kinds of records: where their schemas stand in the directory of schemas
EVENTS = ""
FACTS = "facts"

_ARROW_TYPES = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "timestamp-micros": pa.timestamp("us", "UTC"),
}


class ParsedSchema(NamedTuple):
    """One version of one record, ready to read and write."""

    #: name in ``RECORDS``, or in ``TABLES`` (the schema's own name, without its namespace)
    record: str
    #: content address: the first 31 bits of the SHA-256 of the parsing canonical form
    id: int
    document: dict[str, Any]
    #: the whole value, head included, as JSON for the columnar library
    columnar: str
    #: the body without logical types, as the row library wants it: times stay integers
    rows: Any

    @property
    def fields(self) -> list[dict[str, Any]]:
        return list(self.document["fields"])


def parse_schema(text: str) -> ParsedSchema:
    """Parse one schema document. Raises ``ValueError`` for what isn't the schema of a record."""
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("type") != "record":
            raise ValueError("it describes no record")
        canonical = to_parsing_canonical_form(document)
        rows = fastavro.parse_schema(_plain(document))
    except (SchemaParseException, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not an Avro schema ({error}): {text[:80]}") from error
    return ParsedSchema(
        record=document["name"].rpartition(".")[2],
        id=schema_id(canonical),
        document=document,
        columnar=json.dumps({**document, "fields": _HEAD_FIELDS + document["fields"]}),
        rows=rows,
    )


def schema_id(canonical: str) -> int:
    """The id of a schema by its parsing canonical form.

    The top bit is dropped, so that a registry, which counts in signed integers, can import it.
    """
    return int.from_bytes(sha256(canonical.encode()).digest()[:ID_BYTES], "big") & 0x7FFF_FFFF


def load_schemas(directory: Path) -> dict[int, ParsedSchema]:
    """Every schema of a directory by id: the current ones, and those in ``history/`` below it.

    Raises ``ValueError`` naming the file that is no schema, or two files with one id.
    """
    found: dict[int, ParsedSchema] = {}
    for path in [*sorted(directory.glob("*.avsc")), *sorted(directory.glob("history/*.avsc"))]:
        try:
            schema = parse_schema(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if path.name.partition(".")[0] != schema.record:
            raise ValueError(f"{path}: holds the record {schema.record!r}: name the file after it")
        if schema.id in found:
            raise ValueError(
                f"{path}: has the id {schema.id:08x} of another schema of {found[schema.id].record!r}:"
                " remove the older file if only its texts or defaults differ"
            )
        found[schema.id] = schema
    return found


@cache
def shipped_schemas(kind: str = EVENTS) -> Mapping[int, ParsedSchema]:
    """The schemas of a kind that travel with the code, by id."""
    return load_schemas(resources.schemas() / kind)


@cache
def current_schemas(kind: str = EVENTS) -> Mapping[str, ParsedSchema]:
    """The schema that this version writes and reads each record of a kind with."""
    return {
        path.stem: parse_schema(path.read_text(encoding="utf-8"))
        for path in (resources.schemas() / kind).glob("*.avsc")
    }


def arrow_schema(schema: ParsedSchema) -> pa.Schema:
    """The columns of a record, without the head; ``ValueError`` for a type we don't use."""
    return pa.schema(
        [
            pa.field(field["name"], arrow_type(field["type"]), nullable=isinstance(field["type"], list))
            for field in schema.fields
        ]
    )


def arrow_type(avro: Any) -> pa.DataType:
    """The Arrow type of a field's Avro type."""
    if isinstance(avro, list):
        others = [branch for branch in avro if branch != "null"]
        if len(others) == 1 and len(avro) == 2:
            return arrow_type(others[0])
    elif isinstance(avro, dict):
        if avro["type"] == "array":
            return pa.list_(arrow_type(avro["items"]))
        if avro["type"] == "map":
            return pa.map_(pa.string(), arrow_type(avro["values"]))
        return arrow_type(avro.get("logicalType", avro["type"]))
    elif avro in _ARROW_TYPES:
        return _ARROW_TYPES[avro]
    raise ValueError(f"the type {avro!r} isn't one that events or facts use")


def _plain(avro: Any) -> Any:
    if isinstance(avro, dict):
        return {key: _plain(value) for key, value in avro.items() if key != "logicalType"}
    if isinstance(avro, list):
        return [_plain(item) for item in avro]
    return avro
