"""No room, no lock, no store: never a 2xx for what isn't stored, and nothing lost when it comes back."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.answers import Answer
from tests.live.deliveries import Stream, pull_request
from tests.live.process import Up, eventually, run, started, up

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and file systems as Linux has them"),
]

#: no file may grow beyond this: less than the log's files have already
FILE_BYTES_MAX = 40_000
UNLIMITED = resource.RLIM_INFINITY
DISK_MEGABYTES = 64
MANY = 3_000


def numbers(run: Up) -> list[int]:
    return sorted(int(name.rpartition("#")[2]) for (name,) in run.rows("SELECT change FROM changes FINAL"))


def refuses(run: Up, number: int) -> Answer:
    """A delivery is sent until it is refused, and told to come again."""
    tried = iter(range(number, number + MANY))

    def refusal() -> Answer | None:
        answer = run.github("pull_request", pull_request(next(tried)))
        return answer if answer.status == 503 else None

    answer = eventually(refusal, "nothing is refused")
    assert answer is not None
    assert int(answer.headers["retry-after"]) >= 1
    return answer


def not_ready(run: Up, why: str) -> None:
    def reason() -> bool:
        told = run.readiness().json
        return any(why in reason for reason in (*told.get("missing", ()), told.get("waiting_for", "")))

    eventually(reason, f"/readyz does not say {why!r}")
    assert run.ask("/healthz").status == 200


def ready(run: Up) -> None:
    eventually(
        lambda: run.readiness().json == {"ready": True}, f"it does not recover: {run.readiness().body!r}"
    )


def all_there(run: Up, expected: set[int]) -> None:
    """What was accepted is in the facts, once, and nothing was set aside."""
    eventually(lambda: set(numbers(run)) >= expected, "an accepted delivery is no row")
    assert numbers(run) == sorted(set(numbers(run)))
    assert run.rows("SELECT reason FROM dead_letters") == []


def limited(run: Up, bytes_max: int) -> None:
    resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (bytes_max, UNLIMITED))


def test_a_full_disk_under_the_log(tmp_path: Path) -> None:
    with up(tmp_path / "data") as run:
        stream = Stream(run, range(MANY))
        eventually(lambda: len(stream.accepted) > 50, "nothing was accepted")
        limited(run, FILE_BYTES_MAX)
        eventually(lambda: len(stream.refused) > 20, "nothing was refused")
        stream.stop()
        refused = set(stream.refused)
        not_ready(run, "free some disk space")
        assert len(run.readiness().json["missing"]) == 1
        assert "log can't be written" in refuses(run, MANY).json["detail"]
        limited(run, UNLIMITED)
        # nobody sends anything to a process that isn't ready: it finds out by itself
        ready(run)
        all_there(run, stream.accepted)
        again = Stream(run, sorted(refused))
        again.join()
        assert again.accepted == refused
        all_there(run, stream.tried)


def test_what_was_accepted_before_the_disk_was_full_survives_the_end(tmp_path: Path) -> None:
    with up(tmp_path / "data") as run:
        stream = Stream(run, range(MANY))
        eventually(lambda: len(stream.accepted) > 50, "nothing was accepted")
        limited(run, FILE_BYTES_MAX)
        eventually(lambda: len(stream.refused) > 4, "nothing was refused")
        stream.stop()
        run.process.terminate()
        assert run.process.wait(60) in (0, 4), run.said
        assert "Traceback" not in run.said
    with up(tmp_path / "data") as run:
        all_there(run, stream.accepted)
        assert set(numbers(run)) <= stream.tried


@contextmanager
def disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own that is small; the name of a file on it to fill it with."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield directory / "ballast"
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def fill(ballast: Path) -> None:
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"." * size) == size:
                    pass
            except OSError:
                continue


def test_a_full_disk_under_everything(tmp_path: Path) -> None:
    with disk(tmp_path / "data", DISK_MEGABYTES) as ballast, up(tmp_path / "data") as run:
        stream = Stream(run, range(100_000))
        eventually(lambda: len(stream.accepted) > 50, "nothing was accepted")
        fill(ballast)
        eventually(lambda: len(stream.refused) > 20, "nothing was refused")
        stream.stop()
        not_ready(run, "disk")
        assert run.process.poll() is None
        ballast.unlink()
        ready(run)
        all_there(run, stream.accepted)
        again = Stream(run, sorted(stream.tried - stream.accepted))
        again.join()
        assert again.refused == []
        all_there(run, stream.tried)


def test_a_full_disk_under_the_store_alone(tmp_path: Path) -> None:
    """The log is safe elsewhere: deliveries are accepted, and become rows when there is room again."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with disk(data / "clickhouse", DISK_MEGABYTES) as ballast, up(data) as run:
        assert run.github("pull_request", pull_request(0)).status == 202
        all_there(run, {0})
        fill(ballast)
        for number in range(1, 30):
            assert run.github("pull_request", pull_request(number)).status == 202
        not_ready(run, "the disk is full")
        ballast.unlink()
        ready(run)
        all_there(run, set(range(30)))
        assert numbers(run) == list(range(30))


def test_a_directory_that_another_process_holds(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as first:
        second = started(data.with_name("data"))
        try:
            assert second.process.wait(60) == 3, second.said
        finally:
            second.kill()
        assert first.github("pull_request", pull_request(1)).status == 202
        all_there(first, {1})


def test_a_lock_on_the_log_as_it_begins(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as before:
        assert before.github("pull_request", pull_request(1)).status == 202
    with (data / "log.sqlite.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun = started(data)
        try:
            assert begun.process.wait(60) == 3, begun.said
        finally:
            begun.kill()
        assert f"is held by process {before.process.pid}" in begun.said
        assert "POST" not in begun.said
    with up(data) as after:
        all_there(after, {1})


def test_a_transaction_of_a_stranger_on_the_log(tmp_path: Path) -> None:
    """Somebody looks into the file with a tool that locks it."""
    data = tmp_path / "data"
    with up(data) as run:
        assert run.github("pull_request", pull_request(1)).status == 202
        all_there(run, {1})
        with closing(sqlite3.connect(data / "log.sqlite", isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            answer = run.github("pull_request", pull_request(2))
            assert answer.status == 503
            assert answer.headers["retry-after"]
            not_ready(run, "locked")
            stranger.execute("ROLLBACK")
        ready(run)
        assert run.github("pull_request", pull_request(2)).status in (200, 202)
        all_there(run, {1, 2})


def test_a_store_that_does_not_answer_as_it_begins(tmp_path: Path) -> None:
    dead = "clickhouse://somebody:a-password@127.0.0.1:9"
    begun = started(tmp_path / "data", store_dsn=dead)
    try:
        assert begun.process.wait(60) == 4, begun.said
    finally:
        begun.kill()
    assert "no ClickHouse answers at http://127.0.0.1:9" in begun.said
    assert "a-password" not in begun.said
    assert "POST" not in begun.said
    asked = run(tmp_path / "data", "sql", "SELECT 1", store_dsn=dead)
    assert asked.returncode == 4
    assert "a-password" not in asked.stderr
