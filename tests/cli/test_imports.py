"""``replay``, ``export`` and ``import history`` end to end: what is kept, what is refused, what is told."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.intake import DEAD_LETTERS_JUDGED_MIN
from pipeline.core.events import ChangeMerged, DeploymentFinished, Event
from pipeline.sources.cloudevents import parse_line, render

HOUR = 3_600_000_000
START = 1_700_000_000_000_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def head(identifier: str, time: int) -> tuple[str, str, int, int, bool, int, int, bool, int]:
    return (identifier, "git/acme/api", time, time, True, 0, 1, False, 0)


def world(changes: int = 5) -> list[Event]:
    """Changes of one service, each deployed an hour later."""
    told: list[Event] = []
    for number in range(changes):
        time, sha = START + number * 24 * HOUR, f"{number:040x}"
        change = f"acme/api#{number}"
        told.append(
            ChangeMerged(
                *head(f"git {change} merged", time),
                change=change,
                repository="acme/api",
                number=number,
                sha=sha,
            )
        )
        told.append(
            DeploymentFinished(
                *head(f"git api/{number} finished", time + HOUR),
                deployment=f"api/production:{number}",
                service="api",
                environment="production",
                tag=f"v{number}",
                repository="acme/api",
                sha=sha,
            )
        )
    return told


def written(path: Path, events: list[Event], *further: bytes) -> Path:
    lines = [render(event, "default") for event in events]
    path.write_bytes(b"\n".join([*lines[:3], *further, *lines[3:]]) + b"\n")
    return path


def counts(result: Result) -> dict[str, int]:
    assert result.exit_code in (Exit.OK, Exit.PARTLY), result.stderr
    return {line["what"]: line["value"] for line in json.loads(result.stdout) if line["section"] == "result"}


def exported(data: Path, file: Path) -> list[Event]:
    assert run(data, "export", file).exit_code == Exit.OK
    lines = (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).splitlines()
    return [parse_line(line, person_token=str)[1] for line in lines]


def test_what_goes_in_comes_out_again(tmp_path: Path) -> None:
    events = world()
    file = written(tmp_path / "in.jsonl", events[::-1])
    told = counts(run(tmp_path / "data", "replay", file, "--format", "json"))
    assert told["events appended"] == told["events correlated"] == len(events)
    assert exported(tmp_path / "data", tmp_path / "out.jsonl") == events, "in the order of their own time"
    assert exported(tmp_path / "data", tmp_path / "out.jsonl.gz") == events
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "data",
        "in.jsonl",
        "out.jsonl",
        "out.jsonl.gz",
    ]


def test_as_received_keeps_the_order_of_the_file(tmp_path: Path) -> None:
    events = world()[::-1]
    file = written(tmp_path / "in.jsonl", events)
    assert run(tmp_path / "data", "replay", "--as-received", file).exit_code == Exit.OK
    assert exported(tmp_path / "data", tmp_path / "out.jsonl") == events


def test_a_second_replay_changes_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", world())
    first = counts(run(tmp_path / "data", "replay", file, "--format", "json"))
    again = counts(run(tmp_path / "data", "replay", file, "--format", "json"))
    assert again["events already known"] == first["events appended"] > 0
    assert again["events appended"] == again["rows written"] == 0


def test_bad_lines_are_kept_apart_with_reason_and_place(tmp_path: Path) -> None:
    unknown = render(world()[0], "default").replace(
        b"dev.cdevents.change.merged.0.3.0", b"dev.acme.lunch.1.0.0"
    )
    file = written(tmp_path / "in.jsonl", world(), b"{not json", unknown)
    result = run(tmp_path / "data", "replay", file, "--format", "json")
    assert result.exit_code == Exit.PARTLY
    assert counts(result)["dead letters"] == 2
    assert counts(result)["events appended"] == len(world())
    query = "SELECT place, reason, bytes FROM dead_letters FINAL ORDER BY offset"
    letters = json.loads(run(tmp_path / "data", "sql", query, "--format", "json").stdout)
    assert [letter["place"] for letter in letters] == [f"{file}:4", f"{file}:5"]
    assert "lunch" in letters[1]["reason"]
    assert letters[0]["bytes"] == "{not json"
    doctor = run(tmp_path / "data", "doctor")
    assert doctor.exit_code == Exit.PARTLY
    assert "lunch" in doctor.output


def test_a_dead_letter_is_kept_once(tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", world(), b"{not json")
    for _ in range(2):
        assert run(tmp_path / "data", "replay", file).exit_code == Exit.PARTLY
    doctor = json.loads(run(tmp_path / "data", "doctor", "--format", "json").stdout)
    assert {line["what"]: line["value"] for line in doctor if line["section"] == "log"}["dead_letters"] == "1"


def test_the_wrong_file_is_refused_before_anything_is_appended(tmp_path: Path) -> None:
    file = written(tmp_path / "in.jsonl", world(), *([b"a line of some log"] * DEAD_LETTERS_JUDGED_MIN))
    result = run(tmp_path / "data", "replay", file)
    assert result.exit_code == Exit.USAGE
    assert (
        f"{file}: {DEAD_LETTERS_JUDGED_MIN} of {DEAD_LETTERS_JUDGED_MIN + len(world())} lines"
        in result.stderr
    )
    assert "line 4" in result.stderr
    assert run(tmp_path / "data", "export").exit_code == Exit.NOTHING


def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl.gz"
    file.write_bytes(gzip.compress(written(tmp_path / "whole.jsonl", world(200)).read_bytes())[:-2_000])
    result = run(tmp_path / "data", "replay", file)
    assert result.exit_code == Exit.USAGE
    assert "damaged or cut off after line" in result.stderr


def test_lines_of_another_workspace_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"\n".join(render(event, "globex") for event in world(1)))
    result = run(tmp_path / "data", "replay", file, "--format", "json")
    assert any("globex" in line["remark"] for line in json.loads(result.stdout))
    assert len(exported(tmp_path / "data", tmp_path / "out.jsonl")) == len(world(1))


def test_an_empty_file_is_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"\n\n")
    assert run(tmp_path / "data", "replay", tmp_path / "in.jsonl").exit_code == Exit.NOTHING


def test_a_history_with_a_bad_record_is_imported_around_it(tmp_path: Path) -> None:
    change = {
        "kind": "change",
        "repo": "acme/api",
        "number": 1,
        "sha": "a" * 40,
        "merged_at": "2024-01-01T10:00:00Z",
        "opened_at": None,
        "author": "f00",
        "title": "Add",
        "additions": 1,
        "deletions": 0,
        "files": 1,
        "dirs": ["."],
        "labels": [],
    }
    deployment = {
        "kind": "deployment",
        "repo": "acme/api",
        "tag": "v1",
        "sha": "a" * 40,
        "at": "2024-01-01T11:00:00Z",
    }
    lines = [json.dumps(change), '{"kind": "lunch"}', json.dumps(deployment)]
    file = tmp_path / "history.jsonl"
    file.write_text("\n".join(lines))
    result = run(tmp_path / "data", "import", "history", file, "--format", "json")
    assert result.exit_code == Exit.PARTLY
    assert counts(result) | {"events appended": 2, "dead letters": 1} == counts(result)
    assert [type(event) for event in exported(tmp_path / "data", tmp_path / "o.jsonl")] == [
        ChangeMerged,
        DeploymentFinished,
    ]


def test_a_directory_that_is_no_clone_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    result = run(tmp_path / "data", "import", "git", tmp_path / "plain")
    assert result.exit_code == Exit.USAGE
    assert str(tmp_path / "plain") in result.stderr
    assert len(result.stderr.splitlines()) <= 2
