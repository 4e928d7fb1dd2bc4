"""Where the store is: a DSN becomes two clients, one that writes and one that can only read.

The embedded engine and a server are the same class of client, so everything behind this file is one
code path. Two clients, because a query may then run while an insert does.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.query import QueryResult

from pipeline.store.engine import load_engine
from pipeline.store.errors import StoreHeld, StoreUnavailable, outage_reason, short_message

CONNECT_SECONDS_MAX = 10
REQUEST_SECONDS_MAX = 300

# The driver logs what it then raises: without a handler of its own that would go to stderr a second time.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())

_SCHEMES = {"http": "http", "https": "https", "clickhouse": "http", "clickhouses": "https"}
#: limits and roles of the embedded engine, which it reads when the first client of the process opens it
_OPTIONS = {
    "config-file": str(Path(__file__).with_name("engine.xml")),
    "users_config": str(Path(__file__).with_name("users.xml")),
}
_PID = re.compile(r"^PID: (\d+)", re.MULTILINE)


class Connection(NamedTuple):
    """Two clients of one store; ``place`` names it in messages, without a password."""

    place: str
    writer: Client
    reader: Client
    #: whether the engine runs in this process
    embedded: bool
    #: two more clients of the same place
    again: Callable[[], Connection]

    def close(self) -> None:
        """Let go of both."""
        self.reader.close()
        self.writer.close()


def ask(connection: Connection, sql: str, parameters: Mapping[str, object]) -> QueryResult:
    """The reader's answer to one statement; what a failed one has left behind is thrown away."""
    reader = connection.reader
    try:
        return reader.query(sql, parameters=dict(parameters))
    except Exception:
        if connection.embedded:
            # the engine puts what it had written of this answer in front of the next one
            with suppress(Exception):
                reader.query("SELECT 1")
        raise


def connect(dsn: str, request_seconds: int = REQUEST_SECONDS_MAX) -> Connection:
    """Open a store; one request to a server may take ``request_seconds``.

    ``chdb:///absolute/directory`` is the embedded engine; ``clickhouse://user:password@host:8123``
    (or ``http://``), ``clickhouses://`` (or ``https://``) a server, with ``?ca_cert=FILE`` when its
    certificate is not one that everybody trusts. Raises ``StoreHeld`` when another
    process has the directory open, ``StoreUnavailable`` for everything else that keeps it closed.
    """
    parts = urlsplit(dsn)
    if parts.scheme == "chdb":
        return _embedded(Path(unquote(parts.path)))
    if parts.scheme in _SCHEMES and parts.hostname:
        return _server(dsn, request_seconds)
    raise StoreUnavailable(
        f"the store's address has the scheme {parts.scheme!r}: use chdb:///absolute/directory"
        " or clickhouse://user:password@host:8123"
    )


def _embedded(directory: Path) -> Connection:
    if not directory.is_absolute() or directory == Path("/") or "?" in str(directory):
        raise StoreUnavailable(
            f"the store's directory {directory} is no absolute path: use chdb:///absolute/directory"
        )
    try:
        load_engine()
    except ImportError as error:
        raise StoreUnavailable(
            f"the embedded engine can't be loaded ({error}):"
            " install chdb again, or set the address of a server"
        ) from error
    place = str(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_if_held(directory)
        writer, reader = (
            clickhouse_connect.get_client(
                interface="chdb",
                path=place,
                tz_mode="aware",
                settings=settings,
                chdb_options=_OPTIONS,
            )
            for settings in ({}, {"readonly": 2})
        )
    except OSError as error:
        raise StoreUnavailable(f"cannot open the store in {place}: {error.strerror or error}") from error
    except ClickHouseError as error:
        raise StoreUnavailable(
            f"cannot open the store in {place}: {short_message(error)};"
            " one process can open one embedded store at a time, and its disk must be writable"
        ) from error
    return Connection(place, writer, reader, True, lambda: _embedded(directory))


def engine_address(place: str) -> str:
    """What the engine's own connections in this process are opened with: the same as the clients'."""
    from clickhouse_connect.driver._chdbclient import build_connection_string  # noqa: PLC0415 - loads the engine

    return build_connection_string(place, _OPTIONS)


def _refuse_if_held(directory: Path) -> None:
    """The engine locks ``status`` and writes its process id there; ask before it fails half-opened."""
    status = directory / "status"
    if not status.exists():
        return
    with status.open("r", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            match = _PID.search(file.read())
            pid = int(match[1]) if match else None
            if pid == os.getpid():
                return  # a second store of this process: the engine shares it
            who = f"process {pid}" if pid else "another process"
            raise StoreHeld(
                f"the store in {directory} is in use by {who}:"
                " wait until it ends, or use another --data directory",
                pid,
            ) from None


def _server(dsn: str, request_seconds: int) -> Connection:
    parts = urlsplit(dsn)
    interface = _SCHEMES[parts.scheme]
    try:
        port = parts.port or (8443 if interface == "https" else 8123)
    except ValueError:
        raise StoreUnavailable(
            "the store's address has a wrong port: use clickhouse://user:password@host:8123"
        ) from None
    place = f"{interface}://{parts.hostname}:{port}"
    told = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    ca_file = told.pop("ca_cert", [""])[0]
    if told or (ca_file and interface != "https") or (ca_file and not Path(ca_file).is_file()):
        raise StoreUnavailable(
            f"the store's address {place} is followed by what it can't be: ?ca_cert=FILE, a file that is"
            " there, is for clickhouses://, and nothing else is known"
        )

    def client(settings: dict[str, object]) -> Client:
        return clickhouse_connect.get_client(
            interface=interface,
            host=parts.hostname,
            port=port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else "",
            settings=settings,
            tz_mode="aware",
            # one session would refuse a second query at the same time
            autogenerate_session_id=False,
            connect_timeout=CONNECT_SECONDS_MAX,
            send_receive_timeout=request_seconds,
            ca_cert=ca_file or None,
        )

    try:
        writer, reader = client({}), client({"readonly": 2})
    except (ClickHouseError, OSError) as error:
        raise StoreUnavailable(
            f"no ClickHouse answers at {place}: {outage_reason(error)};"
            " check that it runs and that address, user and password are right"
        ) from error
    return Connection(place, writer, reader, False, lambda: _server(dsn, request_seconds))
