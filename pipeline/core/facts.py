"""What leaves: one struct per fact table, one instance per row.

``keys`` names the fields that identify a row inside a workspace; they are the table's sorting key
after ``workspace``. The step that writes adds ``workspace``, ``version`` and ``is_deleted``. Times
are int64 microseconds UTC; ``events`` names the events a row was computed from.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Fact(msgspec.Struct, gc=False):
    """One row of one fact table."""

    table: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]] = ()


class ChangeFact(Fact):
    """One pull or merge request, or one direct commit, from opening to production."""

    table = "changes"
    keys = ("change",)

    change: str
    repository: str
    number: int | None
    branch: str
    sha: str
    title: str
    author: str
    bot: bool
    state: str
    opened_at: int | None
    merged_at: int | None
    closed_at: int | None
    additions: int | None
    deletions: int | None
    files: int | None
    paths: list[str]
    owners: list[str]
    labels: list[str]
    emergency: str
    incidents: list[str]
    sections: list[str]
    reviews: int
    approvals: int
    change_requests: int
    first_review_at: int | None
    approved_at: int | None
    checks: int
    failed_checks: int
    reverts: list[str]
    reverted_by: list[str]
    deployment: str
    deployed_at: int | None
    risk: float
    updated_at: int
    events: list[str]


class ReviewFact(Fact):
    """How one request was reviewed: whose turn it was and for how long, in seconds.

    ``_working_seconds`` count only the working hours of whoever was waited on. Turns that last still are
    in no sum: ``turn`` and ``turn_since_at`` tell of them.
    """

    table = "reviews"
    keys = ("change",)

    change: str
    repository: str
    service: str
    team: str
    bot: bool
    state: str
    lines: int | None
    size: str
    opened_at: int
    ready_at: int | None
    closed_at: int | None
    merged_at: int | None
    first_response_at: int | None
    response_seconds: int | None
    response_working_seconds: int | None
    response_target_seconds: int
    waiting_seconds: int
    waiting_working_seconds: int
    author_seconds: int
    merging_seconds: int
    rounds: int
    pushes: int
    comments: int
    substantive_comments: int
    approval_seconds: int | None
    rubber_stamp: bool
    asked: list[str]
    turn: str
    turn_since_at: int | None
    waited_on: list[str]
    hours_of: list[str]
    unanswered_since_at: int | None
    review_target_seconds: int | None
    review_due_at: int | None
    working_from: list[int]
    working_until: list[int]


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


class ChangeAttributionFact(Fact):
    """The share of one incident's probability that falls on one change."""

    table = "change_attributions"
    keys = ("incident", "change")

    incident: str
    change: str
    deployment: str
    rank: int
    probability: float
    onset_at: int
    model: str


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


class ArtifactFact(Fact):
    """One artifact: which commit a deploy tag is, and whether a deployment used it."""

    table = "artifacts"
    keys = ("artifact",)

    artifact: str
    tag: str
    digest: str
    repository: str
    sha: str
    packaged_at: int
    deployed: bool
    events: list[str]


class ServiceFact(Fact):
    """One service as the catalogue declares it, or as the events imply it."""

    table = "services"
    keys = ("service",)

    service: str
    declared: bool
    team: str
    tier: int | None
    repositories: list[str]
    paths: list[str]
    depends_on: list[str]
    aliases: list[str]
    problems: list[str]
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


#: table -> row struct, in the order in which the tables are written
TABLES: dict[str, type[Fact]] = {
    fact.table: fact
    for fact in (
        ServiceFact,
        ChangeFact,
        ReviewFact,
        ArtifactFact,
        DeploymentFact,
        DeploymentChangeFact,
        BurnFact,
        DriftFact,
        IncidentFact,
        AttributionFact,
        ChangeAttributionFact,
        BudgetFact,
        BudgetBurnFact,
        BudgetSpendingFact,
    )
}
