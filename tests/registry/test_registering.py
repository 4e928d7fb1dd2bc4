"""What is registered where a registry answers as none should: no number may mean two schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.codec.schemas import current_schemas
from pipeline.registry import Registry, RegistrySettings, SchemaRefused, register
from pipeline.registry.registering import registered_versions
from tests.registry.answers import Asked, Said, Server, answering, said

NO_SUBJECT = said(404, error_code=40401, message="Subject not found")


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as found:
        yield found


@pytest.fixture
def registry(server: Server) -> Iterator[Registry]:
    with closing(Registry(RegistrySettings.of(server.url))) as found:
        yield found


def test_a_number_that_means_another_schema_is_refused(server: Server, registry: Registry) -> None:
    other = current_schemas()["burn_ended"].id

    def answer(asked: Asked) -> Said:
        return said(200, id=other) if (asked.method, asked.path[-9:]) == ("POST", "/versions") else NO_SUBJECT

    def promised(asked: Asked) -> Said:
        return said(200, compatibility="FULL_TRANSITIVE") if asked.method == "PUT" else answer(asked)

    server.answer = promised
    with pytest.raises(SchemaRefused, match=f"id {other}, which means another schema") as caught:
        register(registry)
    assert caught.value.subject == "aftermerge.artifact_packaged"


def test_the_promise_stands_before_the_first_version(server: Server, registry: Registry) -> None:
    def answer(asked: Asked) -> Said:
        if asked.method == "PUT":
            return said(200, compatibility="FULL_TRANSITIVE")
        return said(409, error_code=409, message="no") if asked.path.endswith("/versions") else NO_SUBJECT

    server.answer = lambda asked: NO_SUBJECT if asked.method == "GET" else answer(asked)
    with pytest.raises(SchemaRefused, match="no"):
        register(registry)
    subject = "aftermerge.artifact_packaged"
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("GET", f"/config/{subject}"),
        ("PUT", f"/config/{subject}"),
        ("POST", f"/subjects/{subject}"),
        ("GET", f"/subjects/{subject}/versions"),
        ("POST", f"/subjects/{subject}/versions"),
    ]
    assert json.loads(server.asked[1].body) == {"compatibility": "FULL_TRANSITIVE"}


def test_versions_that_are_gone_or_no_schema_are_passed_over(server: Server, registry: Registry) -> None:
    text = json.dumps(current_schemas()["clock_ticked"].document)
    answers = {
        "/subjects/a/versions": Said(200, b"[3, 1, 2]"),
        "/subjects/a/versions/1": said(404, error_code=40402, message="Version not found"),
        "/subjects/a/versions/2": said(200, id=8, schema="message A {}"),
        "/subjects/a/versions/3": said(200, id=9, schema=text),
    }
    server.answer = lambda asked: answers[asked.path]
    assert [(number, schema.record) for number, schema in registered_versions(registry, "a")] == [
        (9, "clock_ticked")
    ]
