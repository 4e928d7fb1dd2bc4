"""Weekly counts and their alarms: against a reference that starts anew each week, and by hand."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.facts import WeeklyCountFact
from pipeline.core.limits import SpikeRules
from pipeline.core.parameters import Parameters
from tests.core.measures.week_by_week import EPOCH, weekly_counts
from tests.runs import PARAMETERS, Run, differences, now_of, oracle
from tests.strategies import DAY, batches, delivered, histories, permuted
from tests.worlds import (
    checked,
    corrected,
    declared,
    deployed,
    drifted,
    incident,
    merged,
    opened,
    reviewed,
    sha,
)  # fmt: skip

#: everything is judged, and most things alarm
EAGER = SpikeRules(
    history_weeks=3, history_weeks_min=1, hits_min=1, alpha=0.2, false_discoveries=0.7, shift_threshold=0.3,
    prior_things=2.0,
)  # fmt: skip
QUICK = replace(PARAMETERS, spikes=EAGER)
WEEK = 7 * 24


@st.composite
def busy(draw: st.DrawFn, weeks: int = 5) -> list[e.Event]:
    """Some weeks in which everything that is counted happens now and then, in two repositories."""
    told: list[e.Event] = [
        declared("api", WEEK * draw(st.integers(0, 2)), team="core", repositories=["acme/api"])
    ]
    for week in range(weeks):
        for name in ("api", "web"):
            for number in range(draw(st.sampled_from((0, 1, 1, 2, 4)))):
                hours = WEEK * week + 5 + 6 * number
                told += _worked(draw, f"{name}#{10 * week + number + 1}", hours)
            for number in range(draw(st.sampled_from((0, 0, 1, 3)))):
                hours = WEEK * week + 30 + number
                if draw(st.booleans()):
                    told.append(incident(f"{name} {hours}", hours, service=draw(st.sampled_from((name, "")))))
                else:
                    told.append(drifted(f"{name} {number}", hours, service=name))
                    told.append(corrected(f"{name} {number}", hours + 0.5, service=name))
        if draw(st.booleans()):
            told.append(deployed("api", WEEK * week + 1, tag=f"v{week}"))
    return sorted(told, key=lambda event: (event.time, event.id))


def _worked(draw: st.DrawFn, name: str, hours: float) -> list[e.Event]:
    """A request with its checks and its review."""
    first, lines = draw(st.sampled_from(("success", "failure"))), draw(st.sampled_from((10, 90)))
    told: list[e.Event] = [
        opened(name, hours, author="p:1"),
        checked(f"acme/{name[:3]}", sha(name), hours + 0.1, first),
        checked(f"acme/{name[:3]}", sha(name), hours + 0.2, "success", attempt=2),
        merged(name, hours + 4, author="p:1", additions=lines, deletions=0,
               emergency=draw(st.sampled_from(("", "hotfix")))),
    ]  # fmt: skip
    if draw(st.booleans()):
        told.append(reviewed(name, hours + draw(st.sampled_from((0.01, 3))), "p:2", "approved"))
    return told


def found(run: Run) -> dict[Any, WeeklyCountFact]:
    """The rows by series, dimension, value and Monday."""
    return {
        (*key[:3], EPOCH + datetime.timedelta(microseconds=int(str(key[3])))): row
        for key, row in run.table(WeeklyCountFact.table).items()
        if isinstance(row, WeeklyCountFact)
    }


def run_of(told: Sequence[Sequence[e.Event]], parameters: Parameters = QUICK, weeks: int = 0) -> Run:
    run = Run(parameters)
    now = 0
    for batch in told:
        run.take(batch)
        now = max([now, *(event.received_at for event in batch)])
    if weeks:
        run.until(now + weeks * 7 * DAY)
    return run


@settings(max_examples=100)
@given(st.one_of(busy(), histories()), st.integers(0, 5), st.booleans())
def test_a_reference_that_starts_anew_each_week_finds_the_same(
    history: list[e.Event], weeks: int, eager: bool
) -> None:
    parameters = QUICK if eager else PARAMETERS
    run = run_of([history], parameters, weeks)
    expected = weekly_counts(run.live, history, run.workspace.clock.now, parameters.spikes)
    rows = found(run)
    assert set(rows) == set(expected)
    for key, row in rows.items():
        told = expected[key]
        assert (row.k, row.n, row.alarm) == (told.k, told.n, told.alarm), key
        assert (row.history_weeks, row.history_k, row.history_n) == told.history
        assert row.cusum == pytest.approx(told.cusum, rel=1e-4, abs=1e-5)
        if told.prediction is None:
            assert (row.expected, row.low, row.high, row.p, row.q) == (None,) * 5
        else:
            mean, low, high, p = told.prediction
            assert (row.low, row.high) == (low, high)
            assert row.expected == pytest.approx(mean, rel=1e-5)
            assert row.p == pytest.approx(p, rel=1e-5)


def test_the_reference_meets_all_that_can_happen() -> None:
    seen: set[object] = set()

    @settings(max_examples=40, database=None, derandomize=True)
    @given(busy())
    def look(history: list[e.Event]) -> None:
        run = run_of([history], QUICK, 3)
        for key, row in found(run).items():
            seen.update((key[0], key[1], row.alarm, bool(row.k) and f"{key[0]} hit"))

    look()
    assert seen >= {
        "bypasses", "rubber_stamps", "flaky_reruns", "incidents", "drift", "all", "team", "service",
        "repository", "", "spike", "shift", "spike and shift", "bypasses hit", "rubber_stamps hit",
        "flaky_reruns hit", "drift hit", "incidents hit",
    }  # fmt: skip


@settings(max_examples=100)
@given(st.one_of(busy(), histories()), st.data())
def test_the_laws_hold_where_everything_alarms(history: list[e.Event], data: st.DataObject) -> None:
    received = data.draw(delivered(history))
    now = now_of(received) + 14 * DAY
    expected = oracle(received, QUICK, now)
    order = data.draw(permuted(received))
    cut = data.draw(batches(order))
    restarts = data.draw(st.sets(st.integers(0, len(cut))))
    run = Run(QUICK)
    for number, batch in enumerate(cut):
        run.take(batch)
        if number in restarts:
            run.restart()
            run.until(now_of(received) - 3 * DAY)
    run.until(now)
    assert differences(run.live, expected) == []
    assert len(run.take(history)) == len(run.until(now)) == 0
    rebuilt = Run(QUICK, rebuilding=True)
    for event in sorted(received, key=lambda event: (event.time, event.sequence)):
        rebuilt.take([event])
    rebuilt.until(now)
    assert differences(rebuilt.live, expected) == []
    for event in history:
        run.take([msgspec.structs.replace(event, retracted=True, source_version=1)])
    assert run.live == {}
