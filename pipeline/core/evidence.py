"""What speaks for and against one deployment, beyond time and service: listed, never hidden.

Each piece of evidence has a name and the logarithm of a likelihood ratio. What happened after
``known_until`` takes no part, so that a verdict can be given as it was at any moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.core.board import NEVER
from pipeline.core.changes import ChangeSummary
from pipeline.core.events import MICROSECONDS
from pipeline.core.grouping import Group
from pipeline.core.incidents import Incident, Onset
from pipeline.core.lanes import Lane
from pipeline.core.parameters import DAY, HOUR, Parameters

#: a sha in a text counts from this length on
_SHA_LENGTH_MIN = 7
#: "starts soon after": within this time of the deployment
_SOON = 1800 * MICROSECONDS


class Surroundings(Protocol):
    """What evidence looks at beside the candidate itself."""

    now: int

    @property
    def lanes(self) -> Mapping[tuple[str, str, str], Lane]:
        """Deployments by service and environment."""

    def summary_of(self, change: str) -> ChangeSummary | None:
        """What is known of a change."""

    def burns_of(self, service: str, environment: str) -> Sequence[int]:
        """When error budgets of a service began to burn, in order."""

    def drifts_of(self, service: str, environment: str) -> Sequence[int]:
        """When resources of a service began to drift, in order."""

    def reverted_at(self, change: str) -> int | None:
        """When a change was first reverted."""

    def services_rolled_back(self, environment: str, start: int, end: int) -> int:
        """How many services a rollback touched in a period."""

    def same_symptoms(self, incident: Incident) -> Sequence[int]:
        """When other incidents of the same service, opened earlier, told the same symptoms."""

    def reverts_between(self, start: int, end: int) -> bool:
        """Whether any change was reverted in ``[start, end]``."""


class Case(NamedTuple):
    """An incident as the model sees it: canonical names, onset, and until when evidence counts."""

    incident: Incident
    service: str
    environment: str
    component: str
    onset: Onset
    opened_at: int
    resolved_at: int | None
    known_until: int

    @property
    def end(self) -> int | None:
        """When the symptoms ended, as far as that was known."""
        return (
            self.resolved_at
            if self.resolved_at is not None and self.resolved_at <= self.known_until
            else None
        )


def rollback_of(group: Group, lane: Lane | None, until: int) -> Group | None:
    """The deployment that undid this one, if it did so by ``until``."""
    if lane is None or group.undone_at is None or group.undone_at > until:
        return None
    index = lane.index_at(group.undone_at)
    for candidate in lane.groups[index:]:
        if candidate.live_at > group.undone_at:
            break
        if group.key in candidate.rolls_back:
            return candidate
    return None


class Scale:
    """Weighs the candidates of one incident; what they have in common is looked up once."""

    def __init__(self, case: Case, around: Surroundings, parameters: Parameters) -> None:
        self._case = case
        self._around = around
        self._parameters = parameters
        incident = case.incident
        verdict = incident.newest_verdict("cause")
        told = verdict is not None and verdict.time <= case.known_until
        self._cause = verdict.cause if verdict is not None and told else ""
        self._causes = incident.references("causes", case.known_until)
        self._mentions = incident.references("mentions", case.known_until)
        self._before = around.same_symptoms(incident)
        self._until = min(case.opened_at + parameters.rollback_within, case.known_until)
        self._reverts = around.reverts_between(case.opened_at, self._until)

    def weighs_all(self, services: Sequence[str], earliest: int) -> bool:
        """Whether there can be evidence for candidates of these services that nobody undid or named.

        ``earliest`` is when the oldest candidate took effect.
        """
        case, around = self._case, self._around
        if self._before or around.reverts_between(case.opened_at, self._until):
            return True
        return any(
            _any_between(around.burns_of(service, case.environment), earliest, case.opened_at + DAY)
            or _any_between(around.drifts_of(service, case.environment), earliest, case.onset.at)
            for service in services
        )

    @property
    def names_anything(self) -> bool:
        """Whether any text or person names a cause."""
        return bool(self._cause or self._causes or self._mentions)

    def names(self, group: Group) -> bool:
        """Whether a text, a postmortem or a person names this candidate."""
        references = (self._cause, *self._causes, *self._mentions)
        return any(refers(reference, group, self._around) for reference in references)

    def weigh(self, group: Group) -> dict[str, float]:
        """The evidence for and against one candidate: name -> logarithm of a likelihood ratio."""
        case, around, weights = self._case, self._around, self._parameters.weights
        found: dict[str, float] = {}
        if self.names_anything:
            if refers(self._cause, group, around):
                found["verdict"] = weights.verdict
            if any(refers(reference, group, around) for reference in self._causes):
                found["postmortem"] = weights.postmortem
            if any(refers(reference, group, around) for reference in self._mentions):
                found["mentioned"] = weights.mentioned
        service, environment, _ = group.lane
        at = group.effective_at
        burns = around.burns_of(service, environment)
        if burns and _any_between(burns, at, at + _SOON):
            found["burn_after"] = weights.burn_after
        drifts = around.drifts_of(service, environment)
        if drifts and _any_between(drifts, at, case.onset.at):
            found["drift"] = weights.drift
        if self._before and _any_between(self._before, at - DAY, at - 1):
            found["symptoms_before"] = weights.symptoms_before
        if group.undone_at is not None:
            _weigh_rollback(case, group, around, self._parameters, found)
        if self._reverts and self._is_reverted(group):
            found["reverted"] = weights.reverted
        return found

    def _is_reverted(self, group: Group) -> bool:
        for change in group.changes:
            at = self._around.reverted_at(change)
            if at is not None and self._case.opened_at <= at <= self._until:
                return True
        return False


def _any_between(times: Sequence[int], low: int, high: int) -> bool:
    index = bisect_left(times, low)
    return index < len(times) and times[index] <= high


def _weigh_rollback(
    case: Case, group: Group, around: Surroundings, parameters: Parameters, found: dict[str, float]
) -> None:
    weights = parameters.weights
    onset, known = case.onset.at, min(case.known_until, around.now)
    lane = around.lanes.get(group.lane)
    rollback = rollback_of(group, lane, min(onset + parameters.rollback_within, known))
    if rollback is None or rollback.live_at < onset:
        return
    at = rollback.live_at
    wave = around.services_rolled_back(
        group.lane[1], at - parameters.wave_within, min(at + parameters.wave_within, known)
    )
    end = case.end
    if wave >= parameters.wave_services_min:
        found["wave_of_rollbacks"] = 0.0
    elif (end is None and known > at + parameters.nothing_changed_after) or (
        end is not None and end > at + parameters.nothing_changed_after
    ):
        found["rollback_changed_nothing"] = weights.rollback_changed_nothing
    else:
        found["rolled_back"] = weights.rolled_back
        if end is not None and at - _SOON <= end <= at + parameters.recovered_within:
            found["recovered"] = weights.recovered
    if lane is not None and _reinstated(group, rollback, lane, parameters, known):
        found["reinstated"] = weights.reinstated
        found.pop("rolled_back", None)
        found.pop("recovered", None)


def _reinstated(group: Group, rollback: Group, lane: Lane, parameters: Parameters, known: int) -> bool:
    """Whether the same version went out again unchanged after its rollback, and stayed."""
    for later in lane.groups[lane.index_at(rollback.live_at + 1) :]:
        if later.live_at > rollback.live_at + parameters.reinstated_within or later.live_at > known:
            return False
        if later.served and later.lead.identity == group.lead.identity:
            end = later.undone_at if later.undone_at is not None else NEVER
            stayed_until = min(end, known)
            return stayed_until >= later.live_at + parameters.stays_for
    return False


def is_wave(case: Case, candidates: Sequence[Group], around: Surroundings, parameters: Parameters) -> bool:
    """Whether rollbacks all over the fleet answered this incident: infrastructure, no one deployment."""
    start, end = case.onset.at, min(case.onset.at + parameters.rollback_within, case.known_until)
    for group in candidates:
        if group.undone_at is not None and start <= group.undone_at <= end:
            until = min(group.undone_at + parameters.wave_within, case.known_until)
            count = around.services_rolled_back(
                group.lane[1], group.undone_at - parameters.wave_within, until
            )
            if count >= parameters.wave_services_min:
                return True
    return False


def refers(reference: str, group: Group, around: Surroundings) -> bool:
    """Whether a reference (deployment, deploy tag, commit, change) means this deployment."""
    if not reference:
        return False
    lead = group.lead
    if reference in (group.key, lead.tag, lead.artifact) or reference in group.changes:
        return True
    if any(report.key == reference for report in group.reports):
        return True
    if len(reference) < _SHA_LENGTH_MIN:
        return False
    if group.sha and group.sha.startswith(reference):
        return True
    if "#" in reference or not all(letter in "0123456789abcdef" for letter in reference):
        return False
    for change in group.changes:
        summary = around.summary_of(change)
        if summary is not None and any(alias.startswith(reference) for alias in summary.aliases):
            return True
    return False


#: evidence of an incident is complete this long after its onset (rollback, reinstatement, stay)
EVIDENCE_SPAN = 6 * HOUR + 2 * DAY + 2 * HOUR
