"""Answers of the embedded engine as bytes in a format of its own, several at a time and with limits.

For those who ask from outside the process. Their connections keep one role (``users.xml``), so that
what slips past a check of the text is refused by the engine; and each answer can be stopped.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self

from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.store import Store, StoreUnavailable
from pipeline.store.connection import engine_address
from pipeline.store.engine import load_engine
from pipeline.store.errors import outage_reason, short_message

#: answers being computed at once; each has a connection of its own
ANSWERS_AT_ONCE_MAX = 4
QUERY_SECONDS_MAX = 30
QUERY_MEMORY_BYTES_MAX = 512 * 2**20
QUERY_SPILLED_BYTES_MAX = 1024 * 2**20
QUERY_THREADS_MAX = 2
RESULT_ROWS_MAX = 1_000_000
RESULT_BYTES_MAX = 64 * 2**20

#: what a question may lower, never raise
LIMITS: Final[Mapping[str, int]] = {
    "max_execution_time": QUERY_SECONDS_MAX,
    "max_memory_usage": QUERY_MEMORY_BYTES_MAX,
    "max_result_rows": RESULT_ROWS_MAX,
    "max_result_bytes": RESULT_BYTES_MAX,
    "max_threads": QUERY_THREADS_MAX,
}
_FIXED: Final[Mapping[str, str | int]] = {
    "allow_ddl": 0,
    "allow_introspection_functions": 0,
    "max_temporary_data_on_disk_size_for_query": QUERY_SPILLED_BYTES_MAX,
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    # last, since it fixes itself; 2: settings for one answer can still be made
    "readonly": 2,
}


class EngineError(RuntimeError):
    """The engine's own words for what is wrong with a statement, as its clients expect them."""


class Answer(NamedTuple):
    """What came out: bytes in the format asked for, and what it took."""

    body: bytes
    rows: int
    rows_read: int
    bytes_read: int
    seconds: float


class Answers:
    """Connections that answer questions from outside the process. Safe to call from several threads."""

    def __init__(self, place: str, database: str, connections: int = ANSWERS_AT_ONCE_MAX) -> None:
        self.database = database
        self._address = engine_address(place)
        #: None: one that is to be opened
        self._idle: queue.SimpleQueue[_Handle | None] = queue.SimpleQueue()
        self._desk_lock = threading.Lock()
        self._desk = _Handle(self._address, database)
        for _ in range(connections):
            self._idle.put(self._reader())
        self.at_once = connections

    @classmethod
    def of(cls, store: Store, connections: int = ANSWERS_AT_ONCE_MAX) -> Self:
        """Answer from an open store, which must stay open. Raises ``StoreUnavailable`` for a server."""
        connection = store._connection  # noqa: SLF001
        if not connection.embedded:
            raise StoreUnavailable(
                f"{connection.place} is a server and answers itself: connect to it directly"
            )
        return cls(connection.place, store._database, connections)  # noqa: SLF001

    def _reader(self) -> _Handle:
        handle = _Handle(self._address, self.database)
        handle.run("SET ROLE reading")
        for name, value in {**LIMITS, **_FIXED}.items():
            handle.run(f"SET {name} = {quoted(value)}")
        return handle

    def canonical(self, statement: str) -> str:
        """The statement as the engine understood it: no comments, one way to quote.

        Nothing is executed. Raises ``EngineError`` unless it is exactly one statement.
        """
        return self._asked(f"SELECT formatQuery({quoted(statement)})", "TSVRaw").decode()[:-1]

    def tree(self, statement: str) -> Any:
        """The statement's syntax tree as the engine parses it. Nothing is executed.

        Raises ``EngineError`` for what is no statement, or has no such tree.
        """
        return json.loads(self._asked(f"SELECT parseQueryToJSON({quoted(statement)})", "TSVRaw"))

    def rows(self, statement: str) -> list[list[Any]]:
        """Rows of a statement of our own, as JSON has them; never of a client's."""
        return [json.loads(line) for line in self._asked(statement, "JSONCompactEachRow").splitlines()]

    def _asked(self, statement: str, format_: str) -> bytes:
        """A short statement of our own, on a connection with every right."""
        with self._desk_lock:
            try:
                return self._desk.run(statement, format_).body
            except EngineError:
                self._desk.close()
                self._desk = _Handle(self._address, self.database)
                raise

    def answer(
        self,
        statement: str,
        format_: str,
        settings: Mapping[str, str | int] = {},
        parameters: Mapping[str, str] = {},
        mark: str = "",
    ) -> Answer:
        """The bytes of one checked statement in ``format_``, unless it names a FORMAT itself.

        ``settings`` hold for this answer; ``parameters`` fill ``{name:Type}``. A ``mark`` of letters
        and digits lets ``stop`` find it. Waits for a free connection. Raises ``EngineError``.
        """
        with self._handle(settings) as handle:
            return handle.run(f"/* {mark} */ {statement}", format_, parameters)

    def stop(self, mark: str) -> None:
        """Ask the engine to stop the answer with this mark; it ends with an ``EngineError`` soon."""
        self._asked(f"KILL QUERY WHERE startsWith(query, {quoted(f'/* {mark} */')}) ASYNC", "Null")

    @contextmanager
    def _handle(self, settings: Mapping[str, str | int]) -> Iterator[_Handle]:
        handle = self._idle.get()
        whole = False
        try:
            handle = handle or self._reader()
            for name, value in settings.items():
                handle.run(f"SET {quote_identifier(name)} = {quoted(value)}")
            yield handle
            for name in settings:
                value = quoted(LIMITS[name]) if name in LIMITS else "DEFAULT"
                handle.run(f"SET {quote_identifier(name)} = {value}")
            whole = True
        finally:
            if handle is not None and not whole:
                # after an error the engine puts what it had written so far before the next answer
                handle.close()
                handle = None
            self._idle.put(handle)

    def close(self) -> None:
        """Close the connections; waits for the answers under way."""
        for _ in range(self.at_once):
            if (handle := self._idle.get()) is not None:
                handle.close()
        with self._desk_lock:
            self._desk.close()


class ServerAnswers:
    """The same of a ClickHouse server, for questions of our own; it stops what takes too long by itself."""

    def __init__(self, store: Store) -> None:
        self._reader = store._connection.reader  # noqa: SLF001
        self.database = store._database  # noqa: SLF001

    def answer(
        self,
        statement: str,
        format_: str,
        settings: Mapping[str, str | int] = {},
        parameters: Mapping[str, str] = {},
        mark: str = "",
    ) -> Answer:
        """As ``Answers.answer``. Raises ``EngineError``, also when it can't be reached."""
        try:
            body = self._reader.raw_query(
                f"/* {mark} */ {statement}",
                parameters=dict(parameters),
                settings={**LIMITS, **settings},
                fmt=format_,
            )
        except ClickHouseError as error:
            raise EngineError(short_message(error)) from error
        except OSError as error:
            raise EngineError(outage_reason(error)) from error
        return Answer(body, 0, 0, 0, 0.0)

    def close(self) -> None:
        """Nothing: the clients are the store's."""


class _Handle:
    """One connection of the engine, for one thread at a time."""

    def __init__(self, address: str, database: str) -> None:
        try:
            self._connection = load_engine().connect(address)
        except RuntimeError as error:
            raise StoreUnavailable(
                f"cannot open one more connection of the embedded engine: {error}"
            ) from error
        self.run(f"USE {quote_identifier(database)}")

    def run(
        self, statement: str, format_: str = "TSV", parameters: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            result = self._connection.query(statement, format_, params=dict(parameters or {}))
        except RuntimeError as error:
            raise EngineError(str(error)) from error
        return Answer(
            result.bytes() or b"",
            result.rows_read(),
            result.storage_rows_read(),
            result.storage_bytes_read(),
            result.elapsed(),
        )

    def close(self) -> None:
        self._connection.close()


def quoted(value: str | int) -> str:
    """A text of the statement's own as a literal."""
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
