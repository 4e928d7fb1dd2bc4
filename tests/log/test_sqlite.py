"""The log in a file: the contract, and what a file can suffer (crashes, a full disk, damage)."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.log.protocol import Log, LogCorrupt, LogHeld, LogUnavailable, NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.packed import MERGED_RECORDS_MIN
from tests.log.contract import LogContract, Opener, new, values

ROOT = Path(__file__).resolve().parents[2]
CHILD_SECONDS_MAX = 60


def run_child(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class TestSqliteLog(LogContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        return lambda: SqliteLog(tmp_path / "data" / "log.sqlite")

    def test_offsets_of_a_plain_topic_have_no_holes(self, log: Log) -> None:
        log.create_topic("events")
        assert [log.append("events", 0, new(*[b"x"] * 3)) for _ in range(3)] == [0, 3, 6]
        assert [record.offset for record in log.read("events", 0, 2, 4)] == [2, 3, 4, 5]
        assert log.end("events", 0) == 9

    def test_what_is_acknowledged_survives_the_machine(self, log: Log) -> None:
        # no test can take the power away: a commit waits for the disk, or it doesn't
        assert isinstance(log, SqliteLog)
        found = {
            name: log._writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        }
        assert found == {"journal_mode": "wal", "synchronous": 2}

    def test_an_overwritten_record_is_gone(self, log: Log) -> None:
        log.create_topic("state", compacted=True)
        log.append("state", 0, [NewRecord(b"x", b"1"), NewRecord(b"y", b"1"), NewRecord(b"x", b"2")])
        log.append("state", 0, [NewRecord(b"y", b"")])
        assert [tuple(record) for record in log.read("state", 0, 0, 9)] == [(2, b"x", b"2")]
        assert log.end("state", 0) == 4

    def test_only_compacted_topics_have_latest_values(self, log: Log) -> None:
        log.create_topic("events")
        with pytest.raises(ValueError, match="isn't compacted"):
            log.latest("events", 0)

    def test_an_error_while_appending_keeps_nothing(self, log: Log) -> None:
        log.create_topic("events")
        log.append("events", 0, new(b"a"))
        with pytest.raises(sqlite3.ProgrammingError):
            log.append("events", 0, [NewRecord(b"k", b"b"), NewRecord(b"k", object())])  # type: ignore[arg-type]
        assert log.append("events", 0, new(b"c")) == 1
        assert values(log, "events") == [b"a", b"c"]


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from([b"x", b"y", b"z"]), st.sampled_from([b"", b"1", b"2"])), max_size=4
        ),
        max_size=8,
    )
)
def test_a_compacted_topic_is_a_dict(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[bytes, bytes]]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    model: dict[bytes, tuple[int, bytes]] = {}
    offset = 0
    with closing(SqliteLog(path)) as log:
        log.create_topic("state", compacted=True)
        for batch in batches:
            assert log.append("state", 0, [NewRecord(*pair) for pair in batch]) == offset
            for key, value in batch:
                model[key] = (offset, value)
                offset += 1
        live = {key: pair for key, pair in model.items() if pair[1]}
        assert log.latest("state", 0) == {key: value for key, (_, value) in live.items()}
        assert [(r.offset, r.key) for r in log.read("state", 0, 0, 100)] == sorted(
            (at, key) for key, (at, _) in live.items()
        )


def test_a_reader_thread_sees_whole_batches_while_another_writes(tmp_path: Path) -> None:
    batches, rows = 60, 50
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        log.create_topic("events")
        problems: list[str] = []
        done = threading.Event()

        def follow() -> None:
            while not done.is_set():
                read = len(log.read("events", 0, 0, batches * rows))
                if read % rows:
                    problems.append(f"{read} rows are no whole number of batches")

        reader = threading.Thread(target=follow)
        reader.start()
        try:
            for number in range(batches):
                log.append("events", 0, new(*[b"%d" % number] * rows))
        finally:
            done.set()
            reader.join()
        assert problems == []
        assert log.end("events", 0) == batches * rows


APPENDING = """
import sys
from pathlib import Path
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]))
log.create_topic("events")
log.create_topic("state", compacted=True)
number = log.committed("group", "events", 0)
while True:
    size = 1 + number * 37 % 400
    records = [NewRecord(b"%d" % number, b"%d" % size + b"." * 200)] * size
    log.append("events", 0, records)
    log.commit("group", "events", 0, number + 1, appended=[("state", 0, [NewRecord(b"k", b"%d" % number)])])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    draw = random.Random(17)
    path = tmp_path / "log.sqlite"
    acknowledged = -1
    for _ in range(8):
        child = run_child(APPENDING, path)
        assert child.stdout is not None
        for _ in range(draw.randrange(1, 25)):
            acknowledged = int(child.stdout.readline())
        threading.Event().wait(draw.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate(timeout=CHILD_SECONDS_MAX)
        # the last line may be cut, and then says nothing
        acknowledged = max([acknowledged, *map(int, rest.split("\n")[:-1])])
        with closing(SqliteLog(path)) as log:
            committed = log.committed("group", "events", 0)
            assert committed >= acknowledged + 1
            assert log.latest("state", 0) == {b"k": b"%d" % (committed - 1)}
            sizes: dict[int, list[int]] = {}
            for record in log.read("events", 0, 0, 10**6):
                sizes.setdefault(int(record.key), []).append(int(record.value.rstrip(b".")))
            assert set(sizes) >= set(range(acknowledged + 1))
            # a batch that was appended but not committed is appended again by the next round
            assert all(len(rows) % rows[0] == 0 for rows in sizes.values())


def test_a_held_log_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    opening = "import sys; from pathlib import Path; from pipeline.log.sqlite import SqliteLog; "
    with closing(SqliteLog(path)):
        with pytest.raises(LogHeld, match=rf"log\.sqlite is held by process {os.getpid()}\b"):
            SqliteLog(path)
        child = run_child(opening + "SqliteLog(Path(sys.argv[1]))", path)
        output, _ = child.communicate(timeout=CHILD_SECONDS_MAX)
        assert child.returncode == 1
        assert f"is held by process {os.getpid()}:" in output
    SqliteLog(path).close()


def test_a_child_process_may_not_use_its_parents_log(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from pipeline.log.protocol import LogUnavailable
from pipeline.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]))
log.create_topic("events")
child = os.fork()
if child == 0:
    try:
        log.read("events", 0, 0, 1)
    except LogUnavailable as error:
        log.close()
        os._exit(7 if "fork" in str(error) else 8)
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), log.end("events", 0))
"""
    child = run_child(code, tmp_path / "log.sqlite")
    assert child.communicate(timeout=CHILD_SECONDS_MAX)[0].split() == ["7", "0"]


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    log.create_topic("events")
    log.close()
    log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        log.append("events", 0, new(b"a"))
    with pytest.raises(LogUnavailable, match="closed"):
        log.read("events", 0, 0, 1)


def test_a_full_disk_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    # A limit on the size of files is the full disk that needs no rights to make.
    code = """
import resource, sys
from pathlib import Path
from pipeline.log.protocol import LogUnavailable, NewRecord
from pipeline.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]))
log.create_topic("events")
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
batches = 0
try:
    while True:
        log.append("events", 0, [NewRecord(b"k", b"." * 1000)] * 100)
        batches += 1
except LogUnavailable as error:
    print(error)
print(batches, log.end("events", 0), len(log.read("events", 0, 0, 10**6)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(log.append("events", 0, [NewRecord(b"k", b"room again")]))
"""
    path = tmp_path / "log.sqlite"
    child = run_child(code, path)
    message, counts, appended = child.communicate(timeout=CHILD_SECONDS_MAX)[0].splitlines()
    batches, end, read = map(int, counts.split())
    assert str(path) in message
    assert "free some disk space" in message
    assert batches > 0
    assert end == read == batches * 100 == int(appended)
    with closing(SqliteLog(path)) as log:
        assert log.end("events", 0) == batches * 100 + 1


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a tiny disk")
def test_a_full_file_system_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
            log.create_topic("events")
            acknowledged = 0

            def append_for_ever() -> None:
                nonlocal acknowledged
                while True:
                    log.append("events", 0, new(*[b"." * 1000] * 50))
                    acknowledged += 50

            with pytest.raises(LogUnavailable, match=r"log\.sqlite"):
                append_for_ever()
            assert len(log.read("events", 0, 0, 10**6)) == acknowledged > 0
        with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
            assert log.end("events", 0) == acknowledged
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(LogUnavailable, match="file"):
        SqliteLog(tmp_path / "file" / "log.sqlite")
    (tmp_path / "log.sqlite").mkdir()
    with pytest.raises(LogUnavailable, match=r"log\.sqlite"):
        SqliteLog(tmp_path / "log.sqlite")


def filled(path: Path) -> None:
    with closing(SqliteLog(path)) as log:
        log.create_topic("events")
        log.append("events", 0, new(*[b"%d" % number + b"." * 300 for number in range(2_000)]))


def test_a_damaged_file_is_not_read_as_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    filled(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for place in range(16_384 * 4, size, 16_384):
            file.seek(place)
            file.write(b"\xff" * 512)
    with closing(SqliteLog(path)) as log, pytest.raises(LogCorrupt, match=r"log\.sqlite.*backup"):
        log.read("events", 0, 0, 10_000)
    path.write_bytes(b"this was never a log" * 1_000)
    with pytest.raises(LogCorrupt, match=r"log\.sqlite"):
        SqliteLog(path)


def test_a_lost_record_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM plain WHERE CAST(value AS TEXT) LIKE '70.%'")
        connection.commit()
    with closing(SqliteLog(path)) as log:
        with pytest.raises(LogCorrupt, match="offset 70"):
            log.read("events", 0, 0, 10_000)
        assert len(log.read("events", 0, 71, 10)) == 10


def test_a_strangers_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(LogCorrupt, match="not a log"):
        SqliteLog(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("written", "advice"), [(99, "upgrade"), (1, "export its events .* replay them")])
def test_another_format_says_what_to_do(tmp_path: Path, written: int, advice: str) -> None:
    path = tmp_path / "log.sqlite"
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={written}")
    with pytest.raises(LogUnavailable, match=f"format {written}.*{advice}"):
        SqliteLog(path)


def test_a_compacted_topic_is_merged_and_nobody_notices(tmp_path: Path) -> None:
    """Overwritten again and again, it keeps its newest records, their offsets, and a bounded size."""
    path = tmp_path / "log.sqlite"
    keys, rounds = 4_000, 20
    with closing(SqliteLog(path)) as log:
        log.create_topic("state", compacted=True)
        for turn in range(rounds):
            records = [NewRecord(b"key %d" % number, b"%d" % turn) for number in range(keys)]
            assert log.append("state", 0, records) == turn * keys
        log.append("state", 0, [NewRecord(b"key 7", b"")])
    with closing(SqliteLog(path)) as log:
        expected = {b"key %d" % number: b"%d" % (rounds - 1) for number in range(keys) if number != 7}
        assert log.latest("state", 0) == expected
        records_read = log.read("state", 0, 0, keys)
        assert [record.offset for record in records_read][:2] == [
            (rounds - 1) * keys,
            (rounds - 1) * keys + 1,
        ]
        assert len(records_read) == keys - 1
        assert log.end("state", 0) == rounds * keys + 1
    with closing(sqlite3.connect(path)) as file:
        kept = file.execute("SELECT sum(records) FROM packed").fetchone()[0]
    assert kept < MERGED_RECORDS_MIN + keys
