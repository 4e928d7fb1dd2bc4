"""A fresh database for each test of the store, in the one embedded engine of the session."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from pipeline import resources
from pipeline.store import AT_ONCE, Patience, Store
from tests.store.world import fill

_numbers = count(1)


@pytest.fixture
def empty(dsn: str) -> Iterator[Store]:
    """A database without any table."""
    yield from fresh(dsn)


@pytest.fixture
def store(empty: Store) -> Store:
    """A database with all tables and views, and no rows."""
    empty.migrate()
    return empty


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
    name = f"test_{next(_numbers)}"
    store = Store.open(dsn, name, patience=patience)
    yield store
    store._connection.writer.database = "system"  # the test may have dropped its own
    store._command(f"DROP DATABASE IF EXISTS {name} SYNC", "drop the test's database")
    store.close()


@pytest.fixture
def sql_copy(tmp_path: Path) -> Path:
    """A copy of the directory ``sql`` that a test may change."""
    return Path(copytree(resources.sql(), tmp_path / "sql"))
