"""The measures of software delivery, the slow way: lists in plain Python, intervals by bisection."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from pipeline.core.facts import Fact
from tests.store.rows import HOUR, moment

Key = tuple[str, str, str]


def measures(facts: Sequence[Fact]) -> dict[Key, dict[str, Any]]:
    """What the rows have to say, by week, dimension and value; without the interval of the rate."""
    told: dict[str, list[Any]] = {}
    for fact in facts:
        told.setdefault(fact.table, []).append(fact)
    found: dict[Key, list[Any]] = {}
    teams = {service.service: service.team for service in told.get("services", ())}
    for deployment in told["deployments"]:
        if deployment.ignored:
            continue
        day = moment(deployment.live_at).date()
        week = str(day - timedelta(days=day.weekday()))
        service, environment = deployment.service, deployment.environment
        cuts = [
            ("service in environment", f"{service} in {environment}" if service else ""),
            ("environment", environment),
        ]
        if environment == "production":
            cuts += [("all", ""), ("team", teams.get(service, "")), ("service", service)]
            cuts += [("repository", deployment.repository)]
        for dimension, value in cuts:
            if value or dimension == "all":
                found.setdefault((week, dimension, value), []).append(deployment)
    return {key: _row(deployments, told) for key, deployments in found.items()}


def _row(deployments: list[Any], told: dict[str, list[Any]]) -> dict[str, Any]:
    live = [deployment for deployment in deployments if deployment.transition != "failed"]
    first = {
        min(
            (other.live_at, other.deployment)
            for other in told["deployment_changes"]
            if (other.change, other.service, other.environment)
            == (link.change, link.service, link.environment)
        )[1]
        + link.change
        for link in told["deployment_changes"]
    }
    links = [
        (link, change)
        for deployment in live
        for link in told["deployment_changes"]
        for change in told["changes"]
        if link.deployment == deployment.deployment and link.change == change.change
        if link.deployment + link.change in first
    ]
    leads = sorted(
        (link.live_at - change.first_commit_at) // 1_000_000 / 3600
        for link, change in links
        if change.first_commit_at is not None and not change.picked_from
    )
    merges = sorted((link.live_at - change.merged_at) // 1_000_000 / 3600 for link, change in links)
    harms = harms_of(live, told)
    failed = [deployment for deployment in live if _has_failed(deployment, told)]
    recoveries = sorted(hours for deployment in failed if (hours := _recovery(deployment, told)) is not None)
    rework = sum(_is_rework(deployment, told) for deployment in live)
    return {
        "harms": harms,
        "deployments": len(live),
        "days": len({moment(deployment.live_at).date() for deployment in live}),
        "not_live": len(deployments) - len(live),
        "changes": len(links),
        "lead_timed": len(leads),
        "lead_hours_median": _at(leads, 0.5),
        "lead_hours_p90": _at(leads, 0.9),
        "merged_hours_median": _at(merges, 0.5),
        "failures": round(sum(harms), 3),
        "fail_rate": round(sum(harms) / len(live), 4) if live else None,
        "failed": len(failed),
        "recovered": len(recoveries),
        "recovery_hours_median": _at(recoveries, 0.5),
        "recovery_hours_p90": _at(recoveries, 0.9),
        "rework": rework,
        "rework_rate": round(rework / len(live), 4) if live else None,
    }


def _at(values: list[float], level: float) -> float | None:
    return round(values[int(len(values) * level)], 2) if values else None


def _rollbacks(deployment: Any, told: dict[str, list[Any]]) -> list[Any]:
    return [
        other
        for other in told["deployments"]
        if other.transition == "rollback" and not other.ignored and other.rolls_back == deployment.deployment
    ]


def harms_of(live: Iterable[Any], told: dict[str, list[Any]]) -> list[float]:
    """How likely each of these deployments failed."""
    found = []
    for deployment in live:
        harmless = sorted(
            1 - row.probability
            for row in told["attributions"]
            if row.candidate == deployment.deployment and row.kind == "deployment"
        )
        found.append(1.0 if _rollbacks(deployment, told) else 1 - math.prod(harmless))
    return sorted(found)


def _caused(deployment: Any, told: dict[str, list[Any]]) -> list[Any]:
    return [
        incident
        for incident in told["incidents"]
        if (incident.cause, incident.cause_kind) == (deployment.deployment, "deployment")
        and incident.verdict in ("confirmed", "likely")
    ]


def _has_failed(deployment: Any, told: dict[str, list[Any]]) -> bool:
    return bool(_caused(deployment, told) or _rollbacks(deployment, told))


def _brought(deployment: Any, told: dict[str, list[Any]]) -> list[Any]:
    names = {link.change for link in told["deployment_changes"] if link.deployment == deployment.deployment}
    return [change for change in told["changes"] if change.change in names]


def _recovery(deployment: Any, told: dict[str, list[Any]]) -> float | None:
    ends = [other.live_at for other in _rollbacks(deployment, told)]
    caused = _caused(deployment, told)
    if caused and all(incident.resolved_at is not None for incident in caused):
        ends.append(max(incident.resolved_at for incident in caused))
    names = {incident.incident.split("/")[-1] for incident in caused}
    own = {change.change for change in _brought(deployment, told)}
    taken_back = {by for change in _brought(deployment, told) for by in change.reverted_by}
    assert not own & taken_back
    for other in told["deployments"]:
        place = (other.service, other.environment) == (deployment.service, deployment.environment)
        changes = _brought(other, told)
        repairs = place and any(
            change.change in taken_back or names & set(change.incidents) for change in changes
        )
        follows = other.previous == deployment.deployment and other.transition not in ("failed", "rollback")
        if other.live_at > deployment.live_at and (
            repairs or (follows and any(change.emergency for change in changes))
        ):
            ends.append(other.live_at)
    return round(max(0, min(ends) - deployment.live_at) / HOUR, 2) if ends else None


def _is_rework(deployment: Any, told: dict[str, list[Any]]) -> bool:
    if deployment.transition == "rollback":
        return True
    known = {i.incident.split("/")[-1] for i in told["incidents"] if i.opened_at <= deployment.live_at}
    return any(change.emergency or known & set(change.incidents) for change in _brought(deployment, told))


# -- the interval ---------------------------------------------------------------------------------------


def matched_interval(harms: Sequence[float], part: float) -> float:
    """The quantile of the Beta distribution that has the mean and the variance of the rate."""
    n = len(harms)
    mean = (sum(harms) + 0.5) / (n + 1)
    among = sum(harm * (1 - harm) for harm in harms)
    second = (among + (sum(harms) + 0.5) ** 2 + sum(harms) + 0.5) / ((n + 1) * (n + 2))
    weight = mean * (1 - mean) / (second - mean * mean) - 1
    return bisected(lambda x: beta_below(x, mean * weight, (1 - mean) * weight), part)


def whole_interval(harms: Sequence[float], part: float) -> float:
    """The quantile of the rate itself: a Beta distribution for every number of failures, by its chance."""
    chances = [1.0]
    for harm in harms:
        chances = [
            (chances[k] if k < len(chances) else 0) * (1 - harm) + (chances[k - 1] * harm if k else 0)
            for k in range(len(chances) + 1)
        ]
    n = len(harms)
    return bisected(
        lambda x: sum(
            chance * beta_below(x, k + 0.5, n - k + 0.5) for k, chance in enumerate(chances) if chance > 1e-15
        ),
        part,
    )


def bisected(below: Any, part: float) -> float:
    """Where a distribution reaches a part."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < part else (low, middle)
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    found = 0.0
    for m in range(200, 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        found = odd / (1 + even / (1 + found))
    return front / (a * (1 + found))
