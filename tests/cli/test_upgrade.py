"""A data directory that an earlier version left opens with this one; one of a later version is refused."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.core.parameters import MODEL_VERSION
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.file import FORMAT
from pipeline.log.topics import TOPICS
from pipeline.state import Epoch, State
from tests.golden.directories.__main__ import ASKED, HISTORY

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "directories"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name[0].isdigit())


def left_by(version: str, data: Path) -> dict[str, Any]:
    """Put the directory of an earlier version there; returns its manifest."""
    data.mkdir()
    (data / "log.sqlite").write_bytes(gzip.decompress((GOLDEN / version / "log.sqlite.gz").read_bytes()))
    shutil.copy(GOLDEN / version / "persons.key", data / "persons.key")
    manifest: dict[str, Any] = json.loads((GOLDEN / version / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def asked(data: Path) -> dict[str, Any]:
    return {
        what: json.loads(run(data, "sql", "--format", "json", query).stdout) for what, query in ASKED.items()
    }


def epoch(data: Path) -> Epoch:
    with closing(SqliteLog(data / "log.sqlite")) as log:
        return State(log).epoch("default")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_directory_of_an_earlier_version_says_the_same(version: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    manifest = left_by(version, data)
    before = epoch(data)
    # nothing is appended: the tables are made of what is there
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    opened = run(data, "replay", nothing)
    assert opened.exit_code in (Exit.OK, Exit.NOTHING), opened.output
    now, then = asked(data), manifest["tables"]
    for what in ("changes", "deployments", "incidents"):
        assert now[what] == then[what]
    # what that version did not know, and parked, is told now
    events = {row["record"]: row["events"] for row in now["events"]}
    former = {row["record"]: row["events"] for row in then["events"]}
    assert {record: events[record] for record in former} == former
    assert sum(events.values()) - sum(former.values()) == manifest["parked"] > 0
    after = epoch(data)
    assert after.model_version == MODEL_VERSION
    assert after.number > before.number
    with closing(SqliteLog(data / "log.sqlite")) as log:
        assert {topic: log.partitions(topic) for topic in TOPICS} == dict.fromkeys(TOPICS, 1)
    assert run(data, "replay", nothing).exit_code in (Exit.OK, Exit.NOTHING)
    assert asked(data) == now
    with closing(SqliteLog(data / "log.sqlite")) as log:
        assert State(log).parked("default") == {}
    doctor = run(data, "doctor")
    assert doctor.exit_code == Exit.OK, doctor.output


def test_a_later_model_makes_the_tables_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run(data, "replay", HISTORY).exit_code == Exit.OK
    rows, before = asked(data), epoch(data)
    with closing(SqliteLog(data / "log.sqlite")) as log:
        older = msgspec.json.encode(msgspec.structs.replace(before, model_version=MODEL_VERSION - 1))
        log.append("state", 0, [NewRecord(b"default\0epoch", older)])
    assert run(data, "replay", HISTORY).exit_code == Exit.OK
    assert epoch(data).number == before.number + 1
    assert epoch(data).model_version == MODEL_VERSION
    assert asked(data) == rows
    assert run(data, "replay", HISTORY).exit_code == Exit.OK
    assert epoch(data).number == before.number + 1, "once"


def test_a_log_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    left_by(VERSIONS[0], data)
    (data / "lock").touch()
    with closing(sqlite3.connect(data / "log.sqlite")) as later:
        later.execute(f"PRAGMA user_version={FORMAT + 1}")
        later.commit()
    held = (data / "log.sqlite").read_bytes()
    refused = run(data, "replay", HISTORY)
    assert refused.exit_code == Exit.UNAVAILABLE
    assert f"has format {FORMAT + 1}, and this version reads format {FORMAT}: upgrade" in refused.stderr
    assert (data / "log.sqlite").read_bytes() == held
