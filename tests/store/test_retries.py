"""Inserts into a server that fails for a while: made again in place, and counted once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.facts import ServiceFact
from pipeline.store import InvalidQuery, Patience, Store, StoreMissing, StoreUnavailable
from pipeline.store.retrying import RETRY_SECONDS_MAX, RETRY_WAIT_SECONDS_MAX, Retrying
from pipeline.store.schema import INSERTS_REMEMBERED
from pipeline.store.session import MISSING_TRIES_MAX
from tests.store.conftest import fresh
from tests.store.failing import CUT, Failing, FailingHandler, bare, coded, cut, listening
from tests.store.rows import row

BUDGET_SECONDS = 5.0
HANGING_SECONDS = 1

SERVICES = [row(ServiceFact, service=name, declared=True) for name in ("api", "web")]
OTHERS = [row(ServiceFact, service="db")]

FAILURES: dict[str, Callable[[FailingHandler], None]] = {
    **{f"cut {where}": fails for where, fails in CUT.items()},
    "HTTP 502": bare(502),
    "HTTP 503": bare(503),
    "too many parts": coded(252, "TOO_MANY_PARTS"),
    "shutting down": coded(236, "ABORTED"),
    "a table is loading": coded(60, "UNKNOWN_TABLE"),
}


class Waits:
    """A clock that goes on while somebody waits, and what happens meanwhile."""

    def __init__(self, then: Callable[[int], object] = lambda waits: None) -> None:
        self.now = 1_000.0
        self.waited: list[float] = []
        self._then = then

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        self._then(len(self.waited))

    def clock(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def failing(dsn: str) -> Iterator[Failing]:
    with listening(dsn) as server:
        yield server


@pytest.fixture(scope="module")
def tables(failing: Failing, dsn: str) -> Iterator[Store]:
    """Tables of that engine, made through the server."""
    for behind in fresh(failing.dsn, Patience(BUDGET_SECONDS, HANGING_SECONDS)):
        behind.migrate()
        behind._command("SYSTEM STOP MERGES services", "see every row that was written")
        yield behind


@pytest.fixture
def served(failing: Failing, tables: Store) -> Iterator[Store]:
    """The same without rows, filled through the server by somebody patient."""
    tables._command("TRUNCATE TABLE services SYNC", "begin anew")
    failing.tokens.clear()
    yield tables
    failing.fails = failing.fails_after = None
    tables._session.retrying = Retrying(BUDGET_SECONDS)


def waiting(store: Store, then: Callable[[int], object], seconds: float = BUDGET_SECONDS) -> Waits:
    """Let the store's waits pass at once; ``then`` is told which one it is."""
    waits = Waits(then)
    store._session.retrying = Retrying(seconds, waits.wait, waits.clock)
    return waits


def written(store: Store) -> list[tuple[object, ...]]:
    """Every row in the parts of the table, superseded and repeated ones too."""
    return store._read("SELECT service, version FROM services ORDER BY ALL", {}).rows


def insert(store: Store, version: int = 1) -> None:
    store.insert_facts("services", "acme", version, SERVICES)


@pytest.mark.parametrize("how", FAILURES)
def test_an_insert_is_made_again_until_the_server_takes_it(served: Store, failing: Failing, how: str) -> None:
    def third(waits: int) -> None:
        assert "cannot write 2 rows into services" in served.waiting_for
        if waits == 3:
            failing.fails = None

    waits = waiting(served, third)
    failing.fails = FAILURES[how]
    insert(served)
    assert len(waits.waited) == 3
    assert written(served) == [("api", 1), ("web", 1)]
    assert served.waiting_for == ""


@pytest.mark.parametrize("how", FAILURES)
def test_an_insert_whose_answer_was_lost_counts_once(served: Store, failing: Failing, how: str) -> None:
    def second(waits: int) -> None:
        if waits == 2:
            failing.fails_after = None

    waiting(served, second)
    failing.fails_after = FAILURES[how]
    insert(served)
    # the engine took the first, and knew the others again
    assert written(served) == [("api", 1), ("web", 1)]
    assert len(failing.tokens) >= 3
    assert len(set(failing.tokens)) == 1


def test_an_insert_that_hangs_after_it_was_written_counts_once(served: Store, failing: Failing) -> None:
    def hangs(handler: FailingHandler) -> None:
        failing.fails_after = None
        time.sleep(2 * HANGING_SECONDS)
        cut(b"")(handler)

    failing.fails_after = hangs
    served._session.retrying = Retrying(10 * BUDGET_SECONDS)
    insert(served)
    assert written(served) == [("api", 1), ("web", 1)]


def test_a_server_that_is_down_and_comes_back(failing: Failing, served: Store, dsn: str) -> None:
    """Connections are refused, as they are while a server starts again."""
    with ExitStack() as stack:
        with listening(dsn) as first:
            behind = stack.enter_context(closing(Store.open(first.dsn, served._database)))
            port = first.server_address[1]
        waits = waiting(behind, lambda n: n == 4 and stack.enter_context(listening(dsn, int(port))))
        insert(behind)
        assert len(waits.waited) == 4
        assert written(served) == [("api", 1), ("web", 1)]


def test_a_server_that_is_away_for_longer_is_told_of(served: Store, failing: Failing) -> None:
    waits = waiting(served, lambda waits: None, RETRY_SECONDS_MAX)
    failing.fails = bare(503)
    with pytest.raises(StoreUnavailable, match="HTTP status 503"):
        insert(served)
    assert waits.now - 1_000 <= RETRY_SECONDS_MAX
    assert sum(waits.waited) > RETRY_SECONDS_MAX - RETRY_WAIT_SECONDS_MAX
    assert served.waiting_for == ""
    failing.fails = None
    assert written(served) == []


def test_a_mistake_is_not_made_again(served: Store, failing: Failing) -> None:
    waits = waiting(served, lambda waits: None)
    failing.fails = coded(62, "SYNTAX_ERROR")
    with pytest.raises(InvalidQuery):
        insert(served)
    assert waits.waited == []


def test_nobody_waits_in_place_unless_told_to(failing: Failing, served: Store) -> None:
    with closing(Store.open(failing.dsn, served._database)) as hasty:
        failing.tokens.clear()
        failing.fails = bare(503)
        with pytest.raises(StoreUnavailable):
            insert(hasty)
        assert len(failing.tokens) == 1


def test_a_block_is_known_by_what_is_in_it(served: Store, failing: Failing) -> None:
    insert(served)
    insert(served)
    insert(served, version=2)
    served.insert_facts("services", "acme", 1, OTHERS)
    first, again, newer, other = failing.tokens
    assert first == again
    assert len({first, newer, other}) == 3
    assert written(served) == [("api", 1), ("api", 2), ("db", 1), ("web", 1), ("web", 2)]


def test_a_table_that_was_emptied_takes_the_same_rows_again(served: Store) -> None:
    insert(served)
    served._command("TRUNCATE TABLE services SYNC", "empty it")
    insert(served)
    assert written(served) == [("api", 1), ("web", 1)]


def test_every_table_of_a_server_remembers_inserts(served: Store, without_rows: Store) -> None:
    asked = (
        "SELECT name, position(engine_full, 'non_replicated_deduplication_window = {n:UInt8}') > 0"
        " FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    ).replace("{n:UInt8}", str(INSERTS_REMEMBERED))
    found = {str(name): value for name, value in served._read(asked, {}).rows}
    assert found.pop("migrations") == 0
    assert len(found) > 30
    assert set(found.values()) == {1}
    assert served.migrate() == []
    # no insert into the embedded engine is ever in doubt
    assert {value for _, value in without_rows._read(asked, {}).rows} == {0}


def test_a_table_of_somebody_else_is_left_alone(served: Store) -> None:
    served._command("CREATE TABLE theirs (a Int8) ENGINE = MergeTree ORDER BY a", "make their table")
    served.migrate()
    asked = "SELECT 1 FROM system.tables WHERE name = 'theirs' AND engine_full LIKE '%dedup%'"
    assert not served.holds(asked)
    served._command("DROP TABLE theirs SYNC", "tidy up")


def test_a_table_that_stays_away_ends_it(served: Store, failing: Failing) -> None:
    """A server that starts has its tables soon; one that was dropped does not come back by waiting."""
    served._session.retrying = Retrying(0.0)
    served._command("RENAME TABLE services TO elsewhere", "take a table away")
    for _ in range(MISSING_TRIES_MAX - 1):
        with pytest.raises(StoreUnavailable, match="a table is missing"):
            insert(served)
        # other tables take rows all the same
        served.insert_facts("changes", "acme", 1, [], [("acme/api#1",)])
    with pytest.raises(StoreMissing, match=r"(?s)10 times.*drop what is left.*from the log again"):
        insert(served)
    served._command("RENAME TABLE elsewhere TO services", "bring it back")
    insert(served)


def test_a_database_that_stays_away_ends_it(empty: Store) -> None:
    empty.migrate()
    empty._command(f"DROP DATABASE {empty._database} SYNC", "drop it")
    kinds = []
    for number in range(MISSING_TRIES_MAX):
        with pytest.raises((StoreUnavailable, StoreMissing)) as caught:
            empty.insert_facts(("services", "changes")[number % 2], "acme", 1, [], [("api",)])
        kinds.append(caught.type)
    assert kinds[-1] is StoreMissing
    assert StoreMissing not in kinds[:-1]


def test_a_table_that_was_away_for_a_moment_is_used_again(served: Store, failing: Failing) -> None:
    served._session.retrying = Retrying(0.0)
    for _ in range(3 * MISSING_TRIES_MAX):
        failing.fails = coded(60, "UNKNOWN_TABLE")
        with pytest.raises(StoreUnavailable):
            insert(served)
        failing.fails = None
        insert(served)


@given(st.integers(0, 12), st.floats(0, 60))
def test_the_budget_bounds_what_is_waited(failures: int, budget: float) -> None:
    waits, attempts = Waits(), []

    def attempt() -> None:
        attempts.append(waits.now)
        if len(attempts) <= failures:
            raise StoreUnavailable("away")

    try:
        Retrying(budget, waits.wait, waits.clock).run(attempt)
    except StoreUnavailable:
        assert len(attempts) <= failures
    else:
        assert len(attempts) == failures + 1
    assert sum(waits.waited) <= budget + 1e-6
    assert all(0 < pause <= RETRY_WAIT_SECONDS_MAX for pause in waits.waited)


def test_who_failed_together_does_not_come_back_together() -> None:
    firsts = set()
    for _ in range(20):
        waits = Waits()
        with pytest.raises(StoreUnavailable):
            Retrying(BUDGET_SECONDS, waits.wait, waits.clock).run(_always_away)
        firsts.add(waits.waited[0])
    assert len(firsts) > 1


def _always_away() -> None:
    raise StoreUnavailable("away")
