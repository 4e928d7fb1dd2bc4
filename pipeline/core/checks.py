"""Checks and artifacts: what the events of one commit and of one artifact say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import ArtifactPackaged, CheckFinished, RuleBypassed

PASSED = frozenset({"success"})
#: the check itself found something wrong
FAILED = frozenset({"failure", "failed"})
#: what ran it failed: that says nothing about the commit
MACHINERY = "error"
#: the kind of a check that sums others up, which may be told besides
TOLD_BY_ITS_JOBS = "workflow"
_RED = FAILED | {MACHINERY}
_SKIPPED = frozenset({"skipped", "cancelled", "neutral"})


class CommitSummary(NamedTuple):
    """How many checks ran on a commit, how many failed in their last attempt, and how sure that is."""

    repository: str
    sha: str
    checks: int
    failed: int
    #: whether a policy check ever failed on it, or somebody put it past a rule
    violated: bool = False
    #: whether any attempt ever failed
    red: bool = False
    #: when the first of them ended; ``None``: none ran
    checked_at: int | None = None
    #: whether a check that had failed succeeded later, and nothing had changed
    flaky: bool = False


class PolicyCheck(NamedTuple):
    """One attempt of a check of kind policy: when it ended, and how."""

    name: str
    at: int
    failed: bool
    event: str


#: the kind of checks that hold a change against rules
_POLICY = "policy"


def summarise_commit(entity: Entity) -> CommitSummary:
    """The last attempt of each check counts."""
    repository, _, sha = entity.key.rpartition("@")
    last: dict[str, CheckFinished] = {}
    checked_at: int | None = None
    flaky = False
    for event in _last_attempts(entity):
        if checked_at is None or event.time < checked_at:
            checked_at = event.time
        held = last.get(event.name)
        # a policy is met by what people do elsewhere: a label, an approval
        if held is not None and held.outcome in _RED and event.kind != _POLICY:
            flaky = flaky or event.outcome not in _RED
        last[event.name] = event
    failed = sum(1 for event in last.values() if event.outcome in _RED)
    red = violated = False
    for told in entity.events():
        # also an attempt that a later one outranks: within a shorter time it may be the last
        if isinstance(told, CheckFinished) and told.outcome in _RED:
            red = True
            violated = violated or told.kind == _POLICY
        violated = violated or isinstance(told, RuleBypassed)
    return CommitSummary(repository, sha, len(last), failed, violated, red, checked_at, flaky)


def policy_checks(entity: Entity) -> list[PolicyCheck]:
    """Every attempt of a policy check on a commit that came to an end, oldest first."""
    return [
        PolicyCheck(event.name, event.time, event.outcome in _RED, event.id)
        for event in entity.events()
        if isinstance(event, CheckFinished) and event.kind == _POLICY and event.outcome not in _SKIPPED
    ]


class CheckEnd(NamedTuple):
    """What a check of a commit said in its last attempt, when, and whether an earlier one had failed."""

    failed: bool
    at: int
    failed_before: bool


def ends_of(entity: Entity, low: int, high: int) -> dict[str, CheckEnd]:
    """The last attempts of a commit's checks among those that ended in ``[low, high]``, by name."""
    found: dict[str, CheckEnd] = {}
    for event in _last_attempts(entity, low, high):
        held = found.get(event.name)
        before = held is not None and (held.failed or held.failed_before)
        found[event.name] = CheckEnd(event.outcome in _RED, event.time, before)
    return found


def redness_of(entity: Entity) -> list[tuple[int, bool]]:
    """When some check of a commit began to fail in its last attempt, and when none did any more."""
    failing: set[str] = set()
    found: list[tuple[int, bool]] = []
    for event in _last_attempts(entity):
        (failing.add if event.outcome in _RED else failing.discard)(event.name)
        if not found or found[-1][1] != bool(failing):
            found.append((event.time, bool(failing)))
    return found


def _last_attempts(
    entity: Entity, low: int | None = None, high: int | None = None
) -> Iterator[CheckFinished]:
    """What each check of a commit says from its time on; the end of an earlier attempt says nothing then.

    A run of several jobs counts only where nobody told of its jobs.
    """
    told = [
        event
        for event in entity.events()
        if isinstance(event, CheckFinished)
        and event.outcome not in _SKIPPED
        and (low is None or low <= event.time)
        and (high is None or event.time <= high)
    ]
    last: dict[str, CheckFinished] = {}
    for event in [event for event in told if event.kind != TOLD_BY_ITS_JOBS] or told:
        held = last.get(event.name)
        if held is None or (event.attempt, event.time) >= (held.attempt, held.time):
            last[event.name] = event
            yield event


class ArtifactSummary(NamedTuple):
    """What an artifact is: the deploy tag it goes by and the commit it was built from."""

    artifact: str
    tag: str
    digest: str
    repository: str
    sha: str
    packaged_at: int
    events: tuple[str, ...]
    #: everything a deployment may call it
    names: tuple[str, ...]


def summarise_artifact(entity: Entity) -> ArtifactSummary | None:
    """The newest build of an artifact that names its commit."""
    events = [event for event in entity.events() if isinstance(event, ArtifactPackaged)]
    if not events:
        return None
    last = next((event for event in reversed(events) if event.sha), events[-1])
    return ArtifactSummary(
        entity.key,
        last.tag,
        last.digest,
        last.repository,
        last.sha,
        last.time,
        tuple([event.id for event in events]),
        tuple(dict.fromkeys(filter(None, (entity.key, last.tag, last.digest)))),
    )
