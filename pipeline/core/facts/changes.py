"""Rows about changes: what they are, how they were reviewed, what review they needed, what became of them."""

from __future__ import annotations

from pipeline.core.facts.row import Fact


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
    change_class: str
    stamp_seconds: int | None


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
    change_class: str


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
