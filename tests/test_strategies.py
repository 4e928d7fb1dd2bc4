"""The strategies themselves: complete, coherent, and honest about what they keep."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.tellings import winner
from tests.strategies import (
    EVENTS,
    HORIZON,
    SPAN,
    batches,
    delivered,
    duplicated,
    events,
    histories,
    permuted,
    tellings,
)

#: looks for an example and takes the first
SEARCH = settings(phases=[Phase.generate], max_examples=2_000, database=None)


def test_every_record_has_a_strategy() -> None:
    assert sorted(EVENTS) == sorted(e.RECORDS), "records without a strategy, or strategies without a record"


@pytest.mark.parametrize("record", sorted(e.RECORDS))
def test_a_strategy_gives_its_own_record(record: str) -> None:
    example = find(EVENTS[record], lambda _: True, settings=SEARCH)
    assert e.RECORD_OF[type(example)] == record
    assert getattr(example, example.key_field)
    assert example.imported
    assert example.received_at == example.time


@settings(max_examples=20)
@given(st.lists(events("change_merged"), min_size=30, max_size=30))
def test_names_are_few_enough_to_collide(drawn: list[e.Event]) -> None:
    assert len({event.id for event in drawn}) < len(drawn)


@given(histories())
def test_a_history_is_coherent(history: list[e.Event]) -> None:
    assert [event.time for event in history] == sorted(event.time for event in history)
    assert len({event.id for event in history}) == len(history)
    if history:
        assert history[-1].time - history[0].time <= SPAN
    opened = {event.change: event.time for event in history if isinstance(event, e.ChangeOpened)}
    for event in history:
        if isinstance(event, e.ChangeMerged) and event.number is not None:
            assert opened[event.change] <= event.time


@pytest.mark.parametrize("record", sorted(e.RECORDS))
def test_histories_tell_every_record(record: str) -> None:
    struct = e.RECORDS[record]
    assert find(
        histories(), lambda history: any(isinstance(event, struct) for event in history), settings=SEARCH
    )


def test_histories_shrink() -> None:
    history = find(
        histories(), lambda history: any(isinstance(event, e.IncidentResolved) for event in history)
    )
    assert len(history) <= 4


@given(histories(), st.data())
def test_knobs_keep_what_they_promise(history: list[e.Event], data: st.DataObject) -> None:
    def ids(told: list[e.Event]) -> Counter[str]:
        return Counter(event.id for event in told)

    order = data.draw(permuted(history, HORIZON))
    assert ids(order) == ids(history)
    newest = 0
    for event in order:
        assert newest - event.time <= HORIZON
        newest = max(newest, event.received_at)

    live = data.draw(delivered(history))
    assert ids(live) == ids(history)
    assert all(not event.imported and event.received_at >= event.time for event in live)
    assert [event.received_at for event in live] == sorted(event.received_at for event in live)

    assert set(ids(data.draw(duplicated(history)))) == set(ids(history))
    assert [event for batch in data.draw(batches(history)) for event in batch] == history


@given(events().flatmap(tellings), st.data())
def test_tellings_are_of_one_id_and_one_wins(told: list[e.Event], data: st.DataObject) -> None:
    assert len({event.id for event in told}) == 1
    shuffled = data.draw(st.permutations(told))
    first, second = told[0], shuffled[0]
    for event in told:
        first = winner(first, event)
    for event in shuffled:
        second = winner(second, event)
    assert first == second
