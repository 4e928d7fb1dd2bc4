"""The SQLite file itself: who holds it, how it is opened, and what its errors mean.

Pages of 16 KiB are read twice as fast as SQLite's usual 4 KiB, on records of 300 bytes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.log.protocol import LogCorrupt, LogHeld, LogUnavailable
from pipeline.log.sqlite.packed import TABLE as PACKED_TABLE

PAGE_BYTES = 16_384
CACHE_KIB_MAX = 32_768
#: The write-ahead file is folded into the main file when it has grown to this size ...
WAL_FOLDED_AT_BYTES = 32 * 2**20
#: ... and is cut down to this size when a long read made it outgrow that.
WAL_KEPT_BYTES_MAX = 64 * 2**20
WAIT_FOR_LOCK_MILLISECONDS_MAX = 10_000
PID_BYTES_MAX = 20

_APPLICATION_ID = 0x41464D47  # "AFMG": tells our files from any other SQLite file
#: of the tables below; a file of a later format is refused
FORMAT = 2

_TABLES = (
    "CREATE TABLE topics (topic TEXT PRIMARY KEY, partitions INTEGER, compacted INTEGER) WITHOUT ROWID",
    """CREATE TABLE streams (stream INTEGER PRIMARY KEY, topic TEXT, "partition" INTEGER,
    "end" INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, "partition"))""",
    "CREATE TABLE plain (position INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB NOT NULL)",
    PACKED_TABLE,
    """CREATE TABLE committed ("group" TEXT, stream INTEGER, "offset" INTEGER NOT NULL,
    PRIMARY KEY ("group", stream)) WITHOUT ROWID""",
)

_CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})


def hold(path: Path) -> int:
    """Take the lock that makes this process the file's only user; return its descriptor.

    ``flock`` rather than SQLite's exclusive mode, which would shut out our own second connection.
    The system drops the lock when the process ends, however it ends.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LogUnavailable(f"can't open {lock} ({error.strerror}): check the directory") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        holder = os.pread(held, PID_BYTES_MAX, 0).decode("ascii", "replace") or "unknown"
        os.close(held)
        raise LogHeld(
            f"the log {path} is held by process {holder}: stop it, or use another directory"
        ) from None
    except OSError as error:
        os.close(held)
        raise LogUnavailable(f"can't lock {lock} ({error.strerror}): free some disk space") from error
    return held


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that survives a crash after every commit, for use behind a lock."""
    # for its owner alone, and with it the files that SQLite puts beside it: deliveries name persons. A file
    # that is there is not opened: closing it again would drop the locks that SQLite holds on it
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path,
        timeout=WAIT_FOR_LOCK_MILLISECONDS_MAX / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        # before the first pragma that writes: a stranger's file stays as it is
        _refuse_strangers(connection, path)
        for pragma in (
            f"page_size={PAGE_BYTES}",
            f"cache_size=-{CACHE_KIB_MAX}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "fullfsync=ON",
            f"wal_autocheckpoint={WAL_FOLDED_AT_BYTES // PAGE_BYTES}",
            f"journal_size_limit={WAL_KEPT_BYTES_MAX}",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in a new file."""
    if _number(connection, "application_id") == _APPLICATION_ID:
        return
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    application = _number(connection, "application_id")
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if application == 0 and tables == 0:
        return
    if application != _APPLICATION_ID:
        raise LogCorrupt(f"{path} is an SQLite file, but not a log: name another file")
    written = _number(connection, "user_version")
    if written > FORMAT:
        raise LogUnavailable(f"{path} has format {written}, and this version reads format {FORMAT}: upgrade")
    if written < FORMAT:
        raise LogUnavailable(
            f"{path} has format {written}, and this version reads format {FORMAT}: export its events with"
            " the version that wrote it, and replay them into a new directory"
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def translated(path: Path, action: str) -> Iterator[None]:
    """Tell SQLite's errors in the words of the protocol."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise LogCorrupt(
            f"{path} disagrees with its own offsets ({error}): restore it from a backup"
        ) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            raise
        if code & 0xFF in _CORRUPT_CODES:
            raise LogCorrupt(
                f"{path} is damaged, or is no log ({error}): restore it from a backup"
            ) from error
        if not isinstance(error, sqlite3.OperationalError):
            raise
        raise LogUnavailable(
            f"can't {action} {path} ({error}): free some disk space, or check the disk"
            " and the rights to it, then run again; nothing acknowledged is lost"
        ) from error
