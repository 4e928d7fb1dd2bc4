"""Opening: what can be opened, and what is said when it can't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from pipeline.store import InvalidQuery, Store, StoreHeld, StoreUnavailable
from pipeline.store.errors import short_message, translated

ROOT = Path(__file__).resolve().parents[2]


def elsewhere(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


OPEN = """
import sys
from pipeline.store import Store, StoreHeld
try:
    Store.open(sys.argv[1])
except StoreHeld as error:
    print(error.pid, error)
"""


def test_a_second_process_is_told_who_holds_the_directory(store: Store, dsn: str) -> None:
    found = elsewhere(OPEN, dsn)
    assert found.returncode == 0, found.stderr
    pid, _, message = found.stdout.partition(" ")
    assert int(pid) == os.getpid()
    assert f"is in use by process {os.getpid()}: wait until it ends" in message
    assert store.query("SELECT 1").rows == [(1,)]


WRITE = """
import os, sys
from pipeline.core.facts import ServiceFact
from pipeline.store import Store
store = Store.open(sys.argv[1])
store.migrate()
store.insert_facts("services", "acme", 1, [ServiceFact("api", True, "", None, [], [], [], [], [], [])])
if sys.argv[2] == "die":
    os.kill(os.getpid(), 9)
print(store.migrate(), len(store.live_rows("services", "acme")))
store.close()
"""


def test_rows_survive_a_kill_and_the_directory_is_free_again(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path}/a directory with spaces"
    assert elsewhere(WRITE, dsn, "die").returncode == -9
    again = elsewhere(WRITE, dsn, "live")
    assert again.returncode == 0, again.stderr
    assert again.stdout == "[] 1\n"


def test_the_same_directory_can_be_opened_twice_in_one_process(store: Store, dsn: str) -> None:
    second = Store.open(dsn, "another")
    second.close()
    assert store.query("SELECT 1").rows == [(1,)]
    store._command("DROP DATABASE another", "tidy up")


def test_a_second_directory_is_refused_in_words(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="one process can open one embedded store"):
        Store.open(f"chdb://{tmp_path}/other")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "use chdb:///absolute/directory"),
        ("postgres://localhost/db", "scheme 'postgres'"),
        ("chdb://relative/path", "no absolute path|cannot open"),
        ("chdb:///", "no absolute path"),
        ("http://localhost:port", "wrong port"),
    ],
)
def test_a_wrong_address_is_explained(address: str, message: str) -> None:
    with pytest.raises(StoreUnavailable, match=message):
        Store.open(address)


@pytest.mark.parametrize("scheme", ["http", "clickhouse"])
def test_a_server_that_does_not_answer_is_named_without_its_password(scheme: str) -> None:
    # port 1 is reserved and nobody listens there
    with pytest.raises(StoreUnavailable, match="no ClickHouse answers at http://127.0.0.1:1:") as caught:
        Store.open(f"{scheme}://somebody:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot open the store in .*file/store"):
        Store.open(f"chdb://{tmp_path}/file/store")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            DatabaseError("Code: 243. DB::Exception: Cannot reserve. (NOT_ENOUGH_SPACE)", code=243),
            StoreUnavailable,
        ),
        (DatabaseError("Code: 1001. std::exception: No space left on device", code=1001), StoreUnavailable),
        (OperationalError("connection refused"), StoreUnavailable),
        (OSError(28, "No space left on device"), StoreUnavailable),
        (DatabaseError("Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)", code=62), InvalidQuery),
    ],
)
def test_outages_and_mistakes_are_told_apart(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind), translated("/data/store", "write 3 rows into changes"):
        raise error


def test_messages_lose_the_engines_words() -> None:
    nested = DatabaseError(
        "Code: 36. DB::Exception: Code: 36. DB::Exception: It is wrong:\n FORMAT Native. Expected one of: a."
        " (BAD_ARGUMENTS) (version 26.9.2.1). (BAD_ARGUMENTS)"
    )
    assert short_message(nested) == "It is wrong:"


def test_the_pid_is_optional() -> None:
    assert StoreHeld("held").pid is None
