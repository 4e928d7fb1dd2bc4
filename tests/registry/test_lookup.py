"""Which schema an id means: asked once, remembered within bounds, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.codec.schemas import FACTS, current_schemas, shipped_schemas
from pipeline.registry import NotRegistered, Registry, RegistrySettings, RegistryUnavailable, known
from pipeline.registry.lookup import KnownSchemas
from tests.registry.answers import Asked, Said, Server, answering, said

#: beyond what a registry has counted to when it is in use for years
COUNTED_MAX = 1_000_000
TICK = current_schemas()["clock_ticked"]


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as found:
        yield found


@pytest.fixture
def schemas(server: Server) -> Iterator[KnownSchemas]:
    with closing(Registry(RegistrySettings.of(server.url))) as registry:
        yield KnownSchemas(registry, shipped_schemas(), {4: TICK})


def holding(document: dict[str, object]) -> Said:
    return said(200, schema=json.dumps(document))


NO_SCHEMA = said(404, error_code=40403, message="Schema not found")
OWN = "/schemas/ids/4"


def answers(server: Server, answer: Said) -> None:
    """Answer so, but know the schema that is written."""
    server.answer = lambda asked: holding(TICK.document) if asked.path == OWN else answer


def test_no_shipped_schema_has_an_id_that_a_registry_counts_to() -> None:
    """Both kinds of ids stand in one log; if this fails, reorder the fields of the new schema."""
    assert min([*shipped_schemas(), *shipped_schemas(FACTS)]) > COUNTED_MAX


def test_own_ids_need_no_asking(server: Server, schemas: KnownSchemas) -> None:
    assert schemas[4] is TICK
    for number, schema in shipped_schemas().items():
        assert schemas[number] is schema
    assert server.asked == []
    assert set(schemas) == {4, *shipped_schemas()}


def test_an_unknown_id_is_asked_for_once(server: Server, schemas: KnownSchemas) -> None:
    later = {**TICK.document, "fields": [*TICK.fields, {"name": "phase", "type": "string", "default": ""}]}
    server.answer = lambda asked: holding(later)
    assert schemas[9] is schemas[9]
    assert schemas[9].record == "clock_ticked"
    assert [asked.path for asked in server.asked] == ["/schemas/ids/9"]
    assert 9 in set(schemas)
    assert len(schemas) == len(set(schemas))


@pytest.mark.parametrize(
    "strange",
    [
        NO_SCHEMA,
        holding({**TICK.document, "namespace": "com.example"}),
        holding({**TICK.document, "namespace": "aftermerge.facts"}),
        said(200, schema='"string"'),
        said(200, schema="{"),
        said(200, schema="message Tick {}", schemaType="PROTOBUF"),
    ],
)
def test_what_is_not_ours_is_unknown_and_asked_for_again_later(
    server: Server, schemas: KnownSchemas, strange: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(server, strange)
    assert schemas.get(9) is None
    assert schemas.get(9) is None
    assert [asked.path for asked in server.asked] == ["/schemas/ids/9", OWN]
    server.answer = lambda asked: holding(TICK.document)
    monkeypatch.setattr("pipeline.registry.lookup.STRANGE_SECONDS", 0.0)
    assert schemas[9].record == "clock_ticked"


def test_a_number_that_no_registry_counts_to_is_not_asked_for(server: Server, schemas: KnownSchemas) -> None:
    assert schemas.get(2**31) is None
    assert schemas.get(2**32 - 1) is None
    assert server.asked == []


def test_trouble_makes_nothing_unknown(
    server: Server, schemas: KnownSchemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.registry.client.RETRY_WAIT_SECONDS", 0.01)
    server.answer = lambda asked: said(500, error_code=50001, message="storage")
    with pytest.raises(RegistryUnavailable, match="storage"):
        schemas.get(9)
    server.answer = lambda asked: holding(TICK.document)
    assert schemas[9].record == "clock_ticked"


@pytest.mark.parametrize("own", [NO_SCHEMA, holding(current_schemas()["burn_ended"].document)])
def test_a_registry_that_forgot_us_makes_nothing_unknown(
    server: Server, schemas: KnownSchemas, own: Said
) -> None:
    server.answer = lambda asked: own if asked.path == OWN else NO_SCHEMA
    for _ in range(2):
        with pytest.raises(RegistryUnavailable, match=r"no longer knows 4 as aftermerge\.clock_ticked"):
            schemas.get(9)
    answers(server, NO_SCHEMA)
    assert schemas.get(9) is None


def test_what_is_remembered_is_bounded(
    server: Server, schemas: KnownSchemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.registry.lookup.LEARNED_MAX", 3)
    monkeypatch.setattr("pipeline.registry.lookup.STRANGE_ASKED_MAX", 5)

    def answer(asked: Asked) -> Said:
        number = int(asked.path.rpartition("/")[2])
        return holding(TICK.document) if number < 100 else NO_SCHEMA

    server.answer = answer
    for number in range(10, 20):
        assert schemas[number].record == "clock_ticked"
    assert set(schemas) == {4, *shipped_schemas(), 17, 18, 19}
    server.asked.clear()
    for number in range(100, 120):
        assert schemas.get(number) is None
    assert len(server.asked) == 5 + 1, "bytes that are no values must not become a question each"
    assert schemas.get(20) is None, "unknown for now: the value is kept and read again"
    assert schemas[19].record == "clock_ticked"
    monkeypatch.setattr("pipeline.registry.lookup.STRANGE_SECONDS", 0.0)
    assert schemas[20].record == "clock_ticked"


def test_a_schema_that_is_not_registered_is_named_with_what_to_do(server: Server) -> None:
    with closing(Registry(RegistrySettings.of(server.url))) as registry:
        server.answer = lambda asked: said(404, error_code=40401, message="Subject not found")
        with pytest.raises(NotRegistered, match=r"aftermerge\.change_merged.*run `aftermerge topics create`"):
            known(registry)
        with pytest.raises(NotRegistered, match=r"aftermerge\.facts\.changes"):
            known(registry, FACTS)


def test_a_number_that_means_another_schema_is_refused(server: Server) -> None:
    other = current_schemas()["burn_ended"].id
    server.answer = lambda asked: said(200, id=other, version=1, schema="")
    with (
        closing(Registry(RegistrySettings.of(server.url))) as registry,
        pytest.raises(NotRegistered, match="means another schema"),
    ):
        known(registry)
