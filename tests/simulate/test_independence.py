"""A switch changes what it names: all other events stay as they were, byte for byte."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from pipeline.core import events as e
from pipeline.core.events import Event
from pipeline.simulate.truth import TrueClock, TrueDelivery, TrueDeployment, TrueIncident, TrueMode
from pipeline.simulate.world import World
from tests.simulate.worlds import SMALL, of, person_token, planted, told, true, with_faults

OPTIONS = msgspec.structs.replace(SMALL, failure_rate=0.2, weeks=3)
Byid = dict[str, Event]


def by_id(events: list[Event]) -> Byid:
    return {event.id: event for event in events}


@pytest.fixture(scope="module")
def untroubled() -> Byid:
    events, truths = told(OPTIONS)
    assert not true(TrueDelivery, truths)
    assert not true(TrueClock, truths)
    return by_id(events)


def altered(before: Byid, after: Byid) -> set[str]:
    """Ids of events that differ, are gone, or are new."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_unreported_deployments_are_gone_and_nothing_else(untroubled: Byid) -> None:
    events, truths = told(with_faults(OPTIONS, unreported=0.3))
    silent = {row.deployment for row in true(TrueDeployment, truths) if not row.told}
    gone = altered(untroubled, by_id(events))
    assert silent
    assert not gone & by_id(events).keys()
    assert gone == {
        key
        for key, event in untroubled.items()
        if isinstance(event, e.DeploymentProgressed | e.DeploymentFinished)
        and event.environment == "production"
        and event.deployment.removeprefix("ci ").removesuffix(" failed") in silent
    }


def test_missing_tags_are_missing_in_their_deployments_alone(untroubled: Byid) -> None:
    events, truths = told(with_faults(OPTIONS, missing_tags=0.3))
    after = by_id(events)
    untagged = {row.deployment for row in true(TrueDeployment, truths) if not row.tag_told}
    found = altered(untroubled, after)
    assert found
    for key in found:
        before, now = untroubled[key], after[key]
        assert isinstance(before, e.DeploymentFinished)
        assert isinstance(now, e.DeploymentFinished)
        assert now.deployment.removeprefix("ci ").removesuffix(" failed") in untagged
        assert (now.tag, now.artifact, now.sha) == ("", "", "")
        assert (now.time, now.service, now.outcome) == (before.time, before.service, before.outcome)


def test_incidents_of_a_wrong_service_are_the_only_ones_that_differ(untroubled: Byid) -> None:
    events, truths = told(with_faults(OPTIONS, wrong_service=0.5))
    after = by_id(events)
    wrong = {row.incident for row in true(TrueIncident, truths) if row.told_service != row.service}
    detected = {event.incident: event.service for event in of(e.IncidentDetected, events)}
    found = altered(untroubled, after)
    assert wrong
    assert {getattr(after[key], "incident", "") for key in found} == wrong
    for row in true(TrueIncident, truths):
        assert detected.get(row.incident, row.told_service) == row.told_service


def test_clocks_that_are_off_move_the_times_of_their_reports_alone(untroubled: Byid) -> None:
    events, truths = told(with_faults(OPTIONS, skew_seconds=120))
    after = by_id(events)
    skews = {row.source: row.skew_seconds for row in true(TrueClock, truths)}
    found = altered(untroubled, after)
    assert found
    assert max(map(abs, skews.values())) <= 120
    for key in found:
        assert after[key].time - untroubled[key].time == skews[after[key].source] * 1_000_000
        assert after[key].received_at == untroubled[key].received_at


def test_coincident_changes_are_added_in_the_minute_of_a_deployment(untroubled: Byid) -> None:
    events, truths = told(with_faults(OPTIONS, coincident=0.4))
    after = by_id(events)
    new = altered(untroubled, after)
    beside = {row.deployment: row for row in true(TrueDeployment, truths) if row.role == "coincident"}
    lives = {row.deployment: row for row in true(TrueDeployment, truths)}
    assert new
    assert not new & untroubled.keys()
    for key in new:
        event = after[key]
        assert isinstance(event, e.DeploymentFinished)
        deployment = lives[beside[event.deployment].beside]
        assert event.time // 60_000_000 == deployment.live_at // 60_000_000
        assert event.service != deployment.service


@pytest.mark.parametrize("fault", ["late", "duplicates"])
def test_deliveries_go_wrong_and_the_events_stay(untroubled: Byid, fault: str) -> None:
    events, truths = told(with_faults(OPTIONS, **{fault: 0.2}))
    moved = {row.event for row in true(TrueDelivery, truths)}
    for event in events:
        before = untroubled[event.id]
        assert msgspec.structs.replace(event, received_at=before.received_at) == before
        assert event.received_at == before.received_at or event.id in moved
    assert 0.15 < len(moved) / len(untroubled) < 0.25


def test_a_fault_meets_the_same_events_whatever_else_is_on() -> None:
    alone, _ = told(with_faults(OPTIONS, late=0.2))
    together, _ = told(with_faults(OPTIONS, late=0.2, unreported=0.2, duplicates=0.1))
    received = {event.id: event.received_at for event in alone}
    first: dict[str, int] = {}
    for event in together:
        first.setdefault(event.id, event.received_at)
    assert all(received[key] == at for key, at in first.items())


def _repository_of(event: Event) -> str:
    return getattr(event, "repository", "") or getattr(event, "change", "").partition("#")[0]


@pytest.mark.parametrize(
    "mode",
    [
        "reviewer-bottleneck",
        "rubber-stamping",
        "bypass-abuse",
        "large-changes",
        "flaky-tests",
        "late-findings",
        "slow-reviews",
        "reviewer-load",
        "slow-designs",
        "long-lived-branches",
        "rigid-policies",
        "stale-owners",
        "overdue-retro-reviews",
    ],
)
def test_a_planted_mode_leaves_the_other_repositories_as_they_were(mode: str, untroubled: Byid) -> None:
    events, truths = told(planted(OPTIONS, mode))
    (row,) = true(TrueMode, truths)
    world = World(OPTIONS, person_token)
    names: Callable[[str], bool] = {
        "team": lambda name: name in {
            world.organisation.repositories[service.repository].name
            for service in world.organisation.services
            if world.organisation.teams[service.team].name == row.where
        },
        "repository": lambda name: name == row.where,
    }[row.place]  # fmt: skip
    found = altered(untroubled, by_id(events))
    either = by_id(events) | untroubled
    here = {key for key in found if names(_repository_of(either[key]))}
    # an incident may spread to other teams, and their services go back to what they were
    elsewhere = {
        key for key in found - here if _repository_of(either[key]) and "/" in _repository_of(either[key])
    }
    assert here
    assert not elsewhere
