"""HTTP on one connection, with the bounds that the server library leaves open.

It has no limit on the size of headers, on the time that a request may take to arrive, or on what is sent
after an answer; each would let one sender hold memory or a connection for as long as it likes.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

CONNECTIONS_MAX = 2_048
#: of the files that a process may open, connections take at most this share: log and store need the others
CONNECTIONS_SHARE_MAX = 0.25
#: what we ask of the system where it allows more
FILES_WANTED = 16_384
HEADERS_BYTES_MAX = 64 * 1024
HEADERS_MAX = 200
#: from opening a connection, or the first byte of a request, to the last byte of its body
MESSAGE_SECONDS_MAX = 60.0
#: read and thrown away when an answer was sent before the body was there
DISCARDED_BYTES_MAX = 64 * 1024 * 1024

_TOO_MUCH = b"the headers of this request are too large: send fewer or shorter ones\n"
_REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(_TOO_MUCH), _TOO_MUCH)
)


class BoundedProtocol(HttpToolsProtocol):
    """The server library's protocol, which closes the connection at a bound."""

    message_seconds_max = MESSAGE_SECONDS_MAX
    connections_max = CONNECTIONS_MAX

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._deadline: asyncio.TimerHandle | None = None
        #: since a header section, a piece of a body or a message was last complete
        self._quiet_bytes = 0
        self._went_on = False
        self._discarded_bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._went_on = False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # answered as the plain request that it also is
        except httptools.HttpParserError:
            # without a log line, which would let anybody fill the disk
            if not self.transport.is_closing():
                self.send_400_response("this is no HTTP request")
        # counted as it arrives: the parser gathers a header, or one behind the body, until it is complete
        self._quiet_bytes = 0 if self._went_on else self._quiet_bytes + len(data)
        if self._quiet_bytes > HEADERS_BYTES_MAX and not self.transport.is_closing():
            if self._in_headers:
                self._refuse()
            else:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._discarded_bytes = 0
        self._in_headers = True
        self._arm()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:  # those behind a body mean nothing here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._went_on = True
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEADERS_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            self._refuse()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._went_on = True
        if self.transport.is_closing():
            return
        if self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > DISCARDED_BYTES_MAX:
                self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._disarm()
        self._in_headers = True
        self._went_on = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def _refuse(self) -> None:
        self.transport.write(_REFUSED)
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(self.message_seconds_max, self._overdue)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        self._deadline = None
        self.transport.abort()


def bounded(message_seconds_max: float) -> type[BoundedProtocol]:
    """The protocol with another bound on the time that a request may take to arrive.

    It takes as many connections as leave enough files for the rest of the process.
    """

    class Bounded(BoundedProtocol):
        pass

    Bounded.message_seconds_max = message_seconds_max
    Bounded.connections_max = min(CONNECTIONS_MAX, int(_files_allowed() * CONNECTIONS_SHARE_MAX))
    return Bounded


def _files_allowed() -> int:
    """How many files this process may open, after asking for as many as we want."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = [limit for limit in (FILES_WANTED, hard) if limit != resource.RLIM_INFINITY]
    if soft == resource.RLIM_INFINITY or soft >= min(allowed):
        return FILES_WANTED if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(allowed), hard))
    except (OSError, ValueError):
        return soft  # some systems have a lower bound than they tell
    return min(allowed)
