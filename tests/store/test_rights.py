"""A user who may only read and insert, and the engine holds it to that; tables of other versions."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver._chdbclient import build_connection_string

from pipeline.core.facts import ServiceFact
from pipeline.store import MigrationRefused, Store, StoreMissing, StoreUnavailable
from pipeline.store.beside import Beside
from tests.live.process import ROOT
from tests.ports import free_ports
from tests.store.rows import row
from tests.store.test_migrations import NEXT, held_back

DATABASE = "aftermerge"
GRANTED = re.compile(r"^(GRANT .+) TO (owner|sink);$", re.MULTILINE)
USERS = """<clickhouse>
  <profiles><default/></profiles><quotas><default/></quotas>
  <roles>{roles}</roles>
  <users><default>
    <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <grants>{granted}</grants>
  </default></users>
</clickhouse>
"""


def documented() -> dict[str, list[str]]:
    """The grants of each user, as docs/cluster.md lists them."""
    found: dict[str, list[str]] = {}
    for grant, user in GRANTED.findall((ROOT / "docs/cluster.md").read_text("utf-8")):
        found.setdefault(user, []).append(grant)
    assert found.keys() == {"owner", "sink"}
    return found


@contextmanager
def server(directory: Path) -> Iterator[str]:
    """An engine in a process of its own, with these roles; its address."""
    users = directory.with_name("users.xml")
    # the engine's one user has a role for each of ours
    rights = documented()
    roles = "".join(
        f"<{role}><grants>{''.join(f'<query>{grant}</query>' for grant in grants)}</grants></{role}>"
        for role, grants in rights.items()
    )
    granted = "".join(f"<query>GRANT {role}</query>" for role in rights)
    users.write_text(USERS.format(roles=roles, granted=granted), "utf-8")
    (port,) = free_ports(1)
    # users are read with a configuration only
    engine = {"config-file": str(ROOT / "pipeline/store/engine.xml"), "users_config": str(users)}
    place = build_connection_string(str(directory), engine)
    command = [sys.executable, "-m", "tests.live.store_process", place, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield f"clickhouse://127.0.0.1:{port}"
        finally:
            process.kill()


def test_who_may_only_read_and_insert_fills_tables_that_are_there(tmp_path: Path) -> None:
    with server(tmp_path / "server") as dsn:
        with closing(Store.open(dsn, DATABASE)) as owner:
            owner.migrate()
            with closing(Beside(owner, "rehearsal")) as beside:
                assert all(found.same for found in beside.compare())
                beside.drop()
            # all requests share one session of that engine
            owner._command("SET ROLE sink", "go on as somebody else")
        with closing(Store.open(dsn, DATABASE, create=False)) as sink:
            sink.insert_facts("services", "acme", 1, [row(ServiceFact, service="api")])
            assert [found["service"] for found in sink.live_rows("services", "acme")] == ["api"]
            # the engine does hold it to that
            with pytest.raises(StoreUnavailable, match="lacks a right"):
                sink._command("TRUNCATE TABLE services", "empty a table")
        # nothing is there to be made, so nobody is asked whether it may be
        with closing(Store.open(dsn, DATABASE)) as sink:
            assert sink.migrate() == []
        with pytest.raises(StoreUnavailable, match="create the database elsewhere at .*lacks a right"):
            Store.open(dsn, "elsewhere")


def test_without_create_nothing_is_made(dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"no database nowhere at .*run `aftermerge migrate` first"):
        Store.open(dsn, "nowhere", create=False)
    with closing(Store.open(dsn, "default")) as other:
        assert not other.holds("SELECT 1 FROM system.databases WHERE name = 'nowhere'")


def test_a_database_without_tables_is_waited_for(empty: Store, dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="there are no tables in .* run `aftermerge migrate` first"):
        Store.open(dsn, empty._database, create=False)


def test_tables_of_an_older_version_are_waited_for(empty: Store, dsn: str, sql_copy: Path) -> None:
    held_back(sql_copy, 4)
    empty.migrate(sql_copy)
    with pytest.raises(
        StoreUnavailable, match=r"older than this version, 004_live_sources, .* was not applied"
    ):
        Store.open(dsn, empty._database, create=False)
    empty.migrate()
    Store.open(dsn, empty._database, create=False).close()


def test_tables_of_a_newer_version_are_filled_by_an_older_one(empty: Store, dsn: str, sql_copy: Path) -> None:
    """The older one says what it does not know, and what it does not know has a default."""
    text = "ALTER TABLE services ADD COLUMN IF NOT EXISTS later Array(String);\n"
    (sql_copy / "migrations" / f"{NEXT:03}_later.sql").write_text(text, "utf-8")
    empty.migrate(sql_copy)
    with closing(Store.open(dsn, empty._database, create=False)) as older:
        assert older.check() == [f"{NEXT:03}_later"]
        older.insert_facts("services", "acme", 1, [row(ServiceFact, service="api")])
        assert older.query("SELECT service, later FROM services").rows == [("api", [])]
        with pytest.raises(MigrationRefused, match=f"{NEXT:03}_later, which this version doesn't know"):
            older.migrate()


def test_tables_that_an_edited_migration_made_are_others(empty: Store, dsn: str, sql_copy: Path) -> None:
    first = sql_copy / "migrations" / "001_facts.sql"
    first.write_text("-- mine\n" + first.read_text("utf-8"), "utf-8")
    empty.migrate(sql_copy)
    with pytest.raises(MigrationRefused, match="001_facts was edited"):
        Store.open(dsn, empty._database, create=False)


def test_a_table_that_is_gone_is_not_made_anew_without_its_rows(store: Store, dsn: str) -> None:
    store._command("DROP TABLE changes SYNC", "drop a table")
    why = rf"are gone: changes\. .*log again.*: DROP DATABASE `{store._database}`"
    with pytest.raises(StoreMissing, match=why):
        store.migrate()
    with pytest.raises(StoreMissing, match=why):
        Store.open(dsn, store._database, create=False)
    assert not store.holds(
        "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'changes'"
    )


def test_a_database_that_is_gone_is_made_anew(store: Store, dsn: str) -> None:
    store._command(f"DROP DATABASE {store._database} SYNC", "drop it")
    with closing(Store.open(dsn, store._database)) as again:
        assert again.migrate()[0] == "001_facts"
