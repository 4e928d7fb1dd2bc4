"""Changes: what their events say together, and where to find them by commit and by branch."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import (
    ChangeAbandoned,
    ChangeMerged,
    ChangeOpened,
    ChangeUpdated,
    ReviewSubmitted,
)
from pipeline.core.parameters import Risk
from pipeline.core.timeline import Timeline

#: (merged at, the source's sequence, change)
Position = tuple[int, int, str]

_MAIN_BRANCHES = ("main", "master", "trunk", "develop")
_DOCUMENTATION = (".md", ".rst", ".adoc", ".txt")
_DOCUMENTATION_ROOTS = frozenset({"doc", "docs", "documentation", "adr", "rfcs"})


class ChangeSummary(NamedTuple):
    """What is known about a change; everything the indexes, the links and the model need."""

    repository: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    title: str = ""
    author: str = ""
    bot: bool = False
    state: str = "open"
    opened_at: int | None = None
    merged_at: int | None = None
    closed_at: int | None = None
    sequence: int = 0
    additions: int | None = None
    deletions: int | None = None
    files: int | None = None
    paths: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    reverts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    reviews: int = 0
    approvals: int = 0
    change_requests: int = 0
    first_review_at: int | None = None
    approved_at: int | None = None
    updated_at: int = 0
    events: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Lines added and deleted."""
        return (self.additions or 0) + (self.deletions or 0)


def summarise(entity: Entity) -> ChangeSummary:
    """Read a change's events, oldest first; an absent field never overwrites a present one."""
    known: dict[str, object] = {}
    aliases: set[str] = set()
    events = entity.events()
    known["updated_at"] = events[-1].time if events else 0
    reviews: list[ReviewSubmitted] = []
    for event in events:
        if isinstance(event, ChangeMerged):
            _take_merge(known, aliases, event)
        elif isinstance(event, ChangeOpened | ChangeUpdated):
            _take_update(known, aliases, event)
        elif isinstance(event, ReviewSubmitted):
            reviews.append(event)
            known.setdefault("repository", event.repository)
        elif isinstance(event, ChangeAbandoned) and known.get("state") != "merged":
            known["state"] = "abandoned"
            known["closed_at"] = event.time
            known.setdefault("repository", event.repository)
    if reviews:
        _take_reviews(known, reviews)
    labels = known.get("labels", ())
    known["bot"] = "bot" in labels  # type: ignore[operator]
    known["aliases"] = tuple(sorted(aliases))
    known["events"] = tuple(event.id for event in events)
    return ChangeSummary(**known)  # type: ignore[arg-type]


def _take_update(known: dict[str, object], aliases: set[str], event: ChangeOpened | ChangeUpdated) -> None:
    for name in ("repository", "branch", "title", "author"):
        value = getattr(event, name)
        if value:
            known[name] = value
    if event.number is not None:
        known["number"] = event.number
    if event.labels:
        known["labels"] = tuple(event.labels)
    if event.reverts:
        known["reverts"] = tuple(event.reverts)
    if event.head_sha:
        aliases.add(event.head_sha)
    if isinstance(event, ChangeOpened):
        known.setdefault("opened_at", event.time)
    if known.get("state") == "abandoned":
        known["state"] = "open"
        known["closed_at"] = None


def _take_merge(known: dict[str, object], aliases: set[str], event: ChangeMerged) -> None:
    for name in ("repository", "branch", "title", "author", "sha"):
        value = getattr(event, name)
        if value:
            known[name] = value
    for name in ("number", "additions", "deletions", "files"):
        value = getattr(event, name)
        if value is not None:
            known[name] = value
    for name in ("paths", "owners", "labels", "reverts"):
        value = getattr(event, name)
        if value:
            known[name] = tuple(value)
    if event.opened_at is not None:
        known.setdefault("opened_at", event.opened_at)
    known["state"] = "merged"
    known["merged_at"] = known["closed_at"] = event.time
    known["sequence"] = event.sequence
    if event.sha:
        aliases.add(event.sha)
    aliases.update(event.commits)


def _take_reviews(known: dict[str, object], reviews: list[ReviewSubmitted]) -> None:
    author = known.get("author")
    standing: dict[str, ReviewSubmitted] = {}
    people = [review for review in reviews if not review.bot and (not author or review.reviewer != author)]
    for review in people:
        if review.decision in ("approved", "changes_requested", "dismissed"):
            standing[review.reviewer] = review
    approvals = [review for review in standing.values() if review.decision == "approved"]
    known["reviews"] = len(people)
    known["approvals"] = len(approvals)
    known["change_requests"] = sum(1 for review in people if review.decision == "changes_requested")
    known["first_review_at"] = people[0].time if people else None
    known["approved_at"] = min((review.time for review in approvals), default=None)


def risk_of(change: ChangeSummary, failed_checks: int, risk: Risk) -> float:
    """How likely this change breaks production: a base rate times bounded factors.

    Reviews without an approval count; no reviews at all don't, because most sources know of none.
    """
    value = risk.per_change
    if change.additions is not None:
        factor = ((1 + change.size) / risk.size_pivot_lines) ** risk.size_exponent
        value *= min(risk.size_factor_max, max(risk.size_factor_min, factor))
    if change.bot:
        value *= risk.bot
    if change.reviews and not change.approvals:
        value *= risk.unreviewed
    if failed_checks:
        value *= risk.failed_check
    if change.paths and all(is_documentation(path) for path in change.paths):
        value *= risk.documentation
    return round(value, 6)


def is_documentation(path: str) -> bool:
    """Whether a path can't change what runs."""
    return path.endswith(_DOCUMENTATION) or path.split("/", 1)[0] in _DOCUMENTATION_ROOTS


class ChangeIndex:
    """Changes by commit sha and by the order in which they reached a branch."""

    def __init__(self) -> None:
        self.by_sha: dict[str, tuple[str, ...]] = {}
        self.branches: dict[tuple[str, str], Timeline[Position]] = {}
        self.of_repository: dict[str, set[str]] = {}

    def replace(self, key: str, old: ChangeSummary | None, new: ChangeSummary | None) -> bool:
        """Correct the indexes after a change's summary became another one.

        True when a branch became known, or ceased to be.
        """
        appeared = False
        before = old.aliases if old else ()
        after = new.aliases if new else ()
        if before != after:
            for sha in before:
                left = tuple(owner for owner in self.by_sha.get(sha, ()) if owner != key)
                if left:
                    self.by_sha[sha] = left
                else:
                    self.by_sha.pop(sha, None)
            for sha in after:
                held = self.by_sha.get(sha)
                self.by_sha[sha] = (key,) if held is None else tuple(sorted({*held, key}))
        if stands(key, old) != stands(key, new):
            was, now = position_of(key, old), position_of(key, new)
            if was is not None and old is not None:
                appeared = self._leave(old, was)
            if now is not None and new is not None:
                branch = self.branches.get((new.repository, new.branch))
                if branch is None:
                    branch = self.branches[(new.repository, new.branch)] = Timeline()
                    self.of_repository.setdefault(new.repository, set()).add(new.branch)
                    appeared = True
                branch.add(now)
        return appeared

    def _leave(self, old: ChangeSummary, was: Position) -> bool:
        """Take a change off its branch; true when the branch ceased to be known with it."""
        branch = self.branches[(old.repository, old.branch)]
        branch.remove(was)
        if branch:
            return False
        del self.branches[(old.repository, old.branch)]
        names = self.of_repository[old.repository]
        names.discard(old.branch)
        if not names:
            del self.of_repository[old.repository]
        return True

    def main_branch(self, repository: str) -> str | None:
        """The branch that a repository is deployed from, by its name; ``None`` for an unknown one."""
        names = self.of_repository.get(repository)
        if not names:
            return None
        return next((name for name in _MAIN_BRANCHES if name in names), min(names))


def stands(key: str, change: ChangeSummary | None) -> tuple[str, str, Position] | None:
    """Repository, branch and position of a change; ``None`` until it is merged."""
    position = position_of(key, change)
    return (
        (change.repository, change.branch, position) if change is not None and position is not None else None
    )


def position_of(key: str, change: ChangeSummary | None) -> Position | None:
    """Where a change stands on its branch; ``None`` until it is merged."""
    if change is None or change.merged_at is None or change.state != "merged":
        return None
    return (change.merged_at, change.sequence, key)
