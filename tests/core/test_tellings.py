"""Which telling of one id wins: a total order, whatever came first."""

from __future__ import annotations

from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.tellings import filled_fields, winner
from tests.strategies import events, tellings
from tests.worlds import at, merged

PLAIN = merged("api#1", 1)


def told(**news: object) -> e.ChangeMerged:
    return msgspec.structs.replace(PLAIN, **news)


def best(*events: e.Event) -> e.Event:
    found = set()
    for order in permutations(events):
        held = order[0]
        for event in order[1:]:
            held = winner(held, event)
        found.add(msgspec.msgpack.encode(held))
    assert len(found) == 1, "the order of arrival decided"
    held = events[0]
    for event in events[1:]:
        held = winner(held, event)
    return held


def test_the_sources_version_comes_first() -> None:
    newest = told(source_version=2, retracted=True, title="")
    assert best(told(title="long"), told(source_version=1, parser_version=9), newest) == newest


def test_then_the_parsers_version() -> None:
    newest = told(parser_version=2)
    assert best(told(title="long", additions=1), newest) == newest


def test_an_assertion_stands_over_a_retraction_of_the_same_version() -> None:
    assert best(told(retracted=True, title="long"), PLAIN) == PLAIN


def test_more_fields_stand_over_fewer() -> None:
    full = told(title="A", additions=0)
    assert filled_fields(full) == filled_fields(PLAIN) + 2, "a number of 0 says something"
    assert best(PLAIN, told(title="Z"), full) == full


def test_last_the_content_itself_decides() -> None:
    assert best(told(title="A"), told(title="B")) == told(title="B")


def test_of_equal_tellings_the_earliest_live_receipt_is_kept() -> None:
    live = told(imported=False, received_at=at(5))
    later = told(imported=False, received_at=at(6))
    assert best(PLAIN, later, live) == live


@given(events().flatmap(tellings), st.data())
def test_the_winner_is_the_same_in_any_order_and_grouping(drawn: list[e.Event], data: st.DataObject) -> None:
    expected = drawn[0]
    for event in drawn:
        expected = winner(expected, event)
    pool = list(data.draw(st.permutations(drawn)))
    while len(pool) > 1:
        index = data.draw(st.integers(0, len(pool) - 2))
        pool[index : index + 2] = [winner(pool[index], pool[index + 1])]
    assert pool == [expected]
