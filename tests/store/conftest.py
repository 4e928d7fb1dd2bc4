"""A fresh database for each test of the store, in the one embedded engine of the session."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from pipeline import resources
from pipeline.store import AT_ONCE, Patience, Store
from tests.conftest import Engine
from tests.store.world import fill

_numbers = count(1)
#: tables that a test wrote into, or that hold older versions of it
_FILLED = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
    " AND engine LIKE '%MergeTree' AND name != 'migrations'"
)


@pytest.fixture
def empty(dsn: str) -> Iterator[Store]:
    """A database without any table."""
    yield from fresh(dsn)


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    """A database with all tables and views and no rows: one that a test left so, where there is one."""
    if engine.spare:
        store = engine.spare.pop()
    else:
        store = opened(engine.dsn)
        store.migrate()
    before = layout(store)
    yield store
    if layout(store) == before:
        for (table,) in store.query(_FILLED).rows:
            store._command(f"TRUNCATE TABLE {table} SYNC", "forget what the test wrote")
        engine.spare.append(store)
    else:
        dropped(store)


def layout(store: Store) -> list[str]:
    """How each thing in its database was made."""
    told = store.query("SELECT create_table_query FROM system.tables WHERE database = currentDatabase()")
    return sorted(str(query) for (query,) in told.rows)


@pytest.fixture(scope="module")
def without_rows(dsn: str) -> Iterator[Store]:
    """The same for tests that only read: one for all of a module."""
    for store in fresh(dsn):
        store.migrate()
        yield store


@pytest.fixture(scope="module")
def world(without_rows: Store) -> Store:
    """The small world; made once, since the tests only read it."""
    fill(without_rows)
    return without_rows


def fresh(dsn: str, patience: Patience = AT_ONCE) -> Iterator[Store]:
    """A new database without any table, dropped afterwards."""
    store = opened(dsn, patience)
    yield store
    dropped(store)


def opened(dsn: str, patience: Patience = AT_ONCE) -> Store:
    """A new database."""
    return Store.open(dsn, f"test_{next(_numbers)}", patience=patience)


def dropped(store: Store) -> None:
    """Its database is gone, whatever the test did to it."""
    name = store._database
    store._connection.writer.database = "system"  # the test may have dropped its own
    store._command(f"DROP DATABASE IF EXISTS {name} SYNC", "drop the test's database")
    store.close()


@pytest.fixture
def sql_copy(tmp_path: Path) -> Path:
    """A copy of the directory ``sql`` that a test may change."""
    return Path(copytree(resources.sql(), tmp_path / "sql"))
