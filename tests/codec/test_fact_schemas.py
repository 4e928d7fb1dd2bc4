"""The schemas of facts say what the structs and the tables say, and old and new ones read each other."""

from __future__ import annotations

import re
from functools import cache
from itertools import permutations
from typing import Any

import msgspec
import pytest

from pipeline import resources
from pipeline.codec import load_schemas, parse_schema
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES
from tests.codec.examples import SCHEMAS, is_time
from tests.codec.fact_examples import FACT_GOLDEN, FACT_SCHEMAS
from tests.codec.test_schemas import TIME, unreadable

ALL = load_schemas(FACT_SCHEMAS)
CURRENT = {
    path.stem: parse_schema(path.read_text(encoding="utf-8")) for path in sorted(FACT_SCHEMAS.glob("*.avsc"))
}
STAMP = ["workspace", "version", "is_deleted"]
_TABLE = re.compile(r"^(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE) (\w+)$(.*?);$", re.DOTALL | re.MULTILINE)
_COLUMN = re.compile(
    r"^ +(?:ADD COLUMN IF NOT EXISTS |MODIFY COLUMN )?(\w+) (?:.* )?COMMENT '((?:[^'\\]|\\.)*)'", re.MULTILINE
)
_TABLE_COMMENT = re.compile(r"^COMMENT '((?:[^'\\]|\\.)*)'", re.MULTILINE)


def avro_of(field: msgspec.structs.FieldInfo) -> tuple[Any, Any]:
    """The type that a field has in Avro, and its default unless it is of the key."""
    number: Any = TIME if is_time(field.name) else "long"
    by_type: dict[Any, tuple[Any, Any]] = {
        str: ("string", ""),
        bool: ("boolean", False),
        int: (number, 0),
        int | None: (["null", number], None),
        float: ("double", 0.0),
        float | None: (["null", "double"], None),
        list[str]: ({"type": "array", "items": "string"}, []),
        list[int]: ({"type": "array", "items": "long"}, []),
        dict[str, float]: ({"type": "map", "values": "double"}, {}),
        dict[str, int]: ({"type": "map", "values": "long"}, {}),
    }
    return by_type[field.type]


@cache
def comments() -> dict[str, dict[str, str]]:
    """What the migrations say of the tables of facts: table -> column ("" for the table itself) -> words."""
    found: dict[str, dict[str, str]] = {table: {} for table in TABLES}
    for path in sorted((resources.sql() / "migrations").glob("*.sql")):
        for table, statement in _TABLE.findall(path.read_text(encoding="utf-8")):
            if table in found:
                found[table] |= {name: text.replace("\\'", "'") for name, text in _COLUMN.findall(statement)}
                of_table = _TABLE_COMMENT.search(statement)
                if of_table:
                    found[table][""] = of_table[1].replace("\\'", "'")
    return found


def test_there_is_one_schema_a_table() -> None:
    assert sorted(CURRENT) == sorted(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_schema_has_the_fields_of_its_struct(table: str) -> None:
    document = CURRENT[table].document
    assert (document["name"], document["namespace"]) == (table, "aftermerge.facts")
    fields = {field.name: field for field in msgspec.structs.fields(TABLES[table])}
    assert [avro["name"] for avro in document["fields"]] == [*fields, *STAMP]
    for avro in document["fields"][: -len(STAMP)]:
        kind, default = avro_of(fields[avro["name"]])
        assert avro["type"] == kind, avro["name"]
        if avro["name"] in TABLES[table].keys:
            assert "default" not in avro, avro["name"]
        else:
            assert repr(avro["default"]) == repr(default), avro["name"]
    stamp = [(avro["type"], avro.get("default", ...)) for avro in document["fields"][-len(STAMP) :]]
    assert stamp == [("string", ...), ("long", 0), ("boolean", False)]


@pytest.mark.parametrize("table", TABLES)
def test_a_schema_says_what_its_table_says(table: str) -> None:
    """The fields are the columns, and each sentence is the column's comment, in at least its words."""
    said, document = comments()[table], CURRENT[table].document
    columns = {name: text for name, text in said.items() if name}
    assert sorted(columns) == sorted(avro["name"] for avro in document["fields"])
    assert document["doc"] == f"{said['']}."
    for avro in document["fields"]:
        if avro["name"] == "is_deleted":
            continue  # 1 in a table, true in a value
        sentence = iter(_words(avro["doc"]))
        missing = [word for word in _words(said[avro["name"]]) if word not in sentence]
        assert not missing, f"{table}.{avro['name']}: the comment says {said[avro['name']]!r}"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_every_schema_has_golden_bytes() -> None:
    named = {f"{schema.record}.{schema.id:08x}" for schema in ALL.values()}
    golden = {path.stem for path in FACT_GOLDEN.glob("*.bin")}
    assert golden - named == set(), (
        "golden bytes of a schema that is gone: keep it in schemas/facts/history/<table>.<id>.avsc"
    )
    assert named - golden == set(), "write them with `python -m tests.codec.fact_examples`"


def test_old_schemas_are_filed_under_their_ids() -> None:
    for path in (FACT_SCHEMAS / "history").glob("*.avsc"):
        schema = parse_schema(path.read_text(encoding="utf-8"))
        assert path.name == f"{schema.record}.{schema.id:08x}.avsc"
        assert schema.id != CURRENT[schema.record].id


def test_no_fact_is_taken_for_an_event() -> None:
    assert set(TABLES).isdisjoint(RECORDS)
    assert set(ALL).isdisjoint(load_schemas(SCHEMAS)), "two schemas of one id: a value would be misread"


def test_all_versions_of_a_record_read_each_other() -> None:
    pairs = [(one, other) for one, other in permutations(ALL.values(), 2) if one.record == other.record]
    assert [problem for writer, reader in pairs for problem in unreadable(writer, reader)] == []


@pytest.mark.parametrize("table", TABLES)
def test_any_field_but_the_key_may_come_and_go(table: str) -> None:
    """So that compatibility in both directions over all versions is a promise that can be kept."""
    whole = CURRENT[table]
    key = {*TABLES[table].keys, "workspace"}
    bare = {**whole.document, "fields": [field for field in whole.fields if field["name"] in key]}
    least = parse_schema(msgspec.json.encode(bare).decode())
    assert unreadable(least, whole) == unreadable(whole, least) == []
    without_key = {**whole.document, "fields": [field for field in whole.fields if field["name"] not in key]}
    assert len(unreadable(parse_schema(msgspec.json.encode(without_key).decode()), whole)) == len(key)
