"""From deployment reports to deployments, what they brought, and what they undid.

``Delivery`` groups and links the lanes again that something touched, and no others: a report of
their own, or a change, a commit, an artifact or a branch that they refer to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.core.board import Board
from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.checks import ArtifactSummary
from pipeline.core.entities import Entity
from pipeline.core.grouping import PRODUCTION, Group, LaneKey, Report, read_report
from pipeline.core.linking import Linker
from pipeline.core.parameters import Parameters
from pipeline.core.references import References
from pipeline.core.timeline import Timeline


class _Signature(NamedTuple):
    """All of a deployment that incidents, changes and artifacts can tell."""

    effective_at: int
    live_at: int
    undone_at: int | None
    transition: str
    rolls_back: tuple[str, ...]
    served: bool
    identity: str
    weight: float
    changes: tuple[str, ...]
    previous: str
    newest_receipt: int
    sha: str
    reports: tuple[Report, ...]
    lead: Report
    components: dict[str, float]


class Delivery:
    """Everything that was deployed, for one workspace."""

    def __init__(
        self, parameters: Parameters, catalogue: Catalogue, building: Building, references: References
    ) -> None:
        self.parameters = parameters
        self._catalogue = catalogue
        self._building = building
        self._references = references
        self._linker = Linker(
            building.index, catalogue, building.artifacts, building.summary_of, parameters.horizon
        )
        self.lanes = references.lanes
        self.groups = references.groups
        self.groups_of_change = references.groups_of_change
        #: deployments by environment
        self.boards: dict[str, Board] = {}
        self.rollbacks: dict[str, Timeline[tuple[int, str, str]]] = {}
        #: when each source reported what
        self.reported: dict[str, Timeline[tuple[int, str, str]]] = {}
        self._ignored: set[str] = set()
        self._signatures: dict[str, _Signature] = {}
        #: rows to write again, and deployments that are no more
        self.stale_groups: dict[str, None] = {}
        self.gone_groups: dict[str, Group] = {}

    # -- reports --------------------------------------------------------------------------------

    def correct_report(self, key: str, entity: Entity) -> None:
        """A deployment's report came, changed or was taken back."""
        old: Report | None = entity.summary  # type: ignore[assignment]
        new = read_report(entity)
        if old == new:
            return
        entity.summary = new
        if old is not None:
            self._drop_report(old)
        if new is not None:
            self._add_report(new)

    def lane_of(self, report: Report) -> LaneKey:
        """The lane that a report belongs to, by the catalogue's names."""
        name = "" if report.kind == "service" else f"{report.kind} {report.artifact or report.tag}"
        service = self._catalogue.service_of(report.service, report.repository)
        return (service, report.environment or PRODUCTION, name)

    def _add_report(self, report: Report) -> None:
        key = self.lane_of(report)
        self._references.add(report, key)
        line = self.reported.get(report.source)
        if line is None:
            line = self.reported[report.source] = Timeline()
        line.add((report.live_at, report.key, key[0]))

    def _drop_report(self, report: Report) -> None:
        for key in self._references.drop(report):
            self.reported[report.source].remove((report.live_at, report.key, key[0]))

    def regroup_everything(self, reports: Iterable[Entity]) -> None:
        """The catalogue changed: names and paths may mean something else for every report."""
        told = [entity.summary for entity in reports if isinstance(entity.summary, Report)]
        for report in told:
            self._drop_report(report)
        for report in told:
            self._add_report(report)

    def ignore(self, key: str, *, held: bool) -> None:
        """A person set a deployment aside as a cause, or took that back."""
        (self._ignored.add if held else self._ignored.discard)(key)
        self._references.touch_report(key)

    # -- deployments ----------------------------------------------------------------------------

    def update_lanes(self) -> None:
        """Regroup and relink every lane that was touched."""
        touched = self._references.touched_lanes
        former: list[Group] = []
        present: list[Group] = []
        for key in sorted(touched):
            were, are = self.lanes[key].update(self._linker, self.parameters)
            former += were
            present += are
        # all lanes at once: a report that moved from one lane to another keeps its key
        self._exchange(former, present)
        touched.clear()

    def _exchange(self, former: list[Group], present: list[Group]) -> None:
        staying = {(group.key, group.lane) for group in present}
        for group in former:
            self.boards[group.lane[1]].remove(group)
            self._mark_rollback(group, held=False)
            if (group.key, group.lane) not in staying:
                self._forget(group)
        for group in present:
            self._place(group)

    def _forget(self, group: Group) -> None:
        signature = self._signatures.pop(group.key, None)
        if signature is not None:
            self._references.touch_incidents(group, signature.transition)
            self._building.touch_artifacts(group.lead)
            self._relink(group.key, signature.changes, ())
        held = self.groups.pop(group.key, None)
        self.gone_groups[group.key] = held if held is not None else group
        self.stale_groups.pop(group.key, None)

    def _place(self, group: Group) -> None:
        key = group.key
        written = self.groups.get(key) or self.gone_groups.get(key)
        if written is not None and written is not group:
            # another grouping of the same lead report: its rows take the place of the former ones
            group.row, group.written_changes = written.row, written.written_changes
        self.groups[key] = group
        self._building.assess(group)
        group.ignored = any(report.key in self._ignored for report in group.reports)
        environment = group.lane[1]
        board = self.boards.get(environment)
        if board is None:
            board = self.boards[environment] = Board(self.parameters.risk)
        board.add(group)
        self._mark_rollback(group, held=True)
        self._references.link(group)
        self._compare(group, board)

    def _compare(self, group: Group, board: Board) -> None:
        """Tell incidents and changes what is different about a deployment now."""
        key = group.key
        signature = _Signature(
            group.effective_at,
            group.live_at,
            group.undone_at,
            group.transition,
            group.rolls_back,
            group.served,
            group.lead.identity,
            board.weight_of(group),
            group.changes,
            group.previous.key if group.previous is not None else "",
            group.newest_receipt,
            group.sha,
            group.reports,
            group.lead,
            group.components,
        )
        before = self._signatures.get(key)
        if before != signature:
            self._signatures[key] = signature
            self._tell(group, before)
        self.stale_groups[key] = None
        self.gone_groups.pop(key, None)

    def _tell(self, group: Group, before: _Signature | None) -> None:
        references, building = self._references, self._building
        building.touch_artifacts(group.lead)
        if before is None:
            references.touch_incidents(group, "")
            self._relink(group.key, (), group.changes)
            return
        references.touch_incidents(group, before.transition)
        for at in (before.effective_at, before.live_at):
            if at not in (group.effective_at, group.live_at):
                references.touched.append((group.lane[0], group.lane[1], at, True))
        building.touch_artifacts(before.lead)
        if (
            before.live_at != group.live_at
            or before.served != group.served
            or before.changes != group.changes
        ):
            self._relink(group.key, before.changes, group.changes)

    def _relink(self, key: str, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """Deployments by the changes that they brought; the rows of all these changes are stale."""
        stale = self._building.stale_changes
        for change in set(old).difference(new):
            groups = self.groups_of_change.get(change)
            if groups is not None:
                groups.discard(key)
            stale[change] = None
        for change in new:
            self.groups_of_change.setdefault(change, set()).add(key)
            stale[change] = None

    def is_deployed(self, artifact: ArtifactSummary) -> bool:
        """Whether any deployment resolved to this artifact's commit under one of its names."""
        for name in artifact.names:
            for key, at, _ in self._references.places(name):
                lane = self.lanes[key]
                for group in lane.groups[lane.index_at(at - self.parameters.same_deployment_within) :]:
                    if group.live_at > at:
                        break
                    if group.sha == artifact.sha and name in (group.lead.tag, group.lead.artifact):
                        return True
        return False

    # -- rollbacks ------------------------------------------------------------------------------

    def _mark_rollback(self, group: Group, *, held: bool) -> None:
        if group.transition != "rollback" and held:
            return
        line = self.rollbacks.setdefault(group.lane[1], Timeline())
        item = (group.live_at, group.lane[0], group.key)
        line.remove(item)
        if held:
            line.add(item)

    def services_rolled_back(self, environment: str, start: int, end: int) -> int:
        """How many services a rollback touched in ``[start, end]``."""
        line = self.rollbacks.get(environment)
        if line is None:
            return 0
        return len({item[1] for item in line.between((start - 1, "\U0010ffff", ""), (end, "\U0010ffff", ""))})

    # -- forgetting -----------------------------------------------------------------------------

    def clear_stale(self) -> None:
        """All rows that were marked are written."""
        self.stale_groups.clear()
        self.gone_groups.clear()

    def freeze(self, before: int) -> None:
        """After a restore: deployments from before this time only serve as predecessors."""
        for lane in self.lanes.values():
            lane.freeze(before)

    def evict(self, before: int) -> list[str]:
        """Forget deployments from before a time; returns the keys of their reports."""
        gone_from: dict[str, list[Group]] = {}
        for key in sorted(self.lanes):
            gone = self.lanes[key].evict(before)
            if gone:
                gone_from.setdefault(key[1], []).extend(gone)
        groups: set[str] = set()
        reports: set[str] = set()
        for environment, gone in gone_from.items():
            self.boards[environment].evict(gone)
            for group in gone:
                groups.add(group.key)
                reports.update([report.key for report in group.reports])
                self._evict(group)
        # the lines of all deployments in one pass each, not deployment by deployment
        for rollbacks in self.rollbacks.values():
            rollbacks.items = [item for item in rollbacks.items if item[2] not in groups]
        for reported in self.reported.values():
            reported.items = [item for item in reported.items if item[1] not in reports]
        return sorted(reports)

    def _evict(self, group: Group) -> None:
        self.groups.pop(group.key, None)
        self._signatures.pop(group.key, None)
        for change in group.changes:
            held = self.groups_of_change.get(change)
            if held is not None:
                held.discard(group.key)
        for report in group.reports:
            self._references.forget(report, group.lane)
