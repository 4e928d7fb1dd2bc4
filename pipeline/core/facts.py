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
    first_commit_at: int | None
    picked_from: list[str]
    generated_lines: int | None


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
    generated_lines: int | None


class OutcomeFact(Fact):
    """What became of one change on its branch: taken back, brought back, failing checks, the merge queue.

    One row for each merged change, and for each request that a merge queue removed.
    """

    table = "outcomes"
    keys = ("change",)

    change: str
    repository: str
    branch: str
    service: str
    team: str
    bot: bool
    state: str
    lines: int | None
    generated_lines: int | None
    size: str
    undoes: bool
    merged_at: int | None
    reverted_at: int | None
    reverted_by: str
    restored_at: int | None
    restored_by: str
    checks: int
    red_checks: list[str]
    flaky_checks: list[str]
    red_at: int | None
    green_at: int | None
    green_by: str
    ejections: list[int]
    ejected_for: list[str]


class CheckFlakinessFact(Fact):
    """One week of one check, and how likely it failed on a good commit, by the closed weeks up to that one.

    Numbers beginning with ``window_`` are of those weeks together, the others of the week alone.
    """

    table = "check_flakiness"
    keys = ("repository", "name", "workflow", "week_at")

    repository: str
    name: str
    workflow: str
    week_at: int
    commits: int
    runs: int
    failed: int
    flaked: int
    reruns: int
    waited_seconds: int
    errors: int
    error_reruns: int
    error_waited_seconds: int
    window_weeks: int
    window_commits: int
    window_runs: int
    window_failed: int
    window_flaked: int
    flake_probability: float
    flake_low: float
    flake_high: float
    flaky_probability: float
    flaky: bool
    quarantine: bool
    broken_share: float


class FlakyRunFact(Fact):
    """One check that both failed and passed on one commit: a certain flake."""

    table = "flaky_runs"
    keys = ("repository", "sha", "name", "workflow")

    repository: str
    sha: str
    name: str
    workflow: str
    kind: str
    branch: str
    changes: list[str]
    first_at: int
    failed_at: int
    passed_at: int
    runs: int
    failed: int
    errors: int
    reruns: int
    waited_seconds: int
    failed_url: str
    passed_url: str
    events: list[str]


class WeeklyCountFact(Fact):
    """One closed week of one series in one place: how much was counted, what was expected, and the alarm.

    ``k`` of ``n`` things; ``n`` of a series without a natural one is the number of days. What was expected
    is null where too little history is known to say.
    """

    table = "weekly_counts"
    keys = ("series", "dimension", "value", "week_at")

    series: str
    dimension: str
    value: str
    week_at: int
    k: int
    n: int
    history_weeks: int
    history_k: int
    history_n: int
    dispersion: float
    expected: float | None
    low: int | None
    high: int | None
    p: float | None
    q: float | None
    cusum: float
    shift_q: float | None
    smallest_multiple: float | None
    alarm: str


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


class ComplianceFact(Fact):
    """What review one change needed, what it got, and how it went past review, if it did."""

    table = "compliance"
    keys = ("change",)

    change: str
    repository: str
    service: str
    team: str
    tier: int | None
    change_class: str
    classes: list[str]
    branch: str
    bot: bool
    direct: bool
    state: str
    opened_at: int | None
    merged_at: int | None
    policies: list[str]
    approvals_needed: int
    approvals: int
    roles_needed: list[str]
    roles_missing: list[str]
    sections_missing: list[str]
    owners_told: bool
    owners_needed: int
    owners_approved: int
    owners_missing: list[str]
    owners_gone: list[str]
    unowned_files: int | None
    stale_entries: list[str]
    emergency: str
    bypassed: list[str]
    rules_bypassed: list[str]
    retro_review_due_at: int | None
    retro_reviewed_at: int | None
    violations: list[str]
    violation_states: list[str]
    events: list[str]


class FindingFact(Fact):
    """One finding of a scanner: where it is, since when, and which change brought it."""

    table = "findings"
    keys = ("finding",)

    finding: str
    repository: str
    service: str
    team: str
    kind: str
    severity: str
    rule: str
    tool: str
    path: str
    branch: str
    sha: str
    url: str
    state: str
    found_at: int
    closed_at: int | None
    change: str
    after_merge: bool
    events: list[str]


class ThresholdFact(Fact):
    """The thresholds of one signal that somebody declared; the newest version holds."""

    table = "thresholds"
    keys = ("signal",)

    signal: str
    opens_from: float | None
    closes_below: float | None
    cases_min: int | None
    within_minutes: int | None
    off: bool
    events: list[str]


#: table -> row struct, in the order in which the tables are written
TABLES: dict[str, type[Fact]] = {
    fact.table: fact
    for fact in (
        ServiceFact,
        ChangeFact,
        ReviewFact,
        ComplianceFact,
        FindingFact,
        ThresholdFact,
        CheckFlakinessFact,
        FlakyRunFact,
        OutcomeFact,
        WeeklyCountFact,
        ArtifactFact,
        DeploymentFact,
        DeploymentChangeFact,
        BurnFact,
        DriftFact,
        IncidentFact,
        AttributionFact,
        ChangeAttributionFact,
    )
}
