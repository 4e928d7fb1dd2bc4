"""What was built: changes, the checks of their commits, artifacts, reverts, and the risk of it all.

``Building`` corrects its indexes entity by entity, and has the deployments looked at again that refer
to what became another thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.core.change_index import ChangeIndex, stands
from pipeline.core.changes import ChangeSummary, summarise
from pipeline.core.checks import ArtifactSummary, CommitSummary, summarise_artifact, summarise_commit
from pipeline.core.entities import Entity
from pipeline.core.grouping import Group, Report
from pipeline.core.parameters import Risk
from pipeline.core.references import References
from pipeline.core.reverts import Reverts
from pipeline.core.risk import risk_of


class Building:
    """Everything up to a merge and its build, for one workspace."""

    def __init__(
        self, risk: Risk, families: Mapping[str, Mapping[str, Entity]], references: References
    ) -> None:
        self._parameters = risk
        self._references = references
        self._changes = families["change"]
        self._commits = families["commit"]
        self._artifacts = families["artifact"]
        self.index = ChangeIndex()
        #: deploy tag or digest -> (packaged at, artifact, sha) of every artifact under it
        self.artifacts: dict[str, tuple[tuple[int, str, str], ...]] = {}
        #: commit -> deploy tags, digests and keys of what was built from it
        self._names_of_commit: dict[str, tuple[str, ...]] = {}
        self.reverts = Reverts()
        self._risk: dict[str, float] = {}
        #: rows to write again, and changes that are no more
        self.stale_changes: dict[str, None] = {}
        self.stale_artifacts: dict[str, None] = {}
        self.gone_changes: dict[str, None] = {}

    def summary_of(self, change: str) -> ChangeSummary | None:
        """What is known of a change; ``None`` for one nobody told about."""
        entity = self._changes.get(change)
        return entity.summary if entity is not None else None  # type: ignore[return-value]

    # -- changes and commits --------------------------------------------------------------------

    def correct_change(self, key: str, entity: Entity) -> None:
        """Bring the indexes in line with a change's events, and touch what depends on it."""
        references = self._references
        old: ChangeSummary | None = entity.summary  # type: ignore[assignment]
        new = summarise(entity)
        alive = bool(new.events)
        entity.summary = new if alive else None
        if self.index.replace(key, old, new if alive else None):
            # a branch that nobody knew: deployments without a commit may belong to it
            references.touch_repositories({new.repository, old.repository if old is not None else ""})
        (self.stale_changes if alive else self.gone_changes)[key] = None
        if old is None:
            self._touch_new(key, new)
        else:
            self._touch_corrected(key, old, new)
        for reference in self.reverts.replace(key, old, new):
            for target in {reference, *self.index.by_sha.get(reference, ())}:
                if self.summary_of(target) is not None:
                    self.stale_changes[target] = None
                    references.touch_incidents_of(target)
        self._correct_risk(
            key, new, moved=old is None or old.paths != new.paths or old.additions != new.additions
        )

    def _touch_new(self, key: str, new: ChangeSummary) -> None:
        references = self._references
        place = stands(key, new)
        if place is not None:
            references.touch_branch(place[:2], place[2][0])
        references.touch(key)
        for sha in new.aliases:
            self._touch_commit(sha)

    def _touch_corrected(self, key: str, old: ChangeSummary, new: ChangeSummary) -> None:
        references = self._references
        before, after = stands(key, old), stands(key, new)
        moved = before != after or old.paths != new.paths
        if moved:
            for place in (before, after):
                if place is not None:
                    references.touch_branch(place[:2], place[2][0])
        if moved or (old.aliases, old.sha) != (new.aliases, new.sha):
            references.touch(key)
            for sha in {*old.aliases, *new.aliases}:
                self._touch_commit(sha)
            if old.aliases != new.aliases:
                # a text that names a commit means these deployments now, or no longer
                references.touch_incidents_of(key)

    def _touch_commit(self, sha: str) -> None:
        """Look at the deployments again that name a commit, or an artifact that was built from it."""
        self._references.touch(sha)
        for name in self._names_of_commit.get(sha, ()):
            self._references.touch(name)

    def correct_commit(self, key: str, entity: Entity) -> None:
        """The checks of a commit changed: so did the rows and the risk of its changes."""
        old = entity.summary
        new = summarise_commit(entity)
        entity.summary = new
        if old == new:
            return
        for change, summary in self.changes_of(key):
            self.stale_changes[change] = None
            self._correct_risk(change, summary)

    def changes_of(self, commit: str) -> Iterator[tuple[str, ChangeSummary]]:
        """The changes that a commit (``repository@sha``) belongs to."""
        repository, _, sha = commit.rpartition("@")
        for change in self.index.by_sha.get(sha, ()):
            summary = self.summary_of(change)
            if summary is not None and summary.repository == repository:
                yield change, summary

    def reverted_by(self, change: str) -> list[tuple[int, str]]:
        """Who reverted a change, and when, in order."""
        summary = self.summary_of(change)
        return self.reverts.of((change, *summary.aliases) if summary is not None else (change,), but=change)

    def reverted_at(self, change: str) -> int | None:
        """When a change was first reverted."""
        found = self.reverted_by(change)
        return found[0][0] if found else None

    def checks_of(self, summary: ChangeSummary) -> tuple[int, int]:
        """Checks on a change's commits: how many, and how many failed in the end."""
        total = failed = 0
        if not self._commits:
            return 0, 0
        for sha in summary.aliases:
            entity = self._commits.get(f"{summary.repository}@{sha}")
            counts = entity.summary if entity is not None else None
            if isinstance(counts, CommitSummary):
                total += counts.checks
                failed += counts.failed
        return total, failed

    def _correct_risk(self, key: str, summary: ChangeSummary, *, moved: bool = False) -> None:
        risk = risk_of(summary, self.checks_of(summary)[1], self._parameters)
        if self._risk.get(key) != risk or moved:
            self._risk[key] = risk
            if self._references.groups_of_change.get(key):
                self._references.touch_groups_of(key)
                self._references.touch_incidents_of(key)

    def risk_of(self, change: str) -> float:
        """How likely a change breaks production."""
        return self._risk.get(change, self._parameters.per_change)

    def assess(self, group: Group) -> None:
        """A deployment's risk, and how it spreads over the directories that it touched."""
        risk = self._parameters
        total, additions = 0.0, 0
        components: dict[str, float] = {}
        for change in group.changes:
            summary = self.summary_of(change)
            if summary is None:
                continue
            own = self.risk_of(change)
            total += own
            additions += summary.additions or 0
            tops = {path.split("/", 1)[0] for path in summary.paths}
            for top in sorted(tops) if len(tops) > 1 else tops:
                components[top] = components.get(top, 0.0) + own / len(tops)
        group.risk = round(min(risk.deployment_max, total) if group.changes else risk.unlinked, 6)
        group.additions = additions
        group.components = components

    # -- artifacts ------------------------------------------------------------------------------

    def artifact_of(self, key: str) -> ArtifactSummary | None:
        """What is known of an artifact; ``None`` for one nobody told about."""
        entity = self._artifacts.get(key)
        return entity.summary if entity is not None else None  # type: ignore[return-value]

    def correct_artifact(self, key: str, entity: Entity) -> None:
        """A deploy tag leads to another commit: touch the deployments under that tag."""
        old: ArtifactSummary | None = entity.summary  # type: ignore[assignment]
        new = summarise_artifact(entity)
        entity.summary = new
        self.stale_artifacts[key] = None
        if old is not None:
            for name in old.names:
                self._take_artifact(name, key)
                self._references.touch(name)
        if new is not None:
            entry = (new.packaged_at, key, new.sha)
            for name in new.names:
                held = self.artifacts.get(name)
                self.artifacts[name] = (entry,) if held is None else tuple(sorted((*held, entry)))
                self._references.touch(name)
            if new.sha:
                names = self._names_of_commit.get(new.sha, ())
                self._names_of_commit[new.sha] = tuple(sorted({*names, *new.names})) if names else new.names

    def _take_artifact(self, name: str, key: str) -> None:
        rest = tuple(entry for entry in self.artifacts.get(name, ()) if entry[1] != key)
        if rest:
            self.artifacts[name] = rest
        else:
            self.artifacts.pop(name, None)

    def touch_artifacts(self, lead: Report) -> None:
        """A deployment came, went or is another one: what it deployed may be deployed now, or no longer."""
        for name in (lead.tag, lead.artifact):
            for entry in self.artifacts.get(name, ()):
                self.stale_artifacts[entry[1]] = None

    # -- forgetting -----------------------------------------------------------------------------

    def clear_stale(self) -> None:
        """All rows that were marked are written."""
        self.stale_changes.clear()
        self.stale_artifacts.clear()
        self.gone_changes.clear()

    def forget_before(self, before: int) -> dict[str, list[str]]:
        """Take what is older than a time out of the indexes, unless something still needs it.

        Returns the keys of the changes, commits and artifacts to drop, by family.
        """
        changes = self._old_changes(before)
        self.index.forget(changes)
        groups_of_change = self._references.groups_of_change
        for key in changes:
            self._risk.pop(key, None)
            groups_of_change.pop(key, None)
        artifacts = []
        for key, entity in self._artifacts.items():
            if entity.newest_at < before:
                artifact: ArtifactSummary | None = entity.summary  # type: ignore[assignment]
                if artifact is None or self._forget_artifact(key, artifact):
                    artifacts.append(key)
        commits = [
            key
            for key, entity in self._commits.items()
            # the checks of an open request say whose turn it is
            if entity.newest_at < before and all(known.state != "open" for _, known in self.changes_of(key))
        ]
        return {"change": list(changes), "commit": commits, "artifact": artifacts}

    def _old_changes(self, before: int) -> dict[str, ChangeSummary]:
        """Changes that no deployment refers to and that nobody works on, from before a time."""
        places = self._references.places
        groups_of_change = self._references.groups_of_change
        found: dict[str, ChangeSummary] = {}
        for key, entity in self._changes.items():
            if entity.newest_at >= before:
                continue
            summary: ChangeSummary | None = entity.summary  # type: ignore[assignment]
            if summary is None or summary.state == "open" or groups_of_change.get(key) or places(key):
                continue
            if not any(places(sha) for sha in summary.aliases):
                found[key] = summary
        return found

    def _forget_artifact(self, key: str, artifact: ArtifactSummary) -> bool:
        if any(self._references.places(name) for name in artifact.names):
            return False
        for name in artifact.names:
            self._take_artifact(name, key)
        known = self._names_of_commit.get(artifact.sha, ())
        names = tuple(name for name in known if name in self.artifacts)
        if names:
            self._names_of_commit[artifact.sha] = names
        else:
            self._names_of_commit.pop(artifact.sha, None)
        return True
