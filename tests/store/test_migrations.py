"""Migrations are applied once, in order, and an edited one is refused."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import resources
from pipeline.core.events import RECORDS
from pipeline.store import MigrationRefused, Store
from pipeline.store.migrations import split_statements
from tests.store.rows import MONDAY, batch, event
from tests.store.test_tables import ADDED

#: the number of the next one
NEXT = len(list((resources.sql() / "migrations").glob("*.sql"))) + 1


def held_back(sql: Path, number: int) -> dict[Path, str]:
    """Takes the migrations from a number on away, and the views, which may need them; gives what they say."""
    later = {
        path: path.read_text("utf-8")
        for path in sorted(sql.rglob("*.sql"))
        if path.parent.name == "views" or int(path.name[:3]) >= number
    }
    for path in later:
        path.unlink()
    return later


def given_back(later: dict[Path, str]) -> list[str]:
    """Puts them there again; gives the names of the migrations."""
    for path, text in later.items():
        path.write_text(text, "utf-8")
    return [path.stem for path in later if path.parent.name == "migrations"]


def test_each_is_applied_once(empty: Store) -> None:
    names = empty.migrate()
    assert names[:2] == ["001_facts", "002_events"]
    assert empty.migrate() == []
    noted = empty.query("SELECT number, name FROM migrations ORDER BY number").rows
    assert [f"{number:03}_{name}" for number, name in noted] == names


def test_an_edited_one_is_refused_and_nothing_changes(empty: Store, sql_copy: Path) -> None:
    empty.migrate(sql_copy)
    first = sql_copy / "migrations" / "001_facts.sql"
    first.write_text(
        first.read_text(encoding="utf-8") + "\nCREATE TABLE later (a UInt8) ENGINE = Memory;\n", "utf-8"
    )
    (sql_copy / "migrations" / f"{NEXT:03}_more.sql").write_text(
        "CREATE TABLE more (a UInt8) ENGINE = Memory;\n", "utf-8"
    )
    with pytest.raises(MigrationRefused, match="001_facts was edited after it was applied"):
        empty.migrate(sql_copy)
    assert empty.query("EXISTS TABLE more").rows == [(0,)]


def test_a_database_of_a_newer_version_is_refused(empty: Store, sql_copy: Path) -> None:
    newer = sql_copy / "migrations" / f"{NEXT:03}_newer.sql"
    newer.write_text("CREATE TABLE newer (a UInt8) ENGINE = Memory;\n", "utf-8")
    empty.migrate(sql_copy)
    newer.unlink()
    with pytest.raises(MigrationRefused, match=f"{NEXT:03}_newer, which this version doesn't know"):
        empty.migrate(sql_copy)


def test_an_older_database_is_upgraded_and_keeps_its_rows(empty: Store, sql_copy: Path) -> None:
    later = held_back(sql_copy, 4)
    assert empty.migrate(sql_copy) == ["001_facts", "002_events", "003_dead_letters"]
    empty.insert_facts("services", "acme", 1, [], [("api",)])
    empty.insert_facts("changes", "acme", 1, [], [("acme/api#1",)])
    names = given_back(later)
    assert empty.migrate(sql_copy) == names
    assert names[0] == "004_live_sources"
    assert empty.query("SELECT service FROM services").rows == [("api",)]
    assert empty.query("SELECT change, emergency, incidents FROM changes").rows == [("acme/api#1", "", [])]


@pytest.mark.parametrize(
    ("record", "number"), [(record, number) for record, groups in ADDED.items() for number in groups]
)
def test_an_upgraded_table_knows_what_it_was_told_before(
    empty: Store, sql_copy: Path, record: str, number: int
) -> None:
    """A telling of before the upgrade is one with its copies of after it, unless they say more."""
    added = [name for brought, names in ADDED[record].items() if brought >= number for name in names]
    later = held_back(sql_copy, number)
    empty.migrate(sql_copy)
    old = batch(record, [event(record, id="a", time=MONDAY)])
    names = [name for name in old.schema.names if name not in added]
    empty.insert_events(record, "acme", old.select(names))
    given_back(later)
    empty.migrate(sql_copy)
    counted = f"SELECT count(), uniqExact(telling) FROM events_{record} FINAL"
    empty.insert_events(record, "acme", old)
    assert empty.query(counted).rows == [(1, 1)]
    for tellings, name in enumerate(added, start=2):
        hint = typing.get_type_hints(RECORDS[record])[name]
        said = {str: "b", list[str]: ["b"], bool: True}.get(hint, 0)
        more = event(record, id="a", time=MONDAY, **{name: said})
        empty.insert_events(record, "acme", batch(record, [more]))
        assert empty.query(counted).rows == [(tellings, tellings)], name


def test_a_crash_in_the_middle_is_repeated(empty: Store, sql_copy: Path) -> None:
    """What was applied but not noted is applied again: shipped statements can be repeated."""
    empty.migrate(sql_copy)
    empty._command("TRUNCATE TABLE migrations", "forget what was applied")
    assert len(empty.migrate(sql_copy)) == NEXT - 1


@pytest.mark.parametrize(
    "name", ["002_facts.sql", f"{NEXT + 1:03}_gap.sql", f"{NEXT}_short.sql", f"{NEXT:03}-dash.sql"]
)
def test_wrong_names_are_refused(empty: Store, sql_copy: Path, name: str) -> None:
    (sql_copy / "migrations" / name).write_text("SELECT 1;\n", "utf-8")
    with pytest.raises(MigrationRefused):
        empty.migrate(sql_copy)


def test_a_view_follows_its_file(empty: Store, sql_copy: Path) -> None:
    view = sql_copy / "views" / "attribution_quality.sql"
    view.write_text("-- What is it?\nSELECT 1 AS one\n", "utf-8")
    empty.migrate(sql_copy)
    assert empty.query("SELECT * FROM attribution_quality").columns == ["one"]
    view.write_text("-- What is it?\nSELECT 2 AS two\n", "utf-8")
    empty.migrate(sql_copy)
    assert empty.query("SELECT * FROM attribution_quality").rows == [(2,)]
    empty._command("CREATE VIEW mine AS SELECT 1 AS a", "make a view of one's own")
    view.unlink()
    empty.migrate(sql_copy)
    assert empty.query("EXISTS TABLE attribution_quality").rows == [(0,)]
    assert empty.query("SELECT a FROM mine").rows == [(1,)]


def test_statements_are_split_outside_quotes_and_comments() -> None:
    text = """-- one; comment
    SELECT 'a;b', 'it''s; \\'', `c;d` -- tail; 'open
    ; /* two; don't */ SELECT 1
    ;
    -- last"""
    assert [statement.split()[0] for statement in split_statements(text)] == ["SELECT", "SELECT"]
    assert len(split_statements("SELECT 'a\n-- b;\nc'")) == 1


@given(st.lists(st.text("ab-;'\n ", max_size=8), min_size=1, max_size=4))
def test_quoted_text_never_ends_a_statement(texts: list[str]) -> None:
    statements = ["SELECT '" + text.replace("'", "''") + "'" for text in texts]
    assert split_statements(";\n".join(statements)) == statements
