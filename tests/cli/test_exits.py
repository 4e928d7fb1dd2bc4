"""How commands end: the exit code, one or two lines, and no traceback unless asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import COMMANDS, main
from pipeline.cli.exits import MEANINGS, Exit, Problem
from pipeline.cli.frame import CommandGroup, known_problem
from pipeline.cli.holding import held, holder
from pipeline.cli.intake import take_in
from pipeline.cli.wiring import opened
from pipeline.core.events import IncidentDetected
from pipeline.log.protocol import LogCorrupt, LogUnavailable
from pipeline.settings import load_settings

WAIT_SECONDS_MAX = 60
POLL_SECONDS = 0.02


@pytest.fixture(autouse=True)
def own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def failing(error: BaseException) -> CommandGroup:
    """A group with one command that fails in one way."""

    def fail() -> None:
        raise error

    command = click.Command("fail", callback=fail)
    group = CommandGroup("aftermerge", loaders={"fail": lambda: command}, callback=lambda: None)
    group.params = main.params
    return group


def test_every_exit_code_has_a_meaning_and_stands_in_the_help() -> None:
    assert set(MEANINGS) == set(Exit)
    shown = " ".join(run("--help").output.split())
    for code, meaning in MEANINGS.items():
        assert f"{int(code)} {meaning}" in shown


@pytest.mark.parametrize("command", ["demo", "sql", "explain", "verdict", "evaluate", "rebuild", "export"])
def test_help_teaches_by_example(command: str) -> None:
    shown = run(command, "--help")
    assert shown.exit_code == Exit.OK
    assert f"aftermerge {command}" in shown.output.split("Examples:")[1]


def test_help_and_version_work_however_wrong_the_settings_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERMERGE_HORIZON_DAYS", "soon")
    assert run("--help").exit_code == run("--version").exit_code == run("sql", "--help").exit_code == Exit.OK
    refused = run("sql", "SELECT 1")
    assert refused.exit_code == Exit.USAGE
    assert "AFTERMERGE_HORIZON_DAYS" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["sql", "--no-such-option"],
        ["sql", "--format", "xml", "SELECT 1"],
        ["sql", " ; "],
        ["replay", "no-such-file.jsonl"],
        ["import", "git", "no-such-directory"],
        ["import", "history", "no-such-file", "--incidents-from", "rumours"],
        ["verdict", "INC-7", "--by", "dana", "--because", "x"],
        ["verdict", "INC-7", "--change", "none"],
        ["verdict", "INC-7", "--onset", "yesterday", "--by", "dana", "--because", "x"],
        ["--workspace", "a b", "doctor"],
    ],
)
def test_wrong_usage_is_exit_2_in_few_lines(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == Exit.USAGE
    assert 1 <= len(result.stderr.splitlines()) <= 5
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["sql", "SELECT 1"], ["explain", "INC-7"], ["export"], ["evaluate"], ["rebuild"]],
)
def test_a_place_without_data_is_exit_5_and_says_how_to_begin(arguments: list[str], tmp_path: Path) -> None:
    result = run("--data", tmp_path / "empty", *arguments)
    assert result.exit_code == Exit.NOTHING
    assert "aftermerge demo" in result.stderr
    assert not (tmp_path / "empty").exists()


def test_shared_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    assert str(tmp_path) in run("--data", tmp_path, "doctor").output
    assert str(tmp_path) in run("doctor", "--data", tmp_path).output
    both = run("--data", tmp_path / "one", "doctor", "--data", tmp_path / "two")
    assert str(tmp_path / "two") in both.output
    assert str(tmp_path / "one") not in both.output


def test_a_held_directory_is_exit_3_and_names_who_holds_it(tmp_path: Path) -> None:
    with held(tmp_path, create=True):
        command = [sys.executable, "-c", "from pipeline.cli import main; main()"]
        ended = subprocess.run(
            [*command, "sql", "SELECT 1", "--data", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == Exit.DATA
        assert f"process {os.getpid()}" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert f"process {os.getpid()}" in holder(tmp_path)
        assert run("--data", tmp_path, "doctor").exit_code == Exit.DATA
    assert holder(tmp_path) == ""


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    hold = "import sys, time, pathlib; from pipeline.cli.holding import held\n"
    hold += "with held(pathlib.Path(sys.argv[1]), create=True): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Problem, match=str(process.pid)), held(tmp_path, create=False):
            pass
        process.kill()
    with held(tmp_path, create=False):
        pass


def test_an_unusable_directory_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    result = run("--data", tmp_path / "file" / "below", "demo")
    assert result.exit_code == Exit.DATA
    assert "--data" in result.stderr


def test_ctrl_c_is_exit_130_and_reassures() -> None:
    wait = "import time; from pipeline.cli.frame import CommandGroup; import click\n"
    wait += "def work():\n    print('begun', flush=True)\n    time.sleep(600)\n"
    wait += "work = click.Command('w', callback=work)\n"
    wait += "CommandGroup('a', loaders={'w': lambda: work}, callback=lambda: None)(['w'])"
    with subprocess.Popen(
        [sys.executable, "-c", wait], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_SECONDS_MAX)
    assert process.returncode == Exit.INTERRUPTED
    assert "nothing is lost" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LogUnavailable("disk full"), Exit.UNAVAILABLE),
        (LogCorrupt("torn"), Exit.UNAVAILABLE),
        (PermissionError(13, "Permission denied", "here"), Exit.DATA),
        (ZeroDivisionError("division by zero"), Exit.BUG),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (Problem("no such thing", code=Exit.NOTHING), Exit.NOTHING),
    ],
)
def test_a_failure_below_becomes_an_exit_code(error: BaseException, code: Exit) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_debug_shows_the_traceback() -> None:
    result = CliRunner().invoke(failing(ZeroDivisionError("x")), ["--debug", "fail"])
    assert "Traceback" in result.stderr
    assert result.exit_code == Exit.BUG


def piped(arguments: list[str], *, read: int, stderr: int = subprocess.PIPE) -> tuple[int, bytes, bytes]:
    """Exit code, what was read, and what stood on stderr, when the reader goes away after some bytes."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:
        assert process.stdout is not None
        head = process.stdout.read(read)
        process.stdout.close()
        said = process.stderr.read() if process.stderr is not None else b""
        return process.wait(timeout=WAIT_SECONDS_MAX), head, said


@pytest.fixture(scope="module")
def some_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("piped")
    with opened(load_settings(data=directory), create=True) as parts:
        event = IncidentDetected(
            "pager i1 detected", "pager", 10**15, 10**15, True, 0, 1, False, 0, "i1", title="x" * 1000
        )
        take_in(
            parts,
            [
                msgspec.structs.replace(event, id=f"pager i{number} detected", incident=f"i{number}")
                for number in range(500)
            ],
        )
    return directory


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["export"], 10),
        (["sql", "SELECT number FROM numbers(100000)"], 10),
        (["sql", "SELECT 1"], 0),
        (["doctor"], 0),
        (["--help"], 0),
        (["explain", "--help"], 0),
    ],
)
def test_a_reader_that_has_had_enough_ends_a_command_quietly(
    some_data: Path, arguments: list[str], read: int
) -> None:
    code, head, said = piped(["--data", str(some_data), *arguments], read=read)
    assert len(head) == read
    assert (code, said) == (Exit.OK, b"")


@pytest.mark.parametrize(
    ("arguments", "expected"), [(["explain", "nobody"], Exit.NOTHING), (["--no-such-option"], Exit.USAGE)]
)
def test_a_failure_that_nobody_reads_keeps_its_exit_code(
    some_data: Path, arguments: list[str], expected: Exit
) -> None:
    code, _, _ = piped(["--data", str(some_data), *arguments], read=0, stderr=subprocess.STDOUT)
    assert code == expected


def test_a_pipe_that_breaks_elsewhere_is_no_success() -> None:
    """Only the reader of what is printed may go away: a connection that breaks is a failure."""
    result = CliRunner().invoke(failing(BrokenPipeError(32, "Broken pipe")), ["fail"])
    assert result.exit_code == Exit.DATA
    assert "Broken pipe" in result.stderr


def test_a_long_message_is_cut() -> None:
    assert len(known_problem(ValueError("x" * 10_000)).message) < 1_000


def test_loading_the_help_loads_no_engine() -> None:
    probe = "import sys; from pipeline.cli import main\n"
    probe += "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
    probe += "heavy = {'chdb', 'pyarrow', 'clickhouse_connect', 'fastavro', 'numpy'}\n"
    probe += "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
    assert set(COMMANDS) <= set(ended.stdout.split())
