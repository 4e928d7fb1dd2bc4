"""``aftermerge dlq``: what is listed, shown, brought back and dropped, alone and beside ``aftermerge up``."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.instants import machine_now
from pipeline.core.events import DeploymentFinished
from pipeline.sources.cloudevents import render
from tests.live.deliveries import BEGUN, instant
from tests.live.process import TOKEN, Up, command, environment, eventually, up
from tests.live.process import run as run_apart

HOUR = 3_600_000_000
BROKEN = """
source: desk
rules:
  - name: opened
    event: incident_detected
    id: {text: "desk {body.number} opened"}
    time: {iso: body.opened}
    fields: {incident: {text: "desk {body.number}"}, service: body.service}
"""
MENDED = BROKEN.replace("body.opened", "body.opened_at")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def listed(data: Path, *arguments: str) -> list[dict[str, Any]]:
    said = run(data, "dlq", "list", "--format", "json", *arguments)
    assert said.exit_code == Exit.OK, said.output
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


def deployment(time: int) -> bytes:
    head = ("git api/1 finished", "git/acme/api", time, time, True, 0, 1, False, 0)
    event = DeploymentFinished(*head, deployment="api/1", service="api", environment="production", tag="v1")
    return render(event, "default")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three lines that can't be read: of two reasons, in two workspaces."""
    directory = tmp_path / "data"
    told = {"default": [b"no event", b"\xff\xfe\x00\x01"], "other": [b'{"specversion": "1.0"}']}
    for workspace, lines in told.items():
        file = tmp_path / f"{workspace}.jsonl"
        file.write_bytes(b"\n".join(lines) + b"\n")
        said = run(directory, "--workspace", workspace, "replay", file)
        assert said.exit_code == Exit.PARTLY, said.output
    return directory


def test_a_letter_is_listed_until_it_is_dropped(data: Path, tmp_path: Path) -> None:
    found = listed(data)
    assert [(row["number"], row["workspace"], row["bytes"]) for row in found] == [
        ("0", "default", 8),
        ("1", "default", 4),
        ("2", "other", 22),
    ]
    assert found[0]["place"] == f"{tmp_path / 'default.jsonl'}:1"
    assert found[0]["when"].endswith("Z")
    assert "state" not in found[0]
    dropped = run(data, "dlq", "drop", "0", "--because", "a test", "--by", "dana", "--format", "csv")
    assert dropped.exit_code == Exit.OK, dropped.output
    assert dropped.stderr == "1 letter dropped\n"
    assert [row["number"] for row in listed(data)] == ["1", "2"]
    assert [(row["number"], row["state"]) for row in listed(data, "--all")] == [
        ("0", "dropped"),
        ("1", "waiting"),
        ("2", "waiting"),
    ]
    assert "dana" not in run(data, "dlq", "show", "0").output
    again = run(data, "dlq", "drop", "0", "--because", "a test")
    assert again.exit_code == Exit.NOTHING
    assert "number 0" in again.stderr
    assert "no event" in run(data, "sql", "SELECT bytes FROM dead_letters").stdout, "nothing is deleted"


def test_what_is_dropped_is_no_problem_any_more(data: Path) -> None:
    assert run(data, "doctor").exit_code == Exit.PARTLY
    said = run(data, "dlq", "drop", "--all", "--because", "tests")
    assert (said.exit_code, len(said.stdout.splitlines())) == (Exit.OK, 4)
    assert run(data, "doctor").exit_code == Exit.OK
    assert listed(data) == []
    assert run(data, "dlq", "redrive", "--all").exit_code == Exit.NOTHING


def test_letters_are_chosen_by_reason_workspace_and_time(data: Path) -> None:
    assert [row["number"] for row in listed(data, "--reason", "is MALFORMED")] == ["0", "1"]
    assert [row["number"] for row in listed(data, "--workspace", "other")] == ["2"]
    assert len(listed(data, "--since", "2020-01-01")) == 3
    assert listed(data, "--since", "2999-01-01") == []
    run(data, "--workspace", "other", "dlq", "drop", "--all", "--because", "x")
    assert [row["number"] for row in listed(data)] == ["0", "1"]


def test_letters_are_counted_by_reason(data: Path) -> None:
    most, least = listed(data, "--by", "reason")
    assert (most["letters"], most["newest"], least["letters"]) == (2, "1", 1)
    assert "(byte 0)" in most["reason"]
    assert most["first"] <= most["last"]
    assert {row["workspace"]: row["letters"] for row in listed(data, "--by", "workspace")} == {
        "default": 2,
        "other": 1,
    }


def test_acknowledged_letters_are_listed_when_asked_for(data: Path) -> None:
    run(data, "doctor", "--acknowledge")
    assert listed(data) == []
    assert {row["state"] for row in listed(data, "--all")} == {"acknowledged"}
    assert run(data, "dlq", "drop", "--all", "--because", "x").exit_code == Exit.NOTHING
    assert run(data, "dlq", "drop", "1", "--because", "x").exit_code == Exit.OK


def test_a_pipe_gets_every_letter_whole(data: Path) -> None:
    lines = run(data, "dlq", "list").stdout.splitlines()
    assert lines[0].split() == ["number", "when", "workspace", "bytes", "place", "reason"]
    assert [line.split()[0] for line in lines[1:]] == ["0", "1", "2"]
    rows = list(csv.DictReader(io.StringIO(run(data, "dlq", "list", "--format", "csv").stdout)))
    assert [row["reason"] for row in rows] == [row["reason"] for row in listed(data)]


def on_a_terminal(*arguments: str | Path, columns: int = 80, typed: str = "") -> tuple[str, int]:
    """What a command says to a person at a terminal, and how it ends."""
    master, slave = pty.openpty()
    told = environment() | {"COLUMNS": str(columns), "LINES": "24"}
    process = subprocess.Popen(command(*arguments), stdin=slave, stdout=slave, stderr=slave, env=told)
    os.close(slave)
    os.write(master, typed.encode())
    said = b""
    while True:
        try:
            said += os.read(master, 65_536)
        except OSError:  # the other end is closed
            break
    os.close(master)
    return said.decode(), process.wait()


@pytest.mark.slow
def test_on_a_terminal_it_asks_before_it_drops(data: Path) -> None:
    asked = ("dlq", "drop", "--all", "--because", "tests", "--data", data)
    said, code = on_a_terminal(*asked, typed="n\n")
    assert "Drop 3 letters of 3 reasons?" in said
    assert (code, len(listed(data))) == (Exit.NOTHING, 3), said
    said, code = on_a_terminal(*asked, typed="y\n")
    assert (code, listed(data)) == (Exit.OK, []), said


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_a_letter_is_one_line_of_its_width(data: Path, width: int) -> None:
    said, code = on_a_terminal("dlq", "list", "--all", "--data", data, columns=width)
    assert code == Exit.OK, said
    lines = said.splitlines()
    assert len(lines) == 4, said
    assert max(map(len, lines)) <= width
    assert re.search(r"…\S*t\.jsonl:1  event: ", lines[1])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("redrive",), "say which letters"),
        (("redrive", "1", "--all"), "say which letters"),
        (("redrive", "one"), "no number of a letter"),
        (("drop", "--all"), "--because"),
        (("drop", "--all", "--because", " "), "say why"),
        (("show", "x"), "no number of a letter"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(data: Path, arguments: tuple[str, ...], what: str) -> None:
    said = run(data, "dlq", *arguments)
    assert said.exit_code == Exit.USAGE
    assert what in said.stderr


def test_a_number_that_is_none_is_told(data: Path) -> None:
    for arguments in (("show", "77"), ("redrive", "77"), ("drop", "77", "--because", "x"), ("show", "3:0")):
        said = run(data, "dlq", *arguments)
        assert said.exit_code == Exit.NOTHING, said.output
        assert arguments[1] in said.stderr


def test_a_page_tells_all_of_a_letter(data: Path, tmp_path: Path) -> None:
    said = run(data, "dlq", "show", "1")
    assert said.exit_code == Exit.OK, said.output
    for word in (
        f"{tmp_path / 'default.jsonl'}:2",
        "waiting",
        "no text in UTF-8 from byte 0 on",
        "00000000  ff fe 00 01",
        "|....|",
        "aftermerge dlq redrive 1",
        "aftermerge dlq drop 1",
    ):
        assert word in said.stdout
    run(data, "dlq", "drop", "1", "--because", "a broken sender")
    dropped = run(data, "dlq", "show", "1").stdout
    assert "a broken sender" in " ".join(dropped.split())
    assert "to do" not in dropped
    document = json.loads(run(data, "dlq", "show", "0", "--format", "json").stdout)
    assert (document["content"], document["line"], document["state"]) == ("no event", 1, "waiting")
    assert document["topic"] is None


def test_a_line_is_shown_as_json_and_taken_in_when_its_time_has_come(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "ahead.jsonl"
    file.write_bytes(deployment(machine_now() + 48 * HOUR))
    assert run(data, "replay", file).exit_code == Exit.PARTLY
    page = run(data, "dlq", "show", "0").stdout
    assert '"specversion": "1.0"' in page
    assert "line in JSON" in page
    said = run(data, "dlq", "redrive", "--all", "--format", "json")
    assert said.exit_code == Exit.PARTLY
    assert [row["outcome"] for row in json.loads(said.stdout)] == ["refused again"]
    assert "1 refused again" in said.stderr
    assert len(listed(data)) == 1


def test_what_a_trial_says_is_what_happens(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "one.jsonl"
    file.write_bytes(deployment(machine_now() - HOUR))
    bury_line(data, file)
    asked = "SELECT deployment FROM deployments FINAL"
    trial = run(data, "dlq", "redrive", "0", "--dry-run", "--format", "json")
    assert trial.exit_code == Exit.OK, trial.output
    assert trial.stderr == "1 taken in; nothing was written\n"
    assert json.loads(run(data, "sql", "--format", "json", asked).stdout) == []
    done = run(data, "dlq", "redrive", "0", "--format", "json")
    assert json.loads(done.stdout) == json.loads(trial.stdout)
    assert done.exit_code == Exit.OK
    assert json.loads(run(data, "sql", "--format", "json", asked).stdout) == [{"deployment": "api/1"}]
    assert run(data, "dlq", "redrive", "0").exit_code == Exit.NOTHING
    assert "settled on" in run(data, "dlq", "show", "0").stdout


def bury_line(data: Path, file: Path) -> None:
    """A letter of a line that can be read: as an older version left it."""
    from pipeline.cli.wiring import opened_log
    from pipeline.dead_letters import bury, of_line
    from pipeline.settings import load_settings

    with opened_log(load_settings(data=data), create=True) as log:
        bury(
            log, [of_line("default", str(file), 1, "not known yet", file.read_bytes().strip(), machine_now())]
        )


def test_an_event_of_the_log_is_shown_by_its_schema(tmp_path: Path) -> None:
    from pipeline.cli.wiring import opened_log
    from pipeline.codec import Codec
    from pipeline.dead_letters import bury
    from pipeline.log.protocol import NewRecord, Record
    from pipeline.poison import letter_of
    from pipeline.settings import load_settings
    from pipeline.sources.cloudevents import parse_line

    data = tmp_path / "data"
    _, event = parse_line(deployment(machine_now() - HOUR), person_token=str)
    (value,) = Codec().encode([event])
    with opened_log(load_settings(data=data), create=True) as log:
        log.append("events", 0, [NewRecord(b"default", value), NewRecord(b"default", b"\x01 none")])
        letters = [
            letter_of(Record(0, b"default", value), "it can't be folded: ValueError: x"),
            letter_of(Record(1, b"default", b"\x01 none"), "it is no Avro"),
        ]
        bury(log, letters)
    document = json.loads(run(data, "dlq", "show", "0", "--format", "json").stdout)
    assert (document["topic"], document["offset"], document["failed_at"]) == ("events", 0, None)
    assert document["about"]["record"] == "deployment_finished"
    assert document["content"]["deployment"] == "api/1"
    assert document["content"]["time"].endswith("Z")
    assert "01 20 6e 6f 6e 65" in run(data, "dlq", "show", "1").stdout
    said = run(data, "dlq", "redrive", "--all", "--format", "json")
    assert [row["outcome"] for row in json.loads(said.stdout)] == ["taken in", "refused again"]
    assert said.exit_code == Exit.PARTLY
    rows = run(data, "sql", "--format", "json", "SELECT deployment FROM deployments FINAL").stdout
    assert json.loads(rows) == [{"deployment": "api/1"}]


def desk(live: Up, number: int) -> None:
    body = {"number": number, "opened_at": instant(BEGUN + number), "service": "api"}
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    answer = live.ask("/receive/default/desk", json.dumps(body).encode(), headers)
    assert answer.status == 202, answer.body


@pytest.mark.slow
def test_all_of_it_works_beside_up(tmp_path: Path) -> None:
    data, mappings = tmp_path / "data", tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "desk.yaml").write_text(BROKEN)
    settings = {"mappings": str(mappings), "secret_desk": TOKEN}

    def dlq(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_apart(data, "dlq", *arguments, **settings)

    with up(data, **settings) as live:
        for number in (1, 2, 3):
            desk(live, number)
        eventually(lambda: live.value("SELECT count() FROM dead_letters") == 3, "no dead letters")
        rows = json.loads(dlq("list", "--format", "json").stdout)
        assert [row["place"] for row in rows] == ["received/0@0", "received/0@1", "received/0@2"]
        page = dlq("show", "0").stdout
        assert "source      desk" in page
        assert '"opened_at"' in page
        failed = dlq("redrive", "--all")
        assert (failed.returncode, failed.stderr.count("3 refused again")) == (Exit.PARTLY, 1)
        assert dlq("drop", "2", "--because", "a test").returncode == Exit.OK
        (mappings / "desk.yaml").write_text(MENDED)
        done = dlq("redrive", "--all", "--format", "json")
        assert done.returncode == Exit.OK, done.stderr
        assert [row["outcome"] for row in json.loads(done.stdout)] == ["taken in", "taken in"]
        asked = "SELECT incident FROM incidents FINAL ORDER BY incident"
        assert live.rows(asked) == [["desk 1"], ["desk 2"]]
        assert json.loads(dlq("list", "--format", "json").stdout) == []
    assert run_apart(data, "doctor", **settings).returncode == Exit.OK
