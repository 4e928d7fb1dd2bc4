"""Every command, once, in a process of its own, while the real `aftermerge up` holds the directory."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import click
import pytest

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.resources import examples
from tests.live.process import TOKEN, run, up

pytestmark = pytest.mark.slow

#: lines of the shipped history: enough for an incident with a cause
LINES = 1_500
INCIDENT = "a-noticed-incident"
#: what needs no data directory, makes one of its own, or is what all of this happens beside
ELSEWHERE = {"up", "demo", "restore", "tag"}
#: the processes of a cluster, and what looks after it
ON_A_CLUSTER = {"topics", "migrate", "receive", "normalize", "correlate", "sink"}


@pytest.mark.long
def test_every_command_works_while_up_holds_the_directory(tmp_path: Path) -> None:
    (shipped,) = examples().glob("*.jsonl.gz")
    history, exported = tmp_path / "history.jsonl", tmp_path / "exported.jsonl"
    with gzip.open(shipped, "rb") as lines:
        history.write_bytes(b"".join(islice(lines, LINES)))
    commands: list[list[str | Path]] = [
        ["import", "history", history],
        ["sql", "--format", "json", "SELECT incident FROM incidents FINAL ORDER BY incident LIMIT 1"],
        ["views"],
        ["explain", INCIDENT],
        ["verdict", INCIDENT, "--change", "none", "--by", "dana", "--because", "looked at it"],
        ["evaluate"],
        ["export", exported],
        ["replay", exported],
        ["simulate", "--weeks", "1", "--services", "8", "--into-log", "--workspace", "made-up"],
        ["rebuild"],
        ["renormalize", "--source", "github"],
        ["backup", tmp_path / "backup.tar"],
        ["forget", "nobody-of-this-name"],
        ["doctor"],
    ]
    data = tmp_path / "data"
    done = {str(command[0]) for command in commands} | ELSEWHERE | ON_A_CLUSTER | {"report", "dlq"}
    assert set(main.list_commands(click.Context(main))) == done, "a command is missing here"
    with up(data) as running:
        reported = run(
            data, "report", "incident", INCIDENT, "detected", "--service", "api", "--url", running.receiver,
            report_token=TOKEN,
        )  # fmt: skip
        assert reported.returncode == Exit.OK, reported.stderr
        for command in commands:
            told = run(data, *command)
            assert told.returncode in (Exit.OK, Exit.NOTHING), (command, told.stdout, told.stderr)
            assert "Traceback" not in told.stderr, command
            if command[0] == "sql":
                assert json.loads(told.stdout), told.stdout
        assert running.readiness().status == 200
        kept = running.rows("SELECT verdict, cause FROM incidents FINAL WHERE incident LIKE '%noticed%'")
        assert [cause for _, cause in kept] == ["none"]
    # and what they did is there without it
    after = run(data, "sql", "--format", "json", "SELECT count() AS n FROM incidents FINAL")
    assert json.loads(after.stdout)[0]["n"] > 1
