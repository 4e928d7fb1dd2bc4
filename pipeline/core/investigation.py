"""From incident reports to incidents with their causes: grouping, onset, evidence, attribution.

``Investigation`` holds the incidents of one workspace. It is told which deployments, burns and
verdicts were touched, and looks at the incidents again that can feel it, and at no others.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from pipeline.core.attribution import Attribution, attribute, lay_out
from pipeline.core.baselines import attribute_by_rule
from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.delivery import PRODUCTION, Delivery, Touched
from pipeline.core.entities import Entity
from pipeline.core.events import MICROSECONDS, VerdictGiven
from pipeline.core.evidence import EVIDENCE_SPAN, Case, refers
from pipeline.core.incidents import (
    ONSET_LOOKBACK_MAX,
    Incident,
    IncidentReport,
    Onset,
    find_onset,
    read_incident,
)
from pipeline.core.kernel import KernelTables
from pipeline.core.lanes import Lane
from pipeline.core.learning import (
    IncidentTrace,
    Learned,
    Learning,
    WeekCounts,
    count_week,
    week_of,
    week_start,
)
from pipeline.core.parameters import DAY, LEARNING_WEEKS, Parameters
from pipeline.core.periods import Period
from pipeline.core.timeline import Timeline

#: the case as it was judged, what was learned by then, the answer, and the sources that were silent
Judgement = tuple[Case, Learned, Attribution, list[str]]


#: logarithm of the nearness from which a candidate's rollback is evidence
_NEARNESS_WEIGHED = -2.5


class Investigation:
    """The incidents of one workspace and everything they are judged by."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        delivery: Delivery,
    ) -> None:
        self.parameters = parameters
        self.catalogue = catalogue
        self.delivery = delivery
        self.now = 0
        #: since when nothing was forgotten: earlier weeks can't be counted again
        self.complete_from = 0
        self.learning = Learning(parameters)
        self.incidents: dict[str, Incident] = {}
        self.opened: Timeline[tuple[int, str]] = Timeline()
        self._tables = KernelTables(parameters)
        self._reports = families["incident"]
        self._verdict_entities = families["verdict"]
        self._incident_of: dict[str, str] = {}
        self._unions: dict[str, set[str]] = {}
        self._verdicts_on: dict[str, set[str]] = {}
        self._burns: dict[tuple[str, str], list[int]] = {}
        self._drifts: dict[tuple[str, str], list[int]] = {}
        self._of_service: dict[str, Timeline[tuple[int, str]]] = {}
        self._placed: dict[str, tuple[int, str]] = {}
        self._traces: dict[str, tuple[str, IncidentTrace]] = {}
        self._in_week: dict[tuple[str, int], set[str]] = {}
        self._due: list[tuple[int, str]] = []
        #: incidents whose onset lies far from their opening, with the period that matters to them
        self._reach: dict[str, tuple[int, int]] = {}
        #: services, beside its own, whose candidates for an incident were rolled back
        self._undone_services: dict[str, set[str]] = {}
        self._stale_members: dict[str, None] = {}
        self._stale_weeks: set[tuple[str, int]] = set()
        #: incidents to look at again, and those that ceased to be
        self.stale: dict[str, None] = {}
        self.gone: dict[str, Incident] = {}
        #: incidents whose verdict turns final
        self.ripe: dict[str, None] = {}
        #: weeks whose counts changed since the last snapshot
        self.changed_weeks: dict[tuple[str, int], None] = {}

    # -- what evidence looks at -----------------------------------------------------------------

    @property
    def lanes(self) -> Mapping[tuple[str, str, str], Lane]:
        """Deployments by service and environment."""
        return self.delivery.lanes

    def summary_of(self, change: str) -> ChangeSummary | None:
        """What is known of a change."""
        return self.delivery.summary_of(change)

    def burns_of(self, service: str, environment: str) -> Sequence[int]:
        """When error budgets of a service began to burn, in order."""
        return self._burns.get((service, environment), ())

    def drifts_of(self, service: str, environment: str) -> Sequence[int]:
        """When resources of a service began to drift, in order."""
        return self._drifts.get((service, environment), ())

    def reverted_at(self, change: str) -> int | None:
        """When a change was first reverted."""
        return self.delivery.reverted_at(change)

    def services_rolled_back(self, environment: str, start: int, end: int) -> int:
        """How many services a rollback touched in a period."""
        return self.delivery.services_rolled_back(environment, start, end)

    def reverts_between(self, start: int, end: int) -> bool:
        """Whether any change was reverted in ``[start, end]``."""
        return _any_within(self.delivery.revert_times, start, end)

    def same_symptoms(self, incident: Incident) -> Sequence[int]:
        """When other incidents of the same service, opened earlier, told the same symptoms."""
        symptoms = incident.symptoms
        line = self._of_service.get(self.service_of(incident))
        if not symptoms or line is None:
            return ()
        first = line.position((incident.opened_at - self.parameters.window - DAY - ONSET_LOOKBACK_MAX,))
        last = line.position((incident.opened_at,))
        return [
            at
            for at, key in line.items[first:last]
            if key != incident.key and self.incidents[key].symptoms == symptoms
        ]

    # -- corrections ----------------------------------------------------------------------------

    def correct_incident(self, key: str, entity: Entity) -> None:
        """An incident's report came, changed or was taken back."""
        old: IncidentReport | None = entity.summary  # type: ignore[assignment]
        new = read_incident(entity)
        if old == new:
            return
        entity.summary = new
        for report, held in ((old, False), (new, True)):
            for name in _union_names(report):
                members = self._unions.setdefault(name, set())
                self._stale_members.update(dict.fromkeys(members))
                (members.add if held else members.discard)(key)
        self._stale_members[key] = None

    def correct_verdict(self, entity: Entity) -> None:
        """A person's word came, changed or was taken back."""
        old: VerdictGiven | None = entity.summary  # type: ignore[assignment]
        events = [event for event in entity.events() if isinstance(event, VerdictGiven)]
        new = events[-1] if events else None
        entity.summary = new
        for verdict, held in ((old, False), (new, True)):
            if verdict is None:
                continue
            for incident in {verdict.incident, verdict.other_incident} - {""}:
                on = self._verdicts_on.setdefault(incident, set())
                (on.add if held else on.discard)(entity.key)
                if verdict.verdict == "merge":
                    name = f"merge {entity.key}"
                    members = self._unions.setdefault(name, set())
                    (members.add if held else members.discard)(incident)
                self._stale_members[incident] = None
            if verdict.verdict == "ignore" and verdict.deployment:
                (self.delivery.ignored.add if held else self.delivery.ignored.discard)(verdict.deployment)
                self.delivery.touch_report(verdict.deployment)

    def correct_periods(
        self,
        old: Sequence[tuple[Period, str]],
        new: Sequence[tuple[Period, str]],
        kind: str,
        touched: list[Touched],
    ) -> None:
        """Burns or drifts of one objective or resource changed."""
        lines = self._burns if kind == "burn" else self._drifts
        # only beginnings are evidence
        was = {(service, period.environment, period.start) for period, service in old}
        now = {(service, period.environment, period.start) for period, service in new}
        for service, environment, start in sorted(was ^ now):
            line = lines.setdefault((service, environment), [])
            index = bisect_left(line, start)
            if (service, environment, start) in now:
                line.insert(index, start)
            elif index < len(line) and line[index] == start:
                del line[index]
            touched.append((service, environment, start, True))

    def regroup_everything(self) -> None:
        """The catalogue changed: services may have other names for every incident."""
        self._stale_members.update(dict.fromkeys(self._reports))

    def evict(self, before: int) -> list[str]:
        """Forget incidents that were resolved before a time; returns the keys of their reports."""
        gone: list[str] = []
        for opened, key in list(self.opened.items):
            if opened >= before:
                break
            incident = self.incidents[key]
            if incident.resolved_at is None or incident.resolved_at >= before:
                continue
            gone.extend(report.key for report in incident.members)
            del self.incidents[key]
            self._reach.pop(key, None)
            self._undone_services.pop(key, None)
            opened_at, service = self._placed.pop(key)
            self.opened.remove((opened_at, key))
            self._of_service[service].remove((opened_at, key))
            trace = self._traces.pop(key, None)
            if trace is not None:
                self._in_week[(trace[0], week_of(trace[1].opened_at))].discard(key)
            for report in incident.members:
                self._incident_of.pop(report.key, None)
                for name in _union_names(report):
                    self._unions.get(name, set()).discard(report.key)
        return gone

    # -- grouping -------------------------------------------------------------------------------

    def regroup(self) -> None:
        """Unite the reports that are one incident, as far as anything about them changed."""
        pending = list(self._stale_members)
        affected: set[str] = set()
        for member in pending:
            if member in affected:
                continue
            former = self._incident_of.get(member)
            start = {member}
            if former is not None:
                start.update(report.key for report in self.incidents[former].members)
            affected |= self._connected(start)
        former_keys = {self._incident_of[member] for member in affected if member in self._incident_of}
        for key in sorted(former_keys):
            affected.update(report.key for report in self.incidents[key].members)
        for key in sorted(former_keys):
            self._take_out(key)
        left = set(affected)
        while left:
            component = self._connected({min(left)}) & affected
            left -= component
            reports = [report for name in component if (report := self._report(name)) is not None]
            if reports:
                self._put_in(Incident(reports, self._verdicts(component)))
        self._stale_members.clear()

    def _report(self, key: str) -> IncidentReport | None:
        entity = self._reports.get(key)
        return entity.summary if entity is not None else None  # type: ignore[return-value]

    def _connected(self, start: set[str]) -> set[str]:
        """Everything that explicit keys unite with these reports."""
        found, frontier = set(start), list(start)
        while frontier:
            key = frontier.pop()
            report = self._report(key)
            names = list(_union_names(report))
            names.extend(f"merge {verdict}" for verdict in self._verdicts_on.get(key, ()))
            for name in names:
                for other in self._unions.get(name, ()):
                    if other not in found and self._unites(name, report, self._report(other)):
                        found.add(other)
                        frontier.append(other)
        return found

    def _unites(self, name: str, one: IncidentReport | None, other: IncidentReport | None) -> bool:
        """A deduplication key is used again one day; a ticket and a person's word are not."""
        if not name.startswith("key ") or one is None or other is None:
            return True
        return abs(one.opened_at - other.opened_at) <= self.parameters.duplicates_within

    def _verdicts(self, members: set[str]) -> list[VerdictGiven]:
        keys = sorted({key for member in members for key in self._verdicts_on.get(member, ())})
        found = [self._verdict_entities[key].summary for key in keys]
        return [verdict for verdict in found if isinstance(verdict, VerdictGiven)]

    def _take_out(self, key: str) -> None:
        incident = self.incidents.pop(key)
        self.gone[key] = incident
        self.stale.pop(key, None)
        opened, service = self._placed.pop(key)
        self.opened.remove((opened, key))
        self._of_service[service].remove((opened, key))
        self._reach.pop(key, None)
        self._undone_services.pop(key, None)
        self.delivery.touched.append((service, "", opened, False))
        for report in incident.members:
            self._incident_of.pop(report.key, None)
        self._trace(key, None)

    def _put_in(self, incident: Incident) -> None:
        key = incident.key
        former = self.gone.pop(key, None)
        if former is not None:
            incident.written = former.written
        self.incidents[key] = incident
        service = self.service_of(incident)
        self._placed[key] = (incident.opened_at, service)
        self.opened.add((incident.opened_at, key))
        self._of_service.setdefault(service, Timeline()).add((incident.opened_at, key))
        self.delivery.touched.append((service, "", incident.opened_at, False))
        for report in incident.members:
            self._incident_of[report.key] = key
        self.stale[key] = None

    def service_of(self, incident: Incident) -> str:
        """Our name of the service that an incident is about; "" when nobody said."""
        return self.catalogue.name(incident.text("service"))

    # -- who has to be looked at again ----------------------------------------------------------

    def hear(self, touched: Sequence[Touched]) -> None:
        """Mark the incidents that a touched deployment, burn or neighbour can matter to."""
        if not touched:
            return
        parameters = self.parameters
        everywhere = sorted({at for _, _, at, _ in touched})
        aftermath = sorted({at for _, _, at, after in touched if after})
        by_service: dict[str, list[int]] = {}
        for service, environment, at, after in touched:
            if after:
                by_service.setdefault(service, []).append(at)
            if environment in (PRODUCTION, ""):
                for moment in (at, at + parameters.quiet_window):
                    self._stale_weeks.add((service, week_of(moment)))
        for times in by_service.values():
            times.sort()
        for key, (low, high) in self._reach.items():
            if key not in self.stale and _any_within(everywhere, low, high):
                self.stale[key] = None
        slack = int(3 * parameters.skew_seconds * MICROSECONDS)
        ahead = parameters.window + ONSET_LOOKBACK_MAX
        near = parameters.rollback_within + 2 * parameters.wave_within
        first = self.opened.position((everywhere[0] - EVIDENCE_SPAN,))
        last = self.opened.position((everywhere[-1] + ahead,))
        for opened, key in self.opened.items[first:last]:
            if key in self.stale:
                continue
            service = self._placed[key][1]
            own = by_service.get(service)
            if (
                _any_within(everywhere, opened - ahead, opened + slack)
                or _any_within(aftermath, opened, opened + near)
                or (own is not None and _any_within(own, opened, opened + EVIDENCE_SPAN))
                or any(
                    _any_within(by_service.get(other, ()), opened, opened + EVIDENCE_SPAN)
                    for other in self._undone_services.get(key, ())
                )
            ):
                self.stale[key] = None

    def wake(self) -> None:
        """Mark the incidents for which something fell due."""
        while self._due and self._due[0][0] <= self.now:
            at, key = heapq.heappop(self._due)
            incident = self.incidents.get(key)
            if incident is None:
                continue
            # a verdict that only turns final needs no second judgement
            if at == incident.opened_at + self.parameters.final_after and incident.judged is not None:
                self.ripe[key] = None
            else:
                self.stale[key] = None

    def learn(self) -> None:
        """Bring the weekly counts up to date, and mark the incidents that learned numbers changed for."""
        for key in sorted(self.stale):
            self._retrace(self.incidents[key])
        changed: set[tuple[str, int]] = set()
        everyone = False
        for service, week in sorted(self._stale_weeks):
            if week_start(week) - self.parameters.quiet_window < self.complete_from:
                continue  # a part of it was forgotten: its counts stand as they were taken
            before = self.learning.weeks.get(service, {}).get(week)
            if self.learning.put(service, week, self._count(service, week)):
                self.changed_weeks[(service, week)] = None
                changed.add((service, week))
                after = self.learning.weeks[service][week]
                everyone = (
                    everyone or (before is not None and before.labels != after.labels) or after.labels > 0
                )
        self._stale_weeks.clear()
        if not changed:
            return
        earliest = min(week for _, week in changed)
        services = {service for service, _ in changed}
        first = self.opened.position((week_start(earliest),))
        last = self.opened.position((week_start(max(week for _, week in changed) + LEARNING_WEEKS + 2),))
        for opened, key in self.opened.items[first:last]:
            service = self._placed[key][1]
            if key not in self.stale and (everyone or service in services):
                incident = self.incidents[key]
                if incident.learned != self.learning.at(service, opened):
                    self.stale[key] = None

    def _count(self, service: str, week: int) -> WeekCounts:
        parameters = self.parameters
        start = week_start(week) - parameters.quiet_window
        deployed: list[int] = []
        for key in sorted(self.delivery.lanes):
            if key[0] == service and key[1] == PRODUCTION:
                lane = self.delivery.lanes[key]
                groups = lane.groups[lane.index_at(start) : lane.index_at(week_start(week + 1))]
                deployed.extend(group.live_at for group in groups if group.served)
        deployed.sort()
        keys = sorted(self._in_week.get((service, week), ()))
        traces = [self._traces[key][1] for key in keys]
        return count_week(week, deployed, traces, parameters.quiet_window)

    def _retrace(self, incident: Incident) -> None:
        """What learning keeps of an incident: raw facts and people's words, nothing of the model."""
        service = self.service_of(incident)
        onset = self.onset_of(incident, None)
        told = onset.source in ("verdict", "event", "burn")
        delay = (incident.opened_at - onset.at) / MICROSECONDS if told else None
        cause = incident.newest_verdict("cause")
        causes = incident.references("causes", self.now)
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
        self._trace(incident.key, (service, trace))

    def _lag_to(self, reference: str, incident: Incident, onset: Onset) -> float | None:
        """Seconds from the first deployment that a label means to the onset."""
        board = self.delivery.boards.get(self._environment(incident))
        if board is None:
            return None
        rows = board.between(onset.at - self.parameters.window, onset.at)
        for group in board.groups[rows]:
            if group.served and refers(reference, group, self):
                return (onset.at - group.effective_at) / MICROSECONDS
        return None

    def _trace(self, key: str, new: tuple[str, IncidentTrace] | None) -> None:
        old = self._traces.get(key)
        if old == new:
            return
        if old is not None:
            place = (old[0], week_of(old[1].opened_at))
            self._in_week[place].discard(key)
            self._stale_weeks.add(place)
            del self._traces[key]
        if new is not None:
            place = (new[0], week_of(new[1].opened_at))
            self._in_week.setdefault(place, set()).add(key)
            self._stale_weeks.add(place)
            self._traces[key] = new

    # -- judging --------------------------------------------------------------------------------

    def _environment(self, incident: Incident) -> str:
        return incident.text("environment") or PRODUCTION

    def onset_of(self, incident: Incident, learned_delay_seconds: float | None) -> Onset:
        """When an incident's symptoms began."""
        place = (self.service_of(incident), self._environment(incident))
        return find_onset(incident, self._burns.get(place, ()), self.parameters, learned_delay_seconds)

    def case_of(self, incident: Incident, learned: Learned, known_until: int | None = None) -> Case:
        """An incident as the model sees it, with evidence up to a moment (or all of it)."""
        return Case(
            incident=incident,
            service=self.service_of(incident),
            environment=self._environment(incident),
            component=incident.text("component"),
            onset=self.onset_of(incident, learned.delay_seconds),
            opened_at=incident.opened_at,
            resolved_at=incident.resolved_at,
            known_until=self.now if known_until is None else known_until,
        )

    def judge(self, incident: Incident, known_until: int | None = None) -> Judgement:
        """Attribute one incident by the model in force."""
        learned = self.learning.at(self.service_of(incident), incident.opened_at)
        if known_until is None and not self.parameters.hindsight:
            known_until = incident.opened_at
        case = self.case_of(incident, learned, known_until)
        board = self.delivery.boards.get(case.environment)
        if board is not None:
            board.refresh()
        silent = self.silent_sources(case)
        field = lay_out(case, board, self.catalogue, self.parameters)
        if self.parameters.model == "intensity":
            found = attribute(case, field, learned, self._tables, self, self.parameters, silent=bool(silent))
        else:
            found = attribute_by_rule(case, field, self.parameters)
        incident.learned = learned
        return case, learned, found, silent

    def ripens_at(self, incident: Incident) -> int:
        """When an incident's verdict turns final."""
        return incident.opened_at + self.parameters.final_after

    def schedule(self, incident: Incident) -> None:
        """Remember when a judged incident has to be looked at again although nothing happened."""
        assert incident.judged is not None
        found: Attribution = incident.judged[2]
        parameters = self.parameters
        times = {self.ripens_at(incident), *_told_ahead(incident)}
        onset: Onset = incident.judged[0].onset
        self._note_reach(incident, onset)
        others: set[str] = set()
        for candidate in found.candidates:
            undone = candidate.group.undone_at
            if undone is None or not onset.at <= undone <= onset.at + parameters.rollback_within:
                continue
            if candidate.factors.get("nearness", 0.0) < _NEARNESS_WEIGHED and not candidate.weighed:
                continue
            others.add(candidate.group.lane[0])
            times.add(undone + parameters.nothing_changed_after + 1)
            lane = self.delivery.lanes[candidate.group.lane]
            for later in lane.groups[
                lane.index_at(undone) : lane.index_at(undone + parameters.reinstated_within + 1)
            ]:
                times.add(later.live_at + parameters.stays_for)
        if others:
            self._undone_services[incident.key] = others
        else:
            self._undone_services.pop(incident.key, None)
        for at in times:
            if at > self.now:
                heapq.heappush(self._due, (at, incident.key))

    def _note_reach(self, incident: Incident, onset: Onset) -> None:
        """Keep the period that matters to an incident when its opening does not tell it."""
        opened, first, last = (
            incident.opened_at,
            min(onset.at, onset.anchor_at),
            max(onset.at, onset.anchor_at),
        )
        if opened - ONSET_LOOKBACK_MAX + DAY <= first and last <= opened:
            self._reach.pop(incident.key, None)
            return
        self._reach[incident.key] = (first - self.parameters.window - DAY, last + EVIDENCE_SPAN)

    def silent_sources(self, case: Case) -> list[str]:
        """Sources that reported this service's deployments and have been quiet for far too long."""
        silent = []
        window = self.parameters.window
        for source in sorted(self.delivery.reported):
            line = self.delivery.reported[source].between(
                (case.onset.at - window, "", ""), (case.onset.at, "\U0010ffff", "")
            )
            if not line or all(item[2] != case.service for item in line):
                continue
            gap = case.onset.at - line[-1][0]
            rate = len(line) / max(1, window - gap)
            if gap > DAY and rate * gap > self.parameters.silence_expected_min:
                silent.append(source)
        return silent


def _told_ahead(incident: Incident) -> list[int]:
    """Times of what was told about an incident; a source's clock may run ahead of *now*."""
    times = [verdict.time for verdict in incident.verdicts]
    for member in incident.members:
        times.extend(at for _, at in (*member.mentions, *member.causes))
        if member.resolved_at is not None:
            times.append(member.resolved_at)
    return times


def _any_within(times: Sequence[int], low: int, high: int) -> bool:
    index = bisect_left(times, low)
    return index < len(times) and times[index] <= high


def _union_names(report: IncidentReport | None) -> list[str]:
    """The explicit keys by which a report can be one incident with others."""
    if report is None:
        return []
    names = [f"ticket {ticket}" for ticket in report.tickets]
    if report.deduplication_key:
        names.append(f"key {report.deduplication_key}")
    return names
