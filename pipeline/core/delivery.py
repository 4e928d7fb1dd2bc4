"""From changes, checks, artifacts and deployment reports to deployments and the changes they brought.

``Delivery`` holds the indexes of one workspace and corrects them entity by entity. Whatever an
entity's correction touches (a branch, a commit, a tag, a lane) is looked at again, and nothing else.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping

from pipeline.core.board import Board
from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeIndex, ChangeSummary, risk_of, stands, summarise
from pipeline.core.checks import ArtifactSummary, CommitSummary, summarise_artifact, summarise_commit
from pipeline.core.entities import Entity
from pipeline.core.grouping import Group, LaneKey, Report, read_report
from pipeline.core.lanes import Lane
from pipeline.core.linking import Linker
from pipeline.core.parameters import Parameters
from pipeline.core.timeline import Timeline

#: the environment whose deployments reach customers
PRODUCTION = "production"

#: service, environment, time at which something changed for incidents, and whether it matters to
#: incidents that were opened before it (a rollback does, another release does not)
Touched = tuple[str, str, int, bool]
_AFTERMATH = frozenset({"rollback", "reinstate"})


class Delivery:
    """Everything between a merge and production, for one workspace."""

    def __init__(
        self, parameters: Parameters, families: Mapping[str, Mapping[str, Entity]], catalogue: Catalogue
    ) -> None:
        self.parameters = parameters
        self.catalogue = catalogue
        self._changes = families["change"]
        self._commits = families["commit"]
        self.index = ChangeIndex()
        self.artifacts: dict[str, tuple[tuple[int, str, str], ...]] = {}
        self.linker = Linker(self.index, catalogue, self.artifacts, self.summary_of, parameters.horizon)
        self.lanes: dict[LaneKey, Lane] = {}
        self.boards: dict[str, Board] = {}
        self.groups: dict[str, Group] = {}
        self.group_of_report: dict[str, str] = {}
        self.groups_of_change: dict[str, set[str]] = {}
        self.reverted: dict[str, dict[str, int]] = {}
        #: when changes that revert others were merged, in order
        self.revert_times: list[int] = []
        self.rollbacks: dict[str, Timeline[tuple[int, str, str]]] = {}
        self.reported: dict[str, Timeline[tuple[int, str, str]]] = {}
        self.ignored: set[str] = set()
        self._risk: dict[str, float] = {}
        self._references: dict[str, set[tuple[LaneKey, int]]] = {}
        #: deploy tag or digest -> artifacts, whether their commit is known or not; commit -> such names
        self._artifacts_named: dict[str, set[str]] = {}
        self._names_of_commit: dict[str, set[str]] = {}
        #: how far ahead of a deployment its own commit was merged, by clocks that disagree
        self._merged_ahead = 0
        self._lanes_of_branch: dict[tuple[str, str], set[LaneKey]] = {}
        self._newest_link: dict[tuple[str, str], int] = {}
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._touched_lanes: dict[LaneKey, None] = {}
        #: rows to write again
        self.stale_changes: dict[str, None] = {}
        self.stale_artifacts: dict[str, None] = {}
        self.gone_changes: dict[str, None] = {}
        self.stale_groups: dict[str, None] = {}
        self.gone_groups: dict[str, Group] = {}
        #: what incidents have to hear of
        self.touched: list[Touched] = []

    def summary_of(self, change: str) -> ChangeSummary | None:
        """What is known of a change; ``None`` for one nobody told about."""
        entity = self._changes.get(change)
        return entity.summary if entity is not None else None  # type: ignore[return-value]

    # -- changes, commits, artifacts ------------------------------------------------------------

    def correct_change(self, key: str, entity: Entity) -> None:
        """Bring the indexes in line with a change's events, and touch what depends on it."""
        old: ChangeSummary | None = entity.summary  # type: ignore[assignment]
        new = summarise(entity)
        alive = bool(new.events)
        entity.summary = new if alive else None
        if self.index.replace(key, old, new if alive else None):
            # a branch that nobody knew: deployments without a commit may belong to it
            self._touch_repositories({new.repository, old.repository if old is not None else ""})
        (self.stale_changes if alive else self.gone_changes)[key] = None
        before, after = stands(key, old), stands(key, new)
        moved = before != after or (old is not None and old.paths != new.paths)
        if moved:
            for place in (before, after):
                if place is not None:
                    self._touch_branch(place[:2], place[2][0])
        if moved or old is None or (old.aliases, old.sha) != (new.aliases, new.sha):
            self._touch_reference(key)
            for sha in {*(old.aliases if old else ()), *new.aliases}:
                self._touch_commit(sha)
            if old is not None and old.aliases != new.aliases:
                # a text that names a commit means these deployments now, or no longer
                self._touch_incidents_of(key)
        self._correct_reverts(key, old, new)
        self._correct_risk(
            key, new, moved=old is None or old.paths != new.paths or old.additions != new.additions
        )

    def _correct_reverts(self, key: str, old: ChangeSummary | None, new: ChangeSummary) -> None:
        was = (old.reverts, old.merged_at) if old is not None else ((), None)
        if was == (new.reverts, new.merged_at):
            return
        if old is not None and old.reverts and old.merged_at is not None:
            self.revert_times.remove(old.merged_at)
        if new.reverts and new.merged_at is not None:
            insort(self.revert_times, new.merged_at)
        references = {*(old.reverts if old else ()), *new.reverts}
        for reference in references:
            reverters = self.reverted.setdefault(reference, {})
            reverters.pop(key, None)
            if reference in new.reverts and new.merged_at is not None:
                reverters[key] = new.merged_at
            if not reverters:
                del self.reverted[reference]
            for target in {reference, *self.index.by_sha.get(reference, ())}:
                if self.summary_of(target) is not None:
                    self.stale_changes[target] = None
                    self._touch_incidents_of(target)

    def reverted_by(self, change: str) -> list[tuple[int, str]]:
        """Who reverted a change, and when, in order."""
        summary = self.summary_of(change)
        names = (change, *summary.aliases) if summary is not None else (change,)
        found = {
            (at, key) for name in names for key, at in self.reverted.get(name, {}).items() if key != change
        }
        return sorted(found)

    def reverted_at(self, change: str) -> int | None:
        """When a change was first reverted."""
        if not self.reverted:
            return None
        found = self.reverted_by(change)
        return found[0][0] if found else None

    def checks_of(self, summary: ChangeSummary) -> tuple[int, int]:
        """Checks on a change's commits: how many, and how many failed in the end."""
        total = failed = 0
        for sha in summary.aliases:
            entity = self._commits.get(f"{summary.repository}@{sha}")
            counts = entity.summary if entity is not None else None
            if isinstance(counts, CommitSummary):
                total += counts.checks
                failed += counts.failed
        return total, failed

    def _correct_risk(self, key: str, summary: ChangeSummary, *, moved: bool = False) -> None:
        risk = risk_of(summary, self.checks_of(summary)[1], self.parameters.risk)
        if self._risk.get(key) != risk or moved:
            self._risk[key] = risk
            self._touch_groups_of(key)
            self._touch_incidents_of(key)

    def risk_of(self, change: str) -> float:
        """How likely a change breaks production."""
        return self._risk.get(change, self.parameters.risk.per_change)

    def correct_commit(self, key: str, entity: Entity) -> None:
        """The checks of a commit changed: so did the rows and the risk of its changes."""
        old = entity.summary
        new = summarise_commit(entity)
        entity.summary = new
        if old == new:
            return
        for change in self.index.by_sha.get(new.sha, ()):
            summary = self.summary_of(change)
            if summary is not None and summary.repository == new.repository:
                self.stale_changes[change] = None
                self._correct_risk(change, summary)

    def correct_artifact(self, key: str, entity: Entity) -> None:
        """A deploy tag leads to another commit: touch the deployments under that tag."""
        old: ArtifactSummary | None = entity.summary  # type: ignore[assignment]
        new = summarise_artifact(entity)
        entity.summary = new
        self.stale_artifacts[key] = None
        for summary in (old, new):
            for name in summary.names if summary is not None else ():
                named = self._artifacts_named.setdefault(name, set())
                (named.add if summary is new else named.discard)(key)
                rest = tuple(entry for entry in self.artifacts.get(name, ()) if entry[1] != key)
                if summary is new and new is not None and new.sha:
                    rest = tuple(sorted((*rest, (new.packaged_at, key, new.sha))))
                    self._names_of_commit.setdefault(new.sha, set()).add(name)
                if rest:
                    self.artifacts[name] = rest
                else:
                    self.artifacts.pop(name, None)
                self._touch_reference(name)

    def is_deployed(self, artifact: ArtifactSummary) -> bool:
        """Whether any deployment resolved to this artifact's commit under one of its names."""
        for name in artifact.names:
            for lane, at in self._references.get(name, ()):
                groups = self.lanes[lane].groups
                for group in groups[self.lanes[lane].index_at(at - self.parameters.same_deployment_within) :]:
                    if group.live_at > at:
                        break
                    if group.sha == artifact.sha and name in (group.lead.tag, group.lead.artifact):
                        return True
        return False

    # -- deployments ----------------------------------------------------------------------------

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
        service = self.catalogue.service_of(report.service, report.repository)
        return (service, report.environment or PRODUCTION, name)

    def _add_report(self, report: Report) -> None:
        key = self.lane_of(report)
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane(key)
        lane.add(report)
        self._touched_lanes[key] = None
        for name in _names(report):
            self._references.setdefault(name, set()).add((key, report.live_at))
        line = self.reported.setdefault(report.source, Timeline())
        line.add((report.live_at, report.key, key[0]))

    def _drop_report(self, report: Report) -> None:
        for key, at in list(self._references.get(f"report {report.key}", ())):
            self.lanes[key].remove(report)
            self._touched_lanes[key] = None
            for name in _names(report):
                self._references.get(name, set()).discard((key, at))
            line = self.reported.get(report.source)
            if line is not None:
                line.remove((report.live_at, report.key, key[0]))

    def regroup_everything(self, reports: Iterable[Entity]) -> None:
        """The catalogue changed: names and paths may mean something else for every report."""
        for entity in reports:
            report = entity.summary
            if isinstance(report, Report):
                self._drop_report(report)
        for entity in reports:
            report = entity.summary
            if isinstance(report, Report):
                self._add_report(report)

    def touch_report(self, key: str) -> None:
        """Look at a deployment again, whichever lane it is in."""
        self._touch_reference(f"report {key}")

    def _touch_reference(self, name: str) -> None:
        for lane, at in self._references.get(name, ()):
            self.lanes[lane].touch(at)
            self._touched_lanes[lane] = None

    def _touch_commit(self, sha: str) -> None:
        """Look at the deployments again that name a commit, or an artifact that was built from it."""
        self._touch_reference(sha)
        for name in self._names_of_commit.get(sha, ()):
            self._touch_reference(name)

    def _touch_repositories(self, repositories: set[str]) -> None:
        services: set[str] = set()
        for repository in sorted(repositories):
            self._touch_reference(f"repository {repository}")
            services.update(self.catalogue.of_repository.get(repository, ()))
        for key, lane in self.lanes.items() if services else ():
            if key[0] in services and lane.groups:
                lane.touch(lane.groups[0].live_at)
                self._touched_lanes[key] = None

    def _touch_incidents_of(self, change: str) -> None:
        """Tell incidents that one of their candidates' changes is seen otherwise."""
        for name in self.groups_of_change.get(change, ()):
            group = self.groups[name]
            self._touch_incidents(group, group.transition)

    def _touch_artifacts(self, lead: Report) -> None:
        for name in (lead.tag, lead.artifact):
            self.stale_artifacts.update(dict.fromkeys(self._artifacts_named.get(name, ())))

    def _touch_branch(self, branch: tuple[str, str], merged_at: int) -> None:
        """A merge appeared, moved or vanished: touch the deployments whose range it falls into."""
        if self._newest_link.get(branch, -1) < merged_at:
            return
        for key in self._lanes_of_branch.get(branch, ()):
            lane = self.lanes[key]
            for group in lane.groups[lane.index_at(merged_at - self._merged_ahead) :]:
                low, high = group.link_low, group.link_high
                if low is not None and high is not None and low <= merged_at <= high:
                    lane.touch(group.live_at)
                    self._touched_lanes[key] = None
                    break

    def _touch_groups_of(self, change: str) -> None:
        for name in self.groups_of_change.get(change, ()):
            group = self.groups[name]
            self.lanes[group.lane].touch(group.live_at)
            self._touched_lanes[group.lane] = None

    def update_lanes(self) -> None:
        """Regroup and relink every lane that was touched."""
        former: list[Group] = []
        present: list[Group] = []
        for key in sorted(self._touched_lanes):
            were, are = self.lanes[key].update(self.linker, self.parameters)
            former += were
            present += are
        # all lanes at once: a report that moved from one lane to another keeps its key
        self._exchange(former, present)
        self._touched_lanes.clear()

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
            self._touch_incidents(group, signature[3])
            self._touch_artifacts(group.lead)
        held = self.groups.pop(group.key, None)
        self._relink(group.key, self._linked(signature), ())
        self.gone_groups[group.key] = held if held is not None else group
        self.stale_groups.pop(group.key, None)
        for report in group.reports:
            if self.group_of_report.get(report.key) == group.key:
                del self.group_of_report[report.key]

    def _place(self, group: Group) -> None:
        key = group.key
        written = self.groups.get(key) or self.gone_groups.get(key)
        if written is not None and written is not group:
            # another grouping of the same lead report: its rows take the place of the former ones
            group.row, group.written_changes = written.row, written.written_changes
        self.groups[key] = group
        for report in group.reports:
            self.group_of_report[report.key] = key
        self._judge(group)
        environment = group.lane[1]
        board = self.boards.get(environment)
        if board is None:
            board = self.boards[environment] = Board(self.parameters.risk)
        board.add(group)
        self._mark_rollback(group, held=True)
        if group.branch is not None and group.link_high is not None:
            self._lanes_of_branch.setdefault(group.branch, set()).add(group.lane)
            if group.link_high > self._newest_link.get(group.branch, -1):
                self._newest_link[group.branch] = group.link_high
            self._merged_ahead = max(self._merged_ahead, group.link_high - group.live_at)
        self._compare(group, board)

    def _compare(self, group: Group, board: Board) -> None:
        """Tell incidents and changes what is different about a deployment now."""
        key = group.key
        signature = (
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
            self._touch_incidents(group, before[3] if before is not None else "")
            for at in before[:2] if before is not None else ():
                if at not in (group.effective_at, group.live_at):
                    self.touched.append((group.lane[0], group.lane[1], at, True))  # type: ignore[arg-type]
            self._touch_artifacts(group.lead)
            if before is not None:
                self._touch_artifacts(before[13])  # type: ignore[arg-type]
            moved = before is None or before[1] != group.live_at or before[5] != group.served
            self._relink(key, self._linked(before), group.changes, moved=moved)
        self.stale_groups[key] = None
        self.gone_groups.pop(key, None)

    def _touch_incidents(self, group: Group, transition_before: object) -> None:
        after = group.transition in _AFTERMATH or transition_before in _AFTERMATH
        self.touched.append((group.lane[0], group.lane[1], group.live_at, after))
        if group.effective_at != group.live_at:
            self.touched.append((group.lane[0], group.lane[1], group.effective_at, after))

    @staticmethod
    def _linked(signature: tuple[object, ...] | None) -> tuple[str, ...]:
        return signature[8] if signature is not None else ()  # type: ignore[return-value]

    def _relink(self, key: str, old: tuple[str, ...], new: tuple[str, ...], *, moved: bool = True) -> None:
        if old == new and not moved:
            return
        gone = set(old).difference(new)
        for change in gone:
            groups = self.groups_of_change.get(change)
            if groups is not None:
                groups.discard(key)
            self.stale_changes[change] = None
        for change in new:
            self.groups_of_change.setdefault(change, set()).add(key)
            self.stale_changes[change] = None

    def _judge(self, group: Group) -> None:
        """A deployment's risk, and how it spreads over the directories that it touched."""
        risk = self.parameters.risk
        total, additions = 0.0, 0
        components: dict[str, float] = {}
        for change in group.changes:
            summary = self.summary_of(change)
            if summary is None:
                continue
            own = self.risk_of(change)
            total += own
            additions += summary.additions or 0
            tops = sorted({path.split("/", 1)[0] for path in summary.paths})
            for top in tops:
                components[top] = components.get(top, 0.0) + own / len(tops)
        group.risk = round(min(risk.deployment_max, total) if group.changes else risk.unlinked, 6)
        group.additions = additions
        group.components = components
        group.ignored = any(report.key in self.ignored for report in group.reports)

    def clear_stale(self) -> None:
        """All rows that were marked are written."""
        self.stale_changes.clear()
        self.stale_artifacts.clear()
        self.gone_changes.clear()
        self.stale_groups.clear()
        self.gone_groups.clear()

    def freeze(self, before: int) -> None:
        """After a restore: deployments from before this time only serve as predecessors."""
        for lane in self.lanes.values():
            lane.freeze(before)

    def evict_groups(self, before: int) -> list[str]:
        """Forget deployments from before a time; returns the keys of their reports."""
        reports: list[str] = []
        for key in sorted(self.lanes):
            gone = self.lanes[key].evict(before)
            if not gone:
                continue
            self.boards[key[1]].evict(gone)
            for group in gone:
                self.groups.pop(group.key, None)
                self._signatures.pop(group.key, None)
                self.rollbacks.get(group.lane[1], Timeline()).remove(
                    (group.live_at, group.lane[0], group.key)
                )
                for change in group.changes:
                    self.groups_of_change.get(change, set()).discard(group.key)
                for report in group.reports:
                    reports.append(report.key)
                    self.group_of_report.pop(report.key, None)
                    for name in _names(report):
                        places = self._references.get(name)
                        if places is not None:
                            places.discard((key, report.live_at))
                            if not places:
                                del self._references[name]
                    line = self.reported.get(report.source)
                    if line is not None:
                        line.remove((report.live_at, report.key, key[0]))
        return reports

    def may_forget(self, family: str, key: str, entity: Entity) -> bool:
        """Drop an old change, commit or artifact from the indexes, unless something still needs it."""
        if family == "change":
            summary = self.summary_of(key)
            if summary is None or summary.state == "open" or self.groups_of_change.get(key):
                return False
            if any(self._references.get(name) for name in (key, *summary.aliases)):
                return False
            self.index.replace(key, summary, None)
            self._risk.pop(key, None)
            self.groups_of_change.pop(key, None)
        elif family == "artifact":
            artifact: ArtifactSummary | None = entity.summary  # type: ignore[assignment]
            for name in artifact.names if artifact is not None else ():
                if self._references.get(name):
                    return False
            for name in artifact.names if artifact is not None else ():
                self._artifacts_named.get(name, set()).discard(key)
                if not self._artifacts_named.get(name):
                    self._artifacts_named.pop(name, None)
                rest = tuple(entry for entry in self.artifacts.get(name, ()) if entry[1] != key)
                if artifact is not None and all(entry[2] != artifact.sha for entry in rest):
                    self._forget_name(artifact.sha, name)
                if rest:
                    self.artifacts[name] = rest
                else:
                    self.artifacts.pop(name, None)
        return True

    def _forget_name(self, sha: str, name: str) -> None:
        names = self._names_of_commit.get(sha)
        if names is not None:
            names.discard(name)
            if not names:
                del self._names_of_commit[sha]

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


def _names(report: Report) -> list[str]:
    """Everything that a report refers to, whether it is known yet or not."""
    names = [f"report {report.key}", report.tag, report.artifact, report.sha, report.previous_sha]
    if not report.sha:
        names.append(f"repository {report.repository}")
    names.extend(report.changes)
    names.extend(report.commits)
    return [name for name in dict.fromkeys(names) if name]
