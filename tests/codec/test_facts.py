"""Facts to keys and bytes and back into blocks: whole, by either library, by other schemas, around poison."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pyarrow as pa
import pyruhvro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.codec import Codec, DecodedFacts, FactCodec, ParsedSchema, fact_key, parse_schema
from pipeline.codec.blocks import facts_to_arrow
from pipeline.codec.schemas import FACTS, current_schemas
from pipeline.codec.sizes import shortest_bytes
from pipeline.core.events import ClockTicked
from pipeline.core.facts import TABLES, AttributionFact, BurnFact, Fact, IncidentFact
from tests.codec.examples import INTEGERS, TEXTS
from tests.codec.fact_examples import (
    FACT_GOLDEN,
    VERSION,
    WORKSPACE,
    as_written,
    deletion_of,
    facts_of,
    filled,
    key_in,
    keys_of,
    record_of,
    records_in,
)
from tests.store.conftest import fresh

CODEC = FactCodec()
CURRENT = current_schemas(FACTS)

#: of a test that runs for each table
EXAMPLES_MAX = settings().max_examples // 4

Records = dict[int, dict[str, Any]]
MIXED = st.lists(
    st.sampled_from(sorted(TABLES)).flatmap(lambda table: st.lists(facts_of(table), min_size=1, max_size=4)),
    max_size=4,
)


def encoded(facts: list[Fact], version: int = VERSION) -> list[bytes]:
    return [value for _, value in CODEC.encode(facts[0].table, WORKSPACE, version, facts)]


def by_position(decoded: DecodedFacts) -> Records:
    found: Records = {}
    for rows in decoded.tables:
        positions = rows.positions.tolist()
        assert positions == sorted(positions)
        found.update(zip(positions, records_in(rows.block), strict=True))
    return found


def read_by_rows(value: bytes, writer: ParsedSchema, reader: ParsedSchema) -> Any:
    """A value as the row library alone resolves it."""
    return fastavro.schemaless_reader(BytesIO(value[5:]), writer.rows, reader.rows)


@given(MIXED, st.integers(0, 2**63 - 1))
def test_facts_come_back_as_they_went(groups: list[list[Fact]], version: int) -> None:
    values = list(chain.from_iterable(encoded(group, version) for group in groups))
    decoded = CODEC.decode(values)
    facts = list(chain.from_iterable(groups))
    assert by_position(decoded) == {at: record_of(fact, version) for at, fact in enumerate(facts)}
    assert (decoded.failures, decoded.unknown) == ([], [])
    tables = [rows.table for rows in decoded.tables]
    assert tables == [table for table in TABLES if any(fact.table == table for fact in facts)]


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=EXAMPLES_MAX)
@given(st.data())
def test_both_libraries_write_the_same_bytes(table: str, data: st.DataObject) -> None:
    """Rows, and deletions, whose other fields are the schema's defaults; and the keys of both."""
    facts = data.draw(st.lists(facts_of(table), max_size=4))
    gone = data.draw(st.lists(keys_of(table), max_size=4))
    pairs = CODEC.encode(table, WORKSPACE, VERSION, facts, gone)
    records = [record_of(fact) for fact in facts] + [deletion_of(table, key) for key in gone]
    assert [value for _, value in pairs] == [as_written(record, CURRENT[table]) for record in records]
    keys = [*map(key_in, facts), *gone]
    assert [key for key, _ in pairs] == [fact_key(WORKSPACE, key) for key in keys]


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=EXAMPLES_MAX)
@given(st.data())
def test_both_libraries_read_the_same_values(table: str, data: st.DataObject) -> None:
    facts = data.draw(st.lists(facts_of(table), min_size=1, max_size=4))
    gone = data.draw(st.lists(keys_of(table), max_size=2))
    schema = CURRENT[table]
    values = [value for _, value in CODEC.encode(table, WORKSPACE, VERSION, facts, gone)]
    rows = [read_by_rows(value, schema, schema) for value in values]
    assert list(by_position(CODEC.decode(values)).values()) == rows
    raw = pyruhvro.deserialize_array(values, schema.columnar)
    assert shortest_bytes(raw) == sum(map(len, values)), "a good batch would be read row by row"


@given(TEXTS.filter(lambda text: "\0" not in text), st.lists(TEXTS | INTEGERS, min_size=1, max_size=3))
def test_a_key_is_compact_json_behind_the_workspace(workspace: str, key: list[object]) -> None:
    head, _, text = fact_key(workspace, key).partition(b"\0")
    assert head.decode() == workspace
    assert text.decode() == json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def test_a_time_in_a_key_is_its_microseconds() -> None:
    ((key, _),) = CODEC.encode("burns", WORKSPACE, 1, [], [("api/latency", 1_700_000_000_000_001)])
    assert key == b'acme\0["api/latency",1700000000000001]'


def test_rows_come_before_deletions_however_many() -> None:
    facts: list[Fact] = [msgspec.structs.replace(filled("burns"), started_at=at) for at in range(2_500)]
    gone = [("slo", at) for at in range(1_500)]
    values = [value for _, value in CODEC.encode("burns", WORKSPACE, VERSION, facts, gone)]
    (rows,) = CODEC.decode(values).tables
    assert rows.block.column("started_at").cast(pa.int64()).to_pylist() == [*range(2_500), *range(1_500)]
    assert rows.block.column("is_deleted").to_pylist() == [0] * 2_500 + [1] * 1_500
    assert rows.positions.tolist() == list(range(4_000))


@pytest.mark.parametrize("table", TABLES)
def test_a_block_is_of_the_types_that_are_inserted(table: str) -> None:
    (rows,) = CODEC.decode(encoded([filled(table)])).tables
    (direct,) = facts_to_arrow(table, WORKSPACE, VERSION, [filled(table)])
    assert rows.block.schema == direct.schema
    assert rows.block.equals(direct)
    rows.block.validate(full=True)


def test_what_went_over_a_topic_fills_the_tables_as_what_did_not(dsn: str) -> None:
    """A row, another one, and the deletion of the first; every table; in one batch of values, upside down."""
    values, found = [], {}
    for straight in fresh(dsn):
        straight.migrate()
        for table, struct in TABLES.items():
            other = msgspec.structs.replace(filled(table), **{struct.keys[0]: "another"})
            rows = [filled(table), other]
            gone = key_in(rows[0])
            straight.insert_facts(table, WORKSPACE, 1, rows)
            straight.insert_facts(table, WORKSPACE, 2, [], [gone])
            values += [value for _, value in CODEC.encode(table, WORKSPACE, 1, rows)]
            values += [value for _, value in CODEC.encode(table, WORKSPACE, 2, [], [gone])]
            found[table] = straight.live_rows(table, WORKSPACE)
            assert len(found[table]) == 1, table
    for store in fresh(dsn):
        store.migrate()
        for decoded in CODEC.decode(values[::-1]).tables:
            store.insert_block(decoded.table, decoded.block)
        assert {table: store.live_rows(table, WORKSPACE) for table in TABLES} == found


@pytest.mark.parametrize("path", sorted(FACT_GOLDEN.glob("*.bin")), ids=lambda path: path.stem)
def test_golden_bytes_are_still_read(path: Path) -> None:
    decoded = CODEC.decode([path.read_bytes()])
    (rows,) = decoded.tables
    assert rows.table == path.name.partition(".")[0]
    (record,) = records_in(rows.block)
    # fields that came after these bytes have their defaults, those that went are not asked for
    told = json.loads(path.with_suffix(".json").read_bytes())
    defaults = {field["name"]: field.get("default") for field in CURRENT[rows.table].fields}
    assert record == {name: told.get(name, default) for name, default in defaults.items()}


@pytest.mark.parametrize("table", TABLES)
def test_golden_bytes_are_still_written(table: str) -> None:
    path = FACT_GOLDEN / f"{table}.{CURRENT[table].id:08x}.bin"
    assert encoded([filled(table)]) == [path.read_bytes()]


LATER: list[dict[str, Any]] = [
    {"name": "later_number", "type": "long", "default": 7},
    {"name": "later_map", "type": {"type": "map", "values": "string"}, "default": {"a": "b"}},
    {"name": "later_kind", "type": {"type": "enum", "name": "kinds", "symbols": ["x"]}, "default": "x"},
]


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=EXAMPLES_MAX)
@given(st.data())
def test_other_versions_are_read_as_avro_says(table: str, data: st.DataObject) -> None:
    """A writer may lack fields that we have and have fields that we lack, in any order."""
    schema, key = CURRENT[table], {*TABLES[table].keys, "workspace"}
    gone = data.draw(st.sets(st.sampled_from([f["name"] for f in schema.fields if f["name"] not in key])))
    more = data.draw(st.lists(st.sampled_from(LATER), unique_by=lambda field: field["name"]))
    kept = [field for field in schema.fields if field["name"] not in gone]
    fields = data.draw(st.permutations(kept + more))
    writer = parse_schema(json.dumps({**schema.document, "fields": fields}))
    facts = data.draw(st.lists(facts_of(table), min_size=1, max_size=3))
    codec = FactCodec(schemas={writer.id: writer})
    values = [as_written(record_of(fact), writer) for fact in facts]
    decoded = codec.decode(values)
    assert (decoded.failures, decoded.unknown) == ([], [])
    resolved = [read_by_rows(value, writer, schema) for value in values]
    assert list(by_position(decoded).values()) == resolved


def test_a_writer_without_the_key_is_refused() -> None:
    fields = [field for field in CURRENT["burns"].fields if field["name"] != "slo"]
    writer = parse_schema(json.dumps({**CURRENT["burns"].document, "fields": fields}))
    value = as_written(record_of(filled("burns")), writer)
    (failure,) = FactCodec(schemas={writer.id: writer}).decode([value]).failures
    assert "no field 'slo'" in failure.reason


@given(
    st.lists(facts_of("attributions"), max_size=6), st.lists(st.binary(max_size=60), max_size=4), st.data()
)
def test_poison_spares_its_neighbours(facts: list[Fact], poison: list[bytes], data: st.DataObject) -> None:
    head = encoded([filled("attributions")])[0][:5]
    batch: list[tuple[bytes, Fact | None]] = [(encoded([fact])[0], fact) for fact in facts]
    batch += [(data.draw(st.sampled_from([b"", head])) + body, None) for body in poison]
    batch = data.draw(st.permutations(batch))
    decoded = CODEC.decode([value for value, _ in batch])
    found = by_position(decoded)
    everything = [*found, *decoded.unknown, *(failure.position for failure in decoded.failures)]
    assert sorted(everything) == list(range(len(batch)))
    for position, (_, fact) in enumerate(batch):
        if fact is not None:
            assert found[position] == record_of(fact)


@settings(max_examples=EXAMPLES_MAX)
@given(st.sampled_from(sorted(TABLES)).flatmap(facts_of), st.data())
def test_a_value_cut_short_or_too_long_is_refused(fact: Fact, data: st.DataObject) -> None:
    (value,) = encoded([fact])
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    longer = value + data.draw(st.binary(min_size=1, max_size=9))
    decoded = CODEC.decode([cut, value, longer])
    assert [failure.position for failure in decoded.failures] == [0, 2]
    assert by_position(decoded) == {1: record_of(fact)}


def test_maps_in_blocks_are_read() -> None:
    """Avro lets a writer cut a map into blocks, each with its size in bytes."""
    fact = msgspec.structs.replace(filled("incidents"), excluded={"a": 1, "bc": -2})
    (value,) = encoded([fact])
    whole = b"\x04\x02a\x02\x04bc\x03\x00"
    assert value.count(whole) == 1
    blocks = value.replace(whole, b"\x01\x06\x02a\x02" + b"\x02\x04bc\x03" + b"\x00")
    assert by_position(CODEC.decode([blocks, value])) == {0: record_of(fact), 1: record_of(fact)}


def test_a_version_below_zero_is_refused() -> None:
    good = record_of(filled("changes"))
    schema = CURRENT["changes"]
    values = [as_written({**good, "version": number}, schema) for number in (-1, 0, -(2**63), 2**63 - 1)]
    decoded = CODEC.decode(values)
    assert [failure.position for failure in decoded.failures] == [0, 2]
    assert decoded.failures[0].reason.startswith("version is -1")
    assert [record["version"] for record in by_position(decoded).values()] == [0, 2**63 - 1]
    assert CODEC.decode(values[:1]).tables == []


def test_what_is_no_fact_is_left_for_later() -> None:
    """A schema that nobody has told us, and an event that strayed; a fact is as little an event."""
    good = encoded([filled("services")])[0]
    tick = Codec().encode([ClockTicked("tick", "clock", 1, 1, False, 0, 1, False, 0)])[0]
    decoded = CODEC.decode([b"\0\0\0\0\x07abc", good, tick, b"", b"{}"])
    assert decoded.unknown == [0, 2]
    assert [failure.position for failure in decoded.failures] == [3, 4]
    assert list(by_position(decoded)) == [1]
    assert Codec().decode([good]).unknown == [0]
    assert CODEC.decode([]) == DecodedFacts([], [], [])
    assert CODEC.encode("changes", WORKSPACE, 1, [], []) == []


@settings(max_examples=EXAMPLES_MAX)
@given(st.integers(0, 2**32 - 1))
def test_a_registry_may_count_its_own_ids(number: int) -> None:
    registry = FactCodec(ids={"services": number}, schemas={number: CURRENT["services"]})
    ((key, value),) = registry.encode("services", WORKSPACE, VERSION, [filled("services")])
    assert value[:5] == b"\x00" + number.to_bytes(4, "big")
    assert value[5:] == encoded([filled("services")])[0][5:]
    assert by_position(registry.decode([value])) == {0: record_of(filled("services"))}


@pytest.mark.parametrize(
    "fact",
    [
        msgspec.structs.replace(filled("incidents"), title=None),
        msgspec.structs.replace(filled("incidents"), title="\ud800"),
        msgspec.structs.replace(filled("incidents"), opened_at=None),
        msgspec.structs.replace(filled("incidents"), opened_at=2**63),
        msgspec.structs.replace(filled("incidents"), members=["a", None]),
        msgspec.structs.replace(filled("incidents"), excluded={"a": None}),
        msgspec.structs.replace(filled("incidents"), excluded={None: 1}),
        msgspec.structs.replace(filled("incidents"), probability="1"),
    ],
    ids=range(8),
)
def test_a_row_that_does_not_fit_is_not_written(fact: IncidentFact) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        CODEC.encode("incidents", WORKSPACE, 1, [filled("incidents"), fact])


@pytest.mark.parametrize("key", [(), ("incident",), ("incident", None), ("incident", "a", "b"), (1, "a")])
def test_a_key_that_does_not_fit_is_not_written(key: tuple[object, ...]) -> None:
    with pytest.raises((ValueError, TypeError)):
        CODEC.encode("attributions", WORKSPACE, 1, [], [key])


def test_a_version_that_avro_can_not_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="9223372036854775808"):
        CODEC.encode("services", WORKSPACE, 2**63, [filled("services")])


def test_a_negative_zero_and_not_a_number_stay_what_they_are() -> None:
    fact = AttributionFact(
        "i", "none", "none", 0, float("nan"), "", "", None, float("inf"), 0, {"lag": -0.0}, "model", []
    )
    (value,) = encoded([fact])
    assert value == as_written(record_of(fact), CURRENT["attributions"])
    (rows,) = CODEC.decode([value]).tables
    assert str(rows.block.column("probability").to_pylist()) == "[nan]"
    assert str(rows.block.column("factors").to_pylist()) == "[[('lag', -0.0)]]"


def test_facts_of_the_same_key_do_not_replace_each_other() -> None:
    """Two versions in one batch are two rows: the store keeps the higher."""
    burn = BurnFact("slo", 1, "api", "production", None, None, None, [])
    values = encoded([burn], 2) + encoded([burn], 1)
    assert [record["version"] for record in by_position(CODEC.decode(values)).values()] == [2, 1]


def test_stale_rows_are_found_among_the_newest_values() -> None:
    """Of one workspace, below a version, not deleted; and what nobody can read any more."""
    latest: dict[bytes, bytes] = {}

    def put(workspace: str, version: int, incident: str, *, gone: bool = False) -> bytes:
        fact = msgspec.structs.replace(filled("attributions"), incident=incident, candidate="d\0\n")
        rows, deleted = ([], [key_in(fact)]) if gone else ([fact], [])
        ((key, value),) = CODEC.encode("attributions", workspace, version, rows, deleted)
        latest[key] = value
        return key

    put("acme", 9, "old")
    put("acme", 10, "new")
    put("acme", 9, "deleted", gone=True)
    put("acme", 9, "written again")
    put("acme", 10, "written again")
    put("acme2", 9, "somebody else's")
    latest[put("acme", 11, "of a later version")] = b"\0\0\0\0\x07abc"
    latest[put("acme", 11, "damaged")] = b"{}"
    stale = CODEC.stale_keys("attributions", "acme", latest, 10)
    assert sorted(stale) == [(name, "d\0\n") for name in ("damaged", "of a later version", "old")]
    assert CODEC.stale_keys("attributions", "nobody", latest, 10) == []
    ((key, value),) = CODEC.encode("burns", "acme", 1, [filled("burns")])
    assert CODEC.stale_keys("burns", "acme", {key: value}, 2) == [key_in(filled("burns"))]
