"""The log of another process: the same contract over a socket, its limits, and a process that dies."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.log.protocol import Log, LogCorrupt, LogHeld, LogUnavailable, NewRecord
from pipeline.log.served import ServedLog
from pipeline.log.served.calls import (
    ANSWER_BYTES_MAX,
    BATCH_BYTES_MAX,
    CALL_PATH,
    CALLS,
    MSGPACK,
    PIECE_BYTES_MAX,
    READ_RECORDS_MAX,
)
from pipeline.log.served.connection import IDLE_CONNECTIONS_MAX, ControlConnection
from pipeline.log.served.jobs import act
from pipeline.log.sqlite import SqliteLog
from pipeline.web.control_socket import SOCKET_NAME, SOCKET_PATH_BYTES_MAX, control_served
from pipeline.web.jobs import ACTIONS_AT_ONCE_MAX
from tests.log.contract import LogContract, Opener, new, values

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS_MAX = 60

SERVER = """
import sys, time
from pathlib import Path
from pipeline.log.sqlite import SqliteLog
from pipeline.web.control_socket import control_served
directory = Path(sys.argv[1])
with control_served(SqliteLog(directory / "log.sqlite"), {}, directory):
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the log of a directory and serves it."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        yield log


@pytest.fixture
def path(sqlite: SqliteLog, tmp_path: Path) -> Iterator[Path]:
    with control_served(sqlite, {}, tmp_path) as path:
        yield path


class TestServedLog(LogContract):
    @pytest.fixture
    def opener(self, path: Path) -> Opener:
        return lambda: ServedLog(path)


def test_another_process_keeps_what_was_appended(tmp_path: Path) -> None:
    with process(tmp_path), closing(ServedLog(tmp_path / SOCKET_NAME)) as log:
        log.create_topic("events")
        assert log.append("events", 0, new(b"a", b"b")) == 0
        with pytest.raises(LogHeld, match="held by process"):
            SqliteLog(tmp_path / "log.sqlite")
    with closing(SqliteLog(tmp_path / "log.sqlite")) as kept:
        assert values(kept, "events") == [b"a", b"b"]


def test_a_process_that_was_killed_is_told_as_gone(tmp_path: Path) -> None:
    with process(tmp_path) as server, closing(ServedLog(tmp_path / SOCKET_NAME)) as log:
        log.create_topic("events")
        server.send_signal(signal.SIGKILL)
        server.wait(WAIT_SECONDS_MAX)
        for _ in range(2):
            with pytest.raises(LogUnavailable, match="was killed"):
                log.end("events", 0)
        with pytest.raises(LogUnavailable, match="may be kept"):
            log.append("events", 0, new(b"a"))
    # its socket is still there, and the next one takes its place
    assert (tmp_path / SOCKET_NAME).exists()
    with process(tmp_path), closing(ServedLog(tmp_path / SOCKET_NAME)) as log:
        assert log.end("events", 0) == 0


def test_a_place_where_nobody_listens_is_unavailable(tmp_path: Path) -> None:
    with closing(ServedLog(tmp_path / "nobody")) as log, pytest.raises(LogUnavailable, match="No such file"):
        log.end("events", 0)


def test_a_closed_log_refuses(path: Path) -> None:
    log = ServedLog(path)
    log.create_topic("events")
    log.close()
    log.close()
    with pytest.raises(LogUnavailable, match="closed"):
        log.end("events", 0)


def test_long_reads_need_several_answers(path: Path, sqlite: SqliteLog) -> None:
    sqlite.create_topic("events")
    count = READ_RECORDS_MAX + 500
    sqlite.append("events", 0, new(*(b"%d" % number for number in range(count))))
    with closing(ServedLog(path)) as log:
        for limit in (1, 63, 64, 65, READ_RECORDS_MAX, count - 1, count, count + 1):
            found = values(log, "events", limit=limit)
            assert found == [b"%d" % number for number in range(min(limit, count))]
        assert values(log, "events", offset=count - 2, limit=9) == [b"%d" % (count - 2), b"%d" % (count - 1)]


def test_large_records_come_a_few_at_a_time(path: Path, sqlite: SqliteLog) -> None:
    sqlite.create_topic("received")
    large = [bytes([number]) * (ANSWER_BYTES_MAX // 3) for number in range(7)] + [
        b"x" * (ANSWER_BYTES_MAX + 1)
    ]
    for value in large:
        sqlite.append("received", 0, new(value))
    with closing(ServedLog(path)) as log:
        assert values(log, "received", limit=5) == large[:5]
        assert values(log, "received", limit=100) == large
        assert values(log, "received", offset=len(large) - 1) == large[-1:]


def test_one_answer_is_bounded(sqlite: SqliteLog) -> None:
    from pipeline.web.control import _read

    sqlite.create_topic("received")
    for _ in range(100):
        sqlite.append("received", 0, new(b"x" * 500_000))
    records, more = _read(sqlite, "received", 0, 0, 10**9)
    assert more
    # the first step is taken before anything is known of their size
    assert len(records) <= 64
    records, more = _read(sqlite, "received", 0, 90, 10**9)
    assert (len(records), more) == (10, False)


def test_latest_comes_in_pieces(path: Path, sqlite: SqliteLog) -> None:
    sqlite.create_topic("state", compacted=True)
    expected = {b"%d" % number: bytes([number]) * (PIECE_BYTES_MAX // 3) for number in range(1, 9)}
    sqlite.append("state", 0, [NewRecord(key, value) for key, value in expected.items()])
    with closing(ServedLog(path)) as log:
        assert log.latest("state", 0) == expected
        assert log.latest("state", 0) == expected
        log.create_topic("plain")
        with pytest.raises(ValueError, match="isn't compacted"):
            log.latest("plain", 0)


def test_a_batch_above_the_limit_is_refused_as_a_whole(path: Path, sqlite: SqliteLog) -> None:
    with closing(ServedLog(path)) as log:
        log.create_topic("events")
        with pytest.raises(ValueError, match="too large"):
            log.append("events", 0, new(*[bytes(BATCH_BYTES_MAX // 2)] * 2))
        assert log.end("events", 0) == 0
        large = bytes(BATCH_BYTES_MAX // 2)
        log.append("events", 0, new(large))
        assert values(log, "events") == [large]


def test_the_server_itself_refuses_what_is_too_large(path: Path) -> None:
    connection = ControlConnection(path)
    with closing(connection), pytest.raises((ValueError, LogUnavailable)):
        connection.post(f"{CALL_PATH}append", bytes(BATCH_BYTES_MAX + 1), MSGPACK)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91\xa1x", b"\x94\xa1x\x00\x00\xa1y", b"{}"])
def test_a_request_that_is_none_is_refused(path: Path, body: bytes) -> None:
    connection = ControlConnection(path)
    with closing(connection):
        for name in CALLS:
            with pytest.raises((ValueError, KeyError), match=r"request|nowhere|no topic"):
                connection.post(CALL_PATH + name, body, MSGPACK)


def test_a_version_that_is_not_understood_says_so(path: Path) -> None:
    connection = ControlConnection(path)
    with closing(connection), pytest.raises(LogUnavailable, match="same version"):
        connection.post("/0/log/append", b"\x90", MSGPACK)


@pytest.mark.parametrize(
    "error",
    [LogHeld("by whom"), LogUnavailable("disk full"), LogCorrupt("torn"), KeyError("x"), ValueError("y")],
)
def test_an_error_comes_back_as_it_was(error: Exception, sqlite: SqliteLog, tmp_path: Path) -> None:
    class Failing(SqliteLog):
        def __init__(self) -> None:
            pass

        def append(self, *_: Any) -> int:
            raise error

    with control_served(Failing(), {}, tmp_path) as path, closing(ServedLog(path)) as log:
        with pytest.raises(type(error)) as found:
            log.append("events", 0, [])
        assert type(found.value) is type(error)
        assert found.value.args == error.args


def test_many_threads_share_one_log(path: Path) -> None:
    each, threads = 20, IDLE_CONNECTIONS_MAX + 4
    with closing(ServedLog(path)) as log:
        log.create_topic("events")
        failures: list[BaseException] = []

        def work(mine: int) -> None:
            try:
                for number in range(each):
                    log.append("events", 0, new(b"%d %d" % (mine, number)))
                    log.read("events", 0, 0, 5)
            except BaseException as error:  # noqa: BLE001 - looked at below
                failures.append(error)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert failures == []
        found = values(log, "events")
    assert sorted(found) == sorted(
        b"%d %d" % (mine, number) for mine in range(threads) for number in range(each)
    )
    for mine in range(threads):
        own = [value for value in found if value.startswith(b"%d " % mine)]
        assert own == [b"%d %d" % (mine, number) for number in range(each)]


def test_only_the_owner_opens_the_socket(path: Path, tmp_path: Path) -> None:
    assert path == tmp_path / SOCKET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_long_path_moves_the_socket_to_a_private_place(sqlite: SqliteLog, tmp_path: Path) -> None:
    directory = tmp_path / ("d" * SOCKET_PATH_BYTES_MAX)
    directory.mkdir()
    with control_served(sqlite, {}, directory) as path, closing(ServedLog(path)) as log:
        assert not path.is_relative_to(directory)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        log.create_topic("events")
    assert not path.parent.exists()
    assert sqlite.partitions("events") == 1


def test_actions_run_tell_their_progress_and_fail(sqlite: SqliteLog, tmp_path: Path) -> None:
    go_on = threading.Event()

    def count(progress: Any, to: int) -> dict[str, int]:
        progress("counting", 1, to)
        go_on.wait(WAIT_SECONDS_MAX)
        return {"counted": to}

    def fail(reason: str) -> None:
        raise LogCorrupt(reason)

    told: list[tuple[str, int, int | None]] = []

    def progress(phase: str, done: int, total: int | None) -> None:
        told.append((phase, done, total))
        go_on.set()

    with control_served(sqlite, {"count": count, "fail": fail}, tmp_path) as path:
        assert act(path, "count", progress, to=3) == {"counted": 3}
        assert told[0] == ("counting", 1, 3)
        with pytest.raises(LogCorrupt, match="torn"):
            act(path, "fail", reason="torn")
        with pytest.raises(KeyError, match=r"no action 'dance'.*count"):
            act(path, "dance")
        with pytest.raises(ValueError, match="to"):
            act(path, "count")


def test_too_many_actions_are_refused_and_the_end_stops_them(sqlite: SqliteLog, tmp_path: Path) -> None:
    ended: list[BaseException | None] = []
    places: list[Path] = []

    def spin(progress: Any) -> None:
        while True:
            progress("spinning", 0, None)
            threading.Event().wait(0.01)

    def ask() -> None:
        try:
            act(places[0], "spin")
        except BaseException as error:  # noqa: BLE001 - looked at below
            ended.append(error)

    with control_served(sqlite, {"spin": spin}, tmp_path) as path:
        places.append(path)
        asking = [threading.Thread(target=ask) for _ in range(ACTIONS_AT_ONCE_MAX + 1)]
        for thread in asking:
            thread.start()
        while not ended:
            threading.Event().wait(0.01)
        assert isinstance(ended[0], LogUnavailable)
        assert "already" in str(ended[0])
    for thread in asking:
        thread.join(WAIT_SECONDS_MAX)
    assert len(ended) == ACTIONS_AT_ONCE_MAX + 1


def test_the_protocol_is_served_whole() -> None:
    methods = {name for name in vars(Log) if not name.startswith("_")}
    # one process commits for the log that it serves: nothing is claimed by a call
    assert methods - {"claim", "close", "release"} == set(CALLS)
