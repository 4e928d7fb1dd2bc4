"""A ClickHouse server that is killed and comes back: deliveries are safe meanwhile, and rows afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
import pytest

from tests.live.deliveries import Stream
from tests.live.process import ROOT, eventually, run, up
from tests.ports import free_ports

pytestmark = pytest.mark.slow

MANY = 2_000


@contextmanager
def store(directory: Path, port: int, *pem: Path) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, killed at the end; it speaks TLS with a key and certificate."""
    told = map(str, (directory, port, *pem))
    command = [sys.executable, "-m", "tests.live.store_process", *told]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def changes(port: int) -> list[int]:
    """What a client of the server finds in the facts."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=port, autogenerate_session_id=False)
    with client:
        rows = client.query("SELECT change FROM aftermerge.changes FINAL").result_rows
    return sorted(int(name.rpartition("#")[2]) for (name,) in rows)


def test_a_store_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    dsn = f"clickhouse://127.0.0.1:{port}"
    data, directory = tmp_path / "data", tmp_path / "server"
    with store(directory, port) as first, up(data, store_dsn=dsn) as live:
        stream = Stream(live, range(MANY))
        eventually(lambda: len(stream.accepted) > 50, "nothing was accepted")
        eventually(lambda: changes(port), "nothing is in the store")
        first.kill()
        first.wait()
        stream.join()
        # the log is there: everything is accepted
        assert stream.accepted == set(range(MANY))
        eventually(lambda: "waiting_for" in live.readiness().json, "/readyz does not notice")
        assert live.readiness().status == 200, "deliveries are taken all the same"
        why = live.readiness().json["waiting_for"]
        assert f"127.0.0.1:{port}" in why
        asked = run(data, "sql", "SELECT 1", store_dsn=dsn)
        assert asked.returncode == 4, asked.stderr
        with store(directory, port):
            eventually(lambda: live.readiness().json == {"ready": True}, "it does not go on")
            eventually(lambda: len(changes(port)) >= MANY, "an accepted delivery is no row")
            assert changes(port) == list(range(MANY))
            live.stop()
