"""A ClickHouse server that fails in every way a server can: who tries again, and who is told of a mistake."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from pipeline.core.facts import ServiceFact
from pipeline.sink import Sink
from pipeline.store import InvalidQuery, Store, StoreUnavailable
from pipeline.store.connection import engine_address
from tests.live.store_process import Handler, Server

SERVICE = ServiceFact("api", True, "", None, [], [], [], [], [], [])
#: what a server answers although nothing is wrong with what was asked
TEMPORARY = {
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    252: "TOO_MANY_PARTS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    999: "KEEPER_EXCEPTION",
    1000: "POCO_EXCEPTION",
    1002: "UNKNOWN_EXCEPTION",
    31_337: "NOBODY_HEARD_OF_IT",
}
#: what no other time makes right
MISTAKES = {16: "NO_SUCH_COLUMN_IN_TABLE", 53: "TYPE_MISMATCH", 62: "SYNTAX_ERROR", 117: "INCORRECT_DATA"}
#: statements of our own, one for each way to the server
OURS: dict[str, Callable[[Store], object]] = {
    "insert": lambda store: store.insert_facts("services", "acme", 1, [SERVICE]),
    "OPTIMIZE": lambda store: store.settle(["services"]),
    "migrate": lambda store: store.migrate(),
    "look": lambda store: store.live_keys("services", "acme"),
    "ask": lambda store: Sink(store).holds_events("acme"),
}
ALL: dict[str, Callable[[Store], object]] = {**OURS, "query": lambda store: store.query("SELECT 1")}


class Failing(Server):
    """The engine of this process behind HTTP; what ``fails`` does is the answer of every request."""

    def __init__(self, place: str) -> None:
        self.fails: Callable[[FailingHandler], None] | None = None
        super().__init__(place, 0)
        self.RequestHandlerClass = FailingHandler

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that were cut on purpose."""


class FailingHandler(Handler):
    server: Failing

    def do_POST(self) -> None:
        if self.server.fails is None:
            super().do_POST()
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
        self.server.fails(self)


@pytest.fixture(scope="module")
def failing(dsn: str) -> Iterator[Failing]:
    with Failing(engine_address(dsn.removeprefix("chdb://"))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.engine.close()


@pytest.fixture
def served(failing: Failing, without_rows: Store) -> Iterator[Store]:
    """Tables of that engine, used through the server."""
    behind = Store.open(f"clickhouse://127.0.0.1:{failing.server_address[1]}", without_rows._database)
    yield behind
    failing.fails = None
    behind.close()


def coded(code: int, name: str, status: int = 500) -> Callable[[FailingHandler], None]:
    """An answer as a server gives it, with its code and its words."""
    text = f"Code: {code}. DB::Exception: It did not work. ({name}) (version 25.3.1.1 (official build))"

    def fails(handler: FailingHandler) -> None:
        handler._answered(status, text.encode(), {"X-ClickHouse-Exception-Code": str(code)})

    return fails


def bare(status: int) -> Callable[[FailingHandler], None]:
    """What a proxy in front of a server says."""
    return lambda handler: handler._answered(status, b"<html>upstream</html>")


def cut(told: bytes) -> Callable[[FailingHandler], None]:
    """The connection ends in the middle of an answer."""

    def fails(handler: FailingHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(told)
            handler.wfile.flush()
        handler.close_connection = True

    return fails


CUT = {
    "before the answer": cut(b""),
    "in the headers": cut(b'HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {"read_rows":"1"}\r\nX-Click'),
    "in the body": cut(
        b"HTTP/1.1 200 OK\r\nX-ClickHouse-Format: Native\r\nContent-Length: 100\r\n\r\n\x01\x05"
    ),
    "in a chunk": cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n\x01\x05"),
    "between chunks": cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\x01\x05\r\n"),
}


def test_the_tables_are_used_through_the_server(served: Store) -> None:
    for work in OURS.values():
        work(served)
    assert served.query("SELECT service FROM services FINAL").rows == [("api",)]


@pytest.mark.parametrize("way", OURS)
def test_what_a_server_can_not_do_now_is_tried_again(served: Store, failing: Failing, way: str) -> None:
    for code, name in TEMPORARY.items():
        failing.fails = coded(code, name)
        with pytest.raises(
            StoreUnavailable, match=r"^cannot .* at http://127.0.0.1:\d+: .*It did not work\.$"
        ):
            OURS[way](served)
    failing.fails = None
    OURS[way](served)


@pytest.mark.parametrize("way", ALL)
def test_an_answer_without_a_code_is_an_outage(served: Store, failing: Failing, way: str) -> None:
    for status in (401, 404, 500, 502, 503):
        failing.fails = bare(status)
        with pytest.raises(StoreUnavailable, match=f"HTTP status {status}"):
            ALL[way](served)


@pytest.mark.parametrize("way", ALL)
def test_an_answer_that_is_cut_off_is_an_outage(served: Store, failing: Failing, way: str) -> None:
    for told in CUT.values():
        failing.fails = told
        with pytest.raises(StoreUnavailable, match=r"^cannot .* at http"):
            ALL[way](served)


@pytest.mark.parametrize("way", OURS)
def test_a_mistake_of_this_program_is_not_tried_again(served: Store, failing: Failing, way: str) -> None:
    for code, name in MISTAKES.items():
        failing.fails = coded(code, name)
        with pytest.raises(InvalidQuery, match=r"^It did not work\.$"):
            OURS[way](served)


def test_a_query_of_a_person_is_told_what_is_wrong_with_it(served: Store, failing: Failing) -> None:
    outages = {159, 236, 241, 242, 252, 319, 516, 999, 1000}
    for code, name in {**TEMPORARY, **MISTAKES, 43: "ILLEGAL_TYPE_OF_ARGUMENT"}.items():
        failing.fails = coded(code, name)
        kind = StoreUnavailable if code in outages else InvalidQuery
        with pytest.raises(kind, match="It did not work"):
            served.query("SELECT 1")
