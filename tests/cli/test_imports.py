"""``replay``, ``export`` and ``import history`` end to end: what is kept, what is refused, what is told."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.instants import machine_now
from pipeline.cli.intake import DEAD_LETTERS_JUDGED_MIN
from pipeline.core.events import ChangeMerged, DeploymentFinished, Event
from pipeline.correlate import Correlator, Summary
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
    deep = b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    file = written(tmp_path / "in.jsonl", world(), b"{not json", unknown, deep)
    result = run(tmp_path / "data", "replay", file, "--format", "json")
    assert result.exit_code == Exit.PARTLY
    assert counts(result)["dead letters"] == 3
    assert counts(result)["events appended"] == len(world())
    query = "SELECT place, reason, bytes FROM dead_letters FINAL ORDER BY offset"
    letters = json.loads(run(tmp_path / "data", "sql", query, "--format", "json").stdout)
    assert [letter["place"] for letter in letters] == [f"{file}:{line}" for line in (4, 5, 6)]
    assert "lunch" in letters[1]["reason"]
    assert "nested too deeply" in letters[2]["reason"]
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


def findings(data: Path, *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit code of ``doctor``, and what it says of dead letters: reason -> count and since when."""
    result = run(data, "doctor", "--format", "json", *arguments)
    lines = json.loads(result.stdout)
    return result.exit_code, {
        line["what"]: line["value"] for line in lines if line["section"] == "dead letters"
    }


def test_a_repaired_file_settles_its_dead_letters(tmp_path: Path) -> None:
    data, file = tmp_path / "data", written(tmp_path / "in.jsonl", world(), b"{not json", b"{nor this")
    other = written(tmp_path / "other.jsonl", world(), b"{not json")
    assert run(data, "replay", file, other).exit_code == Exit.PARTLY
    code, letters = findings(data)
    assert code == Exit.PARTLY
    assert [value.split(" since ")[0] for value in letters.values()] == ["3"]
    written(file, world(6), b"{nor this")
    assert run(data, "replay", file).exit_code == Exit.PARTLY
    assert [value.split(" since ")[0] for value in findings(data)[1].values()] == ["2"], "one place each"
    for repaired in (file, other):
        assert findings(data)[0] == Exit.PARTLY
        written(repaired, world(6))
        assert run(data, "replay", repaired).exit_code == Exit.OK
    assert findings(data) == (Exit.OK, {})
    kept = json.loads(run(data, "sql", "SELECT * FROM dead_letters FINAL", "--format", "json").stdout)
    assert len(kept) == 4, "what was refused stays in the table"


def test_what_breaks_again_is_told_again(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "in.jsonl"
    for further, expected in ([b"{not json"], Exit.PARTLY), ([], Exit.OK), ([b"{not json"], Exit.PARTLY):
        assert run(data, "replay", written(file, world(), *further)).exit_code == expected
        assert findings(data)[0] == expected


def test_dead_letters_that_somebody_has_looked_at_are_no_problem(tmp_path: Path) -> None:
    data = tmp_path / "data"
    file = written(tmp_path / "in.jsonl", world(), b"{not json")
    run(data, "replay", file)
    code, letters = findings(data)
    assert code == Exit.PARTLY
    (since,) = letters.values()
    assert re.fullmatch(r"1 since \d{4}-\d\d-\d\d \d\d:\d\d UTC", since)
    assert findings(data, "--acknowledge") == (Exit.OK, letters), "shown once more, as what it is about"
    assert findings(data) == (Exit.OK, {})
    assert run(data, "replay", file).exit_code == Exit.PARTLY, "an import still says what it left out"
    assert findings(data) == (Exit.OK, {}), "it is the letter that was looked at"
    run(data, "replay", written(tmp_path / "new.jsonl", world(), b"{not json"))
    assert findings(data)[0] == Exit.PARTLY


def test_known_types_that_nothing_is_made_of_are_passed_over(tmp_path: Path) -> None:
    line = render(world()[0], "default")
    unused = [
        line.replace(b"dev.cdevents.change.merged.0.3.0", f"dev.cdevents.{word}.0.2.0".encode())
        for word in ("pipelinerun.started", "build.queued")
    ]
    file = written(tmp_path / "in.jsonl", world(), *unused * DEAD_LETTERS_JUDGED_MIN)
    result = run(tmp_path / "data", "replay", file, "--format", "json")
    assert result.exit_code == Exit.OK, result.stderr
    read = {line["what"]: line["value"] for line in json.loads(result.stdout) if line["section"] == "read"}
    assert read == {
        "events": len(world()),
        "pipelinerun.started": DEAD_LETTERS_JUDGED_MIN,
        "build.queued": DEAD_LETTERS_JUDGED_MIN,
    }
    assert findings(tmp_path / "data") == (Exit.OK, {})


def test_known_types_count_as_read_when_a_file_is_judged(tmp_path: Path) -> None:
    """A hundred bad lines are too many of a few events, and few beside thousands of good CDEvents."""
    line = render(world()[0], "default")
    unused = line.replace(b"dev.cdevents.change.merged.0.3.0", b"dev.cdevents.taskrun.started.0.2.0")
    bad = [b"{not json"] * DEAD_LETTERS_JUDGED_MIN
    file = written(tmp_path / "in.jsonl", world(), *bad, *[unused] * 100 * DEAD_LETTERS_JUDGED_MIN)
    assert run(tmp_path / "data", "replay", file).exit_code == Exit.PARTLY


def test_an_event_from_the_future_is_refused_with_its_place(tmp_path: Path) -> None:
    ahead = msgspec.structs.replace(world()[0], id="git acme/api#99 merged", time=machine_now() + 2 * HOUR)
    file = written(tmp_path / "in.jsonl", world(), render(ahead, "default"))
    assert run(tmp_path / "data", "replay", file).exit_code == Exit.PARTLY
    change = {"kind": "change", "repo": "acme/api", "number": 1, "sha": "a" * 40, "author": "f00"}
    change |= {"merged_at": "2199-01-01T10:00:00Z", "opened_at": None, "title": "Add", "additions": 1}
    change |= {"deletions": 0, "files": 1, "dirs": ["."], "labels": []}
    history = tmp_path / "history.jsonl"
    history.write_text(f"\n{json.dumps(change)}\n")
    assert run(tmp_path / "data", "import", "history", history).exit_code == Exit.PARTLY
    query = "SELECT place, reason FROM dead_letters FINAL ORDER BY place"
    letters = json.loads(run(tmp_path / "data", "sql", query, "--format", "json").stdout)
    assert [letter["place"] for letter in letters] == [f"{history}:2", f"{file}:4"]
    assert all("ahead of this machine" in letter["reason"] for letter in letters)


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


def waiting(data: Path) -> list[str]:
    """What ``doctor`` says of events that wait for a rebuild."""
    lines = json.loads(run(data, "doctor", "--format", "json").stdout)
    return [line["value"] for line in lines if line["what"] == "behind the horizon"]


def test_an_import_that_ended_before_its_rebuild_is_finished_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, old = tmp_path / "data", written(tmp_path / "old.jsonl", world())
    newest = msgspec.structs.replace(
        world(1)[0], id="newest", time=START + 400 * 24 * HOUR, change="acme/api#9"
    )
    newest = msgspec.structs.replace(newest, received_at=newest.time)
    assert run(data, "replay", written(tmp_path / "new.jsonl", [newest])).exit_code == Exit.OK

    def interrupted(self: Correlator, name: str, progress: object = None) -> Summary:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Correlator, "rebuild", interrupted)
        assert run(data, "replay", old).exit_code == Exit.INTERRUPTED
    assert waiting(data) == ["10"]
    again = run(data, "replay", old, "--format", "json")
    assert again.exit_code == Exit.OK
    assert counts(again)["events behind the horizon"] == 10
    assert waiting(data) == []
    found = run(data, "sql", "--format", "csv", "SELECT count() FROM deployments FINAL")
    assert found.stdout.splitlines()[-1] == "5"
    assert counts(run(data, "replay", old, "--format", "json"))["events behind the horizon"] == 0


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
