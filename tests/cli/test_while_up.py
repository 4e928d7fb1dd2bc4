"""Every command works while another process holds the directory, and says the same as without it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline import running
from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.persons import KEY_FILE
from pipeline.resources import examples

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS_MAX = 60
#: lines of the shipped history: enough for incidents with a known cause
LINES = 4_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


@contextmanager
def up(data: Path, *ticking: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the directory."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.holding_process", str(data), *ticking],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
            process.stdin.close()
            process.wait(WAIT_SECONDS_MAX)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (shipped,) = examples().glob("*.jsonl.gz")
    path = tmp_path_factory.mktemp("history") / "some.jsonl"
    with gzip.open(shipped, "rb") as lines:
        path.write_bytes(b"".join(islice(lines, LINES)))
    return path


def commands(history: Path, exported: Path) -> list[list[str]]:
    """One of each, in the order of somebody's day."""
    asked = "SELECT incident, verdict, cause, probability FROM incidents FINAL ORDER BY incident"
    return [
        ["import", "history", str(history)],
        ["import", "history", str(history)],
        ["sql", "--format", "json", asked],
        ["sql", r"\d incidents"],
        ["sql", "--format", "csv", "SELECT * FROM which_change_broke_it ORDER BY incident, change"],
        ["sql", "DROP TABLE changes"],
        ["sql", "SELECT nothing FROM nowhere"],
        ["evaluate", "--format", "json"],
        ["export", str(exported)],
        ["replay", str(exported)],
        ["explain", "nobody"],
        ["rebuild"],
        ["sql", "--format", "json", asked],
    ]


@pytest.mark.long
def test_every_command_says_the_same_while_another_process_holds_the_directory(
    history: Path, tmp_path: Path
) -> None:
    alone, beside = tmp_path / "alone", tmp_path / "beside"
    expected = [run(alone, *command) for command in commands(history, tmp_path / "alone.jsonl")]
    beside.mkdir(mode=0o700)
    shutil.copy(alone / KEY_FILE, beside / KEY_FILE)  # the same persons
    with up(beside):
        found = [run(beside, *command) for command in commands(history, tmp_path / "beside.jsonl")]
        for command, one, other in zip(commands(history, Path("x")), expected, found, strict=True):
            assert other.exit_code == one.exit_code, (command, other.output, other.exception)
            assert counted(other.stdout) == counted(one.stdout), command
            assert other.stderr.replace("beside", "alone") == one.stderr, command
        incident = json.loads(found[2].stdout)[0]["incident"]
        for command in (
            ["explain", incident],
            ["explain", incident, "--json"],
            ["explain", incident, "--as-of", "2024-12-01T00:00Z"],
            ["verdict", incident, "--change", "none", "--by", "dana", "--because", "checked"],
            ["explain", incident],
            ["doctor"],
        ):
            other = run(beside, *command)
            assert other.exit_code in (Exit.OK, Exit.NOTHING), (command, other.output)
            if command[0] != "doctor":
                one = run(alone, *command)
                assert (other.exit_code, other.stdout) == (one.exit_code, one.stdout), command
    assert (tmp_path / "beside.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()
    # what was taken in over there is still there when that process has ended
    asked = "SELECT incident, verdict, cause FROM incidents FINAL ORDER BY incident"
    assert run(beside, "sql", asked).stdout == run(alone, "sql", asked).stdout


def counted(text: str) -> str:
    """The text of a report without the rows written: they depend on how the log was cut into batches."""
    lines = [line.split() for line in text.replace("beside", "alone").splitlines()]
    return "\n".join(" ".join(words) for words in lines if words[1:3] != ["rows", "written"])


def test_a_history_from_behind_the_horizon_of_a_living_workspace_is_applied(
    history: Path, tmp_path: Path
) -> None:
    with up(tmp_path, "default"):
        imported = run(tmp_path, "import", "history", history)
        assert imported.exit_code == Exit.OK, imported.output
        assert "applied by a rebuild" in imported.stdout
        assert json.loads(
            run(tmp_path, "sql", "--format", "json", "SELECT count() AS n FROM incidents").stdout
        )[0]["n"]


def test_what_can_not_be_read_becomes_a_row_at_once(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("no event\n")
    with up(tmp_path / "data"):
        assert run(tmp_path / "data", "replay", bad).exit_code == Exit.PARTLY
        kept = run(tmp_path / "data", "sql", "--format", "json", "SELECT place FROM dead_letters")
        assert json.loads(kept.stdout) == [{"place": f"{bad}:1"}]
        assert run(tmp_path / "data", "doctor").exit_code == Exit.PARTLY
        assert run(tmp_path / "data", "doctor", "--acknowledge").exit_code == Exit.OK
        assert run(tmp_path / "data", "doctor").exit_code == Exit.OK


def test_doctor_says_who_holds_the_directory_and_no_secret(tmp_path: Path) -> None:
    with up(tmp_path) as process:
        said = run(tmp_path, "doctor")
        assert said.exit_code == Exit.OK, said.output
        assert f"process {process.pid} since" in said.stdout
        assert "0 events" in said.stdout
        note = running.read(tmp_path)
        assert note is not None
        assert note.token not in said.stdout + said.stderr
        with pytest.raises(AssertionError), up(tmp_path):
            pass


def test_a_process_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    with up(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_SECONDS_MAX)
        assert running.read(tmp_path) is not None
        assert running.live(tmp_path) is None
        assert run(tmp_path, "sql", "SELECT 1").exit_code == Exit.OK
        said = run(tmp_path, "doctor")
        assert said.exit_code == Exit.OK
        assert "was killed" in said.stdout
        assert "aftermerge up" in said.stdout


def test_a_process_that_is_killed_meanwhile_is_told_with_what_to_do(tmp_path: Path) -> None:
    from pipeline.cli.intake import take_in
    from pipeline.cli.wiring import opened
    from pipeline.log.protocol import LogUnavailable
    from pipeline.settings import load_settings

    with up(tmp_path) as process, opened(load_settings(data=tmp_path), create=False) as parts:
        assert parts.follower is not None
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_SECONDS_MAX)
        with pytest.raises(LogUnavailable, match="run the same command again"):
            take_in(parts, [])


def test_the_attached_store_can_only_be_asked(tmp_path: Path) -> None:
    from pipeline.cli.wiring import opened
    from pipeline.settings import load_settings
    from pipeline.store import StoreUnavailable

    with up(tmp_path), opened(load_settings(data=tmp_path), create=False) as parts:
        assert parts.store.query("SELECT 1 AS one").rows == [(1,)]
        for write in (
            parts.store.migrate,
            parts.store.settle,
            lambda: parts.store.insert_facts("changes", "default", 1, [], [("x",)]),
        ):
            with pytest.raises(StoreUnavailable, match="written by the process that holds it"):
                write()
