"""`aftermerge topics` and a registry: what is registered otherwise is named, what is refused is told."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.codec import ParsedSchema
from pipeline.codec.schemas import EVENTS, FACTS, current_schemas
from pipeline.log.kafka import KafkaSettings
from pipeline.registry import Registry
from pipeline.registry.registering import subject_of, text_of
from tests.kafka import servers
from tests.kafka.registries import ASK_SECONDS, emptied

pytestmark = pytest.mark.kafka

#: as the rows name it, which else name a topic
REGISTRY = "(registry)"
WIDE = {"COLUMNS": "400"}


@pytest.fixture
def registry(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The shared registry without subjects of ours; commands are told of it and of a part of the broker."""
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    environment = {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "KAFKA_PREFIX": settings.prefix,
        "KAFKA_REPLICAS": "1",
        "KAFKA_REPLICAS_IN_SYNC_MIN": "1",
        "REGISTRY_URL": servers.registry(),
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"AFTERMERGE_{name}", value)
    with emptied() as found:
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["topics", *arguments], env=WIDE)


def found(code: int) -> list[tuple[str, str]]:
    """What differs: topic, or registry, and how."""
    said = run("check", "--format", "json")
    assert said.exit_code == code, said.output
    return [(row["topic"], row["difference"]) for row in json.loads(said.stdout)]


def remove(subject: str) -> None:
    """Take a subject away for good, as somebody with a right to do so can."""
    path = f"{servers.registry()}/subjects/{urllib.parse.quote(subject)}"
    for how in ("", "?permanent=true"):
        removal = urllib.request.Request(path + how, method="DELETE")
        urllib.request.urlopen(removal, timeout=ASK_SECONDS).close()


def text_with(schema: ParsedSchema, fields: Sequence[object]) -> str:
    """A schema of the same name with other fields."""
    return json.dumps({**schema.document, "fields": fields})


@pytest.mark.slow
def test_a_subject_that_is_missing_or_another_one_is_named(registry: Registry) -> None:
    assert run("create").exit_code == Exit.OK
    assert found(Exit.OK) == []
    missing, fact = current_schemas()["clock_ticked"], current_schemas(FACTS)["changes"]
    other = current_schemas()["change_merged"]
    for schema in (missing, fact, other):
        remove(subject_of(schema))
    # a part of ours: nobody could read with it what this version writes
    registry.add(subject_of(other), text_with(other, other.document["fields"][:-1]))
    registry.promise(subject_of(other))
    assert sorted(found(Exit.PARTLY)) == [
        (REGISTRY, "aftermerge.change_merged: change_merged.avsc is not registered"),
        (REGISTRY, "aftermerge.clock_ticked: clock_ticked.avsc is not registered"),
        (REGISTRY, "aftermerge.clock_ticked: compatibility is not set, not FULL_TRANSITIVE"),
        (REGISTRY, "aftermerge.facts.changes: changes.avsc is not registered"),
        (REGISTRY, "aftermerge.facts.changes: compatibility is not set, not FULL_TRANSITIVE"),
    ]
    table = run("check")
    assert table.exit_code == Exit.PARTLY
    (line,) = [line for line in table.stdout.splitlines() if "change_merged" in line]
    assert REGISTRY in line
    # what differs here is what `create` mends
    assert run("create").exit_code == Exit.OK
    assert found(Exit.OK) == []


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_a_registry_that_was_emptied_is_named_whole() -> None:
    assert run("create").exit_code == Exit.OK
    with emptied():
        rows = found(Exit.PARTLY)
    assert {topic for topic, _ in rows} == {REGISTRY}
    named = {text.partition(":")[0] for _, text in rows}
    assert named == {
        subject_of(schema) for kind in (EVENTS, FACTS) for schema in current_schemas(kind).values()
    }


def test_a_schema_that_is_refused_ends_create(registry: Registry) -> None:
    schema = current_schemas()["change_merged"]
    subject = subject_of(schema)
    fields = [
        {**field, "type": "string"} if field["name"] == "time" else field
        for field in schema.document["fields"]
    ]
    registry.add(subject, text_with(schema, fields))
    registry.promise(subject)
    said = run("create")
    assert said.exit_code == Exit.DATA, said.output
    message, hint = said.stderr.splitlines()
    # the oldest of our versions comes first
    told = (
        rf"aftermerge: the registry refuses \S+/change_merged\.\w+\.avsc as a version of {subject}: .*STRING"
    )
    assert re.match(told, message), message
    assert "another program's" in hint
    # the other program's stays what it was, and nothing of ours is beside it
    assert len(registry.versions(subject)) == 1
    assert registry.find(subject, text_of(schema)) is None
    # once somebody has taken it away, the same command goes on
    remove(subject)
    assert run("create").exit_code == Exit.OK
    assert found(Exit.OK) == []
