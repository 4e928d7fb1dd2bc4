"""A server on loopback before a small world in the embedded engine."""

from __future__ import annotations

import gc
import http.client
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from pipeline.cli.showing import SECURITY_TABLES, SHOWN_ROWS
from pipeline.receive.serving import Server
from pipeline.store import Store
from pipeline.store.ahead import also_ahead
from pipeline.store.answering import Answers
from pipeline.web.clickhouse_http import ClickHouseHttp
from tests.store.conftest import fresh
from tests.store.world import fill

ROLES = {"a token": "viewer", "another token": "security"}
TOKEN = "a token"
#: of the role from which nothing is hidden
SECURITY_TOKEN = "another token"
#: answers at once: one, so that an answer meets what the one before it left behind
CONNECTIONS = 1
#: what an answer without end is stopped after when nobody stops it before
ENDLESS = "select count() from numbers(1e15) where not ignore(sipHash64(number))"
#: one that answers, one that tells the engine to stop
THREADS_MAX = 2 * CONNECTIONS
POLLS_MAX = 150
POLL_SECONDS = 0.1


class Got(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> int:
        """ClickHouse's number of the error; 0: none."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))


class Endpoint(NamedTuple):
    """A running endpoint."""

    port: int
    store: Store
    answers: Answers

    @property
    def database(self) -> str:
        return self.answers.database

    def ask(
        self,
        statement: str = "",
        *,
        body: bytes | None = None,
        path: str = "/",
        method: str = "",
        headers: dict[str, str] | None = None,
        settings: dict[str, int] | None = None,
        **parameters: object,
    ) -> Got:
        """One request; the statement goes in the body unless ``query`` is a parameter."""
        connection = self.connection()
        sent = body if body is not None else statement.encode()
        query = {"password": TOKEN, **(settings or {}), **parameters}
        try:
            connection.request(method or "POST", f"{path}?{urlencode(query)}", sent, headers or {})
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Got(response.status, told, response.read())
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def tables(self) -> list[str]:
        """Every table and view there is."""
        found = [str(name) for (name,) in self.answers.rows("SHOW TABLES")]
        assert len(found) > 40
        return found

    def computing(self) -> int:
        """How many answers without end the engine works on."""
        rows = self.answers.rows("select count() from system.processes where query like '%sipHash64%'")
        return int(rows[0][0]) - 1  # this question itself

    def wait_for(self, count: int) -> None:
        """Until it works on so many."""
        for _ in range(POLLS_MAX):
            if self.computing() == count:
                return
            time.sleep(POLL_SECONDS)
        pytest.fail(f"{self.computing()} answers are being computed, not {count}")


def sockets() -> int:
    """Open sockets of this process: of the server and of clients, since the engine opens none."""
    gc.collect()  # what failed leaves a client's pool in a circle
    modes = []
    for name in os.listdir("/dev/fd"):
        try:
            modes.append((Path("/dev/fd") / name).stat().st_mode)
        except OSError:  # it was of this listing
            continue
    return sum(map(stat.S_ISSOCK, modes))


def wait_until_left(before: int) -> None:
    """Until there are no more sockets than before, and no threads but those that one place needs.

    The server sees a moment later that a client has gone.
    """
    for _ in range(POLLS_MAX):
        if sockets() <= before and threads() <= THREADS_MAX:
            return
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{sockets()} sockets, {before} before; {threads()} threads, {THREADS_MAX} are enough")


def threads() -> int:
    """Threads in which the server answers."""
    return sum("AnyIO" in thread.name for thread in threading.enumerate())


@pytest.fixture(scope="module")
def endpoint(dsn: str) -> Iterator[Endpoint]:
    """An endpoint before the small world, one for all tests of a module."""
    for store in fresh(dsn):
        store.migrate()
        fill(store)
        answers = Answers.of(store, CONNECTIONS)
        hidden = {"viewer": SECURITY_TABLES}
        shown = {"viewer": {**also_ahead(SHOWN_ROWS), "events": "record != 'artifact_packaged'"}}
        served = ClickHouseHttp(answers, lambda told, _: ROLES.get(told), hidden, shown)
        server = Server(Starlette(routes=served.routes()))
        server.start()
        yield Endpoint(server.port, store, answers)
        server.stop()
        answers.close()
