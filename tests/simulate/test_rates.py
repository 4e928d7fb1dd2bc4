"""What is asked for comes out: the shares of a long world, counted in its truth and in its events."""

from __future__ import annotations

from statistics import mean, median

import msgspec
import pytest

from pipeline.core import events as e
from pipeline.core.events import Event
from pipeline.simulate.options import Faults, Options
from pipeline.simulate.truth import TrueDeployment, TrueIncident, TrueJob, Truth
from pipeline.simulate.world import World
from tests.simulate.worlds import of, person_token, told, true

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
OPTIONS = Options(
    seed=3, weeks=24, services=40, teams=6, faults=Faults(unreported=0.1, wrong_service=0.2, missing_tags=0.1)
)
Lived = tuple[list[Event], list[Truth]]


@pytest.fixture(scope="module")
def lived() -> Lived:
    return told(OPTIONS)


def regular(truths: list[Truth]) -> list[TrueDeployment]:
    return [row for row in true(TrueDeployment, truths) if row.role == "regular"]


@pytest.mark.slow
def test_deployments_fail_and_are_rolled_back_as_often_as_asked(lived: Lived) -> None:
    _, truths = lived
    deployments = regular(truths)
    bad = [row for row in deployments if row.bad]
    assert len(deployments) > 5_000
    assert len(bad) / len(deployments) == pytest.approx(0.05, abs=0.008)
    undone = {row.undoes for row in true(TrueDeployment, truths) if row.role == "rollback"}
    assert undone <= {row.deployment for row in bad}
    assert len(undone) / len(bad) == pytest.approx(0.6, abs=0.08)
    assert mean(row.changes for row in deployments) == pytest.approx(2.5, abs=0.1)


@pytest.mark.slow
def test_incidents_without_a_cause_are_as_many_as_asked(lived: Lived) -> None:
    _, truths = lived
    first = [row for row in true(TrueIncident, truths) if not row.cascade_of]
    background = [row for row in first if row.kind == "background"]
    assert len(background) / len(first) == pytest.approx(0.35, abs=0.06)
    assert all(not row.culprits for row in background)
    assert all(len(row.culprits) == 1 for row in first if row.kind == "caused")
    callers = World(OPTIONS, person_token).organisation.callers
    names = [service.name for service in World(OPTIONS, person_token).organisation.services]
    could = sum(len(callers[names.index(row.service)]) for row in first)
    cascades = [row for row in true(TrueIncident, truths) if row.cascade_of]
    assert len(cascades) / could == pytest.approx(0.15, abs=0.04)


@pytest.mark.slow
def test_faults_are_as_frequent_as_asked(lived: Lived) -> None:
    events, truths = lived
    deployments = [row for row in true(TrueDeployment, truths) if row.role != "coincident"]
    assert mean(not row.told for row in deployments) == pytest.approx(0.1, abs=0.015)
    assert mean(not row.tag_told for row in deployments) == pytest.approx(0.1, abs=0.015)
    incidents = true(TrueIncident, truths)
    assert mean(row.told_service != row.service for row in incidents) == pytest.approx(0.2, abs=0.05)
    # the events say the same
    production = [
        event
        for event in of(e.DeploymentFinished, events)
        if event.environment == "production" and event.kind == "service" and event.outcome == "success"
        and event.source.startswith("argo/")
    ]  # fmt: skip
    assert len(production) == sum(row.told for row in deployments)
    assert mean(not event.tag for event in production) == pytest.approx(0.1, abs=0.015)


@pytest.mark.slow
def test_spans_are_those_of_published_practice(lived: Lived) -> None:
    _, truths = lived
    live = {row.deployment: row.live_at for row in true(TrueDeployment, truths)}
    caused = [row for row in true(TrueIncident, truths) if row.kind == "caused" and not row.cascade_of]
    lags = [row.onset_at - live[row.deployment] for row in caused]
    assert mean(lag < 6 * HOUR for lag in lags) == pytest.approx(0.79, abs=0.06)
    quick = [lag for lag in lags if lag < 6 * HOUR]
    assert 9 * MINUTE < median(quick) < 17 * MINUTE
    assert 3 * MINUTE < median(row.detected_at - row.onset_at for row in caused) < 5 * MINUTE
    service_of = {row.deployment: row.service for row in true(TrueDeployment, truths)}
    organisation = World(OPTIONS, person_token).organisation
    called = {
        s.name for s, callers in zip(organisation.services, organisation.callers, strict=True) if callers
    }
    could = [row for row in caused if service_of[row.deployment] in called]
    assert mean(row.service != service_of[row.deployment] for row in could) == pytest.approx(0.4, abs=0.08)


@pytest.mark.slow
def test_teams_deploy_in_their_hours(lived: Lived) -> None:
    """By the calendar that the teams' own declarations tell."""
    events, truths = lived
    teams = {team.team: team for team in of(e.TeamDeclared, events)}
    team_of = {service.service: teams[service.team] for service in of(e.ServiceDeclared, events)}

    def at_work(service: str, at: int) -> bool:
        team = team_of[service]
        turn = sum(change <= at for change in team.offsets_from)
        local = at // 1_000_000 + team.offsets_seconds[turn]
        day, minute = local // 86_400, local % 86_400 // 60
        assert team.opens_minute is not None
        assert team.closes_minute is not None
        working_day = (day + 3) % 7 + 1 in team.days and day not in team.holidays
        return working_day and team.opens_minute <= minute < team.closes_minute

    deployments = regular(truths)
    assert mean(at_work(row.service, row.live_at) for row in deployments) == pytest.approx(0.9, abs=0.03)
    rates = [service.rate for service in World(OPTIONS, person_token).organisation.services]
    assert 3.5 < median(rates) < 7.0


@pytest.mark.slow
def test_jobs_flake_as_often_as_the_truth_says(lived: Lived) -> None:
    events, truths = lived
    rates = {(row.repository, row.job): row.flake_rate for row in true(TrueJob, truths)}
    assert rates
    assert max(rates.values()) <= 0.2
    runs: dict[tuple[str, str], list[bool]] = {}
    for event in of(e.CheckFinished, events):
        if event.workflow == "checks" and event.attempt == 1 and event.kind != "smoke":
            runs.setdefault((event.repository, event.name), []).append(event.outcome == "failure")
    for (repository, job), rate in rates.items():
        found = runs[repository, job]
        if len(found) > 500:
            assert mean(found) == pytest.approx(rate, abs=0.05)
    steady = [failed for (repository, job), found in runs.items() for failed in found
              if job == "unit" and (repository, job) not in rates]  # fmt: skip
    assert mean(steady) == pytest.approx(0.05, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "background", "rollback"), [(0.15, 0.0, 0.0), (0.2, 0.6, 1.0)])
def test_other_shares_come_out_too(rate: float, background: float, rollback: float) -> None:
    options = msgspec.structs.replace(
        OPTIONS, weeks=6, failure_rate=rate, background=background, rollback=rollback, lags="weibull"
    )
    _, truths = told(options)
    deployments = regular(truths)
    bad = [row for row in deployments if row.bad]
    assert len(bad) / len(deployments) == pytest.approx(rate, abs=0.03)
    undone = {row.undoes for row in true(TrueDeployment, truths) if row.role == "rollback"}
    # before its first good deployment a service has nothing to go back to
    assert len(undone) / len(bad) == pytest.approx(rollback, abs=0.12)
    first = [row for row in true(TrueIncident, truths) if not row.cascade_of]
    assert mean(row.kind == "background" for row in first) == pytest.approx(background, abs=0.08)
