"""Fresh tables beside the live ones: filled, compared, dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.facts import ServiceFact
from pipeline.store import Store, StoreUnavailable
from pipeline.store.attached import AttachedStore
from pipeline.store.beside import COMPUTED, Beside
from pipeline.store.comparing import EXAMPLES_MAX, Example
from tests.store.rows import MONDAY, batch, event, row

SERVICES = ["services"]


def service(name: str, **told: object) -> ServiceFact:
    return row(ServiceFact, service=name, **told)


def put(store: Store, version: int, *rows: ServiceFact, workspace: str = "acme", gone: str = "") -> None:
    store.insert_facts("services", workspace, version, rows, [(gone,)] if gone else [])


def names(store: Store) -> list[object]:
    return [found["service"] for found in store.live_rows("services", "acme")]


@pytest.fixture
def beside(store: Store) -> Iterator[Beside]:
    with closing(Beside(store)) as found:
        yield found
        found.drop()


@pytest.fixture(scope="module")
def pair(without_rows: Store) -> Iterator[Beside]:
    with closing(Beside(without_rows, "pair")) as found:
        yield found
        found.drop()


def test_they_are_empty_and_of_the_same_kind(store: Store, beside: Beside) -> None:
    put(store, 1, service("api"))
    assert names(beside.store) == []
    assert beside.database == f"{store._database}_rebuild"
    shapes = (
        "SELECT name, create_table_query FROM system.tables"
        " WHERE database = currentDatabase() AND engine != 'View'"
    )
    live, fresh = (
        {name: str(text).replace(one._database, "") for name, text in one._read(shapes, {}).rows}
        for one in (store, beside.store)
    )
    assert live == fresh


def test_equal_rows_are_the_same_whatever_their_versions(store: Store, beside: Beside) -> None:
    put(store, 1, service("api"), service("old"))
    put(store, 2, service("web", team="a"), gone="old")
    put(beside.store, 9, service("web", team="a"), service("api"))
    (found,) = beside.compare(tables=SERVICES)
    assert found.same
    assert (found.rows_live, found.rows_beside) == (2, 2)
    assert found.columns == {}


def test_what_differs_is_said(store: Store, beside: Beside) -> None:
    put(store, 1, service("api", team="a", tier=1), service("web", team="a"), service("live"))
    put(store, 1, service("same"), service("gone"))
    put(beside.store, 2, service("api", team="b", tier=1), service("web", team="b", tier=3), service("fresh"))
    put(beside.store, 2, service("same"))
    (found,) = beside.compare(tables=SERVICES)
    assert not found.same
    assert (found.rows_live, found.rows_beside) == (5, 4)
    assert (found.only_live, found.only_beside, found.different) == (2, 1, 2)
    assert found.columns == {"team": 2, "tier": 1}
    assert found.examples_only_live == [
        Example({"workspace": "acme", "service": name}, {}) for name in ("gone", "live")
    ]
    assert found.examples_only_beside == [Example({"workspace": "acme", "service": "fresh"}, {})]
    assert found.examples_different == [
        Example({"workspace": "acme", "service": "api"}, {"team": ("a", "b")}),
        Example({"workspace": "acme", "service": "web"}, {"team": ("a", "b"), "tier": (None, 3)}),
    ]


def test_examples_are_few(store: Store, beside: Beside) -> None:
    put(store, 1, *(service(f"live {n}") for n in range(20)), *(service(f"both {n}") for n in range(20)))
    put(beside.store, 1, *(service(f"both {n}", team="b") for n in range(20)))
    (found,) = beside.compare(tables=SERVICES)
    assert (found.only_live, found.different, found.columns) == (20, 20, {"team": 20})
    assert len(found.examples_only_live) == len(found.examples_different) == EXAMPLES_MAX
    (found,) = beside.compare(tables=SERVICES, examples=0)
    assert found.examples_only_live == found.examples_different == []


def test_one_workspace_can_be_looked_at(store: Store, beside: Beside) -> None:
    put(store, 1, service("api"))
    put(store, 1, service("api"), workspace="other")
    put(beside.store, 1, service("api"))
    assert not beside.compare(tables=SERVICES)[0].same
    assert beside.compare("acme", SERVICES)[0].same
    assert beside.compare("other", SERVICES)[0].only_live == 1


def test_every_computed_table_is_compared(store: Store, beside: Beside) -> None:
    told = batch("clock_ticked", [event("clock_ticked", id="a", time=MONDAY)])
    store.insert_events("clock_ticked", "acme", told)
    found = {difference.table: difference for difference in beside.compare()}
    assert tuple(found) == COMPUTED
    assert [name for name, difference in found.items() if not difference.same] == ["events_clock_ticked"]
    (example,) = found["events_clock_ticked"].examples_only_live
    assert (example.key["workspace"], example.key["id"]) == ("acme", "a")
    beside.store.insert_events("clock_ticked", "acme", told)
    assert all(difference.same for difference in beside.compare())


Rows = dict[str, tuple[str, int | None]]
rows_of_one_side = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.sampled_from(["", "x"]), st.sampled_from([None, 1])), max_size=4
)


@settings(max_examples=25)
@given(live=rows_of_one_side, fresh=rows_of_one_side)
def test_it_counts_as_a_person_would(pair: Beside, without_rows: Store, live: Rows, fresh: Rows) -> None:
    for store, rows in ((without_rows, live), (pair.store, fresh)):
        store._command("TRUNCATE TABLE services SYNC", "forget the example before")
        put(store, 1, *(service(name, team=team, tier=tier) for name, (team, tier) in rows.items()))
    (found,) = pair.compare(tables=SERVICES)
    both = live.keys() & fresh.keys()
    assert found.only_live == len(live.keys() - both)
    assert found.only_beside == len(fresh.keys() - both)
    assert found.different == sum(live[name] != fresh[name] for name in both)
    counted = (sum(live[name][column] != fresh[name][column] for name in both) for column in (0, 1))
    assert found.columns == {name: n for name, n in zip(("team", "tier"), counted, strict=True) if n}


def test_what_another_rebuild_left_is_dropped(store: Store, beside: Beside) -> None:
    put(beside.store, 1, service("left"))
    with closing(Beside(store)) as again:
        assert names(again.store) == []


def test_a_database_of_somebody_else_is_left_alone(store: Store, dsn: str) -> None:
    name = f"{store._database}_theirs"
    with closing(Store.open(dsn, name)) as theirs:
        theirs._command("CREATE TABLE services (a Int8) ENGINE = Memory", "make their table")
        with pytest.raises(StoreUnavailable, match="was not made by a rebuild"):
            Beside(store, "theirs")
        assert theirs.query("SELECT count() FROM services").rows == [(0,)]
        theirs._command(f"DROP DATABASE {name} SYNC", "tidy up")


def test_a_store_that_another_process_holds_is_not_rebuilt(store: Store) -> None:
    attached = AttachedStore(store._connection, store._database)
    with pytest.raises(StoreUnavailable, match="is written by the process that holds it"):
        Beside(attached)
