"""Where the control socket is, who may open it, and the server behind it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from pipeline.log.protocol import Log, LogUnavailable
from pipeline.web.control import control_app

SOCKET_NAME = "control.sock"
#: the shortest limit of the systems we run on is 104 bytes, the zero at the end included
SOCKET_PATH_BYTES_MAX = 100
CONNECTIONS_WAITING_MAX = 64
KEPT_ALIVE_SECONDS = 75
START_SECONDS_MAX = 20
#: at the end, requests under way have so long
FINISH_SECONDS_MAX = 10
_START_POLL_SECONDS = 0.005


@contextmanager
def control_served(log: Log, actions: Mapping[str, Callable[..., object]], directory: Path) -> Iterator[Path]:
    """Serve a log and actions on a socket of a data directory, in a thread, while the block runs.

    Gives the path of the socket, which takes requests from then on. Only for who holds the directory:
    a socket that a killed process left there is removed. See ``control_app`` for the actions.
    """
    with _listening(directory) as (path, listener):
        config = uvicorn.Config(
            control_app(log, actions),
            loop="asyncio",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            backlog=CONNECTIONS_WAITING_MAX,
            timeout_keep_alive=KEPT_ALIVE_SECONDS,
            timeout_graceful_shutdown=FINISH_SECONDS_MAX,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="control", daemon=True
        )
        thread.start()
        try:
            _wait_for(server, thread, path)
            yield path
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _listening(directory: Path) -> Iterator[tuple[Path, socket.socket]]:
    """A socket that only its owner can open, in the directory, or where its path is short enough."""
    path, private = directory / SOCKET_NAME, None
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        private = tempfile.mkdtemp(prefix="aftermerge-")  # which makes it for its owner only
        path = Path(private) / SOCKET_NAME
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        # nobody can have connected yet: it does not listen before the server starts
        path.chmod(0o600)
        yield path, listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)
        if private is not None:
            shutil.rmtree(private, ignore_errors=True)


def _wait_for(server: uvicorn.Server, thread: threading.Thread, path: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise LogUnavailable(f"the control socket {path} can't be served: run again with --debug")
        time.sleep(_START_POLL_SECONDS)
