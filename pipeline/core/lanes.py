"""The deployments of one service to one environment, in the order in which they went live.

A lane regroups its reports from the oldest one that was touched, and follows the chain of
deployments from there: what came before, what a rollback undid, what went out again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from pipeline.core.grouping import Group, LaneKey, Report, group_reports
from pipeline.core.linking import Linker
from pipeline.core.parameters import Parameters

#: how far back a rollback looks for the version it restores
ROLLBACK_DEPTH_MAX = 200


class Lane:
    """Reports and deployments of one service and environment (or of one flag)."""

    __slots__ = ("_dirty_from", "_frozen", "_told", "groups", "key", "reports")

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.reports: list[Report] = []
        self.groups: list[Group] = []
        self._told: dict[str, list[int]] = {}
        self._dirty_from: int | None = None
        #: deployments at the start that only serve as predecessors; their rows stand
        self._frozen = 0

    def touch(self, time: int) -> None:
        """Something at this time has to be looked at again."""
        if self._dirty_from is None or time < self._dirty_from:
            self._dirty_from = time

    def index_at(self, time: int) -> int:
        """Index of the first deployment that went live at this time or later."""
        return bisect_left(self.groups, time, key=lambda group: group.live_at)

    def add(self, report: Report) -> None:
        """Take in a report."""
        if not self.reports or report >= self.reports[-1]:
            self.reports.append(report)
        else:
            insort(self.reports, report)
        self.touch(report.live_at)

    def remove(self, report: Report) -> None:
        """A report was corrected, moved to another lane, or taken back."""
        index = bisect_left(self.reports, report)
        if index < len(self.reports) and self.reports[index] == report:
            del self.reports[index]
        self.touch(report.live_at)
        if report.shared_id:
            for other in self.reports:
                if other.shared_id == report.shared_id:
                    self.touch(other.live_at)

    def update(self, linker: Linker, parameters: Parameters) -> tuple[list[Group], list[Group]]:
        """Regroup and relink from what was touched.

        Returns the groups that were there before, and those that are there now: the tail, and
        what a change in the tail altered before it.
        """
        if self._dirty_from is None:
            return [], []
        start = self._restart(parameters.same_deployment_within)
        self._dirty_from = None
        first = self._first_group(start)
        if first < self._frozen:
            first = self._frozen
            start = sum(len(group.reports) for group in self.groups[:first])
        before = self.groups[max(0, first - ROLLBACK_DEPTH_MAX) : first]
        stood = [(group.replaced_at, group.undone_at) for group in before]
        former = self.groups[first:]
        for group in former:
            self._untell(group)
        kept = {group.reports: group for group in former}
        tail = []
        for group in group_reports(self.reports[start:], parameters.same_deployment_within):
            held = kept.get(group.reports)
            if held is None:
                group.lane = self.key
                held = group
            tail.append(held)
        self.groups[first:] = tail
        self._follow(first, linker, parameters)
        altered = [
            group
            for group, was in zip(before, stood, strict=True)
            if (group.replaced_at, group.undone_at) != was
        ]
        return altered + former, altered + tail

    def _first_group(self, start: int) -> int:
        """Index of the first group to form anew: all before it begin with a report before ``start``.

        The groups of reports that went away lie behind the last report that stays untouched.
        """
        if start == 0:
            return 0
        last = self.reports[start - 1][:3]
        return bisect_right(self.groups, last, key=lambda group: group.reports[0][:3])

    def _restart(self, within: int) -> int:
        """Index of the first report to group again: behind a gap that no group spans."""
        assert self._dirty_from is not None
        reports = self.reports
        index = bisect_left(reports, (self._dirty_from - within,))
        while True:
            while 0 < index < len(reports) and reports[index].live_at - reports[index - 1].live_at <= within:
                index -= 1
            if index >= len(reports) and reports and reports[-1].live_at >= self._dirty_from - within:
                index = len(reports) - 1
                continue
            earlier = self._shared_before(index)
            if earlier is None:
                return index
            index = earlier

    def _shared_before(self, index: int) -> int | None:
        """A report before ``index`` that shares its explicit id with a later one."""
        ids = {report.shared_id for report in self.reports[index:] if report.shared_id}
        if not ids:
            return None
        for earlier, report in enumerate(self.reports[:index]):
            if report.shared_id in ids:
                return earlier
        return None

    def _untell(self, group: Group) -> None:
        times = self._told.get(group.lead.identity)
        if times is not None:
            index = bisect_left(times, group.live_at)
            if index < len(times) and times[index] == group.live_at:
                del times[index]
            if not times:
                del self._told[group.lead.identity]

    def _follow(self, first: int, linker: Linker, parameters: Parameters) -> None:
        """Walk the chain from group ``first``: predecessors, transitions, links."""
        groups = self.groups
        previous = self._served_before(first)
        since = groups[first].live_at if first < len(groups) else None
        for group in groups[max(0, first - ROLLBACK_DEPTH_MAX) : first]:
            if group.undone_at is not None and (since is None or group.undone_at >= since):
                group.undone_at = None
        if previous is not None:
            previous.replaced_at = None
        for index in range(first, len(groups)):
            group = groups[index]
            group.previous = previous
            group.replaced_at = None
            group.undone_at = None
            linker.resolve(group)
            group.transition = self._transition(group, parameters.horizon)
            group.rolls_back = ()
            if group.transition == "rollback":
                self._undo(group, index, parameters.horizon)
            link = linker.link(group)
            group.link_rule, group.changes = link.rule, link.changes
            group.link_low, group.link_high = link.low, link.high
            if group.served:
                if previous is not None:
                    previous.replaced_at = group.live_at
                insort(self._told.setdefault(group.lead.identity, []), group.live_at)
                previous = group

    def _served_before(self, index: int) -> Group | None:
        while index > 0:
            index -= 1
            if self.groups[index].served:
                return self.groups[index]
        return None

    def _transition(self, group: Group, horizon: int) -> str:
        previous = group.previous
        if not group.served:
            return "failed"
        if previous is None or previous.live_at < group.live_at - horizon:
            return "baseline"
        if group.lead.rolled_back:
            return "rollback"
        if group.lead.identity and group.lead.identity == previous.lead.identity:
            return "redeploy"
        was_live = self._was_live(group, horizon)
        if group.position is not None and previous.position is not None and group.branch == previous.branch:
            if group.position < previous.position:
                return "rollback"
            if group.position == previous.position:
                return "redeploy"
            return "reinstate" if was_live else "forward"
        if was_live:
            undone = previous.transition == "rollback" and self._undoes(previous, group.lead.identity)
            return "reinstate" if undone else "rollback"
        return "forward"

    def _was_live(self, group: Group, horizon: int) -> bool:
        """Datadog's definition of a rollback: a version that was live before, within the horizon."""
        times = self._told.get(group.lead.identity)
        if not times:
            return False
        index = bisect_left(times, group.live_at)
        return index > 0 and times[index - 1] >= group.live_at - horizon

    def _undoes(self, rollback: Group, identity: str) -> bool:
        undone = set(rollback.rolls_back)
        return any(group.key in undone and group.lead.identity == identity for group in self.groups)

    def _undo(self, rollback: Group, index: int, horizon: int) -> None:
        """Name what a rollback undid: everything that went live after the version it restores."""
        undone: list[Group] = []
        target = rollback.lead.identity
        for group in reversed(self.groups[max(0, index - ROLLBACK_DEPTH_MAX) : index]):
            if group.live_at < rollback.live_at - horizon:
                break
            if not group.served:
                continue
            if group.lead.identity == target:
                break
            if (
                rollback.position is not None
                and group.position is not None
                and rollback.branch == group.branch
                and group.position <= rollback.position
            ):
                break
            undone.append(group)
            if (
                rollback.lead.rolled_back
                and not self._was_live(rollback, horizon)
                and rollback.position is None
            ):
                break  # the source says rollback, and its target is unknown: the last one was undone
        rollback.rolls_back = tuple(group.key for group in undone)
        for group in undone:
            if group.undone_at is None:
                group.undone_at = rollback.live_at

    def freeze(self, before: int) -> None:
        """Leave the row of a first deployment from before this time as it was written."""
        if self.groups and self.groups[0].live_at < before:
            self._frozen = 1

    def evict(self, before: int) -> list[Group]:
        """Forget groups that went live before this time, but for the last one that served."""
        cut = bisect_left(self.groups, before, key=lambda group: group.live_at)
        while cut > 0 and not any(group.served for group in self.groups[cut - 1 : cut]):
            cut -= 1
        cut = max(0, cut - 1)
        if cut == 0:
            return []
        gone, self.groups = self.groups[:cut], self.groups[cut:]
        for group in gone:
            self._untell(group)
        stays = {report.key for group in self.groups for report in group.reports}
        self.reports = [report for report in self.reports if report.key in stays]
        self._frozen = 1
        self.groups[0].previous = None
        return gone
