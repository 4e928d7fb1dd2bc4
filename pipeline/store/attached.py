"""The store of another process: questions over its ClickHouse HTTP endpoint, and nothing else."""

from __future__ import annotations

from typing import NoReturn

from pipeline.store import Store
from pipeline.store.connection import Connection, connect
from pipeline.store.errors import StoreUnavailable

__all__ = ["AttachedStore", "attach"]


def attach(dsn: str, database: str) -> Store:
    """Ask the endpoint at ``http://user:password@host:port``, or a server by its ``clickhouse://`` address.

    Raises ``StoreUnavailable`` when nobody answers there.
    """
    return AttachedStore(connect(dsn), database)


class AttachedStore(Store):
    """A store that answers questions; whoever holds it writes its rows."""

    def __init__(self, connection: Connection, database: str) -> None:
        # nothing is made here: the database is there, or its holder is not ready
        super().__init__(connection, database)
        self._session.use()

    def insert_block(self, *_: object) -> NoReturn:
        raise StoreUnavailable(
            f"the store at {self.place} is written by the process that holds it: append events to the log,"
            " and it takes them in"
        )

    def migrate(self, *_: object) -> NoReturn:
        """Refused: tables are made by whoever holds the store."""
        self.insert_block()

    def _command(self, *_: object) -> NoReturn:
        self.insert_block()
