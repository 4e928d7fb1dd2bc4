"""The one state machine: fold events in, derive rows out, snapshot and restore in between.

    fold(batch)       put each telling into its entity and mark what became dirty
    derive()          recompute the rows of what is dirty, in a deterministic order
    snapshot()        what to write to the changelog since the last time, entity by entity
    restore(records)  the workspace that wrote these records
    follow(snapshot)  keep in step with the workspace that wrote it

No clock, no randomness, no I/O: the same events give the same rows, whatever their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.changelog import Changelog, Clock, Families, Record
from pipeline.core.delivery import Delivery
from pipeline.core.delivery_rows import write_building, write_delivery
from pipeline.core.entities import FAMILIES, Entity, position
from pipeline.core.events import RECORDS, Event
from pipeline.core.horizon import Column, within_horizon
from pipeline.core.incident_rows import delete_incident, incident_fact, write_incident
from pipeline.core.investigation import Investigation
from pipeline.core.measured import Measured
from pipeline.core.parameters import Parameters
from pipeline.core.periods import Period, burn_fact, drift_fact, read_periods
from pipeline.core.policies import Policies
from pipeline.core.references import References, Touched
from pipeline.core.rows import Rows
from pipeline.core.signals import write_threshold
from pipeline.core.teams import Teams

_key_of = {struct: attrgetter(struct.entity_key or struct.key_field) for struct in RECORDS.values()}
_receipt_of = attrgetter("received_at")
_time_of = attrgetter("time")


class Workspace:
    """All entities of one organisation, their indexes, and the rows that follow from them."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.clock = Clock()
        self.entities: Families = {family: {} for family in FAMILIES}
        self.catalogue = Catalogue()
        self.teams = Teams()
        self.policies = Policies()
        self.references = References(self.catalogue)
        self.building = Building(parameters.risk, self.entities, self.references)
        self.delivery = Delivery(parameters, self.catalogue, self.building, self.references)
        self.investigation = Investigation(
            parameters, self.entities, self.catalogue, self.building, self.delivery
        )
        self.measured = Measured(
            parameters, self.entities, self.catalogue, self.teams, self.policies, self.building,
            self.delivery, self.investigation,
        )  # fmt: skip
        self._changelog = Changelog(self.entities, self.investigation.tally, self.measured.counts)
        self._dirty: Families = {family: {} for family in FAMILIES}

    # -- fold -----------------------------------------------------------------------------------

    def fold(self, batch: Sequence[Column], *, rebuilding: bool = False) -> int:
        """Take in a batch; returns how many events changed anything.

        An event that is older than the horizon when it is read is counted and left to a rebuild.
        A rebuild reads in the order of ``position``, and *now* is its own position.
        """
        now_of = position if rebuilding else _receipt_of
        receipts = [max(map(now_of, events)) for _, events in batch if events]
        if not receipts:
            return 0
        newest = max(self.clock.now, *receipts)
        oldest = min(min(map(_time_of, events)) for _, events in batch if events)
        if oldest < newest - self.parameters.horizon:
            batch, left_out = within_horizon(batch, now_of, self.clock.now, self.parameters.horizon)
            self.clock.behind_horizon += left_out
        taken = sum(self._put(events) for _, events in batch if events)
        self.clock.now = newest
        return taken

    def _put(self, events: Sequence[Event]) -> int:
        """Put events of one record type into their entities."""
        struct = type(events[0])
        family = struct.entity
        if not family:
            return 0
        entities, dirty = self.entities[family], self._dirty[family]
        forgotten = self._changelog.forgotten
        taken = 0
        for key, event in zip(map(_key_of[struct], events), events, strict=True):
            entity = entities.get(key)
            if entity is None:
                if forgotten.holds(family, key):
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
        self._correct(rows)
        write_delivery(self.delivery, rows)
        write_building(self.building, self.delivery, rows)
        self.measured.write(rows, self.clock.now)
        self._write_incidents(rows)
        self._settle()
        self._evict_when_due()
        return rows

    def _derive_unread(self, *, counted: bool) -> None:
        """Derive what was written already; ``counted``: and saved, with the counts of all weeks."""
        unread = Rows()
        self._correct(unread)
        # deployments and incidents remember their rows, to tell later what is to be deleted; others don't
        write_delivery(self.delivery, unread)
        self._write_incidents(unread)
        self.building.clear_stale()
        self.measured.settle(self.clock.now, counted=counted)
        self._settle()

    def _correct(self, rows: Rows) -> None:
        """Bring everything that is known in line with what is dirty."""
        building, delivery, investigation = self.building, self.delivery, self.investigation
        investigation.around.now = self.clock.now
        dirty = self._dirty
        moved = self.teams.replace(self.entities["team"]) if dirty["team"] else False
        if dirty["service"]:
            self._derive_services(rows)
        if moved or dirty["service"]:
            self.measured.declarations_corrected()
        for key, entity in dirty["threshold"].items():
            write_threshold(key, entity, rows)
        if (dirty["policy"] or dirty["class"]) and self.policies.replace(
            self.entities["policy"], self.entities["class"]
        ):
            self.measured.policies_corrected()
        if dirty["objective"]:
            self.measured.objectives_corrected()
        # commits come first: the risk of a change is then worked out once
        for key, entity in dirty["commit"].items():
            building.correct_commit(key, entity)
            self.measured.commit_corrected(key)
            entity.pack()
        for key, entity in dirty["change"].items():
            known = entity.summary
            building.correct_change(key, entity)
            self.measured.change_corrected(key, known, entity.summary)
            entity.pack()
        for key, entity in dirty["finding"].items():
            self.measured.finding_corrected(key, entity)
            entity.pack()
        for key, entity in dirty["artifact"].items():
            building.correct_artifact(key, entity)
            entity.pack()
        for key, entity in dirty["verdict"].items():
            investigation.correct_verdict(key, entity)
        for key, entity in dirty["deployment"].items():
            delivery.correct_report(key, entity)
            entity.pack()
        for key, entity in dirty["counter"].items():
            self.measured.counter_corrected(key, entity)
            entity.pack()
        self.measured.lanes_touched(self.references.touched_lanes)
        delivery.update_lanes()
        self.measured.correct_burns(investigation.around, self.references.touched)
        self._derive_periods("burn", rows)
        self._derive_periods("drift", rows)
        for key, entity in dirty["incident"].items():
            investigation.register.correct_incident(key, entity)
        investigation.update(self.references.touched)
        self.measured.gather()

    def _settle(self) -> None:
        """What was dirty is derived, and has to be saved."""
        self.investigation.agenda.settle(self.clock.now)
        self._changelog.note(self._dirty)
        for entities in self._dirty.values():
            entities.clear()

    def _derive_services(self, rows: Rows) -> None:
        known = set(self.catalogue.declared)
        self.catalogue.replace(self.entities["service"])
        for service in sorted(self.catalogue.declared):
            rows.write(self.catalogue.fact(service))
        for service in sorted(known - set(self.catalogue.declared)):
            rows.delete("services", (service,))
        self.delivery.regroup_everything(self.entities["deployment"].values())
        self.investigation.register.regroup_everything()
        for family in ("burn", "drift"):
            self._dirty[family].update(self.entities[family])

    def _derive_periods(self, family: str, rows: Rows) -> None:
        touched: list[Touched] = self.references.touched
        for entity in self._dirty[family].values():
            old: tuple[tuple[Period, str], ...] = entity.summary or ()  # type: ignore[assignment]
            new = tuple((period, self.catalogue.name(period.service)) for period in read_periods(entity))
            if old == new:
                continue
            entity.summary = new
            held, told = set(old), set(new)
            gone = [pair for pair in old if pair not in told]
            fresh = [pair for pair in new if pair not in held]
            self.investigation.around.correct_periods(gone, fresh, family, touched)
            self.measured.periods_corrected(family, gone, fresh)
            table = f"{family}s"
            for period, _ in gone:
                rows.delete(table, (period.key, period.start))
            for period, service in fresh:
                rows.write(burn_fact(period, service) if family == "burn" else drift_fact(period, service))

    def _write_incidents(self, rows: Rows) -> None:
        investigation, now = self.investigation, self.clock.now
        for incident in investigation.take_gone():
            delete_incident(incident, rows)
        for judgement in investigation.judge_again():
            write_incident(judgement, now, self.building, self.parameters, rows)
        for judgement in investigation.ripened():
            rows.write(incident_fact(judgement, now, self.parameters))

    # -- snapshot and restore -------------------------------------------------------------------

    def snapshot(self) -> list[Record]:
        """Changelog records since the last snapshot; an empty value deletes its key."""
        return self._changelog.snapshot(self.clock)

    def whole_snapshot(self) -> list[Record]:
        """Changelog records of everything, for a state that replaces another one."""
        return self._changelog.whole_snapshot(self.clock)

    @classmethod
    def restore(cls, parameters: Parameters, records: Iterable[Record]) -> Workspace:
        """The workspace that wrote these records. Rows that would be those already written are not made."""
        workspace = cls(parameters)
        workspace.clock = workspace._changelog.read(records)
        for family, entities in workspace.entities.items():
            workspace._dirty[family].update(entities)
        forgotten_before = workspace.clock.evicted_at - parameters.retention
        workspace.investigation.tally.complete_from = forgotten_before
        workspace.measured.begin_after(forgotten_before)
        workspace._derive_unread(counted=True)
        workspace.delivery.freeze(forgotten_before)
        workspace.measured.rest_before(forgotten_before)
        workspace._changelog.rest()
        return workspace

    def follow(self, snapshot: Mapping[bytes, bytes]) -> bool:
        """Become what another workspace is after its next snapshot; its rows are not made again.

        False when this one was not what the other was before, or when snapshots in between are missing:
        only a restore helps then.
        """
        told = self._changelog.take_over(snapshot, self._dirty)
        self.clock.now, self.clock.behind_horizon = told.now, told.behind_horizon
        self._derive_unread(counted=False)
        self._evict_when_due()
        return self._changelog.agrees(snapshot, self.clock)

    def _evict_when_due(self) -> None:
        if self.clock.now - self.clock.evicted_at > self.parameters.horizon // 8:
            self._evict()

    def _evict(self) -> None:
        """Forget what is older than anything a join may look back at, but for what is live."""
        self.clock.evicted_at = self.clock.now
        before = self.clock.now - self.parameters.retention
        self.investigation.tally.complete_from = before
        self.measured.stand_before(before)
        for report in self.delivery.evict(before):
            self._changelog.forget("deployment", report)
        for report in self.investigation.evict(before):
            self._changelog.forget("incident", report)
        forgotten = self.building.forget_before(before)
        for family, keys in forgotten.items():
            for key in keys:
                self._changelog.forget(family, key)
        measured = self.measured.forget(forgotten["commit"], before, self.investigation.around)
        for family, names in measured.items():
            for key in names:
                self._changelog.forget(family, key)
        self._changelog.settle()
