"""``sql`` and ``doctor`` on a real data directory: the log, the embedded engine, the lock."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.prompt import HISTORY_FILE, Names, converse, ends_statement
from pipeline.cli.wiring import Parts, opened
from pipeline.core.facts import ServiceFact
from pipeline.settings import load_settings

DESCRIPTORS_KEPT = 16
SERVICES = ("api", "web\x1b[31m", "worker")


def service(name: str) -> ServiceFact:
    return ServiceFact(name, True, "core", 1, ["acme/app"], [], ["db"], [], [], ["e1"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with three services in it."""
    directory = tmp_path_factory.mktemp("data")
    with opened(load_settings(data=directory), create=True) as parts:
        parts.store.insert_facts("services", "default", 1, [service(name) for name in SERVICES])
    return directory


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def parts(data: Path) -> Iterator[Parts]:
    with opened(load_settings(data=data), create=False) as found:
        yield found


def run(data: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *arguments], input=stdin)


def test_a_query_in_every_format(data: Path) -> None:
    query = "SELECT service, tier, repositories FROM services FINAL ORDER BY service"
    table = run(data, "sql", query)
    assert table.exit_code == Exit.OK
    assert table.output.splitlines()[0].split() == ["service", "tier", "repositories"]
    assert "\x1b" not in table.output
    documents = json.loads(run(data, "sql", query, "--format", "json").output)
    assert documents[1] == {"service": SERVICES[1], "tier": 1, "repositories": ["acme/app"]}
    rows = list(csv.reader(io.StringIO(run(data, "sql", "--format", "csv", query).output)))
    assert rows[3] == ["worker", "1", '["acme/app"]']


def test_a_query_from_standard_input(data: Path) -> None:
    result = run(data, "sql", "--format", "csv", stdin="SELECT count() AS n\nFROM services FINAL;\n")
    assert result.output == "n\n3\n"


def test_times_come_as_utc(data: Path) -> None:
    result = run(data, "sql", "--format", "csv", "SELECT toDateTime64('2024-10-02 14:05:00', 6, 'UTC') AS t")
    assert result.output == "t\n2024-10-02T14:05:00Z\n"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "only statements that read"),
        ("SELECT FROM WHERE", "Syntax error"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT nope FROM services", "nope"),
        ("DROP TABLE services", "only statements that read"),
        ("TRUNCATE TABLE services", "only statements that read"),
        ("INSERT INTO services (service) VALUES ('x')", "only statements that read"),
        ("SELECT 1; DROP TABLE services", "one statement"),
    ],
)
def test_a_wrong_query_is_exit_2_in_two_lines(data: Path, query: str, said: str) -> None:
    result = run(data, "sql", query)
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert run(data, "sql", "--format", "csv", "SELECT count() FROM services").output.endswith("\n3\n")


@pytest.mark.parametrize("through", ["argument", "standard input"])
def test_the_commands_of_the_prompt_work_as_a_query(data: Path, through: str) -> None:
    def ask(query: str, *further: str) -> Result:
        if through == "argument":
            return run(data, "sql", query, *further)
        return run(data, "sql", *further, stdin=f"{query}\n")

    listed = json.loads(ask("\\d", "--format", "json").output)
    assert "incidents" in {row["name"] for row in listed}
    assert "service" in ask("\\d services").output
    assert ask("\\d nowhere").exit_code == Exit.USAGE
    unknown = ask("\\unknown")
    assert unknown.exit_code == Exit.USAGE
    assert "no command" in unknown.stderr


def keep_low() -> list[int]:
    """File descriptors with low numbers, for later."""
    return [os.open(os.devnull, os.O_RDONLY) for _ in range(DESCRIPTORS_KEPT)]


#: The prompt waits with select(), which knows numbers below 1024 only, and every embedded engine that was
#: opened before in this process has left a few open: taken when the tests are collected, given back for it.
LOW = keep_low()


def type_in(parts: Parts, text: str) -> None:
    while LOW:
        os.close(LOW.pop())
    try:
        _type_in(parts, text)
    finally:
        LOW.extend(keep_low())


def _type_in(parts: Parts, text: str) -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(text)
        converse(parts, "csv")


def test_the_prompt_answers_until_ctrl_d(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    type_in(
        parts,
        "SELECT count() AS n\rFROM services FINAL;\r\\d services\rSELECT nope;\r\\x json\r\\d\r\x04",
    )
    shown = capsys.readouterr()
    assert "n\n3\n" in shown.out
    assert 'service,String,"name of the service' in shown.out
    assert '"name": "incidents"' in shown.out
    assert "nope" in shown.err
    assert "FROM services" in (parts.settings.data / HISTORY_FILE).read_text()


def test_ctrl_c_drops_the_line_and_stays(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    type_in(parts, "SELECT garbage\x03SELECT 41 + 1 AS n;\r\\q\r")
    shown = capsys.readouterr()
    assert "n\n42\n" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1\n", True),
        ("\\d", True),
        ("", True),
        ("exit", True),
    ],
)
def test_enter_runs_what_is_complete(text: str, ends: bool) -> None:
    assert ends_statement(text) is ends


def test_names_complete() -> None:
    names = Names(["incidents", "changes"])
    typed = Document("SELECT * FROM inc")
    assert [found.text for found in names.get_completions(typed, CompleteEvent())] == ["incidents"]
    assert not list(names.get_completions(Document("SELECT "), CompleteEvent()))


def test_doctor_tells_what_there_is(data: Path) -> None:
    result = run(data, "doctor", "--format", "json")
    assert result.exit_code == Exit.OK, result.output
    found = {(line["section"], line["what"]): line for line in json.loads(result.output)}
    assert found["store", "services"]["value"] == "3 stored rows"
    assert found["log", "not yet correlated"]["value"] == "0"
    assert found["data", "directory"]["value"] == str(data)
    for what in ("aftermerge", "python", "chdb", "git"):
        assert found["version", what]["value"]
    assert "persons.key" not in result.output


def test_doctor_finds_a_misspelled_variable(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERMERGE_WORKSPCE", "acme")
    result = run(data, "doctor")
    assert result.exit_code == Exit.PARTLY
    assert "AFTERMERGE_WORKSPCE" in result.output


def test_doctor_never_shows_a_password(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERMERGE_STORE_DSN", "clickhouse://reader:hunter2@127.0.0.1:1")
    result = run(data, "doctor")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "127.0.0.1:1" in result.output
    assert "not yet correlated" in result.output, "the log is told even when the store is down"
    assert "hunter2" not in result.output + result.stderr


def test_a_server_that_is_down_is_told_once_in_two_lines(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own: what the driver logs would go to the real stderr."""
    monkeypatch.setenv("AFTERMERGE_STORE_DSN", "clickhouse://reader:hunter2@127.0.0.1:1")
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "--data", str(data)]
    ended = subprocess.run([*command, "sql", "SELECT 1"], capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.UNAVAILABLE
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        (
            "aftermerge: no ClickHouse answers at http://127.0.0.1:1: Connection refused;"
            " check that it runs and that address, user and password are right"
        ),
        "  nothing is lost: when the store answers again, the same command goes on",
    ]


def test_doctor_lists_every_setting(data: Path) -> None:
    settings = json.loads(run(data, "doctor", "--settings", "--format", "json").output)
    assert {line["setting"] for line in settings} == set(type(load_settings()).model_fields)
    assert all(line["meaning"] for line in settings)


def test_doctor_survives_a_damaged_log(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "log.sqlite").write_bytes(b"no log at all, but long enough to be read as a header" * 10)
    result = run(tmp_path, "doctor")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "log.sqlite" in result.output
    assert "Traceback" not in result.stderr


def test_doctor_says_where_to_begin(tmp_path: Path) -> None:
    result = run(tmp_path / "nothing", "doctor")
    assert result.exit_code == Exit.OK
    assert "aftermerge demo" in result.output
