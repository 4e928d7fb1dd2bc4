"""Fresh tables beside the live ones: filled while those are used, compared with them, and dropped.

They are in a database of their own with the same names and the same statements, so that whatever fills a
store fills them.
"""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.binding import quote_identifier

from pipeline import resources
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES
from pipeline.store import Store
from pipeline.store.attached import AttachedStore
from pipeline.store.comparing import EXAMPLES_MAX, Comparison, TableDifference
from pipeline.store.errors import StoreUnavailable
from pipeline.store.schema import Schema

#: what is computed from the log; `events` is a view of the tables behind it
FACT_TABLES = tuple(TABLES)
EVENT_TABLES = tuple(f"events_{record}" for record in RECORDS)
COMPUTED = (*FACT_TABLES, *EVENT_TABLES)


class Beside:
    """The fresh tables; ``store`` fills them. Close it before the live store."""

    def __init__(self, live: Store, suffix: str = "rebuild") -> None:
        """Make the tables anew in ``<database>_<suffix>``.

        What was left there before is dropped. Raises ``StoreUnavailable``, also for a database of that name
        that was not made here.
        """
        if isinstance(live, AttachedStore):
            live.insert_block()
        self._live = live._session
        session = self._live
        self.database = f"{session.database}_{suffix}"
        self._mark = f"made beside {session.database} by aftermerge rebuild"
        self.store = Store(
            session.connection.again(), self.database, session.cluster, session.retrying.seconds
        )
        self._session = self.store._session
        self._schema = Schema(self._session)
        try:
            self.drop()
            self._schema.make_database(self._mark)
            self._session.use()
            # the views are of the live tables, whatever rows those hold
            self._schema.migrate(resources.sql(), views=False)
        except BaseException:
            self.close()
            raise

    def compare(
        self,
        workspace: str = "",
        tables: Sequence[str] = COMPUTED,
        examples: int = EXAMPLES_MAX,
    ) -> list[TableDifference]:
        """How the rows that hold differ, by table; of one workspace when told."""
        found = []
        for table in tables:
            self._caught_up(table)
            found.append(Comparison(self._live, self._session, table, workspace).difference(examples))
        return found

    def drop(self) -> None:
        """Drop the database beside, with whichever tables are in it now."""
        self._refuse_others()
        name = quote_identifier(self.database)
        if self._schema.has_database():
            self._live.command(f"DROP DATABASE IF EXISTS {name} SYNC", f"drop the database {self.database}")

    def close(self) -> None:
        """Let go of the connection; the tables stay."""
        self.store.close()

    def _caught_up(self, table: str) -> None:
        """On a cluster, wait until this replica has what others took in."""
        if self._live.cluster:
            for one in (self._live, self._session):
                name = f"{quote_identifier(one.database)}.{quote_identifier(table)}"
                self._live.command(f"SYSTEM SYNC REPLICA {name}", f"wait for the replicas of {table}")

    def _refuse_others(self) -> None:
        if self._schema.has_database() and not self._schema.has_database(self._mark):
            raise StoreUnavailable(
                f"the database {self.database} at {self._live.place} was not made by a rebuild: rename it, or"
                " take another suffix"
            )
