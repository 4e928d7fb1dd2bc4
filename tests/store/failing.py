"""A ClickHouse server that fails in every way a server can: the engine of this process behind HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from pipeline.store.connection import engine_address
from tests.live.store_process import Handler, Server

S = TypeVar("S", bound=Server)

TOKEN = "insert_deduplication_token"


class Failing(Server):
    """What ``fails`` does is the answer of every request; ``fails_after``: once it was carried out.

    Tokens of inserts are handed to the engine, as a server does.
    """

    def __init__(self, place: str, port: int = 0) -> None:
        self.fails: Callable[[FailingHandler], None] | None = None
        self.fails_after: Callable[[FailingHandler], None] | None = None
        #: of the inserts that came, in their order
        self.tokens: list[str] = []
        self._one = threading.Lock()
        super().__init__(place, port)
        self.RequestHandlerClass = FailingHandler

    @property
    def dsn(self) -> str:
        return f"clickhouse://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that were cut on purpose."""

    def tokened(self, token: str, run: Callable[[], None]) -> None:
        with self._one:
            self.engine.query(f"SET {TOKEN} = '{token}'")
            run()


class FailingHandler(Handler):
    server: Failing
    #: instead of the answer of the engine
    instead: Callable[[FailingHandler], None] | None = None

    def do_POST(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.server.tokens.extend(asked.get(TOKEN, ()))
        if self.server.fails is not None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
            self.server.fails(self)
            return
        self.instead = self.server.fails_after
        self.server.tokened("".join(asked.get(TOKEN, ())), super().do_POST)

    def _answered(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        instead, self.instead = self.instead, None
        if instead is None:
            super()._answered(status, body, headers)
        else:
            instead(self)


def listening(dsn: str, port: int = 0) -> AbstractContextManager[Failing]:
    """The server before the embedded engine of this process."""
    return serving(Failing, dsn, port)


@contextmanager
def serving(kind: Callable[[str, int], S], dsn: str, port: int = 0) -> Iterator[S]:
    """A server of this kind, in a thread."""
    with kind(engine_address(dsn.removeprefix("chdb://")), port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.engine.close()


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
