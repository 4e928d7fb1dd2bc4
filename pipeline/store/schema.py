"""The database, its tables and its views: made, brought up to date, or only looked at.

What is there already is not made again: a user who may only read and insert can work with it.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

from clickhouse_connect.driver.binding import quote_identifier

from pipeline.measuring import silent
from pipeline.store.ahead import Ahead, KeptView
from pipeline.store.errors import ClusterRefused, StoreMissing, StoreUnavailable
from pipeline.store.migrations import (
    STATUS_TABLE,
    Migration,
    is_ours,
    newer,
    pending,
    read_migrations,
    read_views,
    refuse_edited,
)
from pipeline.store.session import REMADE, Session

#: so many inserts into each table are remembered by a server, so that one that is made again counts once
INSERTS_REMEMBERED = 100

#: the status table under the name of its own
_STATUS = "migrations"


class _Table(NamedTuple):
    engine: str
    comment: str
    #: engine with its arguments and settings
    told: str


class Schema:
    """What a database is made of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def make_database(self, mark: str = "") -> None:
        """Make the database unless it is there; ``mark`` is its comment."""
        session = self._session
        if self.has_database():
            return
        self._refuse_cluster()
        # by name: the embedded engine's own default is another one
        statement = f"CREATE DATABASE IF NOT EXISTS {quote_identifier(session.database)}"
        comment = f" COMMENT '{mark}'" if mark else ""
        session.command(f"{statement} ENGINE = Atomic{comment}", f"create the database {session.database}")

    def has_database(self, mark: str = "") -> bool:
        """Whether the database is there and, when told, has this comment."""
        rows = self._session.read(
            "SELECT comment FROM system.databases WHERE name = {name:String}",
            {"name": self._session.database},
        ).rows
        return any(not mark or _text(comment) == mark for (comment,) in rows)

    def require_database(self) -> None:
        """Raise ``StoreUnavailable`` unless the database is there."""
        if not self.has_database():
            session = self._session
            raise StoreUnavailable(
                f"there is no database {session.database} at {session.place}: run `aftermerge migrate` first"
            )

    def migrate(self, directory: Path, *, views: bool = True) -> list[str]:
        """Apply what wasn't applied yet, make the views, and return the names applied now."""
        session = self._session
        found = read_migrations(directory / "migrations")
        self._refuse_cluster()
        tables = self._tables()
        ours = {_STATUS, *(name for migration in found for name in migration.tables)}
        self._refuse_other_engines({name: table for name, table in tables.items() if name in ours})
        if _STATUS not in tables:
            session.command(STATUS_TABLE.strip(), "create the table migrations")
        applied = self._applied()
        names = []
        missing = pending(found, applied)
        self._refuse_lost(found, applied, tables)
        for migration in missing:
            for statement in migration.statements:
                session.command(statement, f"apply migration {migration}")
            session.insert_row(_STATUS, migration.row(), f"note migration {migration}")
            names.append(str(migration))
        if not session.connection.embedded and not session.cluster:
            self._remember_inserts(ours - {_STATUS})
        if views:
            self._make_views(directory / "views")
        return names

    def check(self, directory: Path) -> list[str]:
        """See that the tables are at least as new as this version; the names of what is newer.

        Newer tables have more columns, with defaults: what is written fits. Raises ``StoreUnavailable``
        when they are older, or not there yet; ``MigrationRefused`` when they are others.
        """
        session = self._session
        here = f"{session.database} at {session.place}"
        tables = self._tables()
        if _STATUS not in tables:
            raise StoreUnavailable(f"there are no tables in {here}: run `aftermerge migrate` first")
        found = read_migrations(directory / "migrations")
        applied = self._applied()
        refuse_edited(found, applied)
        missing = [str(migration) for migration in found if migration.number not in applied]
        if missing:
            raise StoreUnavailable(
                f"the tables in {here} are older than this version, {', '.join(missing)} was not applied:"
                " run `aftermerge migrate` of this version first"
            )
        self._refuse_lost(found, applied, tables)
        return newer(found, applied)

    def _tables(self) -> dict[str, _Table]:
        rows = self._session.read(
            "SELECT name, engine, comment, engine_full FROM system.tables WHERE database = {name:String}",
            {"name": self._session.database},
        ).rows
        return {str(name): _Table(*map(str, told)) for name, *told in rows}

    def _applied(self) -> dict[int, tuple[str, str]]:
        rows = self._session.read(f"SELECT number, name, sha256 FROM {_STATUS} FINAL", {}).rows
        return {int(str(number)): (str(name), _text(sha256)) for number, name, sha256 in rows}

    def _refuse_lost(
        self, found: list[Migration], applied: dict[int, tuple[str, str]], tables: dict[str, _Table]
    ) -> None:
        """A table that was made and is gone took its rows with it: made anew, it would be empty."""
        made = [name for migration in found if migration.number in applied for name in migration.tables]
        lost = [name for name in made if name not in tables]
        if lost:
            session = self._session
            raise StoreMissing(
                f"tables of the database {session.database} at {session.place} are gone: {', '.join(lost)}."
                f" {REMADE}: DROP DATABASE {quote_identifier(session.database)}"
            )

    def _refuse_cluster(self) -> None:
        """Raise ``ClusterRefused`` unless the named cluster is there, and is one shard."""
        session = self._session
        if not session.cluster:
            return
        asked = "SELECT cluster, uniqExact(shard_num) FROM system.clusters GROUP BY cluster"
        rows = session.read(asked, {}).rows
        shards = {str(cluster): int(str(count)) for cluster, count in rows}
        if session.cluster not in shards:
            known = ", ".join(sorted(shards)) or "none"
            raise ClusterRefused(
                f"the server at {session.place} knows no cluster {session.cluster!r} (it knows: {known}):"
                " set AFTERMERGE_STORE_CLUSTER to a name of its remote_servers, or to nothing for one server"
            )
        if shards[session.cluster] > 1:
            raise ClusterRefused(
                f"the cluster {session.cluster} has {shards[session.cluster]} shards: every replica has to"
                " hold all rows, so name a cluster of one shard with as many replicas as you like"
            )

    def _refuse_other_engines(self, tables: dict[str, _Table]) -> None:
        """Tables of one server don't become those of a cluster by a setting, nor the reverse."""
        session, replicated = self._session, bool(self._session.cluster)
        other = [
            name
            for name, table in sorted(tables.items())
            if table.engine.endswith("MergeTree") and table.engine.startswith("Replicated") != replicated
        ]
        if not other:
            return
        here = f"tables of the database {session.database} at {session.place}"
        if replicated:
            raise ClusterRefused(
                f"{here} were made for one server ({', '.join(other[:3])}, ...): name another database for"
                " the cluster, and let `aftermerge rebuild` fill it"
            )
        raise ClusterRefused(
            f"{here} replicate themselves ({', '.join(other[:3])}, ...): set AFTERMERGE_STORE_CLUSTER to the"
            " cluster that they were made for"
        )

    def _remember_inserts(self, ours: Set[str]) -> None:
        """Let a server recognise an insert that is made again; replicated tables do so by themselves."""
        setting = "non_replicated_deduplication_window"
        for name, table in sorted(self._tables().items()):
            if name in ours and table.engine.endswith("MergeTree") and setting not in table.told:
                self._session.command(
                    f"ALTER TABLE {quote_identifier(name)} MODIFY SETTING {setting} = {INSERTS_REMEMBERED}",
                    f"let the table {name} remember inserts",
                )

    def _make_views(self, directory: Path) -> None:
        tables = self._tables()
        made = {name: table.comment for name, table in tables.items() if table.engine == "View"}
        views = {view.name: view for view in read_views(directory)}
        ahead = Ahead(self._session)
        # where nothing is computed ahead, nobody is asked about it
        refreshed = any(table.engine == "MaterializedView" for table in tables.values())
        kept = ahead.names() if refreshed else frozenset[str]()
        # those that are new come first: what is computed ahead may read them
        for view in views.values():
            if view.name not in kept and made.get(view.name) != view.mark:
                self._session.command(view.statement, f"make the view {view.name}")
        if kept and (minutes := ahead.minutes()) is not None:
            wanted = {view.name: KeptView(view) for view in views.values() if view.ahead_by}
            changed = any(made.get(one.computed) != one.view.mark for one in wanted.values())
            if changed or kept != wanted.keys():
                # another version has others, or other texts of them
                ahead.keep([*views.values()], minutes, silent)
        beside = {KeptView(view).computed for view in views.values()}
        for name, mark in made.items():
            # a view without our mark is somebody's own
            if name not in views and name not in beside and is_ours(mark):
                self._session.command(
                    f"DROP VIEW IF EXISTS {quote_identifier(name)}", f"drop the view {name}"
                )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
