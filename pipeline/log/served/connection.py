"""HTTP over a UNIX socket: requests to the process that holds a data directory, from several threads."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import msgspec

from pipeline.log.protocol import LogUnavailable
from pipeline.log.served.calls import LENGTH_BYTES, Failure

CONNECT_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 300
#: connections that wait for the next request; one more thread opens one more, and closes it afterwards
IDLE_CONNECTIONS_MAX = 8
_OK = 200

_failure = msgspec.msgpack.Decoder(Failure)


class _Socket(HTTPConnection):
    """A connection to a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS_MAX)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_SECONDS_MAX)
        self.sock.connect(str(self._path))
        self.sock.settimeout(ANSWER_SECONDS_MAX)

    @property
    def hung_up(self) -> bool:
        """Whether the other side has closed it while nobody used it."""
        if self.sock is None:
            return True
        poll = select.poll()  # unlike select(), it takes descriptors of any number
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


class ControlConnection:
    """Requests over the control socket; every method may be called from several threads.

    Each raises ``LogUnavailable`` when the process is gone, and what the other side answered with.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[_Socket] = []
        self._lock = threading.Lock()
        self._closed = False

    def post(self, path: str, body: bytes, content_type: str) -> bytes:
        """The body of the answer."""
        with self._exchange("POST", path, body, content_type) as response:
            return response.read()

    def get(self, path: str) -> bytes:
        """The body of the answer."""
        with self._exchange("GET", path, b"", "") as response:
            return response.read()

    def pieces(self, path: str, body: bytes, content_type: str) -> Iterator[bytes]:
        """The pieces of a long answer, each as soon as it is there."""
        with self._exchange("POST", path, body, content_type) as response:
            while size := int.from_bytes(_exactly(response, LENGTH_BYTES), "big"):
                yield _exactly(response, size)
            response.read()  # the end of the transfer, so that the connection can be used again

    def close(self) -> None:
        """Close every connection; a request after that raises ``LogUnavailable``."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _exchange(self, method: str, path: str, body: bytes, content_type: str) -> Iterator[HTTPResponse]:
        connection = self._taken()
        try:
            # never sent a second time: nobody knows whether the first one arrived
            connection.request(method, path, body, {"content-type": content_type} if body else {})
            response = connection.getresponse()
            refusal = None if response.status == _OK else _refusal(response)
            if refusal is None:
                yield response
            if response.isclosed():
                self._put_back(connection)
            else:
                connection.close()
        except (OSError, HTTPException) as error:
            connection.close()
            raise LogUnavailable(self._gone(error)) from error
        except BaseException:
            connection.close()
            raise
        if refusal is not None:
            raise refusal

    def _taken(self) -> _Socket:
        with self._lock:
            if self._closed:
                raise LogUnavailable(f"the log behind {self._path} is closed: open it again")
            while self._idle:
                connection = self._idle.pop()
                if not connection.hung_up:
                    return connection
                connection.close()
        return _Socket(self._path)

    def _put_back(self, connection: _Socket) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_CONNECTIONS_MAX:
                self._idle.append(connection)
                return
        connection.close()

    def _gone(self, error: Exception) -> str:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return (
            f"the process that holds {self._path.parent} doesn't answer any more ({reason}):"
            " it has ended, or was killed. What it had acknowledged is safe: run the same command again,"
            " which works without it"
        )


def _exactly(response: HTTPResponse, size: int) -> bytes:
    found = response.read(size)
    if len(found) != size:
        raise HTTPException("the answer broke off")
    return found


def _refusal(response: HTTPResponse) -> Exception:
    body = response.read()
    try:
        return _failure.decode(body).error()
    except msgspec.DecodeError:
        # its router, not its log: it knows no such call
        return LogUnavailable(
            f"the running process doesn't understand this version of aftermerge (HTTP {response.status}):"
            " run the same version, or restart it with this one"
        )
