"""A server on loopback before a small world in the embedded engine."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from pipeline.receive.serving import Server
from pipeline.store import Store
from pipeline.store.answering import Answers
from pipeline.web.clickhouse_http import ClickHouseHttp
from tests.store.conftest import fresh
from tests.store.world import fill

ROLES = {"a token": "viewer", "another token": "security"}
TOKEN = "a token"
#: answers at once: one, so that an answer meets what the one before it left behind
CONNECTIONS = 1


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


@pytest.fixture(scope="module")
def endpoint(dsn: str) -> Iterator[Endpoint]:
    """An endpoint before the small world, one for all tests of a module."""
    for store in fresh(dsn):
        store.migrate()
        fill(store)
        answers = Answers.of(store, CONNECTIONS)
        hidden = {"viewer": {"events_finding_reported"}}
        shown = {"viewer": {"events": "record != 'artifact_packaged'"}}
        served = ClickHouseHttp(answers, lambda told, _: ROLES.get(told), hidden, shown)
        server = Server(Starlette(routes=served.routes()))
        server.start()
        yield Endpoint(server.port, store, answers)
        server.stop()
        answers.close()
