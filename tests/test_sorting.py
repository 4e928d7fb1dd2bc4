"""Events in the order of their own time: the same whether they fit in memory or not."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import ClockTicked, IncidentResolved
from pipeline.sorting import by_own_time


def event(number: int, time: int, sequence: int) -> ClockTicked | IncidentResolved:
    envelope = (f"e{number}", "s", time, time, True, 0, 1, False, sequence)
    return ClockTicked(*envelope) if number % 2 else IncidentResolved(*envelope, incident=f"i{number}")


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 2)), max_size=40), st.integers(1, 50))
def test_any_run_length_gives_the_stable_order(moments: list[tuple[int, int]], run_events: int) -> None:
    events = [event(number, *moment) for number, moment in enumerate(moments)]
    expected = sorted(events, key=lambda one: (one.time, one.sequence))
    with tempfile.TemporaryDirectory() as directory:
        found = list(by_own_time(iter(events), Path(directory), run_events=run_events))
        assert list(Path(directory).iterdir()) == []
    assert found == expected
    assert [one.id for one in found] == [one.id for one in expected]


def test_many_runs_leave_no_file_behind(tmp_path: Path) -> None:
    events = [event(number, number, 0) for number in range(5_000)]
    random.Random(7).shuffle(events)
    ordered = by_own_time(events, tmp_path, run_events=700)
    assert next(ordered).time == 0
    ordered.close()  # type: ignore[attr-defined]  # a generator
    assert list(tmp_path.iterdir()) == []
