"""Rows about production: deployments, incidents and their causes, burns, drifts, error budgets."""

from __future__ import annotations

from pipeline.core.facts.row import Fact


class DeploymentFact(Fact):
    """One deployment of one deploy tag to one service and environment, whoever reported it."""

    table = "deployments"
    keys = ("deployment",)

    deployment: str
    service: str
    environment: str
    kind: str
    tag: str
    repository: str
    sha: str
    outcome: str
    started_at: int | None
    live_at: int
    replaced_at: int | None
    transition: str
    previous: str
    rolls_back: str
    link_rule: str
    changes: int
    additions: int
    risk: float
    fraction: float | None
    reporters: list[str]
    ignored: bool
    events: list[str]


class DeploymentChangeFact(Fact):
    """One change that one deployment brought to production."""

    table = "deployment_changes"
    keys = ("deployment", "change")

    deployment: str
    change: str
    service: str
    environment: str
    link_rule: str
    live_at: int


class IncidentFact(Fact):
    """One incident, what caused it in all likelihood, and how sure that is."""

    table = "incidents"
    keys = ("incident",)

    incident: str
    members: list[str]
    service: str
    environment: str
    severity: str
    title: str
    component: str
    opened_at: int
    resolved_at: int | None
    onset_at: int
    onset_source: str
    onset_uncertainty_seconds: float
    verdict: str
    cause: str
    cause_kind: str
    probability: float
    change_probability: float
    none_probability: float
    unseen_probability: float
    candidates: int
    excluded: dict[str, int]
    silent_sources: list[str]
    rollback_target: str
    state: str
    final_at: int
    basis: str
    labels: int
    model: str
    model_version: int
    events: list[str]


class AttributionFact(Fact):
    """One candidate cause of one incident; the rows of an incident sum to 1.

    ``kind`` is deployment, none, unseen or rest (everything below the twenty likeliest as one row).
    ``factors`` maps a factor's name to what it contributes, as a natural logarithm.
    """

    table = "attributions"
    keys = ("incident", "candidate")

    incident: str
    candidate: str
    kind: str
    rank: int
    probability: float
    service: str
    environment: str
    live_at: int | None
    lag_seconds: float | None
    onset_at: int
    factors: dict[str, float]
    model: str
    events: list[str]


class BurnFact(Fact):
    """One period in which a service spent its error budget too fast."""

    table = "burns"
    keys = ("slo", "started_at")

    slo: str
    started_at: int
    service: str
    environment: str
    ended_at: int | None
    burn_rate: float | None
    window_seconds: int | None
    events: list[str]


class DriftFact(Fact):
    """One period in which a running resource differed from its declaration."""

    table = "drifts"
    keys = ("resource", "detected_at")

    resource: str
    detected_at: int
    service: str
    environment: str
    corrected_at: int | None
    summary: str
    events: list[str]


class BudgetFact(Fact):
    """How much of its error budget one objective has left, as of the newest bucket that was counted.

    Shares are of the budget of the period: what the objective allows to be bad of the period's events.
    """

    table = "budgets"
    keys = ("slo", "service", "environment")

    slo: str
    service: str
    environment: str
    target_ppm: int | None
    period_seconds: int
    counted_from_at: int | None
    counted_until_at: int | None
    good: int
    total: int
    consumed: float | None
    remaining: float | None
    burn_rates: dict[str, float]
    burning: list[str]
    state: str
    half_spent_at: int | None
    spent_at: int | None
    events: list[str]


class BudgetBurnFact(Fact):
    """A time during which a rule on the speed of spending an error budget fired."""

    table = "budget_burns"
    keys = ("slo", "service", "environment", "rule", "began_at")

    slo: str
    service: str
    environment: str
    rule: str
    began_at: int
    ended_at: int | None
    severity: str
    continues: bool
    onset_at: int
    onset_earliest_at: int
    window_seconds: int
    target_ppm: int
    bad: int
    total: int
    burn_rate: float
    consumed: float
    events: list[str]


class BudgetSpendingFact(Fact):
    """What one deployment's time in production took of the error budget of one objective."""

    table = "budget_spending"
    keys = ("slo", "service", "environment", "deployment")

    slo: str
    service: str
    environment: str
    deployment: str
    live_at: int
    until_at: int | None
    counted_until_at: int
    good: int
    total: int
    spent: float
    consumed: float
    events: list[str]
