"""One database of one store: statements, questions and blocks, with failures in our own words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
from clickhouse_connect.driver.binding import quote_identifier
from clickhouse_connect.driver.query import arrow_buffer

from pipeline.codec.blocks import Block
from pipeline.store.clustered import on_cluster
from pipeline.store.connection import Connection, ask
from pipeline.store.errors import MissingNow, StoreMissing, translated
from pipeline.store.memory import FreedMemory
from pipeline.store.retrying import Retrying
from pipeline.store.rows import Result

#: a table that starts to load is soon there; one that was missing so often was dropped
MISSING_TRIES_MAX = 10
_TOKEN_BYTES = 16

#: With 1 (the default) each insert is merged row by row, four times as long; queries use FINAL either way.
_INSERT_SETTINGS = {"optimize_on_insert": 0, "async_insert": 0, "max_threads": 1, "max_insert_threads": 1}


class Session:
    """The two clients of a connection, bound to one database and, on a cluster, to all its replicas."""

    def __init__(self, connection: Connection, database: str, cluster: str, retry_seconds: float) -> None:
        self.connection = connection
        self.database = database
        self.cluster = cluster
        self.place = connection.place
        self.retrying = Retrying(0.0 if connection.embedded else retry_seconds)
        self._freed = FreedMemory(connection.writer if connection.embedded else None)
        #: what was not there, and how many times in a row
        self._missing: dict[str, int] = {}

    def use(self) -> None:
        """From now on names without a database are of this one."""
        self.connection.writer.database = self.database
        self.connection.reader.database = self.database

    def command(self, statement: str, action: str) -> None:
        """Run one statement that changes something; on a cluster, on every replica of it."""
        if self.cluster:
            statement = on_cluster(statement, self.cluster, self.database)
        with self._translated(action, key=action):
            self.connection.writer.command(statement)

    def read(self, sql: str, parameters: Mapping[str, object], *, asked: bool = False) -> Result:
        """The answer to one statement; ``asked``: in somebody else's words."""
        with self._translated("read", key=sql, asked=asked):
            result = ask(self.connection, sql, parameters)
        types = [kind.name for kind in result.column_types]
        return Result(list(result.column_names), types, [tuple(row) for row in result.result_rows])

    def insert_row(self, table: str, row: Sequence[object], action: str) -> None:
        """Write one row of Python's values."""
        with self._translated(action, key=table):
            self.connection.writer.insert(table, [row], database=self.database)

    def insert(self, table: str, block: Block) -> None:
        """Write a block. A server is tried again, and takes the same block once."""
        writer, settings = self.connection.writer, dict[str, object](_INSERT_SETTINGS)
        packed = writer.write_compression if writer.write_compression in ("lz4", "zstd") else None
        names, body = arrow_buffer(block, packed)
        if not self.connection.embedded:
            settings["insert_deduplication_token"] = token(body)
        place = f"{quote_identifier(self.database)}.{quote_identifier(table)}"

        def attempt() -> None:
            with self._translated(f"write {block.num_rows} rows into {table}", key=table):
                writer.raw_insert(place, names, body, settings, "Arrow")
                self._freed.inserted(block.nbytes)

        self.retrying.run(attempt)

    @contextmanager
    def _translated(self, action: str, *, key: str, asked: bool = False) -> Iterator[None]:
        """Failures as ours; what is missing under one key again and again is missing for good."""
        try:
            with translated(self.place, action, asked=asked):
                yield
        except MissingNow as error:
            self._missing[key] = self._missing.get(key, 0) + 1
            if sum(self._missing.values()) < MISSING_TRIES_MAX:
                raise
            self._missing.clear()
            raise StoreMissing(f"{error}; so it was {MISSING_TRIES_MAX} times. {REMADE}") from error
        self._missing.pop(key, None)


#: what to do about a table or a database that somebody dropped
REMADE = (
    "A database that is gone as a whole is made anew by the next start (in a cluster of steps: by `aftermerge"
    " migrate`); where single tables are gone, drop what is left of it first. Its rows are computed from the"
    " log again (in a cluster of steps: when `sink` is started again)"
)


def token(body: pa.Buffer) -> str:
    """Names a block by what is in it: sent twice, also by a process that began again, it is one."""
    return hashlib.blake2b(body, digest_size=_TOKEN_BYTES).hexdigest()
