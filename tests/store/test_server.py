"""A ClickHouse server that fails in every way a server can: who tries again, and who is told of a mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pipeline.core.facts import ServiceFact
from pipeline.sink import Sink
from pipeline.store import InvalidQuery, Store, StoreUnavailable
from tests.store.failing import CUT, Failing, bare, coded, listening

SERVICE = ServiceFact("api", True, "", None, [], [], [], [], [], [])
#: what a server answers although nothing is wrong with what was asked
TEMPORARY = {
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    252: "TOO_MANY_PARTS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    999: "KEEPER_EXCEPTION",
    1000: "POCO_EXCEPTION",
    1002: "UNKNOWN_EXCEPTION",
    31_337: "NOBODY_HEARD_OF_IT",
}
#: what no other time makes right
MISTAKES = {16: "NO_SUCH_COLUMN_IN_TABLE", 53: "TYPE_MISMATCH", 62: "SYNTAX_ERROR", 117: "INCORRECT_DATA"}
#: statements of our own, one for each way to the server
OURS: dict[str, Callable[[Store], object]] = {
    "insert": lambda store: store.insert_facts("services", "acme", 1, [SERVICE]),
    "OPTIMIZE": lambda store: store.settle(["services"]),
    "migrate": lambda store: store.migrate(),
    "look": lambda store: store.live_keys("services", "acme"),
    "ask": lambda store: Sink(store).holds_events("acme"),
}
ALL: dict[str, Callable[[Store], object]] = {**OURS, "query": lambda store: store.query("SELECT 1")}


@pytest.fixture(scope="module")
def failing(dsn: str) -> Iterator[Failing]:
    with listening(dsn) as server:
        yield server


@pytest.fixture
def served(failing: Failing, without_rows: Store) -> Iterator[Store]:
    """Tables of that engine, used through the server."""
    behind = Store.open(failing.dsn, without_rows._database)
    yield behind
    failing.fails = None
    behind.close()


def test_the_tables_are_used_through_the_server(served: Store) -> None:
    for work in OURS.values():
        work(served)
    assert served.query("SELECT service FROM services FINAL").rows == [("api",)]


@pytest.mark.parametrize("way", OURS)
def test_what_a_server_can_not_do_now_is_tried_again(served: Store, failing: Failing, way: str) -> None:
    for code, name in TEMPORARY.items():
        failing.fails = coded(code, name)
        with pytest.raises(
            StoreUnavailable, match=r"^cannot .* at http://127.0.0.1:\d+: .*It did not work\.$"
        ):
            OURS[way](served)
    failing.fails = None
    OURS[way](served)


@pytest.mark.parametrize("way", ALL)
def test_an_answer_without_a_code_is_an_outage(served: Store, failing: Failing, way: str) -> None:
    for status in (401, 404, 500, 502, 503):
        failing.fails = bare(status)
        with pytest.raises(StoreUnavailable, match=f"HTTP status {status}"):
            ALL[way](served)


@pytest.mark.parametrize("way", ALL)
def test_an_answer_that_is_cut_off_is_an_outage(served: Store, failing: Failing, way: str) -> None:
    for told in CUT.values():
        failing.fails = told
        with pytest.raises(StoreUnavailable, match=r"^cannot .* at http"):
            ALL[way](served)


@pytest.mark.parametrize("way", OURS)
def test_a_mistake_of_this_program_is_not_tried_again(served: Store, failing: Failing, way: str) -> None:
    for code, name in MISTAKES.items():
        failing.fails = coded(code, name)
        with pytest.raises(InvalidQuery, match=r"^It did not work\.$"):
            OURS[way](served)


def test_a_query_of_a_person_is_told_what_is_wrong_with_it(served: Store, failing: Failing) -> None:
    outages = {159, 236, 241, 242, 252, 319, 516, 999, 1000}
    for code, name in {**TEMPORARY, **MISTAKES, 43: "ILLEGAL_TYPE_OF_ARGUMENT"}.items():
        failing.fails = coded(code, name)
        kind = StoreUnavailable if code in outages else InvalidQuery
        with pytest.raises(kind, match="It did not work"):
            served.query("SELECT 1")
