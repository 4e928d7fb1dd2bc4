"""Rows about builds: checks that flake, artifacts, findings of scanners."""

from __future__ import annotations

from pipeline.core.facts.row import Fact


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
