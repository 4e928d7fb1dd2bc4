"""The note that a running ``aftermerge up`` leaves in its data directory: how to talk to it.

The note is written when the process is ready and removed at its end. A process that was killed leaves
it behind; such a note is known by its process, which is gone, or by its socket, which takes nobody.
"""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

NOTE_FILE = "running.json"
NOTE_BYTES_MAX = 10_000
CONNECT_SECONDS_MAX = 5


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A process that holds a data directory and serves it. ``started_at`` is aware, in UTC.

    ``clickhouse_url`` (``http://host:port``) answers statements that only read, to any user whose
    password is ``token``; it is "" when the store is a server, which answers itself.
    """

    pid: int
    version: str
    control_socket: Path
    clickhouse_url: str
    token: str
    started_at: datetime

    @property
    def dsn(self) -> str:
        """Address and token in one: never print it. "" when it answers no statements."""
        if not self.clickhouse_url:
            return ""
        scheme, _, place = self.clickhouse_url.partition("://")
        return f"{scheme}://reader:{quote(self.token, safe='')}@{place}"

    def __repr__(self) -> str:
        """Without the token, which belongs into no message."""
        return f"Running(pid={self.pid}, version={self.version!r}, control_socket={self.control_socket})"


def write(directory: Path, running: Running) -> None:
    """Leave the note, as a whole or not at all, readable for its owner only."""
    descriptor, name = tempfile.mkstemp(prefix=NOTE_FILE, dir=directory)  # for its owner only
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(running, enc_hook=str))
        os.replace(name, directory / NOTE_FILE)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def read(directory: Path) -> Running | None:
    """The note as it stands there, of a process that may be gone; ``None`` without a readable one."""
    try:
        with (directory / NOTE_FILE).open("rb") as file:
            return msgspec.json.decode(file.read(NOTE_BYTES_MAX), type=Running, dec_hook=_path)
    except (OSError, msgspec.DecodeError):
        return None


def _path(kind: type, value: str) -> Path:
    return Path(value)


def is_alive(running: Running) -> bool:
    """Whether its process runs, and takes connections."""
    try:
        os.kill(running.pid, 0)
    except PermissionError:
        pass  # it runs, as somebody else
    except (OSError, OverflowError):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS_MAX)
        try:
            probe.connect(str(running.control_socket))
        except OSError:
            return False
    return True


def live(directory: Path) -> Running | None:
    """The note of a process that runs now; ``None`` when there is none, or it was killed."""
    running = read(directory)
    return running if running is not None and is_alive(running) else None


def remove(directory: Path) -> None:
    """Take the note away: only for who holds the directory."""
    (directory / NOTE_FILE).unlink(missing_ok=True)
