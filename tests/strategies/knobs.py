"""Other ways to tell a history: its order, copies, batches, receipt and tellings; each says what it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.names import DAY, STEP
from tests.strategies.worlds import SPAN

#: longer than any history with any delay
HORIZON = 60 * DAY


def delivered(events: Sequence[e.Event], delay_max: int = 3 * DAY) -> st.SearchStrategy[list[e.Event]]:
    """The events as if received live, each after a delay, in the order of their receipt. Keeps the facts."""

    def receive(delays: list[int]) -> list[e.Event]:
        received = [
            msgspec.structs.replace(event, imported=False, received_at=event.time + delay * STEP)
            for event, delay in zip(events, delays, strict=True)
        ]
        return sorted(received, key=lambda event: event.received_at)

    return _delays(events, delay_max).map(receive)


def permuted(events: Sequence[e.Event], horizon: int = HORIZON) -> st.SearchStrategy[list[e.Event]]:
    """The events in another order that moves none behind the horizon (microseconds). Keeps the facts.

    An event is read at the latest when everything not newer than its time plus ``horizon`` was read.
    """

    def permute(delays: list[int]) -> list[e.Event]:
        order = sorted(
            zip(events, delays, range(len(events)), strict=True),
            key=lambda one: (one[0].time + one[1] * STEP, one[1], one[2]),
        )
        return [event for event, _, _ in order]

    return _delays(events, horizon).map(permute)


def _delays(events: Sequence[e.Event], delay_max: int) -> st.SearchStrategy[list[int]]:
    longest = min(delay_max, SPAN * 2) // STEP
    delay = st.one_of(st.just(0), st.integers(0, longest))
    return st.lists(delay, min_size=len(events), max_size=len(events))


def duplicated(events: Sequence[e.Event], copies_max: int = 3) -> st.SearchStrategy[list[e.Event]]:
    """The events with some of them told again, word for word, right away or at the end. Keeps the facts."""
    if not events:
        return st.just([])
    places = st.lists(st.tuples(st.integers(0, len(events) - 1), st.booleans()), max_size=copies_max)

    def repeat(copies: list[tuple[int, bool]]) -> list[e.Event]:
        told, at_the_end = list(events), []
        for place, late in sorted(copies, reverse=True):
            if late:
                at_the_end.append(events[place])
            else:
                told.insert(place, events[place])
        return told + at_the_end

    return places.map(repeat)


def batches(events: Sequence[e.Event]) -> st.SearchStrategy[list[list[e.Event]]]:
    """The events cut into consecutive batches, some perhaps empty. Keeps order and facts."""
    cuts = st.lists(st.integers(0, len(events)), max_size=4).map(sorted)
    return cuts.map(lambda at: [list(events[i:j]) for i, j in zip([0, *at], [*at, len(events)], strict=True)])


@st.composite
def tellings(draw: st.DrawFn, event: e.Event, more_max: int = 3) -> list[e.Event]:
    """Several tellings of one id, the given one first: other versions, other fields, retracted, later."""
    told = [event]
    fields = [name for name in event.__struct_fields__[9:] if name != event.key_field]
    defaults = {info.name: info for info in msgspec.structs.fields(event)}
    for _ in range(draw(st.integers(0, more_max))):
        news: dict[str, Any] = {
            "source_version": draw(st.integers(0, 2)),
            "parser_version": draw(st.integers(1, 2)),
            "retracted": draw(st.booleans()),
            "imported": draw(st.booleans()),
            "time": event.time + draw(st.integers(0, 2)) * STEP,
        }
        news["received_at"] = news["time"] + (0 if news["imported"] else draw(st.integers(0, 2)) * STEP)
        for name in draw(st.lists(st.sampled_from(fields), max_size=2, unique=True)) if fields else []:
            info = defaults[name]
            news[name] = [] if info.default is msgspec.NODEFAULT else info.default
        told.append(msgspec.structs.replace(event, **news))
    return told
