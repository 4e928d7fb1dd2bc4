"""Checks and artifacts: what the events of one commit and of one artifact say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import ArtifactPackaged, CheckFinished

_FAILED = frozenset({"failure", "failed", "error"})
_SKIPPED = frozenset({"skipped", "cancelled", "neutral"})


class CommitSummary(NamedTuple):
    """How many checks ran on a commit, how many failed in their last attempt, and how sure that is."""

    repository: str
    sha: str
    checks: int
    failed: int
    #: when the first of them ended; ``None``: none ran
    checked_at: int | None = None
    #: whether a check that had failed succeeded later, and nothing had changed
    flaky: bool = False


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
        if held is not None and held.outcome in _FAILED and event.kind != "policy":
            flaky = flaky or event.outcome not in _FAILED
        last[event.name] = event
    failed = sum(1 for event in last.values() if event.outcome in _FAILED)
    return CommitSummary(repository, sha, len(last), failed, checked_at, flaky)


def redness_of(entity: Entity) -> list[tuple[int, bool]]:
    """When some check of a commit began to fail in its last attempt, and when none did any more."""
    failing: set[str] = set()
    found: list[tuple[int, bool]] = []
    for event in _last_attempts(entity):
        (failing.add if event.outcome in _FAILED else failing.discard)(event.name)
        if not found or found[-1][1] != bool(failing):
            found.append((event.time, bool(failing)))
    return found


def _last_attempts(entity: Entity) -> Iterator[CheckFinished]:
    """What each check of a commit says from its time on; the end of an earlier attempt says nothing then.

    A run of several jobs counts only where nobody told of its jobs.
    """
    told = [
        event
        for event in entity.events()
        if isinstance(event, CheckFinished) and event.outcome not in _SKIPPED
    ]
    last: dict[str, CheckFinished] = {}
    for event in [event for event in told if event.kind != "workflow"] or told:
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
