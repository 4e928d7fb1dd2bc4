"""What the weeks say: traces of incidents, and the counts of weeks that follow from them.

A trace holds raw facts and people's words, nothing of the model. ``Tally`` counts a week of a service
again when a deployment or an incident of it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.core.circumstances import Circumstances
from pipeline.core.events import MICROSECONDS
from pipeline.core.evidence import refers
from pipeline.core.grouping import PRODUCTION
from pipeline.core.incidents import Incident, Onset
from pipeline.core.learning import IncidentTrace, Learning, WeekCounts, count_week, week_of, week_start
from pipeline.core.parameters import LEARNING_WEEKS, Parameters
from pipeline.core.references import Touched
from pipeline.core.register import environment_of


class Restated(NamedTuple):
    """Whose learned numbers may be others now: incidents opened in ``[start, end)`` of these services."""

    start: int
    end: int
    services: set[str]
    #: labels teach the model for all services
    everyone: bool


class Tally:
    """Counts by service and week for one workspace, and what they rest on."""

    def __init__(self, parameters: Parameters, around: Circumstances) -> None:
        self._parameters = parameters
        self._around = around
        self.learning = Learning(parameters)
        #: since when nothing was forgotten: earlier weeks can't be counted again
        self.complete_from = 0
        #: weeks whose counts changed since the last snapshot
        self.changed_weeks: dict[tuple[str, int], None] = {}
        #: incident -> its service and trace; (service, week) -> incidents
        self._traces: dict[str, tuple[str, IncidentTrace]] = {}
        self._in_week: dict[tuple[str, int], set[str]] = {}
        self._stale_weeks: set[tuple[str, int]] = set()

    def hear(self, touched: Sequence[Touched]) -> None:
        """Mark the weeks that a touched deployment counts in."""
        for service, environment, at, _ in touched:
            if environment in (PRODUCTION, ""):
                for moment in (at, at + self._parameters.quiet_window):
                    self._stale_weeks.add((service, week_of(moment)))

    def recount(self) -> Restated | None:
        """Bring the counts up to date; ``None`` when nothing that was learned can be different."""
        changed: set[tuple[str, int]] = set()
        everyone = False
        newest = 0
        for service, week in sorted(self._stale_weeks):
            if week_start(week) - self._parameters.quiet_window < self.complete_from:
                continue  # a part of it was forgotten: its counts stand as they were taken
            known = self.learning.weeks.get(service, {})
            before, oldest = known.get(week), min(known, default=week)
            if self.learning.put(service, week, self._count(service, week)):
                self.changed_weeks[(service, week)] = None
                changed.add((service, week))
                # a service is older than was known: what looked back to its first week looks back further
                newest = max(newest, week, oldest)
                after = self.learning.weeks[service][week]
                everyone = (
                    everyone or (before is not None and before.labels != after.labels) or after.labels > 0
                )
        self._stale_weeks.clear()
        if not changed:
            return None
        weeks = [week for _, week in changed]
        return Restated(
            week_start(min(weeks)),
            week_start(newest + LEARNING_WEEKS + 2),
            {service for service, _ in changed},
            everyone,
        )

    def _count(self, service: str, week: int) -> WeekCounts:
        start = week_start(week) - self._parameters.quiet_window
        deployed: list[int] = []
        lanes = self._around.lanes
        for key in sorted(lanes):
            if key[0] == service and key[1] == PRODUCTION:
                lane = lanes[key]
                groups = lane.groups[lane.index_at(start) : lane.index_at(week_start(week + 1))]
                deployed.extend(group.live_at for group in groups if group.served)
        deployed.sort()
        keys = sorted(self._in_week.get((service, week), ()))
        traces = [self._traces[key][1] for key in keys]
        return count_week(week, deployed, traces, self._parameters.quiet_window)

    # -- traces ---------------------------------------------------------------------------------

    def retrace(self, incident: Incident, service: str) -> None:
        """Take down an incident, or take it down again."""
        now = self._around.now
        onset = self._around.onset_of(incident, None)
        told = onset.source in ("verdict", "event", "burn")
        delay = (incident.opened_at - onset.at) / MICROSECONDS if told else None
        cause = incident.newest_verdict("cause")
        causes = incident.references("causes", now)
        references = [cause.cause] if cause is not None else causes
        lag: float | None = None
        for reference in references:
            if reference not in ("none", "unseen"):
                lag = self._lag_to(reference, incident, onset)
        trace = IncidentTrace(
            opened_at=incident.opened_at,
            delay_seconds=delay if delay is not None and delay >= 0 else None,
            lag_seconds=lag,
            labelled=bool(references),
            unseen=cause is not None and cause.cause == "unseen",
        )
        if self._traces.get(incident.key) == (service, trace):
            return
        self.drop(incident.key)
        place = (service, week_of(trace.opened_at))
        self._in_week.setdefault(place, set()).add(incident.key)
        self._stale_weeks.add(place)
        self._traces[incident.key] = (service, trace)

    def _lag_to(self, reference: str, incident: Incident, onset: Onset) -> float | None:
        """Seconds from the first deployment that a label means to the onset."""
        board = self._around.boards.get(environment_of(incident))
        if board is None:
            return None
        rows = board.between(onset.at - self._parameters.window, onset.at)
        for group in board.groups[rows]:
            if group.served and refers(reference, group, self._around):
                return (onset.at - group.effective_at) / MICROSECONDS
        return None

    def drop(self, key: str) -> None:
        """An incident ceased to be: its week is counted again."""
        place = self.forget(key)
        if place is not None:
            self._stale_weeks.add(place)

    def forget(self, key: str) -> tuple[str, int] | None:
        """An incident is too old to be kept: its week's counts stand. Returns service and week."""
        old = self._traces.pop(key, None)
        if old is None:
            return None
        place = (old[0], week_of(old[1].opened_at))
        self._in_week[place].discard(key)
        return place
