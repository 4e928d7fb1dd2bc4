"""Schemas in a real registry: all versions at once read each other, and what does not fit stays outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.codec import Codec, ParsedSchema, parse_schema
from pipeline.codec.facts import FactCodec
from pipeline.codec.schemas import FACTS, current_schemas, shipped_schemas
from pipeline.core.events import RECORDS, DeploymentFinished
from pipeline.core.facts import TABLES
from pipeline.log.protocol import NewRecord
from pipeline.registry import (
    NotRegistered,
    Registry,
    RegistrySettings,
    RegistryUnavailable,
    SchemaRefused,
    differences,
    known,
    register,
)
from pipeline.registry.registering import subject_of, text_of
from tests.codec.examples import as_written, filled
from tests.kafka.registries import changed, durable, emptied
from tests.places import ACME, Place, history
from tests.store.rows import row

pytestmark = pytest.mark.kafka

SHIPPED = {**shipped_schemas(), **shipped_schemas(FACTS)}
LATER: dict[str, object] = {
    "name": "mood",
    "type": ["null", "string"],
    "default": None,
    "doc": "How it felt.",
}


@pytest.fixture
def registry() -> Iterator[Registry]:
    with emptied() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened:
        yield opened


def codec(registry: Registry) -> Codec:
    found = known(registry)
    return Codec(found.schemas, found.ids)


def under(number: int, value: bytes) -> bytes:
    """The same value with another id in front of it."""
    return value[:1] + number.to_bytes(4, "big") + value[5:]


class Without(Mapping[int, ParsedSchema]):
    """What an older version knows: everything but one record."""

    def __init__(self, schemas: Mapping[int, ParsedSchema], record: str) -> None:
        self._schemas = schemas
        self._record = record

    def __getitem__(self, number: int) -> ParsedSchema:
        schema = self._schemas[number]
        if schema.record == self._record:
            raise KeyError(number)
        return schema

    def __iter__(self) -> Iterator[int]:
        return (number for number, schema in self._schemas.items() if schema.record != self._record)

    def __len__(self) -> int:
        return len(list(iter(self)))


def test_everything_is_registered_once(registry: Registry) -> None:
    assert len(differences(registry)) == 2 * (len(RECORDS) + len(TABLES))
    first = register(registry)
    assert sorted(one.subject for one in first) == sorted(
        [f"aftermerge.{record}" for record in RECORDS] + [f"aftermerge.facts.{table}" for table in TABLES]
    )
    assert sum(one.added for one in first) == len(SHIPPED), "the former versions are there, too"
    for subject, number, added in first:
        assert registry.compatibility(subject) == "FULL_TRANSITIVE"
        assert len(registry.versions(subject)) == added
        newest = registry.version(subject, registry.versions(subject)[-1])
        assert newest is not None
        assert newest[0] == number
        assert parse_schema(newest[1]).id in {schema.id for schema in current_schemas().values()} | {
            schema.id for schema in current_schemas(FACTS).values()
        }
    assert register(registry) == [one._replace(added=0) for one in first]
    assert differences(registry) == []


def test_another_wording_is_no_other_schema(registry: Registry, tmp_path: Path) -> None:
    register(registry)
    doc = {**current_schemas()["clock_ticked"].fields[0], "doc": "Another wording."}
    later = changed(tmp_path, "clock_ticked.avsc", [doc])
    # the field that changed stands last now; put it back where it was
    path = later / "clock_ticked.avsc"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "fields": [document["fields"][-1], *document["fields"][:-1]]}))
    with emptied():
        register(registry, later)
    assert differences(registry) == ["aftermerge.clock_ticked: clock_ticked.avsc is not registered"]
    event = filled("clock_ticked")
    (value,) = codec(registry).encode([event])
    assert codec(registry).decode([value]).columns[0].events() == [event]


@pytest.mark.parametrize(
    ("file", "field", "reason"),
    [
        ("change_merged.avsc", {"name": "time", "type": "string"}, "STRING"),
        ("incident_detected.avsc", {"name": "mood", "type": "string"}, "mood"),
        ("facts/attributions.avsc", {"name": "probability", "type": "string", "default": ""}, "DOUBLE"),
    ],
)
def test_what_does_not_fit_is_refused(
    registry: Registry, tmp_path: Path, file: str, field: dict[str, object], reason: str
) -> None:
    register(registry)
    ids = known(registry).ids
    root = changed(tmp_path, file, [field])
    with pytest.raises(SchemaRefused, match=reason) as caught:
        register(registry, root)
    record = Path(file).stem
    assert caught.value.subject == f"aftermerge.{'facts.' if 'facts/' in file else ''}{record}"
    assert caught.value.file == root / file
    assert caught.value.subject in str(caught.value)
    assert file in str(caught.value)
    assert known(registry).ids == ids
    assert differences(registry) == []


def test_a_subject_that_promised_less_promises_all(registry: Registry) -> None:
    schema = current_schemas()["change_merged"]
    registry.add(subject_of(schema), text_of(schema))
    assert registry.compatibility(subject_of(schema)) != "FULL_TRANSITIVE"
    register(registry)
    assert registry.compatibility(subject_of(schema)) == "FULL_TRANSITIVE"
    assert differences(registry) == []


def test_nothing_is_written_before_its_schema_is_there(registry: Registry) -> None:
    with pytest.raises(NotRegistered, match="run `aftermerge topics create`"):
        known(registry)
    register(registry)
    events = [filled(record) for record in RECORDS]
    values = codec(registry).encode(events)
    numbers = [int.from_bytes(value[1:5], "big") for value in values]
    assert set(numbers).isdisjoint(SHIPPED)
    decoded = codec(registry).decode(values)
    assert [event for column in decoded.columns for event in column.events()] == events
    facts = known(registry, FACTS)
    rows = FactCodec(ids=facts.ids, schemas=facts.schemas)
    ((_, value),) = rows.encode("changes", ACME, 3, [row(TABLES["changes"], change="api#1")])
    assert int.from_bytes(value[1:5], "big") == facts.ids["changes"]
    assert rows.decode([value]).tables[0].block.column("change").to_pylist() == ["api#1"]


def test_an_older_worker_reads_what_a_newer_one_writes(registry: Registry, tmp_path: Path) -> None:
    register(registry)
    older = codec(registry)
    root = changed(tmp_path, "change_merged.avsc", [LATER])
    register(registry, root)
    newer = _read(root / "change_merged.avsc")
    number = registry.find(subject_of(newer), text_of(newer))
    assert number is not None
    event = filled("change_merged")
    value = _with_field(event, newer, number, "sunny")
    decoded = older.decode([value, *older.encode([event])])
    assert (decoded.failures, decoded.unknown) == ([], [])
    assert decoded.columns[0].events() == [event, event]
    # and it still starts, and writes what it knows
    assert codec(registry).encode([event]) == older.encode([event])


def _read(path: Path) -> ParsedSchema:
    return parse_schema(path.read_text(encoding="utf-8"))


def _with_field(event: Any, schema: ParsedSchema, number: int, mood: str) -> bytes:
    from io import BytesIO

    import fastavro

    body = BytesIO()
    fastavro.schemaless_writer(body, schema.rows, {**msgspec.structs.asdict(event), "mood": mood})
    return under(number, b"\0\0\0\0\0" + body.getvalue())


def test_a_newer_worker_reads_what_older_ones_wrote(registry: Registry) -> None:
    """Under the ids of the registry, and under those of a log that had none: both in one batch."""
    register(registry)
    values, expected = [], []
    for schema in shipped_schemas().values():
        event = filled(schema.record)
        value = as_written(event, schema)
        (expectation,) = Codec().decode([value]).columns[0].events()
        number = registry.find(subject_of(schema), text_of(schema))
        assert number is not None
        assert number != schema.id
        values += [value, under(number, value)]
        expected += [expectation, expectation]
    decoded = codec(registry).decode(values)
    assert (decoded.failures, decoded.unknown) == ([], [])
    found = {
        position: event
        for column in decoded.columns
        for position, event in zip(column.positions.tolist(), column.events(), strict=True)
    }
    assert [found[position] for position in range(len(values))] == expected


def test_others_schemas_are_not_taken_for_ours(registry: Registry) -> None:
    register(registry)
    schema = current_schemas()["change_merged"]
    document = {**schema.document, "namespace": "com.example"}
    number = registry.add("com.example.change_merged", json.dumps(document))
    weather = {"type": "record", "name": "weather_changed", "namespace": "aftermerge", "fields": []}
    later = registry.add("aftermerge.weather_changed", json.dumps(weather))
    value = as_written(filled("change_merged"), schema)
    assert codec(registry).decode([under(number, value), value, under(later, value[:5])]).unknown == [0, 2]


def test_an_unknown_record_waits_for_the_upgrade(registry: Registry, place: Place) -> None:
    register(registry)
    told = history()
    place.append(told)
    place.correlate()
    undisturbed = place.held()

    events = known(registry)
    newer = Codec(events.schemas, events.ids)
    older = Codec(Without(events.schemas, "deployment_finished"), events.ids)
    (place.path.parent / "other").mkdir()
    with Place(place.path.parent / "other", place.dsn) as cluster:
        cluster.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in newer.encode(told)])
        summary = cluster.correlate(50, codec=older)
        assert summary.parked == sum(isinstance(event, DeploymentFinished) for event in told)
        assert summary.dead_letters == 0
        assert cluster.correlate(50, codec=newer).folded == summary.parked
        assert cluster.held() == undisturbed


@pytest.mark.slow
def test_an_outage_makes_nothing_unknown(place: Place, tmp_path: Path) -> None:
    told = history()
    place.append(told)
    place.correlate()
    undisturbed = place.held()

    (tmp_path / "registry").mkdir()
    server = durable(tmp_path / "registry")
    server.start()
    try:
        with closing(Registry(RegistrySettings.of(server.url))) as registry:
            register(registry)
            events = known(registry)
            newer = parse_schema(
                (changed(tmp_path, "change_merged.avsc", [LATER]) / "change_merged.avsc").read_text()
            )
            number = registry.add(subject_of(newer), text_of(newer))
            values = [
                _with_field(event, newer, number, "grey")
                if type(event) is RECORDS["change_merged"]
                else value
                for event, value in zip(told, Codec(events.schemas, events.ids).encode(told), strict=True)
            ]
            server.server.kill()
            (tmp_path / "other").mkdir()
            with Place(tmp_path / "other", place.dsn) as cluster:
                cluster.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in values])
                worker = Codec(events.schemas, events.ids)
                with pytest.raises(RegistryUnavailable, match="does not answer"):
                    cluster.correlate(50, codec=worker)
                with pytest.raises(RegistryUnavailable, match="does not answer"):
                    known(registry)
                with pytest.raises(RegistryUnavailable, match="does not answer"):
                    register(registry)
                assert [key for key in cluster.log.latest("state", 0) if b"parked/" in key] == []
                server.start()
                assert cluster.correlate(50, codec=worker).parked == 0
                assert cluster.held() == undisturbed
            assert known(registry).ids == events.ids
    finally:
        server.stop()
