"""One process at a time holds a data directory; everybody else is told who does."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.cli.exits import Exit, Problem

LOCK_FILE = "lock"
HOLDER_BYTES_MAX = 500


class Held(Problem):
    """Another process holds the directory."""


@contextmanager
def held(directory: Path, *, create: bool) -> Iterator[None]:
    """Hold ``directory`` while the block runs, and make it first when ``create`` is set.

    The lock belongs to the open file, so it ends with the process however that ends.
    Raises ``Problem``: exit 3 when another process holds it or it can't be used, exit 5 when it
    isn't there and ``create`` is not set.
    """
    descriptor = _opened(directory, create=create)
    try:
        _lock(descriptor, directory)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _about_this_process(), 0)
        try:
            yield
        finally:
            # a command line may name what must not stay here
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(directory: Path) -> str:
    """Who holds the directory, in words; empty when nobody does."""
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return _read_holder(descriptor)
    finally:
        os.close(descriptor)
    return ""


def _opened(directory: Path, *, create: bool) -> int:
    try:
        if create:
            # Only its owner reads what a data directory knows about people and incidents.
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif not (directory / LOCK_FILE).exists():
            raise Problem(
                f"there is no data in {directory} yet",
                hint="start with `aftermerge demo` or `aftermerge import git PATH`, or name another"
                " place with --data DIR",
                code=Exit.NOTHING,
            )
        return os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Problem(
            f"data directory {directory} can't be used: {error.strerror}",
            hint="make it writable for this user, or name another place with --data DIR",
            code=Exit.DATA,
        ) from None


def _lock(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Held(
            f"data directory {directory} is held by {_read_holder(descriptor)}",
            hint="wait until it ends, stop it (Ctrl-C there; nothing is lost), or use another --data DIR",
            code=Exit.DATA,
        ) from None
    except OSError as error:
        raise Problem(
            f"data directory {directory} can't be locked: {error.strerror}",
            hint="use a directory on a local disk: --data DIR",
            code=Exit.DATA,
        ) from None


def _about_this_process() -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
    return f"process {os.getpid()} ({command}) since {now}".encode()[:HOLDER_BYTES_MAX]


def _read_holder(descriptor: int) -> str:
    text = os.pread(descriptor, HOLDER_BYTES_MAX, 0).decode("utf-8", "replace").strip()
    return text or "another process"
