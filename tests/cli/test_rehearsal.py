"""`aftermerge rebuild --dry-run`: what a rebuild would change, without changing it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.wiring import opened
from pipeline.core.facts import ServiceFact
from pipeline.settings import load_settings
from pipeline.sources.cloudevents import render
from pipeline.store.comparing import Example, TableDifference
from tests.places import history


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def test_it_says_what_would_differ_and_changes_nothing(tmp_path: Path) -> None:
    data, lines = tmp_path / "data", tmp_path / "events.jsonl"
    lines.write_bytes(b"".join(render(event, "default") + b"\n" for event in history()))
    assert run(data, "replay", lines).exit_code == Exit.OK
    same = run(data, "rebuild", "--dry-run", "--format", "json")
    assert same.exit_code == Exit.OK, same.output
    assert {row["table"]: row["rows"] for row in json.loads(same.stdout)}["deployments"] > 0
    assert all(row["rows"] == row["rebuilt"] and not row["different"] for row in json.loads(same.stdout))

    stray = ServiceFact("nobody's", True, "", None, [], [], [], [], [], [])
    with opened(load_settings(data=data), create=False) as parts:
        parts.store.insert_facts("services", "default", 1, [stray])
        before = parts.store.fingerprints("default")
    found = run(data, "rebuild", "--dry-run", "--format", "json")
    assert found.exit_code == Exit.PARTLY, found.output
    (services,) = [row for row in json.loads(found.stdout) if row["table"] == "services"]
    assert (services["gone"], services["new"], services["different"]) == (1, 0, 0)
    assert "services: gone: nobody's" in found.stderr
    with opened(load_settings(data=data), create=False) as parts:
        assert parts.store.fingerprints("default") == before

    assert run(data, "rebuild").exit_code == Exit.OK
    assert run(data, "rebuild", "--dry-run").exit_code == Exit.OK


def test_what_would_differ_comes_over_the_control_socket_as_it_was() -> None:
    """A running process says it in JSON."""
    example = Example({"workspace": "default", "service": "api"}, {"tier": (1, None)})
    told = [TableDifference("services", 3, 2, 1, 0, 1, {"tier": 1}, [example], [], [example])]
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(told)), list[TableDifference]) == told
