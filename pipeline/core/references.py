"""Which deployments refer to what: a name, a branch, a repository, a change.

``References`` is asked when something else was corrected. It marks the lanes whose deployments
depend on it, to be grouped and linked again, and tells incidents when a candidate is seen otherwise.
"""

from __future__ import annotations

from collections.abc import Collection

from pipeline.core.catalogue import Catalogue
from pipeline.core.grouping import Group, LaneKey, Report
from pipeline.core.lanes import Lane

#: service, environment, time at which something changed for incidents, and whether it matters to
#: incidents that were opened before it (a rollback does, another release does not)
Touched = tuple[str, str, int, bool]

_AFTERMATH = frozenset({"rollback", "reinstate"})

#: lane, time and key of a report
Place = tuple[LaneKey, int, str]


class References:
    """The lanes and deployments of one workspace, by everything that they depend on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.lanes: dict[LaneKey, Lane] = {}
        self.groups: dict[str, Group] = {}
        self.groups_of_change: dict[str, set[str]] = {}
        #: lanes to group and link again
        self.touched_lanes: dict[LaneKey, None] = {}
        #: what incidents have to hear of
        self.touched: list[Touched] = []
        #: a name -> lane, time and key of every report that refers to it: two may share lane and time
        self._names: dict[str, set[Place]] = {}
        self._lanes_of_branch: dict[tuple[str, str], set[LaneKey]] = {}
        self._newest_link: dict[tuple[str, str], int] = {}
        #: how far ahead of a deployment its own commit was merged, by clocks that disagree
        self._merged_ahead = 0

    def places(self, name: str) -> Collection[Place]:
        """Lane, time and key of every report that refers to a name."""
        return self._names.get(name, ())

    # -- reports and deployments ----------------------------------------------------------------

    def add(self, report: Report, key: LaneKey) -> None:
        """Take a report into its lane."""
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane(key)
        lane.add(report)
        self.touched_lanes[key] = None
        place = (key, report.live_at, report.key)
        for name in _names(report):
            self._names.setdefault(name, set()).add(place)

    def drop(self, report: Report) -> list[LaneKey]:
        """Take a report out; returns the lanes that it was in."""
        left: list[LaneKey] = []
        for place in list(self.places(f"report {report.key}")):
            key = place[0]
            self.lanes[key].remove(report)
            self.touched_lanes[key] = None
            for name in _names(report):
                self._names.get(name, set()).discard(place)
            left.append(key)
        return left

    def forget(self, report: Report, key: LaneKey) -> None:
        """Leave no name of a report that its lane forgot."""
        for name in _names(report):
            places = self._names.get(name)
            if places is not None:
                places.discard((key, report.live_at, report.key))
                if not places:
                    del self._names[name]

    def link(self, group: Group) -> None:
        """Remember the branch on which a deployment's changes were looked for, and up to when."""
        if group.branch is None or group.link_high is None:
            return
        self._lanes_of_branch.setdefault(group.branch, set()).add(group.lane)
        if group.link_high > self._newest_link.get(group.branch, -1):
            self._newest_link[group.branch] = group.link_high
        self._merged_ahead = max(self._merged_ahead, group.link_high - group.live_at)

    # -- what has to be looked at again ---------------------------------------------------------

    def touch(self, name: str) -> None:
        """Look at the deployments again that refer to a name."""
        for key, at, _ in self._names.get(name, ()):
            self.lanes[key].touch(at)
            self.touched_lanes[key] = None

    def touch_report(self, key: str) -> None:
        """Look at a deployment again, whichever lane it is in."""
        self.touch(f"report {key}")

    def touch_repositories(self, repositories: set[str]) -> None:
        """A branch became known: look at the deployments again that may be of it."""
        services: set[str] = set()
        for repository in sorted(repositories):
            self.touch(f"repository {repository}")
            services.update(self._catalogue.of_repository.get(repository, ()))
        for key, lane in self.lanes.items() if services else ():
            if key[0] in services and lane.groups:
                lane.touch(lane.groups[0].live_at)
                self.touched_lanes[key] = None

    def touch_branch(self, branch: tuple[str, str], merged_at: int) -> None:
        """A merge appeared, moved or vanished: touch the deployments whose range it falls into."""
        if self._newest_link.get(branch, -1) < merged_at:
            return
        for key in self._lanes_of_branch.get(branch, ()):
            lane = self.lanes[key]
            for group in lane.groups[lane.index_at(merged_at - self._merged_ahead) :]:
                low, high = group.link_low, group.link_high
                if low is not None and high is not None and low <= merged_at <= high:
                    lane.touch(group.live_at)
                    self.touched_lanes[key] = None
                    break

    def touch_groups_of(self, change: str) -> None:
        """Look at the deployments again that brought a change."""
        for name in self.groups_of_change.get(change, ()):
            group = self.groups[name]
            self.lanes[group.lane].touch(group.live_at)
            self.touched_lanes[group.lane] = None

    def touch_incidents_of(self, change: str) -> None:
        """Tell incidents that one of their candidates' changes is seen otherwise."""
        for name in self.groups_of_change.get(change, ()):
            group = self.groups[name]
            self.touch_incidents(group, group.transition)

    def touch_incidents(self, group: Group, transition_before: str) -> None:
        """Tell incidents that a deployment is another one than it was."""
        after = group.transition in _AFTERMATH or transition_before in _AFTERMATH
        self.touched.append((group.lane[0], group.lane[1], group.live_at, after))
        if group.effective_at != group.live_at:
            self.touched.append((group.lane[0], group.lane[1], group.effective_at, after))


def _names(report: Report) -> list[str]:
    """Everything that a report refers to, whether it is known yet or not."""
    names = [f"report {report.key}", report.tag, report.artifact, report.sha, report.previous_sha]
    if not report.sha:
        names.append(f"repository {report.repository}")
    names.extend(report.changes)
    names.extend(report.commits)
    return [name for name in dict.fromkeys(names) if name]
