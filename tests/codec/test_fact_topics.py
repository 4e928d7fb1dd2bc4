"""docs/topics.md tells every topic of facts and its fields as the schemas do, and none that isn't there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import FactCodec
from pipeline.codec.schemas import FACTS, current_schemas
from pipeline.core.facts import TABLES, AttributionFact
from tests.codec.fact_examples import records_in

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "topics.md"
STAMP = ("workspace", "version", "is_deleted")
CURRENT = current_schemas(FACTS)


def words_of(avro: Any) -> str:
    """An Avro type in words."""
    if isinstance(avro, list):
        return f"{words_of(avro[1])} or null"
    if isinstance(avro, dict):
        if avro["type"] == "array":
            return f"array of {avro['items']}"
        return f"map of {avro['values']}" if avro["type"] == "map" else "time"
    return str(avro)


def rows_of(fields: list[dict[str, Any]]) -> list[str]:
    """The rows that the document has for some fields."""
    return [f"| `{field['name']}` | {words_of(field['type'])} | {field['doc']} |" for field in fields]


def section(heading: str) -> str:
    """What stands in the document below a heading, up to the next one."""
    _, found, after = DOCUMENT.read_text(encoding="utf-8").partition(f"\n### {heading}\n")
    assert found, f"write a section '### {heading}' in docs/topics.md"
    return re.split(r"^#", after, maxsplit=1, flags=re.MULTILINE)[0]


def told(heading: str) -> list[str]:
    return [line for line in section(heading).splitlines() if line.startswith("| `")]


def test_there_is_a_section_a_topic() -> None:
    headings = re.findall(r"^### `facts\.(\w+)`$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_every_field_is_told_as_its_schema_tells_it(table: str) -> None:
    heading = f"`facts.{table}`"
    fields = [field for field in CURRENT[table].fields if field["name"] not in STAMP]
    assert told(heading) == rows_of(fields)
    keys = ", ".join(f"`{name}`" for name in TABLES[table].keys)
    assert f"{CURRENT[table].document['doc']} Key: {keys}." in section(heading)


@pytest.mark.parametrize("table", TABLES)
def test_what_every_value_has_is_told_once(table: str) -> None:
    assert told("In every value") == rows_of(CURRENT[table].fields[-len(STAMP) :])


def test_the_example_is_a_record() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    key, value = re.findall(r"^```(?:json)?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[:2]
    record = json.loads(value)
    fact = AttributionFact(**{name: record[name] for name in AttributionFact.__struct_fields__})
    ((written, body),) = FactCodec().encode("attributions", record["workspace"], record["version"], [fact])
    assert written.decode().replace("\0", r"\0") == key.strip()
    (rows,) = FactCodec().decode([body]).tables
    assert records_in(rows.block) == [record]
