"""A server in a thread of its own: bind first, so that what is wrong is said before anything starts."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time

import uvicorn
import uvloop
from starlette.types import ASGIApp

from pipeline.receive.protocol import MESSAGE_SECONDS_MAX, bounded

BACKLOG_CONNECTIONS = 1_024
KEEP_ALIVE_SECONDS = 30
START_SECONDS_MAX = 20.0
#: how long requests that have begun may take to end when the server stops
DRAIN_SECONDS_MAX = 15
STOP_SECONDS_MAX = DRAIN_SECONDS_MAX + 10.0

_POLL_SECONDS = 0.01


class CannotListen(RuntimeError):
    """The address can't be listened on; the text says why and what to do."""


class Server:
    """One application on one address.

    Stopping ends in the order in which nothing gets lost: no new connections, answers to what has begun,
    and only then the caller stops the appender.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keep_alive_seconds: int = KEEP_ALIVE_SECONDS,
        message_seconds_max: float = MESSAGE_SECONDS_MAX,
    ) -> None:
        """``port`` 0 takes a free one. A request that has not arrived whole within ``message_seconds_max``
        ends its connection."""
        self._host = host
        self._port = port
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=bounded(message_seconds_max),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                # the peer's address is what the socket says; access.py decides about proxies
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG_CONNECTIONS,
                timeout_keep_alive=keep_alive_seconds,
                timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
            )
        )
        self._listening: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="aftermerge-http", daemon=True)
        self.failure: BaseException | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 before ``start``."""
        return self._port if self._listening is not None else 0

    @property
    def address(self) -> str:
        """Where it answers, for people."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether it answers: false before ``start``, after ``stop`` and after ``failure``."""
        return self._thread.is_alive() and self._server.started

    def start(self) -> None:
        """Listen, and return when connections are accepted. Raises ``CannotListen``."""
        self._listening = self._bound()
        self._port = int(self._listening.getsockname()[1])
        self._thread.start()
        overdue = time.monotonic() + START_SECONDS_MAX
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > overdue:
                self.stop()
                raise CannotListen(f"the server on {self.address} did not start: {self.failure}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Accept nothing new, finish what has begun, and end; a second call does nothing."""
        self._server.should_exit = True
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(STOP_SECONDS_MAX)
        if self._listening is not None:
            self._listening.close()
        self._listening = None

    def _run(self) -> None:
        assert self._listening is not None
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._server.serve(sockets=[self._listening]))
        except BaseException as error:
            self.failure = error
            raise

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self._host, self._port))
            bound.listen(BACKLOG_CONNECTIONS)
        except OSError as error:
            bound.close()
            hint = "stop whoever listens there, or use another port"
            if error.errno != errno.EADDRINUSE:
                hint = "use an address of this machine and a port that you may use"
            raise CannotListen(f"can't listen on {self.address} ({error.strerror}): {hint}") from error
        return bound
