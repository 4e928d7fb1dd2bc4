"""The store: ClickHouse by its DSN, embedded in this process or on a server.

Facts are upserts: the row with the highest version of a key holds. Events keep every distinct
telling. A repeated insert changes nothing that a query with FINAL sees, so a failed call can simply
be made again. Every method may be called from several threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
from clickhouse_connect.driver.binding import quote_identifier

from pipeline import resources
from pipeline.codec.blocks import BATCH_ROWS_MAX, TIMESTAMP, Block, fact_blocks, is_time
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES, Fact
from pipeline.store.columns import events_to_arrow
from pipeline.store.connection import Connection, ask, connect
from pipeline.store.errors import InvalidQuery, MigrationRefused, StoreHeld, StoreUnavailable, translated
from pipeline.store.memory import FreedMemory
from pipeline.store.migrations import (
    STATUS_TABLE,
    is_ours,
    pending,
    read_migrations,
    read_views,
    split_statements,
)
from pipeline.store.reading import refuse_writing

__all__ = [
    "BATCH_ROWS_MAX",
    "DeadLetterRow",
    "InvalidQuery",
    "MigrationRefused",
    "Result",
    "Store",
    "StoreHeld",
    "StoreUnavailable",
]

#: With 1 (the default) each insert is merged row by row, four times as long; queries use FINAL either way.
_INSERT_SETTINGS = {"optimize_on_insert": 0, "async_insert": 0, "max_threads": 1, "max_insert_threads": 1}

_FORMAT = re.compile(r"\bFORMAT\s+[A-Za-z]\w*\s*$", re.IGNORECASE)


class Result(NamedTuple):
    """The answer to a query: names and ClickHouse types of the columns, and the rows."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[object, ...]]


class DeadLetterRow(NamedTuple):
    """A row of the table ``dead_letters``; ``failed_at`` is in microseconds UTC.

    ``partition`` and ``offset`` are -1 where the place has none; for a file the offset is its line.
    """

    workspace: str
    topic: str
    partition: int
    offset: int
    place: str
    reason: str
    bytes: bytes
    failed_at: int


_DEAD_LETTERS = pa.schema(
    [
        ("workspace", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("place", pa.string()),
        ("reason", pa.string()),
        ("bytes", pa.binary()),
        ("failed_at", TIMESTAMP),
    ]
)


class Store:
    """Tables, views and rows of one database."""

    def __init__(self, connection: Connection, database: str) -> None:
        self._connection = connection
        self._database = database
        self._freed = FreedMemory(connection.writer if connection.embedded else None)
        self.place = connection.place
        with translated(self.place, f"create the database {database}"):
            # Atomic by name: the embedded engine's own default database can't exchange tables
            connection.writer.command(
                f"CREATE DATABASE IF NOT EXISTS {quote_identifier(database)} ENGINE = Atomic"
            )
        connection.writer.database = database
        connection.reader.database = database

    @classmethod
    def open(cls, dsn: str, database: str = "aftermerge") -> Self:
        """Open ``chdb:///absolute/directory`` or ``clickhouse://user:password@host:8123``.

        Raises ``StoreHeld`` when another process has the directory open, ``StoreUnavailable`` when
        the place can't be opened for another reason; both say what to do.
        """
        connection = connect(dsn)
        try:
            return cls(connection, database)
        except BaseException:
            connection.writer.close()
            connection.reader.close()
            raise

    def migrate(self, directory: Path | None = None) -> list[str]:
        """Apply what wasn't applied yet, make the views, and return the names applied now.

        ``directory`` holds ``migrations/`` and ``views/`` (the shipped one unless told). Raises
        ``MigrationRefused``, before anything is changed, when an applied migration was edited.
        """
        directory = directory or resources.sql()
        found = read_migrations(directory / "migrations")
        self._command(STATUS_TABLE, "create the table migrations")
        rows = self._read("SELECT number, name, sha256 FROM migrations FINAL", {}).rows
        applied = {int(str(number)): (str(name), _text(sha256)) for number, name, sha256 in rows}
        names = []
        for migration in pending(found, applied):
            name = f"{migration.number:03}_{migration.name}"
            for statement in migration.statements:
                self._command(statement, f"apply migration {name}")
            with translated(self.place, f"note migration {name}"):
                self._connection.writer.insert("migrations", [migration.row()], database=self._database)
            names.append(name)
        self._make_views(directory / "views")
        return names

    def _make_views(self, directory: Path) -> None:
        made = self._read(
            "SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND engine = 'View'",
            {},
        )
        marks = {str(name): str(comment) for name, comment in made.rows}
        views = {view.name: view for view in read_views(directory)}
        for view in views.values():
            if marks.get(view.name) != view.mark:
                self._command(view.statement, f"make the view {view.name}")
        for name, mark in marks.items():
            # a view without our mark is somebody's own
            if name not in views and is_ours(mark):
                self._command(f"DROP VIEW IF EXISTS {quote_identifier(name)}", f"drop the view {name}")

    def insert_facts(
        self,
        table: str,
        workspace: str,
        version: int,
        rows: Sequence[Fact],
        deleted: Sequence[tuple[object, ...]] = (),
    ) -> None:
        """Write rows of one fact table, and mark others as deleted.

        ``deleted`` holds keys in the order of ``Fact.keys``; a key in both ``rows`` and ``deleted``
        is a mistake of the caller. When this returns, all of it survives a crash; when it raises,
        a part may have been written, and the same call made again completes it.
        """
        for block in fact_blocks(table, workspace, version, rows, deleted):
            self.insert_block(table, block)

    def insert_events(self, record: str, workspace: str, batch: pa.RecordBatch) -> None:
        """Write events of one record type as they were decoded, one column per field.

        Times may be int64 microseconds or timestamps. Raises ``ValueError`` for a column that the
        table doesn't have, ``KeyError`` for an unknown record.
        """
        for block in events_to_arrow(record, workspace, batch):
            self.insert_block(f"events_{record}", block)

    def insert_dead_letters(self, letters: Iterable[DeadLetterRow]) -> None:
        """Keep messages that could not be read, with their bytes, reason and coordinates."""
        rows = list(letters)
        for start in range(0, len(rows), BATCH_ROWS_MAX):
            columns = zip(*rows[start : start + BATCH_ROWS_MAX], strict=True)
            arrays = [pa.array(*typed) for typed in zip(columns, _DEAD_LETTERS.types, strict=True)]
            self.insert_block("dead_letters", pa.Table.from_arrays(arrays, schema=_DEAD_LETTERS))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Answer one statement that changes nothing; all its rows are held in memory.

        ``parameters`` fill ``{name:Type}`` in the text. Times come as aware datetimes. Raises
        ``InvalidQuery`` when the text is wrong, or would change something.
        """
        statements = split_statements(sql)
        if len(statements) != 1:
            raise InvalidQuery("write one statement at a time" if statements else "the query is empty")
        refuse_writing(statements[0])
        if _FORMAT.search(statements[0]):
            raise InvalidQuery(
                "leave the FORMAT clause away: the answer is a table, printed as you ask for it"
            )
        result = self._read(statements[0], parameters or {}, asked=True)
        return result if result.columns else self._without_rows(statements[0], parameters or {})

    def _without_rows(self, statement: str, parameters: Mapping[str, object]) -> Result:
        """The embedded engine names no columns when there are no rows; a server does."""
        try:
            described = self._read(f"DESCRIBE (\n{statement}\n)", parameters, asked=True)
        except InvalidQuery:  # not a SELECT: SHOW, EXISTS and the like
            return Result([], [], [])
        return Result([str(row[0]) for row in described.rows], [str(row[1]) for row in described.rows], [])

    def holds(self, sql: str, parameters: Mapping[str, object] | None = None) -> bool:
        """Whether a question of this program has any answer; raises ``StoreUnavailable``, as writing does."""
        return bool(self._read(sql, parameters or {}).rows)

    def live_rows(self, table: str, workspace: str) -> list[dict[str, object]]:
        """The rows that hold, by key, without ``version``: facts are equal when these are."""
        keys = ", ".join(TABLES[table].keys)
        result = self._read(
            f"SELECT * EXCEPT (version, is_deleted) FROM {table} FINAL"
            f" WHERE workspace = {{workspace:String}} ORDER BY {keys}",
            {"workspace": workspace},
        )
        return [dict(zip(result.columns, row, strict=True)) for row in result.rows]

    def live_keys(
        self, table: str, workspace: str, below_version: int | None = None
    ) -> set[tuple[object, ...]]:
        """The keys of the rows that hold, as the structs have them (times in microseconds).

        With ``below_version`` only those not written since: after a rebuild under a higher epoch,
        these are the rows to delete.
        """
        keys = ", ".join(
            f"toUnixTimestamp64Micro({name})" if is_time(name) else name for name in TABLES[table].keys
        )
        # the newest row first, then its version: a condition beside FINAL could let an older row through
        bound = " WHERE version < {below:UInt64}" if below_version is not None else ""
        result = self._read(
            f"SELECT {keys} FROM (SELECT * FROM {table} FINAL WHERE workspace = {{workspace:String}}){bound}",
            {"workspace": workspace, "below": below_version or 0},
        )
        return set(result.rows)

    def fingerprints(self, workspace: str) -> dict[str, tuple[int, int]]:
        """Number and combined hash of the rows that hold, by table: equal ones mean equal facts."""
        found = {}
        for table in TABLES:
            ((rows, digest),) = self._read(
                "SELECT count(), groupBitXor(sipHash64(toString(tuple(* EXCEPT (version, is_deleted)))))"
                f" FROM {table} FINAL WHERE workspace = {{workspace:String}}",
                {"workspace": workspace},
            ).rows
            found[table] = (int(str(rows)), int(str(digest)))
        return found

    def settle(self, tables: Sequence[str] | None = None) -> None:
        """Merge what was inserted, so that FINAL costs nothing: worth it once after an import."""
        for table in tables if tables is not None else (*TABLES, *(f"events_{record}" for record in RECORDS)):
            self._command(f"OPTIMIZE TABLE {quote_identifier(table)} FINAL", f"merge the parts of {table}")

    def close(self) -> None:
        """Release the store; what was inserted stays."""
        self._connection.reader.close()
        self._connection.writer.close()

    def insert_block(self, table: str, block: Block) -> None:
        with translated(self.place, f"write {block.num_rows} rows into {table}"):
            self._connection.writer.insert_arrow(
                table, block, database=self._database, settings=dict(_INSERT_SETTINGS)
            )
            self._freed.inserted(block.nbytes)

    def _command(self, statement: str, action: str) -> None:
        with translated(self.place, action):
            self._connection.writer.command(statement)

    def _read(self, sql: str, parameters: Mapping[str, object], *, asked: bool = False) -> Result:
        with translated(self.place, "read", asked=asked):
            result = ask(self._connection, sql, parameters)
        types = [kind.name for kind in result.column_types]
        return Result(list(result.column_names), types, [tuple(row) for row in result.result_rows])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
