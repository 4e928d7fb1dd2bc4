"""What speaks for and against one deployment, beyond time and service: listed, never hidden.

Each piece of evidence has a name and the logarithm of a likelihood ratio. What happened after
``known_until`` takes no part, so that a verdict can be given as it was at any moment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

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


Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


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

    def timings(
        self, effective_at: Times, codes: Codes, services: Sequence[tuple[int, str]]
    ) -> dict[str, tuple[float, Flags]]:
        """Evidence that follows from times alone, for all candidates at once: name -> weight, and whose.

        ``effective_at`` and ``codes`` tell when candidates took effect and of which service they are;
        ``services`` names the codes of the services near enough to matter.
        """
        found: dict[str, tuple[float, Flags]] = {}
        if not len(effective_at):
            return found
        case, around, weights = self._case, self._around, self._parameters.weights
        first = int(effective_at.min())
        last = min(int(effective_at.max()) + _SOON, case.known_until)
        for name, weight, starts_of in (
            ("burn_after", weights.burn_after, around.burns_of),
            ("drift", weights.drift, around.drifts_of),
        ):
            flags = np.zeros(len(effective_at), np.bool_)
            for code, service in services:
                starts = starts_of(service, case.environment)
                times = starts[bisect_left(starts, first) : bisect_right(starts, last)]
                if times:
                    flags |= (codes == code) & _followed(effective_at, times, _SOON)
            if flags.any():
                found[name] = (weight, flags)
        if self._before:
            near = np.isin(codes, [code for code, _ in services])
            found["symptoms_before"] = (
                weights.symptoms_before,
                near & _preceded(effective_at, self._before, DAY),
            )
        return found

    @property
    def may_be_reverted(self) -> bool:
        """Whether any candidate can hold a change that was reverted soon after the incident was opened."""
        return self._reverts

    @property
    def names_anything(self) -> bool:
        """Whether any text or person names a cause."""
        return bool(self._cause or self._causes or self._mentions)

    def names(self, group: Group) -> bool:
        """Whether a text, a postmortem or a person names this candidate."""
        references = (self._cause, *self._causes, *self._mentions)
        return any(refers(reference, group, self._around) for reference in references)

    def weigh(self, group: Group) -> dict[str, float]:
        """What people, rollbacks and reverts say of one candidate: name -> weight."""
        case, around, weights = self._case, self._around, self._parameters.weights
        found: dict[str, float] = {}
        if self.names_anything:
            if refers(self._cause, group, around):
                found["verdict"] = weights.verdict
            if any(refers(reference, group, around) for reference in self._causes):
                found["postmortem"] = weights.postmortem
            if any(refers(reference, group, around) for reference in self._mentions):
                found["mentioned"] = weights.mentioned
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


def _followed(effective_at: Times, times: Sequence[int], within: int) -> Flags:
    """Whether any of ``times`` lies at most ``within`` after each moment."""
    line = np.array(times, np.int64)
    following = np.searchsorted(line, effective_at)
    nearest = line[np.minimum(following, len(line) - 1)]
    flags: Flags = (following < len(line)) & (nearest - effective_at <= within)
    return flags


def _preceded(effective_at: Times, times: Sequence[int], within: int) -> Flags:
    """Whether any of ``times`` lies before each moment, by at most ``within``."""
    line = np.array(times, np.int64)
    following = np.searchsorted(line, effective_at)
    nearest = line[np.maximum(following - 1, 0)]
    flags: Flags = (following > 0) & (effective_at - nearest <= within)
    return flags


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
