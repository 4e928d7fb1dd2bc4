"""The schemas say what the structs say, and old and new ones read each other."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.codec import ParsedSchema, load_schemas, parse_schema
from pipeline.core.events import RECORDS
from tests.codec.examples import GOLDEN, SCHEMAS, is_time

ALL = load_schemas(SCHEMAS)
CURRENT = {
    path.stem: parse_schema(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("*.avsc"))
}
TIME = {"type": "long", "logicalType": "timestamp-micros"}


def avro_of(field: msgspec.structs.FieldInfo) -> Any:
    number: Any = TIME if is_time(field.name) else "long"
    by_type: dict[Any, Any] = {
        str: "string",
        bool: "boolean",
        int: number,
        int | None: ["null", number],
        float | None: ["null", "double"],
        list[str]: {"type": "array", "items": "string"},
        list[int]: {"type": "array", "items": "long"},
    }
    return by_type[field.type]


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def test_there_is_one_schema_a_record() -> None:
    assert sorted(CURRENT) == sorted(RECORDS)


@pytest.mark.parametrize("record", RECORDS)
def test_a_schema_has_the_fields_of_its_struct(record: str) -> None:
    document = CURRENT[record].document
    assert (document["name"], document["namespace"]) == (record, "aftermerge")
    fields = msgspec.structs.fields(RECORDS[record])
    assert [field["name"] for field in document["fields"]] == [field.name for field in fields]
    for avro, field in zip(document["fields"], fields, strict=True):
        assert avro["type"] == avro_of(field), field.name
        assert avro.get("default", msgspec.NODEFAULT) == default_of(field), field.name


@pytest.mark.parametrize("path", sorted(SCHEMAS.rglob("*.avsc")), ids=lambda path: path.name)
def test_every_field_is_documented(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    for part in [document, *document["fields"]]:
        assert len(part.get("doc", "").split()) > 2, f"{path.name}: say what {part['name']} means"
        assert part["doc"].endswith("."), f"{path.name}: {part['name']}: a sentence ends with a full stop"


def test_every_schema_has_golden_bytes() -> None:
    named = {f"{schema.record}.{schema.id:08x}" for schema in ALL.values()}
    golden = {path.stem for path in GOLDEN.glob("*.bin")}
    assert golden - named == set(), (
        "golden bytes of a schema that is gone: keep the old schema in schemas/history/<record>.<id>.avsc"
    )
    assert named - golden == set(), "write them with `python -m tests.codec.examples`"


def test_old_schemas_are_filed_under_their_ids() -> None:
    for path in (SCHEMAS / "history").glob("*.avsc"):
        schema = parse_schema(path.read_text(encoding="utf-8"))
        assert path.name == f"{schema.record}.{schema.id:08x}.avsc"
        assert schema.id != CURRENT[schema.record].id


def unreadable(writer: ParsedSchema, reader: ParsedSchema) -> list[str]:
    """What of a reader's fields can't be had from a writer's bytes."""
    written = {field["name"]: field["type"] for field in writer.fields}
    return [
        f"{reader.record} {reader.id:08x} can't read {field['name']} of {writer.id:08x}"
        for field in reader.fields
        if (field["name"] not in written and "default" not in field)
        or written.get(field["name"], field["type"]) != field["type"]
    ]


def test_all_versions_of_a_record_read_each_other() -> None:
    pairs = [(one, other) for one, other in permutations(ALL.values(), 2) if one.record == other.record]
    assert pairs, "there is no older version to compare with"
    assert [problem for writer, reader in pairs for problem in unreadable(writer, reader)] == []


def test_an_incompatible_change_is_noticed() -> None:
    old = CURRENT["burn_ended"]
    required = {"name": "reason", "type": "string"}
    changed = {**old.fields[2], "type": "string"}
    new = parse_schema(
        json.dumps({**old.document, "fields": [*old.fields[:2], changed, *old.fields[3:], required]})
    )
    assert len(unreadable(old, new)) == 2
    assert len(unreadable(new, old)) == 1


def test_an_id_follows_from_what_decides_the_bytes() -> None:
    old = CURRENT["clock_ticked"]
    reworded = parse_schema(json.dumps({**old.document, "doc": "Another wording."}))
    renamed = parse_schema(
        json.dumps({**old.document, "fields": [{**old.fields[0], "name": "key"}, *old.fields[1:]]})
    )
    assert reworded.id == old.id != renamed.id
    assert all(0 < schema.id < 2**31 for schema in ALL.values())


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"string"', '{"type": "record"}', '{"type": "enum", "name": "x"}']
)
def test_what_is_no_schema_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "change_merged.avsc").write_text(text)
    with pytest.raises(ValueError, match=r"change_merged\.avsc: not an Avro schema"):
        load_schemas(tmp_path)


def test_two_files_of_one_schema_are_refused(tmp_path: Path) -> None:
    text = (SCHEMAS / "clock_ticked.avsc").read_text(encoding="utf-8")
    (tmp_path / "clock_ticked.avsc").write_text(text)
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "clock_ticked.00000000.avsc").write_text(text)
    with pytest.raises(ValueError, match="has the id .* of another schema"):
        load_schemas(tmp_path)
    (tmp_path / "history" / "clock_ticked.00000000.avsc").unlink()
    (tmp_path / "burn_ended.avsc").write_text(text)
    with pytest.raises(ValueError, match="name the file after it"):
        load_schemas(tmp_path)
