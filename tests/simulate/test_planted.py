"""Each failure mode can be seen in the events, where and when the truth says it was planted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import mean, median

import pytest

from pipeline.core import events as e
from pipeline.core.events import Event
from pipeline.simulate.options import FAILURE_MODES, Options
from pipeline.simulate.truth import TrueBypass, TrueDrift, TrueFinding, TrueMode, TrueReview
from pipeline.simulate.world import World
from tests.simulate.worlds import of, person_token, planted, told, true

WEEK = 7 * 86_400_000_000
OPTIONS = Options(seed=11, weeks=8, services=24, teams=4)
FROM_WEEK = 4
#: what is told of the events of a place: one number
Measure = Callable[[list[Event]], float]


def _requests_to_one(events: list[Event]) -> float:
    asked = Counter(event.reviewer for event in of(e.ReviewRequested, events) if event.reviewer)
    return max(asked.values()) / asked.total()


def _failing_unit_tests(events: list[Event]) -> float:
    runs = [run for run in of(e.CheckFinished, events) if run.name == "unit" and run.attempt == 1]
    return mean(run.outcome == "failure" for run in runs)


def _quick_approvals(events: list[Event]) -> float:
    asked: dict[str, int] = {}
    for event in events:
        if isinstance(event, e.ReviewRequested) or (isinstance(event, e.ChangeUpdated) and event.head_sha):
            asked[event.change] = max(event.time, asked.get(event.change, 0))
    approvals = [
        0 <= event.time - asked[event.change] < 180_000_000
        for event in of(e.ReviewSubmitted, events)
        if event.decision == "approved"
        and not event.comments
        and event.change in asked
        and "review 1" in event.id
    ]
    return mean(approvals)


def _bypasses(events: list[Event]) -> float:
    merged = [event for event in of(e.ChangeMerged, events) if "fix" not in event.labels]
    return mean(event.number is None or bool(event.emergency) for event in merged)


def _median_lines(events: list[Event]) -> float:
    merged = of(e.ChangeMerged, events)
    return median((event.additions or 0) + (event.deletions or 0) for event in merged)


def _without_runbook(events: list[Event]) -> float:
    return mean("runbook" not in event.sections for event in of(e.ChangeOpened, events) if event.sections)


def _findings_of_merges(events: list[Event]) -> float:
    merged = {event.sha: event.time for event in of(e.ChangeMerged, events)}
    found = {event.sha for event in of(e.FindingReported, events) if event.sha in merged}
    assert all(
        event.time > merged[event.sha] for event in of(e.FindingReported, events) if event.sha in merged
    )
    return len(found) / len(merged)


def _drifts(events: list[Event]) -> float:
    return len(of(e.DriftDetected, events)) / len(
        {service for event in events if (service := _service(event))}
    )


def _service(event: Event) -> str:
    return getattr(event, "service", "")


#: mode -> its measure; how much higher it is at least than before; how high at most elsewhere
MEASURES: dict[str, tuple[Measure, float]] = {
    "reviewer-bottleneck": (_requests_to_one, 2.0),
    "flaky-tests": (_failing_unit_tests, 3.0),
    "rubber-stamping": (_quick_approvals, 5.0),
    "bypass-abuse": (_bypasses, 5.0),
    "large-changes": (_median_lines, 4.0),
    "missing-context": (_without_runbook, 2.0),
    "late-findings": (_findings_of_merges, 3.0),
    "environment-drift": (_drifts, 4.0),
}


def test_every_mode_has_its_measure() -> None:
    assert MEASURES.keys() == FAILURE_MODES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mode", sorted(FAILURE_MODES))
def test_a_planted_mode_is_seen_where_and_when_the_truth_says(mode: str) -> None:
    events, truths = told(planted(OPTIONS, mode, FROM_WEEK))
    (row,) = true(TrueMode, truths)
    assert row.from_at == (OPTIONS.begin * 1_000_000) + FROM_WEEK * WEEK
    organisation = World(OPTIONS, person_token).organisation
    services = [
        service for service in organisation.services
        if row.where == organisation.teams[service.team].name
        or row.where == organisation.repositories[service.repository].name
    ]  # fmt: skip
    places = {service.name for service in services} | {
        organisation.repositories[service.repository].name for service in services
    }
    measure, times = MEASURES[mode]

    def seen(here: bool, low: int, high: int) -> float:
        # what is deployed in a week was opened a little before
        chosen = [
            event for event in events
            if low <= event.time < high and (_place(event) in places) == here and _place(event)
        ]  # fmt: skip
        return measure(chosen)

    end = OPTIONS.end * 1_000_000
    before = max(0.02, seen(True, row.from_at - 4 * WEEK, row.from_at - WEEK))
    after = seen(True, row.from_at + WEEK, end)
    assert after > times * before or (mode == "reviewer-bottleneck" and after > 0.6 > 1.5 * before)
    if mode != "reviewer-bottleneck":  # of many teams, nobody is asked by all
        elsewhere = max(0.02, seen(False, row.from_at + WEEK, end))
        assert after > times * elsewhere


def _place(event: Event) -> str:
    return getattr(event, "repository", "") or _service(event)


@pytest.mark.slow
def test_budgets_burn_where_context_is_missing() -> None:
    events, truths = told(planted(OPTIONS, "missing-context", FROM_WEEK))
    (row,) = true(TrueMode, truths)
    burns = [event for event in of(e.BurnStarted, events) if event.slo.endswith("/latency")]
    team_of = {event.service: event.team for event in of(e.ServiceDeclared, events)}
    assert len(burns) > 20
    assert {team_of[event.service] for event in burns} == {row.where}
    assert min(event.time for event in burns) >= row.from_at


@pytest.mark.slow
def test_the_truth_lists_what_was_planted() -> None:
    events, truths = told(planted(OPTIONS, "rubber-stamping", FROM_WEEK))
    reviews = {event.id: event for event in of(e.ReviewSubmitted, events)}
    stamps = [row for row in true(TrueReview, truths) if row.event in reviews]
    assert len(stamps) > 50
    assert all(reviews[row.event].decision == "approved" for row in stamps)
    events, truths = told(planted(OPTIONS, "late-findings", FROM_WEEK))
    findings = {event.finding for event in of(e.FindingReported, events)}
    merged = {event.change for event in of(e.ChangeMerged, events)}
    assert {row.finding for row in true(TrueFinding, truths)} <= findings
    assert {row.change for row in true(TrueFinding, truths)} <= merged
    events, truths = told(planted(OPTIONS, "environment-drift", FROM_WEEK))
    assert {row.event for row in true(TrueDrift, truths)} == {
        event.id for event in of(e.DriftDetected, events)
    }
    events, truths = told(planted(OPTIONS, "bypass-abuse", FROM_WEEK))
    bypassed = {row.change for row in true(TrueBypass, truths)}
    assert bypassed == {
        event.change for event in of(e.ChangeMerged, events) if event.number is None or event.emergency
    }
