"""Reverts and rollbacks as stand-ins for incidents, with what names the culprit kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.events import Event, IncidentDetected, IncidentResolved
from pipeline.sources.git.history import telling
from pipeline.sources.truths import Truth

SHORT_SHA_DIGITS = 12
#: an incident is seen before the rollback that answers it: the rollback must not explain its own cause
ROLLBACK_REACTION_MICROSECONDS = 1
CULPRITS_MAX = 200


@dataclass(frozen=True, slots=True)
class Live:
    """One deployment in a lane (service and environment), as rollbacks and resolutions need it.

    ``version`` tells versions apart; ``place`` is the position on the deployed repository's main line.
    """

    deployment: str
    service: str
    environment: str
    version: str
    place: int | None
    time: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Rollback:
    """A deployment of a version that was live before, and the deployments it took back, oldest first."""

    deployment: Live
    restored: Live
    skipped: tuple[Live, ...]


def rollbacks(lane: Sequence[Live]) -> list[Rollback]:
    """The rollbacks among the deployments of one lane, which are in the order in which they happened.

    A version that goes out again after it was rolled back is no rollback: it is above the restored one.
    """
    found: list[Rollback] = []
    standing: list[Live] = []
    index: dict[str, int] = {}
    for one in lane:
        depth = index.get(one.version)
        if depth is None:
            index[one.version] = len(standing)
            standing.append(one)
            continue
        if depth == len(standing) - 1:
            continue
        restored, skipped = standing[depth], tuple(standing[depth + 1 :])
        del standing[depth + 1 :]
        for other in skipped:
            del index[other.version]
        found.append(Rollback(one, restored, skipped))
    return found


def incident_of_revert(
    repository: str,
    service: str,
    environment: str,
    change: str,
    component: str,
    detected_at: int,
    resolved_at: int,
    sequence: int,
) -> list[Event]:
    """The two events of the incident that a revert stands for; they don't name what was reverted."""
    incident = f"git/{repository}/revert/{_suffix(change, repository)}"
    return [
        IncidentDetected(
            **telling(repository, incident, "detected", detected_at, sequence),
            incident=incident,
            service=service,
            environment=environment,
            title="Something was reverted",
            component=component,
        ),
        IncidentResolved(
            **telling(repository, incident, "resolved", max(detected_at, resolved_at), sequence),
            incident=incident,
            service=service,
        ),
    ]


def incident_of_rollback(repository: str, found: Rollback) -> list[Event]:
    """The two events of the incident that a rollback stands for; it ends with the rollback."""
    one = found.deployment
    incident = f"{one.deployment}/rollback"
    return [
        IncidentDetected(
            **telling(
                repository, incident, "detected", one.time - ROLLBACK_REACTION_MICROSECONDS, one.sequence
            ),
            incident=incident,
            service=one.service,
            environment=one.environment,
            title="An earlier version was deployed again",
        ),
        IncidentResolved(
            **telling(repository, incident, "resolved", one.time, one.sequence),
            incident=incident,
            service=one.service,
        ),
    ]


def truth_of_rollback(found: Rollback, keys: Mapping[int, tuple[str, str]]) -> Truth | None:
    """What a rollback took back: the changes after the restored version up to the newest skipped one.

    ``keys`` leads from a position to (change key, sha); ``None`` when the positions aren't known.
    """
    restored = found.restored.place
    newest = max((one.place for one in found.skipped if one.place is not None), default=None)
    if restored is None or newest is None or newest <= restored:
        return None
    # the newest are kept: they went live last
    places = range(max(restored + 1, newest + 1 - CULPRITS_MAX), newest + 1)
    return Truth(
        incident=f"{found.deployment.deployment}/rollback",
        culprits=references_of(places, keys),
        kind="rollback",
        how="rollback",
        cause="unknown",
        reference_at=found.deployment.time,
    )


def truth_of_revert(
    repository: str,
    change: str,
    places: Sequence[int],
    keys: Mapping[int, tuple[str, str]],
    how: str,
    cause: str,
    merged_at: int,
) -> Truth:
    """What a revert took back, for nobody but the evaluation."""
    return Truth(
        incident=f"git/{repository}/revert/{_suffix(change, repository)}",
        culprits=references_of(places, keys),
        kind="revert",
        how=how,
        cause=cause,
        reference_at=merged_at,
        planned=cause == "planned",
    )


def references_of(places: Sequence[int], keys: Mapping[int, tuple[str, str]]) -> list[str]:
    """Change keys and shas of positions; a direct commit's key holds its sha already."""
    found: dict[str, None] = {}
    for place in places:
        key, sha = keys[place]
        found[key] = None
        found[sha] = None
    return list(found)


def first_holding(lane: Sequence[Live], place: int, merged_at: int) -> int:
    """When a change was live: the first deployment that holds it, else when it was merged."""
    holding = (one for one in lane if one.place is not None and one.place >= place)
    return next((one.time for one in holding if one.time >= merged_at), merged_at)


def _suffix(change: str, repository: str) -> str:
    rest = change.removeprefix(repository)
    return rest[1 : 1 + SHORT_SHA_DIGITS] if rest.startswith("@") else rest[1:]
