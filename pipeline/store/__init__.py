"""The store: ClickHouse by its DSN, embedded in this process or on a server.

Facts are upserts: the row with the highest version of a key holds. Events keep every distinct
telling. A repeated insert changes nothing that a query with FINAL sees, so a failed call can simply
be made again. Every method may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyarrow as pa
from clickhouse_connect.driver.binding import quote_identifier

from pipeline import resources
from pipeline.codec.blocks import BATCH_ROWS_MAX, Block, fact_blocks, is_time
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES, Fact
from pipeline.measuring import ProgressCall
from pipeline.store.ahead import Ahead
from pipeline.store.columns import events_to_arrow
from pipeline.store.connection import Connection, connect
from pipeline.store.errors import (
    ClusterRefused,
    InvalidQuery,
    MigrationRefused,
    StoreHeld,
    StoreMissing,
    StoreUnavailable,
)
from pipeline.store.migrations import read_views, split_statements
from pipeline.store.reading import refuse_format, refuse_writing
from pipeline.store.retrying import AT_ONCE, PATIENT, Patience
from pipeline.store.rows import DeadLetterRow, Result, letters_block
from pipeline.store.schema import Schema
from pipeline.store.session import Session

__all__ = [
    "AT_ONCE",
    "BATCH_ROWS_MAX",
    "PATIENT",
    "ClusterRefused",
    "DeadLetterRow",
    "InvalidQuery",
    "MigrationRefused",
    "Patience",
    "Result",
    "Store",
    "StoreHeld",
    "StoreMissing",
    "StoreUnavailable",
]


class Store:
    """Tables, views and rows of one database."""

    def __init__(
        self, connection: Connection, database: str, cluster: str = "", retry_seconds: float = 0.0
    ) -> None:
        """Ask and fill a database that is there already; ``open`` makes it."""
        self._session = Session(connection, database, cluster, retry_seconds)
        self._connection = connection
        self._database = database
        self.place = connection.place

    @classmethod
    def open(
        cls,
        dsn: str,
        database: str = "aftermerge",
        cluster: str = "",
        *,
        create: bool = True,
        patience: Patience = AT_ONCE,
    ) -> Self:
        """Open ``chdb:///absolute/directory`` or ``clickhouse://user:password@host:8123``.

        ``cluster``: what is made is made on every replica of the cluster of that name. Without ``create``
        nothing is made: the database has to be there, with tables as new as this version, and the user
        needs no right but to read and to insert. ``patience`` is for servers.

        Raises ``StoreHeld`` when another process has the directory open, ``StoreUnavailable`` when
        the place can't be opened for another reason, ``ClusterRefused``; without ``create`` also what
        ``check`` raises. All say what to do.
        """
        connection = connect(dsn, patience.request_seconds)
        try:
            if cluster and connection.embedded:
                raise ClusterRefused(
                    f"the embedded store in {connection.place} is on no cluster: set AFTERMERGE_STORE_DSN to"
                    " a server of it, or AFTERMERGE_STORE_CLUSTER to nothing"
                )
            store = cls(connection, database, cluster, patience.retry_seconds)
            schema = Schema(store._session)  # noqa: SLF001
            if create:
                schema.make_database()
            else:
                schema.require_database()
            store._session.use()  # noqa: SLF001
            if not create:
                schema.check(resources.sql())
            return store
        except BaseException:
            connection.close()
            raise

    @property
    def waiting_for(self) -> str:
        """Why an insert under way is made again just now; "" when none is."""
        return self._session.retrying.trouble

    def migrate(self, directory: Path | None = None) -> list[str]:
        """Apply what wasn't applied yet, make the views, and return the names applied now.

        ``directory`` holds ``migrations/`` and ``views/`` (the shipped one unless told). Raises, before
        anything is changed, ``MigrationRefused`` when an applied migration was edited or is a newer
        version's, ``StoreMissing`` when a table that was made is gone, ``ClusterRefused`` when the tables
        are not those of the cluster.
        """
        return Schema(self._session).migrate(directory or resources.sql())

    def check(self, directory: Path | None = None) -> list[str]:
        """See that the tables are at least as new as this version; the migrations that it doesn't know.

        With newer tables this version can go on: they have more columns, which have defaults. Raises
        ``StoreUnavailable`` when they are older, ``MigrationRefused`` when one was made by an edited
        migration, ``StoreMissing`` when one is gone.
        """
        return Schema(self._session).check(directory or resources.sql())

    def keep_ahead(self, minutes: int | None, progress: ProgressCall) -> dict[str, str]:
        """Compute the views that can be computed ahead now, and every ``minutes``; ``None``: when asked.

        Returns view -> why it could not be. Raises ``ValueError`` for minutes that are none,
        ``ClusterRefused`` on a cluster of servers.
        """
        views = read_views(resources.sql() / "views")
        if minutes is None:
            Ahead(self._session).stop(views)
            return {}
        return Ahead(self._session).keep(views, minutes, progress)

    def refresh_ahead(self, progress: ProgressCall) -> dict[str, str]:
        """Compute anew what is computed ahead, and wait for it; view -> why it could not be."""
        return Ahead(self._session).refresh(read_views(resources.sql() / "views"), progress)

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
            self.insert_block("dead_letters", letters_block(rows[start : start + BATCH_ROWS_MAX]))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Answer one statement that changes nothing; all its rows are held in memory.

        ``parameters`` fill ``{name:Type}`` in the text. Times come as aware datetimes. Raises
        ``InvalidQuery`` when the text is wrong, or would change something.
        """
        statements = split_statements(sql)
        if len(statements) != 1:
            raise InvalidQuery("write one statement at a time" if statements else "the query is empty")
        refuse_writing(statements[0])
        refuse_format(statements[0])
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

    def workspaces(self) -> frozenset[str]:
        """Those of which any event is in the store; a new or emptied store has none."""
        return frozenset(
            str(name) for (name,) in self._read("SELECT DISTINCT workspace FROM events", {}).rows
        )

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

    def make(self, statement: str) -> None:
        """Run a statement of this program that makes something beside its own tables."""
        self._command(statement, statement.partition("\n")[0][:80])

    def settle(self, tables: Sequence[str] | None = None) -> None:
        """Merge what was inserted, so that FINAL costs nothing: worth it once after an import."""
        for table in tables if tables is not None else (*TABLES, *(f"events_{record}" for record in RECORDS)):
            self._command(f"OPTIMIZE TABLE {quote_identifier(table)} FINAL", f"merge the parts of {table}")

    def close(self) -> None:
        """Release the store; what was inserted stays."""
        self._connection.close()

    def insert_block(self, table: str, block: Block) -> None:
        """Write rows in columns, each of which is in the table.

        A server that is not available is tried again within its patience, and takes the block once however
        often it was sent. Raises ``StoreUnavailable``; ``StoreMissing`` when the table is gone for good.
        """
        self._session.insert(table, block)

    def _command(self, statement: str, action: str) -> None:
        self._session.command(statement, action)

    def _read(self, sql: str, parameters: Mapping[str, object], *, asked: bool = False) -> Result:
        return self._session.read(sql, parameters, asked=asked)
