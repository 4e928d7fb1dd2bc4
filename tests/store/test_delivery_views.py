"""The five measures of software delivery, against a reference in plain Python."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipeline.core.facts import (
    AttributionFact,
    ChangeFact,
    DeploymentChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
    ServiceFact,
)
from pipeline.store import Store
from tests.store.delivered import beta_below, matched_interval, measures, whole_interval
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, moment, row
from tests.store.world import ask, fill

COLUMNS = (
    "deployments", "days", "not_live", "changes", "lead_timed", "lead_hours_median", "lead_hours_p90",
    "merged_hours_median", "failures", "fail_rate", "failed", "recovered", "recovery_hours_median",
    "recovery_hours_p90", "rework", "rework_rate",
)  # fmt: skip
#: a hundredth of an hour: times are rounded to it
STEP = HOUR // 100
#: rates are rounded to four digits; the sum over steps is this near
INTERVAL_ERROR = 2e-4


def delivered(seed: int) -> list[Fact]:
    """A few weeks of three services, with everything that the measures tell apart."""
    draw = random.Random(seed)
    places = [(service, where) for service in ("api", "web", "jobs") for where in ("production", "staging")]
    changes: list[ChangeFact] = []
    facts: list[Fact] = [
        row(ServiceFact, service="api", team="core"),
        row(ServiceFact, service="web", team="core"),
    ]
    deployments: list[DeploymentFact] = []
    links: list[DeploymentChangeFact] = []
    incidents: list[IncidentFact] = []
    for number in range(draw.randint(5, 60)):
        service, environment = draw.choice(places)
        at = MONDAY + number * 9 * HOUR + draw.randrange(0, HOUR, STEP)
        before = [d for d in deployments if (d.service, d.environment) == (service, environment)]
        rollback = before and draw.random() < 0.15
        deployment = row(
            DeploymentFact, deployment=f"d{number}", service=service, environment=environment, live_at=at,
            transition="rollback" if rollback else draw.choice(("forward", "forward", "baseline", "failed")),
            rolls_back=before[-1].deployment if rollback else "", ignored=draw.random() < 0.05,
            previous=before[-1].deployment if before else "", repository=f"acme/{service}",
        )  # fmt: skip
        deployments.append(deployment)
        fresh = [
            row(
                ChangeFact, change=f"acme/{service}#{number}.{n}", state="merged",
                merged_at=at - draw.randrange(0, DAY, STEP),
                first_commit_at=draw.choice((None, at - 3 * DAY + draw.randrange(0, DAY, STEP))),
                picked_from=draw.choice(([], [], [], ["a"])), emergency=draw.choice(("", "", "", "hotfix")),
                incidents=[f"i{draw.randint(0, 8)}"] if draw.random() < 0.2 else [],
            )
            for n in range(draw.randint(0, 3))
        ]  # fmt: skip
        again = draw.sample(changes, 1) if changes and draw.random() < 0.2 else []
        for change in again:
            if fresh and change.change not in {c.change for c in fresh}:
                change.reverted_by = [*change.reverted_by, fresh[0].change]
        changes += fresh
        links += [
            row(
                DeploymentChangeFact, deployment=deployment.deployment, change=change.change, service=service,
                environment=environment, live_at=at,
            )
            for change in (*fresh, *(c for c in again if not (fresh and fresh[0].change in c.reverted_by)))
        ]  # fmt: skip
        if draw.random() < 0.25:
            key = f"pager/i{len(incidents)}"
            cause = draw.choice(deployments[-4:])
            incidents.append(
                row(
                    IncidentFact, incident=key, opened_at=at + HOUR, onset_at=at, cause=cause.deployment,
                    resolved_at=draw.choice((None, at + 2 * HOUR, at + DAY)),
                    cause_kind=draw.choice(("deployment", "deployment", "none")),
                    verdict=draw.choice(("likely", "confirmed", "undecided")),
                )
            )  # fmt: skip
            for candidate in {cause.deployment, draw.choice(deployments).deployment}:
                probability = draw.choice((0.0, 0.25, 0.5, 0.9, 1.0))
                facts.append(
                    row(
                        AttributionFact, incident=key, candidate=candidate, kind="deployment",
                        probability=probability,
                    )
                )  # fmt: skip
    return [*facts, *changes, *deployments, *links, *incidents]


@pytest.mark.parametrize("seed", range(4))
def test_the_measures_are_those_of_the_reference(store: Store, seed: int) -> None:
    facts = delivered(seed)
    for fact in facts:
        store.insert_facts(fact.table, WORKSPACE, 1, [fact])
    columns = f"toString(week), dimension, value, {', '.join(COLUMNS)}, fail_rate_low, fail_rate_high"
    found: dict[Any, list[Any]] = {
        line[:3]: list(line[3:]) for line in ask(store, columns, "software_delivery")
    }
    expected = measures(facts)
    assert set(found) == set(expected)
    for key, told in expected.items():
        harms = told.pop("harms")
        *exact, low, high = found[key]
        # of a half in the last digit the engine and Python round one way and the other
        told["fail_rate"] = pytest.approx(told["fail_rate"], abs=1.01e-4)
        told["failures"] = pytest.approx(told["failures"], abs=1.01e-3)
        assert dict(zip(COLUMNS, exact, strict=True)) == told, key
        if not harms:
            assert (low, high) == (None, None)
            continue
        assert abs(low - matched_interval(harms, 0.05)) <= INTERVAL_ERROR
        assert abs(high - matched_interval(harms, 0.95)) <= INTERVAL_ERROR


@pytest.mark.parametrize(
    ("harms", "apart"),
    [
        ([0.5], 0.026),
        ([0.0, 0.5, 1.0], 0.02),
        ([0.0] * 8 + [0.3, 0.9], 0.01),
        ([0.0] * 37 + [0.2, 0.4, 1.0], 0.005),
    ],
)
def test_how_near_the_matched_distribution_is(harms: list[float], apart: float) -> None:
    for part in (0.05, 0.95):
        assert abs(matched_interval(harms, part) - whole_interval(harms, part)) <= apart


def test_without_doubt_about_which_failed_it_is_the_beta_distribution_itself() -> None:
    for harms in ([0.0] * 20, [1.0] * 3, [0.0] * 9 + [1.0]):
        assert matched_interval(harms, 0.95) == pytest.approx(whole_interval(harms, 0.95), abs=1e-9)
    # tables of the Beta distribution: of 20 none failed
    assert beta_below(0.0905, 0.5, 20.5) == pytest.approx(0.95, abs=1e-3)


def test_the_interval_holds_for_many_deployments(store: Store) -> None:
    for count in (1, 30, 4_000):
        day = MONDAY + count * 7 * DAY
        rows = [
            row(DeploymentFact, deployment=f"{count} {n}", service="api", environment="staging", live_at=day)
            for n in range(count)
        ]
        store.insert_facts("deployments", WORKSPACE, 1, rows)
    columns = "deployments, fail_rate_low, fail_rate_high"
    found: list[Any] = ask(store, columns, "software_delivery", "WHERE dimension = 'environment'")
    assert len(found) == 3
    for deployments, low, high in found:
        assert abs(low - matched_interval([0.0] * deployments, 0.05)) <= INTERVAL_ERROR
        assert abs(high - matched_interval([0.0] * deployments, 0.95)) <= INTERVAL_ERROR


def test_software_delivery(world: Store) -> None:
    columns = (
        "toString(week), deployments, changes, failures, failed, recovered, recovery_hours_median, rework,"
        " not_live"
    )
    production = "WHERE dimension = 'all'"
    assert ask(world, columns, "software_delivery", production) == [
        ("2024-01-08", 0, 0, 0.0, 0, 0, None, 0, 1),
        ("2024-01-01", 4, 0, 1.37, 1, 1, 2.0, 1, 0),
    ]


# -- hotfixes -------------------------------------------------------------------------------------------


def hotfixed(
    store: Store, change: ChangeFact, *, previous: str = "", service: str = "api"
) -> list[tuple[object, ...]]:
    """When d2 was repaired, if a deployment an hour after it brings this change."""
    fill(store)
    facts: list[Fact] = [
        row(
            DeploymentFact, deployment="fix", service=service, environment="production", previous=previous,
            live_at=MONDAY + DAY + HOUR, transition="forward",
        ),
        row(
            DeploymentChangeFact, deployment="fix", change=change.change, service=service,
            environment="production", live_at=MONDAY + DAY + HOUR,
        ),
        row(
            DeploymentChangeFact, deployment="d2", change="acme/api#2", service="api",
            environment="production", live_at=MONDAY + DAY,
        ),
        change,
    ]  # fmt: skip
    for fact in facts:
        store.insert_facts(fact.table, WORKSPACE, 3, [fact])
    return ask(store, "hotfix_at, recovery_hours", "failed_deployments", "WHERE deployment = 'd2'")


HOTFIX = [(moment(MONDAY + DAY + HOUR), 1.0)]
NONE = [(None, 2.0)]


def test_a_hotfix_names_the_incident(store: Store) -> None:
    assert hotfixed(store, row(ChangeFact, change="fix#1", incidents=["i1"])) == HOTFIX


def test_a_hotfix_of_another_service(store: Store) -> None:
    assert hotfixed(store, row(ChangeFact, change="fix#1", incidents=["i1"]), service="web") == NONE


def test_a_hotfix_takes_a_change_back(store: Store) -> None:
    taken = row(ChangeFact, change="acme/api#2", repository="acme/api", reverted_by=["fix#1"])
    store.insert_facts("changes", WORKSPACE, 4, [taken])
    assert hotfixed(store, row(ChangeFact, change="fix#1")) == HOTFIX


@pytest.mark.parametrize(("previous", "found"), [("d2", HOTFIX), ("d1", NONE)])
def test_an_emergency_change_repairs_what_it_follows(
    store: Store, previous: str, found: list[tuple[object, ...]]
) -> None:
    change = row(ChangeFact, change="fix#1", emergency="label hotfix")
    assert hotfixed(store, change, previous=previous) == found
