"""The one state machine: fold events in, derive rows out, snapshot and restore in between.

    fold(batch)       put each telling into its entity and mark what became dirty
    derive()          recompute the rows of what is dirty, in a deterministic order
    snapshot()        what to write to the changelog since the last time, entity by entity
    restore(records)  the workspace that wrote these records

No clock, no randomness, no I/O: the same events give the same rows, whatever their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter

import msgspec
import numpy as np

from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import ArtifactSummary
from pipeline.core.delivery import Delivery, Touched
from pipeline.core.entities import Entity
from pipeline.core.events import RECORDS, Event
from pipeline.core.facts import DeploymentChangeFact
from pipeline.core.grouping import Group
from pipeline.core.incidents import Incident
from pipeline.core.investigation import Investigation
from pipeline.core.learning import WeekCounts
from pipeline.core.parameters import Parameters
from pipeline.core.periods import Period, burn_fact, drift_fact, read_periods
from pipeline.core.reporting import (
    artifact_fact,
    change_fact,
    deployment_fact,
    incident_fact,
    incident_facts,
)
from pipeline.core.rows import Rows

FAMILIES = (
    "service",
    "change",
    "commit",
    "artifact",
    "verdict",
    "deployment",
    "burn",
    "drift",
    "incident",
)
#: families whose entities rest as bytes once a batch has passed without touching them
_PACKED = ("change", "commit", "artifact", "deployment", "incident")

#: one record type of a batch: the positions of its events in the batch, and the events
Column = tuple[Sequence[int], Sequence[Event]]

_CLOCK = b"clock"
_WEEK = "week"
_FORGOTTEN = b"-"

_key_of = {struct: attrgetter(struct.key_field) for struct in RECORDS.values()}
_receipt_of = attrgetter("received_at")
_time_of = attrgetter("time")


class Clock(msgspec.Struct, array_like=True):
    """What a workspace remembers beside its entities."""

    now: int = 0
    behind_horizon: int = 0
    evicted_at: int = 0


class Workspace:
    """All entities of one organisation, their indexes, and the rows that follow from them."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.clock = Clock()
        self.entities: dict[str, dict[str, Entity]] = {family: {} for family in FAMILIES}
        self.catalogue = Catalogue()
        self.delivery = Delivery(parameters, self.entities, self.catalogue)
        self.investigation = Investigation(parameters, self.entities, self.catalogue, self.delivery)
        self._dirty: dict[str, dict[str, Entity]] = {family: {} for family in FAMILIES}
        self._unsaved: dict[tuple[str, str], Entity | None] = {}
        self._resting: dict[tuple[str, str], Entity] = {}
        self._forgotten: set[tuple[str, str]] = set()

    # -- fold -----------------------------------------------------------------------------------

    def fold(self, batch: Sequence[Column], *, rebuilding: bool = False) -> int:
        """Take in a batch; returns how many events changed anything.

        An event that is older than the horizon when it is read is counted and left to a rebuild.
        A rebuild reads in the order of the events' own times, and *now* is its own position.
        """
        now_of = _time_of if rebuilding else _receipt_of
        receipts = [max(map(now_of, events)) for _, events in batch if events]
        if not receipts:
            return 0
        newest = max(self.clock.now, *receipts)
        oldest = min(min(map(_time_of, events)) for _, events in batch if events)
        if oldest < newest - self.parameters.horizon:
            batch = self._within_horizon(batch, now_of)
        taken = sum(self._put(events) for _, events in batch if events)
        self.clock.now = newest
        return taken

    def _within_horizon(self, batch: Sequence[Column], now_of: Callable[[Event], int]) -> list[Column]:
        """Leave out what is behind the horizon at the moment at which it is read."""
        positions = np.fromiter(chain.from_iterable(column[0] for column in batch), np.int64)
        receipts = np.fromiter((now_of(event) for _, events in batch for event in events), np.int64)
        order = np.argsort(positions, kind="stable")
        running = np.maximum.accumulate(np.maximum(receipts[order], self.clock.now))
        now_at = np.empty_like(running)
        now_at[order] = running
        kept: list[Column] = []
        start = 0
        for places, events in batch:
            limits = (now_at[start : start + len(events)] - self.parameters.horizon).tolist()
            start += len(events)
            chosen = [index for index, event in enumerate(events) if event.time >= limits[index]]
            self.clock.behind_horizon += len(events) - len(chosen)
            kept.append(([places[index] for index in chosen], [events[index] for index in chosen]))
        return kept

    def _put(self, events: Sequence[Event]) -> int:
        """Put events of one record type into their entities."""
        struct = type(events[0])
        family = struct.entity
        if family == "clock":
            return 0
        entities, dirty = self.entities[family], self._dirty[family]
        forgotten = self._forgotten
        taken = 0
        for key, event in zip(map(_key_of[struct], events), events, strict=True):
            entity = entities.get(key)
            if entity is None:
                if forgotten and (family, key) in forgotten:
                    self.clock.behind_horizon += 1
                    continue
                entity = entities[key] = Entity(key)
            if entity.put(event):
                dirty[key] = entity
                taken += 1
        return taken

    def arrive_at(self, now: int) -> None:
        """Time passed: what is due by then is derived next."""
        self.clock.now = max(self.clock.now, now)

    # -- derive ---------------------------------------------------------------------------------

    def derive(self) -> Rows:
        """The rows of everything that events, or the passing of time, made dirty."""
        rows = Rows()
        delivery, investigation = self.delivery, self.investigation
        investigation.now = self.clock.now
        dirty = self._dirty
        if dirty["service"]:
            self._derive_services(rows)
        for key, entity in dirty["change"].items():
            delivery.correct_change(key, entity)
        for key, entity in dirty["commit"].items():
            delivery.correct_commit(key, entity)
        for key, entity in dirty["artifact"].items():
            delivery.correct_artifact(key, entity)
        for entity in dirty["verdict"].values():
            investigation.correct_verdict(entity)
        for key, entity in dirty["deployment"].items():
            delivery.correct_report(key, entity)
        delivery.update_lanes()
        self._derive_periods("burn", rows)
        self._derive_periods("drift", rows)
        for key, entity in dirty["incident"].items():
            investigation.correct_incident(key, entity)
        investigation.regroup()
        self._write_delivery(rows)
        self._derive_incidents(rows)
        self._settle()
        if self.clock.now - self.clock.evicted_at > self.parameters.horizon // 8:
            self._evict()
        return rows

    def _derive_services(self, rows: Rows) -> None:
        known = set(self.catalogue.declared)
        self.catalogue.replace(self.entities["service"])
        for service in sorted(self.catalogue.declared):
            rows.write(self.catalogue.fact(service))
        for service in sorted(known - set(self.catalogue.declared)):
            rows.delete("services", (service,))
        self.delivery.regroup_everything(self.entities["deployment"].values())
        self.investigation.regroup_everything()
        for family in ("burn", "drift"):
            self._dirty[family].update(self.entities[family])

    def _derive_periods(self, family: str, rows: Rows) -> None:
        touched: list[Touched] = self.delivery.touched
        for entity in self._dirty[family].values():
            old: tuple[tuple[Period, str], ...] = entity.summary or ()  # type: ignore[assignment]
            new = tuple((period, self.catalogue.name(period.service)) for period in read_periods(entity))
            if old == new:
                continue
            entity.summary = new
            held, told = set(old), set(new)
            gone = [pair for pair in old if pair not in told]
            fresh = [pair for pair in new if pair not in held]
            self.investigation.correct_periods(gone, fresh, family, touched)
            table = f"{family}s"
            for period, _ in gone:
                rows.delete(table, (period.key, period.start))
            for period, service in fresh:
                rows.write(burn_fact(period, service) if family == "burn" else drift_fact(period, service))

    def _write_delivery(self, rows: Rows) -> None:
        delivery = self.delivery
        for group in delivery.gone_groups.values():
            rows.delete("deployments", (group.key,))
            for change in group.written_changes:
                rows.delete("deployment_changes", (group.key, change))
        for key in delivery.stale_groups:
            group = delivery.groups[key]
            fact = deployment_fact(group)
            if fact != group.row:
                moved = group.row is None or any(
                    getattr(group.row, name) != getattr(fact, name)
                    for name in ("service", "environment", "live_at", "link_rule")
                )
                group.row = fact
                rows.write(fact)
                self._write_links(group, rows, moved=moved)
            elif group.written_changes != group.changes:
                self._write_links(group, rows, moved=False)
        for key in delivery.stale_changes:
            summary = delivery.summary_of(key)
            if isinstance(summary, ChangeSummary):
                rows.write(change_fact(key, summary, delivery))
        for key in delivery.gone_changes:
            if delivery.summary_of(key) is None:
                rows.delete("changes", (key,))
        for key in delivery.stale_artifacts:
            entity = self.entities["artifact"].get(key)
            artifact = entity.summary if entity is not None else None
            if isinstance(artifact, ArtifactSummary):
                rows.write(artifact_fact(artifact, deployed=delivery.is_deployed(artifact)))
            else:
                rows.delete("artifacts", (key,))
        delivery.clear_stale()

    def _write_links(self, group: Group, rows: Rows, *, moved: bool) -> None:
        held, present = set(group.written_changes), set(group.changes)
        for change in held - present:
            rows.delete("deployment_changes", (group.key, change))
        for change in group.changes:
            if moved or change not in held:
                rows.write(
                    DeploymentChangeFact(
                        group.key, change, group.lane[0], group.lane[1], group.link_rule, group.live_at
                    )
                )
        group.written_changes = group.changes

    def _derive_incidents(self, rows: Rows) -> None:
        investigation = self.investigation
        investigation.hear(self.delivery.touched)
        self.delivery.touched.clear()
        investigation.wake()
        investigation.learn()
        for key, incident in investigation.gone.items():
            if key not in investigation.incidents:
                for table, keys in incident.written.items():
                    for row_key in keys:
                        rows.delete(table, row_key)
        investigation.gone.clear()
        order = sorted(investigation.stale, key=lambda key: (investigation.incidents[key].opened_at, key))
        for key in order:
            incident = investigation.incidents[key]
            incident.judged = investigation.judge(incident)
            self._write_incident(incident, rows)
            investigation.schedule(incident)
        for key in sorted(set(investigation.ripe).difference(investigation.stale)):
            self._write_state(investigation.incidents[key], rows)
        for key in (*order, *investigation.ripe):
            incident = investigation.incidents[key]
            if investigation.ripens_at(incident) <= self.clock.now:
                incident.judged = None
        investigation.ripe.clear()
        investigation.stale.clear()

    def _write_incident(self, incident: Incident, rows: Rows) -> None:
        """The rows of a judged incident, and deletions of those that it no longer has."""
        assert incident.judged is not None
        case, learned, found, silent = incident.judged
        facts = incident_facts(case, learned, found, silent, self.clock.now, self.delivery, self.parameters)
        present: dict[str, set[tuple[object, ...]]] = {}
        for fact in facts:
            present.setdefault(fact.table, set()).add(rows.write(fact))
        for table, keys in incident.written.items():
            for row_key in keys - present.get(table, set()):
                rows.delete(table, row_key)
        incident.written = present

    def _write_state(self, incident: Incident, rows: Rows) -> None:
        """The row of an incident whose judgement stands and turns final."""
        if incident.judged is not None:
            case, learned, found, silent = incident.judged
            rows.write(incident_fact(case, learned, found, silent, self.clock.now, self.parameters))

    def _settle(self) -> None:
        """What was dirty is derived: it has to be saved, and may rest when it stays untouched."""
        for family, dirty in self._dirty.items():
            for key, entity in dirty.items():
                self._unsaved[(family, key)] = entity
            dirty.clear()

    # -- snapshot and restore -------------------------------------------------------------------

    def snapshot(self) -> list[tuple[bytes, bytes]]:
        """Changelog records since the last snapshot; an empty value deletes its key."""
        records: list[tuple[bytes, bytes]] = []
        touched: dict[tuple[str, str], Entity] = {}
        for (family, key), entity in self._unsaved.items():
            name = f"{family}/{key}".encode()
            if entity is None:
                records.append((name, _FORGOTTEN if (family, key) in self._forgotten else b""))
                continue
            records.append((name, entity.snapshot()))
            if family in _PACKED:
                touched[(family, key)] = entity
        self._unsaved.clear()
        for place, entity in self._resting.items():
            if place not in touched:
                entity.pack()
        self._resting = touched
        for service, week in self.investigation.changed_weeks:
            counts = self.investigation.learning.weeks[service][week]
            records.append((f"{_WEEK}/{week}/{service}".encode(), msgspec.msgpack.encode(counts)))
        self.investigation.changed_weeks.clear()
        records.append((_CLOCK, msgspec.msgpack.encode(self.clock)))
        return records

    def whole_snapshot(self) -> list[tuple[bytes, bytes]]:
        """Changelog records of everything, for a state that replaces another one."""
        self.snapshot()
        for family, entities in self.entities.items():
            for key, entity in entities.items():
                self._unsaved[(family, key)] = entity
        for place in self._forgotten:
            self._unsaved[place] = None
        for service, weeks in self.investigation.learning.weeks.items():
            self.investigation.changed_weeks.update(((service, week), None) for week in weeks)
        return self.snapshot()

    @classmethod
    def restore(cls, parameters: Parameters, records: Iterable[tuple[bytes, bytes]]) -> Workspace:
        """The workspace that wrote these records; what it derives first are rows already written."""
        workspace = cls(parameters)
        for name, value in records:
            if name == _CLOCK:
                workspace.clock = msgspec.msgpack.decode(value, type=Clock)
                continue
            family, _, key = name.decode().partition("/")
            if family == _WEEK:
                week, _, service = key.partition("/")
                counts = msgspec.msgpack.decode(value, type=WeekCounts)
                workspace.investigation.learning.put(service, int(week), counts)
            elif value == _FORGOTTEN:
                workspace._forgotten.add((family, key))
            else:
                entity = Entity.restore(key, value)
                workspace.entities[family][key] = entity
                workspace._dirty[family][key] = entity
        evicted_at = workspace.clock.evicted_at
        workspace.clock.evicted_at = workspace.clock.now
        workspace.investigation.complete_from = evicted_at - parameters.retention
        workspace.derive()
        workspace.clock.evicted_at = evicted_at
        workspace.delivery.freeze(evicted_at - parameters.retention)
        workspace._unsaved.clear()
        workspace.investigation.changed_weeks.clear()
        for family in _PACKED:
            for entity in workspace.entities[family].values():
                entity.snapshot()
                entity.pack()
        return workspace

    # -- eviction -------------------------------------------------------------------------------

    def _evict(self) -> None:
        """Forget what is older than anything a join may look back at, but for what is live."""
        self.clock.evicted_at = self.clock.now
        before = self.clock.now - self.parameters.retention
        self.investigation.complete_from = before
        for family, key in list(self._to_forget(before)):
            self._unsaved[(family, key)] = None

    def _to_forget(self, before: int) -> Iterator[tuple[str, str]]:
        for report in self.delivery.evict_groups(before):
            if self.entities["deployment"].pop(report, None) is not None:
                self._forgotten.add(("deployment", report))
                yield ("deployment", report)
        for key in self.investigation.evict(before):
            if self.entities["incident"].pop(key, None) is not None:
                self._forgotten.add(("incident", key))
                yield ("incident", key)
        for family in ("change", "commit", "artifact"):
            entities = self.entities[family]
            for key in [key for key, entity in entities.items() if entity.newest_at < before]:
                if self.delivery.may_forget(family, key, entities[key]):
                    del entities[key]
                    self._forgotten.add((family, key))
                    yield (family, key)
