"""Views that are computed ahead answer as others do, as of their last refresh, and say how old they are."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.core.facts import ReviewFact
from pipeline.measuring import silent
from pipeline.store import Store
from pipeline.store.ahead import REFRESH_MINUTES_MAX, Ahead, KeptView
from pipeline.store.migrations import read_views
from tests.store.rows import DAY, MONDAY, WORKSPACE, row
from tests.store.world import fill

VIEWS = read_views(resources.sql() / "views")
AHEAD = [view for view in VIEWS if view.ahead_by]
#: a day on which nothing is done by itself
EVERY = 24 * 60
#: seconds until something of every minute is done
POLLS_MAX = 150


#: enough of them to wait for each other
FEW = [view for view in AHEAD if view.name in ("change_size", "lead_time", "time_to_merge")]


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store)
    return store


@pytest.fixture
def ahead(filled: Store) -> Ahead:
    """Three of the views are computed ahead."""
    found = Ahead(filled._session)
    found.keep(FEW, EVERY, silent)
    return found


def answer(store: Store, name: str) -> tuple[list[str], list[str], list[tuple[object, ...]]]:
    found = store.query(f"SELECT * FROM {name}")
    return list(found.columns), list(found.types), [tuple(row) for row in found.rows]


def one_more(store: Store, change: str = "acme/late#1") -> None:
    """A request that was merged in a week in which none was."""
    late = row(
        ReviewFact, change=change, repository="acme/late", service="late", team="core", state="merged",
        opened_at=MONDAY - 40 * DAY, ready_at=MONDAY - 40 * DAY, merged_at=MONDAY - 39 * DAY,
        closed_at=MONDAY - 39 * DAY,
    )  # fmt: skip
    store.insert_facts(ReviewFact.table, WORKSPACE, 9, [late])


def test_most_views_of_measures_can_be_computed_ahead() -> None:
    assert len(AHEAD) > 20
    assert {"time_to_merge", "software_delivery", "signals"} <= {view.name for view in AHEAD}
    # what is asked at night is never old
    assert not {"which_change_broke_it", "incident_candidates", "recent_deployments"} & {
        view.name for view in AHEAD
    }


def test_they_answer_as_before_in_the_same_order(filled: Store) -> None:
    before = {view.name: answer(filled, view.name) for view in AHEAD}
    filled.keep_ahead(EVERY, silent)
    moving = {"signals", "review_backlog", "open_reviews", "retro_reviews"}  # they say as of when
    for name, (columns, types, rows) in before.items():
        found = answer(filled, name)
        assert found[:2] == (columns, types), name
        assert len(found[2]) == len(rows) > 0, name
        if name not in moving:
            assert found[2] == rows, name


def test_they_are_as_old_as_their_last_refresh_and_late_rows_come_with_the_next(
    filled: Store, ahead: Ahead
) -> None:
    question = "SELECT merged FROM time_to_merge WHERE dimension = 'service' AND value = 'late'"
    one_more(filled)
    assert filled.query(question).rows == []
    assert filled.query(question.replace("time_to_merge", "time_to_merge_now")).rows == [(1,)]
    assert filled.refresh_ahead(silent) == {}
    assert filled.query(question).rows == [(1,)]
    one_more(filled, "acme/late#2")
    # and by themselves, each after the one before it
    assert ahead.minutes() == EVERY
    made = filled.query("SELECT create_table_query FROM system.tables WHERE engine = 'MaterializedView'").rows
    assert sum("DEPENDS ON" in str(text) for (text,) in made) == len(FEW) - 1


def test_how_old_they_are_is_shown(filled: Store) -> None:
    question = "SELECT view, ahead, isNull(as_of), problem FROM freshness ORDER BY view"
    names = sorted(view.name for view in VIEWS)
    assert filled.query(question).rows == [(name, 0, 1, "") for name in names]
    Ahead(filled._session).keep(FEW, EVERY, silent)
    ahead = {view.name for view in FEW}
    assert filled.query(question).rows == [
        (name, 1, 0, "") if name in ahead else (name, 0, 1, "") for name in names
    ]
    ((first,),) = filled.query("SELECT min(as_of) FROM freshness").rows
    time.sleep(1.1)  # the engine tells whole seconds
    filled.refresh_ahead(silent)
    ((second,),) = filled.query("SELECT min(as_of) FROM freshness").rows
    assert str(second) > str(first)


def test_the_engine_computes_them_again_by_itself(filled: Store) -> None:
    ahead = Ahead(filled._session)
    ahead.keep([view for view in FEW if view.name == "time_to_merge"], 1, silent)
    one_more(filled)
    question = "SELECT merged FROM time_to_merge WHERE dimension = 'service' AND value = 'late'"
    for _ in range(POLLS_MAX):
        if filled.query(question).rows:
            break
        time.sleep(1.0)
    assert filled.query(question).rows == [(1,)]


def test_it_is_taken_back(filled: Store) -> None:
    shown = "SELECT name, engine, comment FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    before = filled.query(shown).rows
    Ahead(filled._session).keep(FEW, EVERY, silent)
    assert len(filled.query(shown).rows) == len(before) + 3 * len(FEW)
    filled.keep_ahead(None, silent)
    assert filled.query(shown).rows == before
    assert filled.refresh_ahead(silent) == {}
    one_more(filled)
    question = "SELECT merged FROM time_to_merge WHERE dimension = 'service' AND value = 'late'"
    assert filled.query(question).rows == [(1,)]


def test_what_was_begun_and_not_ended_is_no_hindrance(filled: Store) -> None:
    for statement in [*KeptView(FEW[0]).making(EVERY, "")][:2]:
        filled._session.command(statement, "begin")
    Ahead(filled._session).keep(FEW, EVERY, silent)
    assert Ahead(filled._session).names() == {view.name for view in FEW}
    filled._session.command(f"DROP TABLE {KeptView(FEW[-1]).refresh} SYNC", "take a part")
    filled.keep_ahead(None, silent)
    left = filled.query("SELECT count() FROM system.tables WHERE startsWith(name, 'kept_')").rows
    assert left == [(0,)]


def test_whoever_opens_the_store_next_finds_it_so(filled: Store, sql_copy: Path) -> None:
    for file in (sql_copy / "views").glob("*.sql"):
        if file.stem not in {view.name for view in FEW}:
            file.unlink()
    Ahead(filled._session).keep(FEW, EVERY, silent)
    filled.migrate(sql_copy)
    marks = "SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    before = filled.query(marks).rows
    assert filled.migrate(sql_copy) == []
    assert filled.query(marks).rows == before
    # another version has another text of one view, and doesn't know another one
    file = sql_copy / "views" / "change_size.sql"
    file.write_text(file.read_text().replace("'all'", "'whole'"))
    (sql_copy / "views" / "lead_time.sql").unlink()
    filled.migrate(sql_copy)
    ((whole, all_),) = filled.query(
        "SELECT countIf(dimension = 'whole'), countIf(dimension = 'all') FROM change_size"
    ).rows
    assert int(str(whole)) > int(str(all_)) == 0
    left = {str(name) for name, _ in filled.query(marks).rows}
    assert not left & {"lead_time", "lead_time_now", "kept_lead_time", "refresh_lead_time"}
    assert Ahead(filled._session).names() == {view.name for view in FEW} - {"lead_time"}


@pytest.mark.parametrize("minutes", [1, 59, 60, 90, 24 * 60, 25 * 60 + 1, 7 * 24 * 60, REFRESH_MINUTES_MAX])
def test_how_often_is_read_back(empty: Store, minutes: int) -> None:
    """The engine tells 1440 minutes as a day."""
    empty._session.command(
        f"CREATE MATERIALIZED VIEW refresh_x REFRESH EVERY {minutes} MINUTE (a Int8) ENGINE = Memory"
        " EMPTY AS SELECT 1 AS a",
        "make one",
    )
    assert Ahead(empty._session).minutes() == minutes
    assert Ahead(empty._session).names() == {"x"}


@pytest.mark.parametrize("minutes", [0, -1, REFRESH_MINUTES_MAX + 1])
def test_minutes_that_are_none_are_refused(store: Store, minutes: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 44,640 are meant"):
        store.keep_ahead(minutes, silent)


def test_a_refresh_that_fails_says_so_and_the_rows_stay(filled: Store, ahead: Ahead) -> None:
    before = filled.query("SELECT * FROM change_size").rows
    assert before
    # somebody breaks it
    filled._session.command(
        "CREATE OR REPLACE VIEW change_size_now AS SELECT * FROM kept_change_size WHERE throwIf(rand() >= 0)",
        "break it",
    )
    assert [*filled.refresh_ahead(silent)] == ["change_size"]
    ((problem,),) = filled.query("SELECT problem FROM freshness WHERE view = 'change_size'").rows
    assert "throwIf" in str(problem)
    assert filled.query("SELECT * FROM change_size").rows == before


def test_a_view_that_could_never_be_computed_is_computed_when_it_is_asked(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.ahead._LIMITS", "max_rows_to_read = 1")
    before = {view.name: answer(filled, view.name) for view in FEW}
    troubles = Ahead(filled._session).keep(FEW, EVERY, silent)
    assert troubles.keys() == {view.name for view in FEW}
    assert "max_rows_to_read" in troubles["change_size"] or "rows to read" in troubles["change_size"]
    assert {view.name: answer(filled, view.name) for view in FEW} == before
    # opening it again is no other try, and fails nowhere
    marks = "SELECT name, uuid FROM system.tables WHERE database = currentDatabase() ORDER BY name"
    made = filled.query(marks).rows
    monkeypatch.setattr("pipeline.store.schema.read_views", lambda directory: FEW)
    filled.migrate()
    assert [row for row in filled.query(marks).rows if row in made] == filled.query(marks).rows
    assert {view.name: answer(filled, view.name) for view in FEW} == before
