"""Which changes a deployment brought: the rules in their order, and the rule that applied.

1. ``explicit``  the event lists the changes;
2. ``commits``   the event lists the commits; ``compare``: it names the commit it is compared with;
3. ``artifact``  the deploy tag leads to an artifact and its build to a commit;
4. ``branch``    the event names the commit: what was merged on its branch after the previous
   deployment of this service and environment, up to this commit; ``time`` when there is no commit
   at all: what was merged on the main branch between the two deployments.

The first deployment of a service and environment is a ``baseline`` and brings nothing; a rollback
and a redeployment bring nothing; a commit nobody merged leaves the deployment ``unlinked``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.core.catalogue import Catalogue
from pipeline.core.change_index import ChangeIndex, Position
from pipeline.core.changes import ChangeSummary
from pipeline.core.grouping import Group
from pipeline.core.parameters import LINKS_MAX

SummaryOf = Callable[[str], ChangeSummary | None]


class Link(NamedTuple):
    """The outcome of linking; ``low`` and ``high`` bound the merge times that it depends on."""

    rule: str
    changes: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None


class Linker:
    """Looks changes up for deployments; holds references to the indexes, no state of its own."""

    def __init__(
        self,
        index: ChangeIndex,
        catalogue: Catalogue,
        artifacts: Mapping[str, tuple[tuple[int, str, str], ...]],
        summary_of: SummaryOf,
        horizon: int,
    ) -> None:
        self.index = index
        self.catalogue = catalogue
        #: deploy tag or digest -> (packaged at, artifact, sha) of every artifact under it
        self.artifacts = artifacts
        self.summary_of = summary_of
        self.horizon = horizon

    def change_of(self, sha: str) -> str | None:
        """The change that a commit belongs to: the one merged as it, else the first to hold it."""
        owners = self.index.by_sha.get(sha)
        if not owners:
            return None
        if len(owners) == 1:
            return owners[0]
        return min(owners, key=lambda key: self._claim(key, sha))

    def _claim(self, key: str, sha: str) -> tuple[bool, int, str]:
        change = self.summary_of(key)
        if change is None:
            return (True, 0, key)
        return (change.sha != sha, change.merged_at or 0, key)

    def resolve(self, group: Group) -> None:
        """Find a deployment's commit, its branch and its position there."""
        lead = group.lead
        group.sha = lead.sha or self._sha_of_artifact(group)
        group.position, group.branch = None, None
        key = self.change_of(group.sha) if group.sha else None
        change = self.summary_of(key) if key else None
        if change is not None and key is not None and change.merged_at is not None:
            group.position = (change.merged_at, change.sequence, key)
            group.branch = (change.repository, change.branch)

    def _sha_of_artifact(self, group: Group) -> str:
        lead = group.lead
        found = self._built(lead.artifact)
        if not found and lead.tag:
            found = [entry for entry in self._built(lead.tag) if self._belongs(entry[1], group)]
        if not found:
            return ""
        # a tag that was built again means the build before this deployment
        before = [entry for entry in found if entry[0] <= group.live_at]
        return (max(before) if before else min(found))[2]

    def _built(self, name: str) -> list[tuple[int, str, str]]:
        """The artifacts under a name whose commit is known."""
        return [entry for entry in self.artifacts.get(name, ()) if entry[2]] if name else []

    def _belongs(self, artifact: str, group: Group) -> bool:
        """Whether an artifact under this tag can be what was deployed: tags like v5 are everybody's."""
        name = _image(artifact)
        repositories = {group.lead.repository, *self.catalogue.repositories(group.lane[0])} - {""}
        if repositories:
            return name in repositories or name.rsplit("/", 1)[-1] == group.lane[0]
        return name.rsplit("/", 1)[-1] == group.lane[0] or len(self._built(group.lead.tag)) == 1

    def link(self, group: Group) -> Link:
        """Which changes this deployment brought, after ``resolve`` and the lane's transitions."""
        lead = group.lead
        if lead.changes:
            return Link("explicit", self._known(lead.changes))
        if lead.commits:
            return Link("commits", self._known(lead.commits))
        previous = group.previous
        if previous is None and group.transition == "baseline" and not lead.previous_sha:
            return Link("baseline")
        if group.transition in ("rollback", "redeploy"):
            return Link("artifact" if group.sha and not lead.sha else "branch" if group.sha else "time")
        if group.sha and group.position is None:
            return Link("unlinked")
        if group.position is not None and group.branch is not None:
            rule = "branch" if lead.sha else "artifact"
            low, compared = self._lower_bound(group)
            if lead.previous_sha and compared:
                rule = "compare"
            return self._range(rule, group, group.branch, low, group.position)
        return self._by_time(group)

    def _lower_bound(self, group: Group) -> tuple[Position, bool]:
        """The position after which changes are new; and whether the event itself named it."""
        lead, previous = group.lead, group.previous
        if lead.previous_sha:
            key = self.change_of(lead.previous_sha)
            change = self.summary_of(key) if key else None
            if (
                change is not None
                and key is not None
                and change.merged_at is not None
                and (change.repository, change.branch) == group.branch
            ):
                return (change.merged_at, change.sequence, key), True
        if previous is None:
            return (group.live_at, 0, ""), False
        if previous.position is not None and previous.branch == group.branch:
            return previous.position, False
        return (previous.live_at, 0, ""), False

    def _by_time(self, group: Group) -> Link:
        repository = group.lead.repository
        if not repository:
            declared = self.catalogue.repositories(group.lane[0])
            repository = declared[0] if len(declared) == 1 else ""
        branch = group.lead.branch or (self.index.main_branch(repository) if repository else None)
        if branch is None or group.previous is None or (repository, branch) not in self.index.branches:
            return Link("unlinked")
        low = (group.previous.live_at, 1 << 62, "")
        return self._range("time", group, (repository, branch), low, (group.live_at, 1 << 62, ""))

    def _range(self, rule: str, group: Group, branch: tuple[str, str], low: Position, high: Position) -> Link:
        group.branch = branch
        floor = (group.live_at - self.horizon, 0, "")
        low = max(low, floor)
        line = self.index.branches.get(branch)
        found = line.between(low, high) if line is not None else []
        keys = [item[2] for item in found]
        paths = self.catalogue.paths(group.lane[0])
        if paths:
            keys = [key for key in keys if self._touches(key, paths)]
        return Link(rule, tuple(keys[-LINKS_MAX:]), low[0], high[0])

    def _touches(self, key: str, paths: tuple[str, ...]) -> bool:
        change = self.summary_of(key)
        if change is None or not change.paths:
            return True
        return any(_overlap(path, owned) for path in change.paths for owned in paths)

    def _known(self, references: tuple[str, ...]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for reference in references:
            key = reference if self.summary_of(reference) is not None else self.change_of(reference)
            if key is not None:
                found[key] = None
        return tuple(found)


def _image(artifact: str) -> str:
    """An artifact's name without version, digest and type: ``pkg:oci/acme/api@v1`` -> ``acme/api``."""
    name = artifact.split("@", 1)[0].split("?", 1)[0]
    if name.startswith("pkg:"):
        name = name.split("/", 1)[-1]
    place, slash, last = name.rpartition("/")
    return place + slash + last.split(":", 1)[0]


def _overlap(path: str, owned: str) -> bool:
    """Whether a touched path lies in an owned directory, or is a cut-off form of a path in it."""
    return path == owned or path.startswith(owned + "/") or (path != "." and owned.startswith(path + "/"))
