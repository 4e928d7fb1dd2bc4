"""What closed weeks teach, and what they must not."""

from __future__ import annotations

import math

import pytest

from pipeline.core.learning import (
    IncidentTrace,
    Learning,
    WeekCounts,
    count_week,
    fit_kernel,
    week_of,
    week_start,
)
from pipeline.core.parameters import LEARNING_WEEKS, Parameters
from tests.strategies import BEGINNING, DAY, HOUR
from tests.worlds import Told, at, back, deployed, incident, judged

PARAMETERS = Parameters()
QUIET = PARAMETERS.quiet_window
WEEK = week_of(BEGINNING)


def learned(told: Told, hours: float, service: str = "api") -> object:
    return told.run.workspace.investigation.learning.at(service, at(hours))


def test_weeks_begin_on_monday() -> None:
    assert week_start(WEEK) == BEGINNING
    assert week_of(BEGINNING - 1) == WEEK - 1
    assert week_of(week_start(WEEK + 1)) == WEEK + 1


def test_time_without_a_deployment_is_quiet() -> None:
    day = DAY // 1_000_000
    assert count_week(WEEK, [], [], QUIET).quiet_seconds == 7 * day
    assert count_week(WEEK, [at(0)], [], QUIET).quiet_seconds == 4 * day
    assert count_week(WEEK, [at(-24)], [], QUIET).quiet_seconds == 5 * day
    assert count_week(WEEK, [at(0), at(24), at(24 * 6)], [], QUIET).quiet_seconds == 2 * day
    assert count_week(WEEK, [at(-24), at(0), at(24 * 7)], [], QUIET).deployments == 1


def test_only_quiet_incidents_count_as_background() -> None:
    traces = [IncidentTrace(at(1)), IncidentTrace(at(24 * 4)), IncidentTrace(at(24 * 5))]
    counts = count_week(WEEK, [at(0)], traces, QUIET)
    assert counts.quiet_incidents == 2


def test_only_closed_weeks_teach() -> None:
    learning = Learning(PARAMETERS)
    before = learning.at("api", week_start(WEEK))
    counts = WeekCounts(quiet_seconds=604_800, quiet_incidents=9, deployments=40)
    assert learning.put("api", WEEK, counts)
    assert not learning.put("api", WEEK, counts)
    assert learning.at("api", week_start(WEEK)) == before
    after = learning.at("api", week_start(WEEK + 1))
    assert after.background_per_second > before.background_per_second
    assert after.deployments_per_second > before.deployments_per_second
    assert learning.at("web", week_start(WEEK + 1)).background_per_second == before.background_per_second
    forgotten = learning.at("api", week_start(WEEK + LEARNING_WEEKS + 1))
    assert forgotten.background_per_second < before.background_per_second


def test_labels_of_all_services_teach_the_kernel() -> None:
    learning = Learning(PARAMETERS)
    start = learning.at("api", week_start(WEEK + 1)).kernel
    late = round(math.log(8 * 3600) / 0.25)
    learning.put("web", WEEK, WeekCounts(lag_bins=(late,) * 200, labels=200))
    taught = learning.at("api", week_start(WEEK + 1))
    assert taught.labels == 200
    assert taught.kernel != start
    assert taught.kernel.slow_weight > start.slow_weight
    assert learning.at("api", week_start(WEEK)).kernel == start


def test_few_labels_leave_the_kernel_alone() -> None:
    learning = Learning(PARAMETERS)
    learning.put("api", WEEK, WeekCounts(lag_bins=(20,) * (PARAMETERS.kernel_labels_min - 1), labels=49))
    assert learning.at("api", week_start(WEEK + 1)).kernel == PARAMETERS.kernel


def test_a_fitted_kernel_is_a_mixture() -> None:
    fitted = fit_kernel([24] * 100 + [40] * 100, PARAMETERS)
    weights = fitted.fast_weight + fitted.slow_weight + fitted.tail_weight
    assert weights == pytest.approx(1, abs=0.02)
    assert fitted.fast_median_seconds < fitted.slow_median_seconds


def test_a_late_event_of_a_closed_week_restates_what_rests_on_it() -> None:
    told = Told(deployed("api", 1, tag="v1"), incident("i1", 24 * 15))
    before = told.candidate("none").factors["background"]
    told.then([incident(f"old {number}", 24 * 5 + number) for number in range(5)])
    assert told.candidate("none").factors["background"] > before
    told.then([back(incident(f"old {number}", 24 * 5 + number)) for number in range(5)])
    assert told.candidate("none").factors["background"] == before


@pytest.mark.parametrize("week", [20, 35, 50])
def test_what_makes_a_service_older_restates_whatever_looked_back_to_its_first_week(week: int) -> None:
    patient = Parameters(horizon=2000 * DAY)
    events = [deployed("api", 24 * 7 * 30, tag="v1"), incident("i1", 24 * 7 * week)]
    first = deployed("api", 1, tag="v0", received=24 * 7 * week + 1)
    late = Told(*events, first, parameters=patient)
    assert late.run.live == Told(first, *events, parameters=patient).run.live


def test_a_verdict_teaches_later_weeks() -> None:
    events = [deployed("api", 1, tag="v1"), incident("i1", 2), judged("i1", 24 * 20, cause="v1")]
    told = Told(*events, incident("i2", 24 * 8))
    assert told.incident("i2").labels == 1
    weeks = told.run.workspace.investigation.learning.weeks["api"]
    assert weeks[WEEK].labels == 1
    assert len(weeks[WEEK].lag_bins) == 1
    told.then(back(events[2]))
    assert told.incident("i2").labels == 0


def test_nothing_learned_depends_on_the_models_own_answer() -> None:
    one = Told(deployed("api", 1, tag="v1"), incident("i1", 2))
    other = Told(deployed("api", 1, tag="v1"), incident("i1", 2, mentions=["v1"]))
    assert one.incident().verdict != other.incident().verdict or one.candidates() == other.candidates()
    assert learned(one, 24 * 8) == learned(other, 24 * 8)
    assert HOUR > 0
