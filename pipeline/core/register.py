"""Which reports are one incident, and all incidents in order of time and by service.

``Register`` unites reports by explicit keys (a ticket, a deduplication key, a person's word) and
regroups what these keys connect with a report that came, changed or was taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.catalogue import Catalogue
from pipeline.core.entities import Entity
from pipeline.core.events import VerdictGiven
from pipeline.core.grouping import PRODUCTION
from pipeline.core.incidents import ONSET_LOOKBACK_MAX, Incident, IncidentReport, read_incident
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.references import Touched
from pipeline.core.timeline import Timeline


def environment_of(incident: Incident) -> str:
    """The environment that an incident is about: production, unless somebody said another one."""
    return incident.text("environment") or PRODUCTION


class Register:
    """The incidents of one workspace."""

    def __init__(
        self, parameters: Parameters, families: Mapping[str, Mapping[str, Entity]], catalogue: Catalogue
    ) -> None:
        self._parameters = parameters
        self._catalogue = catalogue
        self._reports = families["incident"]
        self._verdicts = families["verdict"]
        self.incidents: dict[str, Incident] = {}
        #: all incidents by when they were opened
        self.opened: Timeline[tuple[int, str]] = Timeline()
        #: incidents that ceased to be since rows were last written
        self.gone: dict[str, Incident] = {}
        self._of_service: dict[str, Timeline[tuple[int, str]]] = {}
        #: when an incident was opened and of which service it is, as the time lines have it
        self._placed: dict[str, tuple[int, str]] = {}
        self._incident_of: dict[str, str] = {}
        #: explicit key -> the reports that it unites
        self._unions: dict[str, set[str]] = {}
        self._verdicts_on: dict[str, set[str]] = {}
        self._stale_members: dict[str, None] = {}

    def service_of(self, incident: Incident) -> str:
        """Our name of the service that an incident is about; "" when nobody said."""
        return self._catalogue.name(incident.text("service"))

    def service_at(self, key: str) -> str:
        """The service under which an incident is registered."""
        return self._placed[key][1]

    def opened_between(self, start: int, end: int) -> Sequence[tuple[int, str]]:
        """Incidents opened in ``[start, end)``: when, and their keys."""
        line = self.opened
        return line.items[line.position((start,)) : line.position((end,))]

    def same_symptoms(self, incident: Incident) -> Sequence[int]:
        """When other incidents of the same service, opened earlier, told the same symptoms."""
        symptoms = incident.symptoms
        line = self._of_service.get(self.service_of(incident))
        if not symptoms or line is None:
            return ()
        first = line.position((incident.opened_at - self._parameters.window - DAY - ONSET_LOOKBACK_MAX,))
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

    def correct_verdict(self, key: str, verdict: VerdictGiven, *, held: bool) -> None:
        """A person's word on an incident holds now, or no longer."""
        for incident in {verdict.incident, verdict.other_incident} - {""}:
            on = self._verdicts_on.setdefault(incident, set())
            (on.add if held else on.discard)(key)
            if verdict.verdict == "merge":
                members = self._unions.setdefault(f"merge {key}", set())
                (members.add if held else members.discard)(incident)
            self._stale_members[incident] = None

    def regroup_everything(self) -> None:
        """The catalogue changed: services may have other names for every incident."""
        self._stale_members.update(dict.fromkeys(self._reports))

    # -- uniting --------------------------------------------------------------------------------

    def regroup(self, touched: list[Touched]) -> tuple[list[str], list[str]]:
        """Unite the reports that are one incident, as far as anything about them changed.

        Returns the keys of the incidents that were taken out and of those that were put in, and adds
        both to what other incidents have to hear of.
        """
        affected: set[str] = set()
        for member in self._stale_members:
            if member not in affected:
                former = self._incident_of.get(member)
                start = {member}
                if former is not None:
                    start.update(report.key for report in self.incidents[former].members)
                affected |= self._connected(start)
        self._stale_members.clear()
        out = sorted({self._incident_of[member] for member in affected if member in self._incident_of})
        for key in out:
            affected.update(report.key for report in self.incidents[key].members)
        for key in out:
            self._take_out(key, touched)
        entered: list[str] = []
        left = set(affected)
        while left:
            component = self._connected({min(left)}) & affected
            left -= component
            reports = [report for name in component if (report := self._report(name)) is not None]
            if reports:
                incident = Incident(reports, self._verdicts_about(component))
                self._put_in(incident, touched)
                entered.append(incident.key)
        return out, entered

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
        return abs(one.opened_at - other.opened_at) <= self._parameters.duplicates_within

    def _verdicts_about(self, members: Iterable[str]) -> list[VerdictGiven]:
        keys = sorted({key for member in members for key in self._verdicts_on.get(member, ())})
        found = [self._verdicts[key].summary for key in keys]
        return [verdict for verdict in found if isinstance(verdict, VerdictGiven)]

    def _take_out(self, key: str, touched: list[Touched]) -> None:
        incident = self.incidents[key]
        self.gone[key] = incident
        opened, service = self._leave(incident)
        touched.append((service, "", opened, False))

    def _put_in(self, incident: Incident, touched: list[Touched]) -> None:
        key = incident.key
        former = self.gone.pop(key, None)
        if former is not None:
            incident.written = former.written
        self.incidents[key] = incident
        service = self.service_of(incident)
        self._placed[key] = (incident.opened_at, service)
        self.opened.add((incident.opened_at, key))
        self._of_service.setdefault(service, Timeline()).add((incident.opened_at, key))
        touched.append((service, "", incident.opened_at, False))
        for report in incident.members:
            self._incident_of[report.key] = key

    def _leave(self, incident: Incident) -> tuple[int, str]:
        """Leave no trace of an incident; returns when it was opened, and its service."""
        key = incident.key
        del self.incidents[key]
        opened, service = self._placed.pop(key)
        self.opened.remove((opened, key))
        self._of_service[service].remove((opened, key))
        for report in incident.members:
            self._incident_of.pop(report.key, None)
        return opened, service

    def evict(self, before: int) -> list[Incident]:
        """Forget the incidents that were resolved before a time, and return them."""
        gone: list[Incident] = []
        for opened, key in list(self.opened.items):
            if opened >= before:
                break
            incident = self.incidents[key]
            if incident.resolved_at is None or incident.resolved_at >= before:
                continue
            gone.append(incident)
            self._leave(incident)
            for report in incident.members:
                for name in _union_names(report):
                    self._unions.get(name, set()).discard(report.key)
        return gone


def _union_names(report: IncidentReport | None) -> list[str]:
    """The explicit keys by which a report can be one incident with others."""
    if report is None:
        return []
    names = [f"ticket {ticket}" for ticket in report.tickets]
    if report.deduplication_key:
        names.append(f"key {report.deduplication_key}")
    return names
