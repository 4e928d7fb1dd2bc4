"""What scanners found: one row for each finding, and whether its change was merged by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.entities import Entity
from pipeline.core.events import FindingReported
from pipeline.core.facts import FindingFact
from pipeline.core.rows import Rows

#: states in which somebody has to do something about a finding
OPEN = frozenset({"", "open", "created", "reopened", "detected", "appeared_in_branch"})


class Findings:
    """Which findings have to be looked at again, and their rows."""

    def __init__(
        self, families: Mapping[str, Mapping[str, Entity]], catalogue: Catalogue, building: Building
    ) -> None:
        self._findings = families["finding"]
        self._catalogue = catalogue
        self._building = building
        #: commit -> findings that were made in it
        self._of_sha: dict[str, set[str]] = {}
        self._stale: dict[str, None] = {}
        self._gone: dict[str, None] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def finding_corrected(self, key: str, entity: Entity) -> None:
        """Somebody told of a finding, or took a telling back."""
        old: str | None = entity.summary  # type: ignore[assignment]
        told = _told(entity)
        if old:
            self._of_sha[old].discard(key)
            if not self._of_sha[old]:
                del self._of_sha[old]
        entity.summary = None
        if not told:
            if old is not None:
                self._gone[key] = None
                self._stale.pop(key, None)
            return
        sha = _last(told, "sha")
        entity.summary = sha
        if sha:
            self._of_sha.setdefault(sha, set()).add(key)
        self._stale[key] = None
        self._gone.pop(key, None)

    def change_corrected(self, old: object, new: object) -> None:
        """A change came to have other commits, or was merged."""
        if not self._of_sha:
            return
        for summary in (old, new):
            if isinstance(summary, ChangeSummary):
                for sha in summary.aliases:
                    for key in self._of_sha.get(sha, ()):
                        self._stale[key] = None

    def everything_corrected(self) -> None:
        """Services were declared anew: a finding may be another one's."""
        for key, entity in self._findings.items():
            if entity.summary is not None:
                self._stale[key] = None

    def settle(self) -> None:
        """All rows that were marked are written."""
        self._stale.clear()
        self._gone.clear()

    def forget_before(self, before: int) -> Iterator[str]:
        """Findings that are closed and of which nothing was told since a time; their rows stay."""
        for key, entity in self._findings.items():
            if entity.newest_at < before:
                told = _told(entity)
                if not told or told[-1].state not in OPEN:
                    sha: str | None = entity.summary  # type: ignore[assignment]
                    if sha:
                        self._of_sha[sha].discard(key)
                        if not self._of_sha[sha]:
                            del self._of_sha[sha]
                    yield key
                entity.pack()

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """The rows of findings that are not as they were written."""
        for key in self._gone:
            rows.delete(FindingFact.table, (key,))
        for key in self._stale:
            entity = self._findings[key]
            rows.write(self._fact(key, _told(entity)))
            entity.pack()
        self.settle()

    def _fact(self, key: str, told: list[FindingReported]) -> FindingFact:
        repository, sha = _last(told, "repository"), _last(told, "sha")
        service = self._catalogue.service_of("", repository)
        declared = self._catalogue.declared.get(service)
        found_at = told[0].time
        is_open = told[-1].state in OPEN
        change, merged_at = self._brought_by(repository, sha)
        return FindingFact(
            finding=key,
            repository=repository,
            service=service,
            team=declared.team if declared is not None else "",
            kind=_last(told, "kind"),
            severity=_last(told, "severity"),
            rule=_last(told, "rule"),
            tool=_last(told, "tool"),
            path=_last(told, "path"),
            branch=_last(told, "branch"),
            sha=sha,
            url=_last(told, "url"),
            state="open" if is_open else told[-1].state,
            found_at=found_at,
            closed_at=None if is_open else told[-1].time,
            change=change,
            after_merge=self._after_merge(told, repository, change, merged_at),
            events=[event.id for event in told],
        )

    def _brought_by(self, repository: str, sha: str) -> tuple[str, int | None]:
        """The change that a commit belongs to, and when it was merged."""
        for change, summary in self._building.changes_of(f"{repository}@{sha}"):
            return change, summary.merged_at
        return "", None

    def _after_merge(
        self, told: list[FindingReported], repository: str, change: str, merged_at: int | None
    ) -> bool:
        if change:
            return merged_at is not None and told[0].time >= merged_at
        branch = _last(told, "branch")
        # dependencies and secrets are told of a repository as a whole
        return not branch or branch == (self._building.index.main_branch(repository) or "main")


def _told(entity: Entity) -> list[FindingReported]:
    return [event for event in entity.events() if isinstance(event, FindingReported)]


def _last(told: list[FindingReported], name: str) -> str:
    """The newest value of a field that says something."""
    return next((value for event in reversed(told) if (value := getattr(event, name))), "")
