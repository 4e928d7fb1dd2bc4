"""Which incidents have to be looked at again: because of what they can feel, or because time passed.

What matters to an incident lies in a period around its onset and its opening. ``Agenda`` marks the
incidents whose period something touched, and keeps the times at which something falls due.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from pipeline.core.events import MICROSECONDS
from pipeline.core.evidence import EVIDENCE_SPAN
from pipeline.core.grouping import LaneKey
from pipeline.core.incidents import ONSET_LOOKBACK_MAX, Incident, Onset
from pipeline.core.judgement import Judgement, final_at
from pipeline.core.lanes import Lane
from pipeline.core.learning import Learned, Learning
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.references import Touched
from pipeline.core.register import Register
from pipeline.core.tally import Restated
from pipeline.core.timeline import any_within

#: logarithm of the nearness from which a candidate's rollback is evidence
_NEARNESS_WEIGHED = -2.5


class Agenda:
    """The incidents of one workspace that wait to be judged, and those that will."""

    def __init__(self, parameters: Parameters, register: Register, lanes: Mapping[LaneKey, Lane]) -> None:
        self._parameters = parameters
        self._register = register
        self._lanes = lanes
        #: incidents to look at again
        self.stale: dict[str, None] = {}
        #: incidents whose verdict turns final
        self.ripe: dict[str, None] = {}
        #: the judgements that stand, kept until they are final
        self.standing: dict[str, Judgement] = {}
        #: what was learned when an incident was last judged
        self._learned: dict[str, Learned] = {}
        self._due: list[tuple[int, str]] = []
        #: incidents whose onset lies far from their opening, with the period that matters to them
        self._reach: dict[str, tuple[int, int]] = {}
        #: services, beside its own, whose candidates for an incident were rolled back
        self._undone_services: dict[str, set[str]] = {}

    def in_order(self) -> list[str]:
        """The incidents to look at again, in the order in which they were opened."""
        incidents = self._register.incidents
        return sorted(self.stale, key=lambda key: (incidents[key].opened_at, key))

    def drop(self, key: str) -> None:
        """An incident ceased to be."""
        self.stale.pop(key, None)
        self.standing.pop(key, None)
        self._learned.pop(key, None)
        self._reach.pop(key, None)
        self._undone_services.pop(key, None)

    # -- marking --------------------------------------------------------------------------------

    def hear(self, touched: Sequence[Touched]) -> None:
        """Mark the incidents that a touched deployment, burn or neighbour can matter to."""
        if not touched:
            return
        parameters = self._parameters
        everywhere = sorted({at for _, _, at, _ in touched})
        aftermath = sorted({at for _, _, at, after in touched if after})
        by_service: dict[str, list[int]] = {}
        for service, _, at, after in touched:
            if after:
                by_service.setdefault(service, []).append(at)
        for times in by_service.values():
            times.sort()
        for key, (low, high) in self._reach.items():
            if key not in self.stale and any_within(everywhere, low, high):
                self.stale[key] = None
        slack = int(3 * parameters.skew_seconds * MICROSECONDS)
        ahead = parameters.window + ONSET_LOOKBACK_MAX
        near = parameters.rollback_within + 2 * parameters.wave_within
        for opened, key in self._register.opened_between(
            everywhere[0] - EVIDENCE_SPAN, everywhere[-1] + ahead
        ):
            if key in self.stale:
                continue
            own = by_service.get(self._register.service_at(key))
            if (
                any_within(everywhere, opened - ahead, opened + slack)
                or any_within(aftermath, opened, opened + near)
                or (own is not None and any_within(own, opened, opened + EVIDENCE_SPAN))
                or any(
                    any_within(by_service.get(other, ()), opened, opened + EVIDENCE_SPAN)
                    for other in self._undone_services.get(key, ())
                )
            ):
                self.stale[key] = None

    def wake(self, now: int) -> None:
        """Mark the incidents for which something fell due."""
        while self._due and self._due[0][0] <= now:
            at, key = heapq.heappop(self._due)
            incident = self._register.incidents.get(key)
            if incident is None:
                continue
            # a verdict that only turns final needs no second judgement
            if at == final_at(incident, self._parameters) and key in self.standing:
                self.ripe[key] = None
            else:
                self.stale[key] = None

    def relearn(self, restated: Restated, learning: Learning) -> None:
        """Mark the incidents that learned numbers changed for."""
        for opened, key in self._register.opened_between(restated.start, restated.end):
            service = self._register.service_at(key)
            if key in self.stale or not (restated.everyone or service in restated.services):
                continue
            if self._learned.get(key) != learning.at(service, opened):
                self.stale[key] = None

    def settle(self, now: int) -> None:
        """Everything that was marked is judged and written; what is final needs no judgement any more."""
        for key in (*self.stale, *self.ripe):
            if final_at(self._register.incidents[key], self._parameters) <= now:
                self.standing.pop(key, None)
        self.ripe.clear()
        self.stale.clear()

    # -- scheduling -----------------------------------------------------------------------------

    def schedule(self, judgement: Judgement, now: int) -> None:
        """Remember when a judged incident has to be looked at again although nothing happened."""
        parameters = self._parameters
        incident, onset = judgement.case.incident, judgement.case.onset
        key = incident.key
        self.standing[key] = judgement
        self._learned[key] = judgement.learned
        self._note_reach(incident, onset)
        times = {final_at(incident, parameters), *_told_ahead(incident)}
        others: set[str] = set()
        for candidate in judgement.found.candidates:
            undone = candidate.group.undone_at
            if undone is None or not onset.at <= undone <= onset.at + parameters.rollback_within:
                continue
            if candidate.factors.get("nearness", 0.0) < _NEARNESS_WEIGHED and not candidate.weighed:
                continue
            others.add(candidate.group.lane[0])
            times.add(undone + parameters.nothing_changed_after + 1)
            lane = self._lanes[candidate.group.lane]
            for later in lane.groups[
                lane.index_at(undone) : lane.index_at(undone + parameters.reinstated_within + 1)
            ]:
                times.add(later.live_at + parameters.stays_for)
        if others:
            self._undone_services[key] = others
        else:
            self._undone_services.pop(key, None)
        for at in times:
            if at > now:
                heapq.heappush(self._due, (at, key))

    def _note_reach(self, incident: Incident, onset: Onset) -> None:
        """Keep the period that matters to an incident when its opening does not tell it."""
        opened = incident.opened_at
        first, last = min(onset.at, onset.anchor_at), max(onset.at, onset.anchor_at)
        if opened - ONSET_LOOKBACK_MAX + DAY <= first and last <= opened:
            self._reach.pop(incident.key, None)
            return
        self._reach[incident.key] = (first - self._parameters.window - DAY, last + EVIDENCE_SPAN)


def _told_ahead(incident: Incident) -> list[int]:
    """Times of what was told about an incident; a source's clock may run ahead of *now*."""
    times = [verdict.time for verdict in incident.verdicts]
    for member in incident.members:
        times.extend(at for _, at in (*member.mentions, *member.causes))
        if member.resolved_at is not None:
            times.append(member.resolved_at)
    return times
