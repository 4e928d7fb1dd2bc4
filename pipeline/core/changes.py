"""Changes: what their events say together, and where to find them by commit and by branch."""

from __future__ import annotations

import msgspec

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

#: decisions that hold until the same person decides otherwise
_STANDING = frozenset({"approved", "changes_requested", "dismissed"})
_MAIN_BRANCHES = ("main", "master", "trunk", "develop")
_DOCUMENTATION = (".md", ".rst", ".adoc", ".txt")
_DOCUMENTATION_ROOTS = frozenset({"doc", "docs", "documentation", "adr", "rfcs"})


class ChangeSummary(msgspec.Struct):
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
    paths: list[str] = []
    owners: list[str] = []
    labels: list[str] = []
    reverts: list[str] = []
    aliases: list[str] = []
    reviews: int = 0
    approvals: int = 0
    change_requests: int = 0
    first_review_at: int | None = None
    approved_at: int | None = None
    updated_at: int = 0
    events: list[str] = []

    @property
    def size(self) -> int:
        """Lines added and deleted."""
        return (self.additions or 0) + (self.deletions or 0)


def summarise(entity: Entity) -> ChangeSummary:
    """Read a change's events, oldest first; an absent field never overwrites a present one."""
    known = ChangeSummary()
    aliases: set[str] = set()
    reviews: list[ReviewSubmitted] = []
    events = entity.events()
    for event in events:
        if isinstance(event, ReviewSubmitted):
            reviews.append(event)
        elif isinstance(event, ChangeMerged):
            _take_merge(known, aliases, event)
        elif isinstance(event, ChangeOpened | ChangeUpdated):
            _take_update(known, aliases, event)
        elif isinstance(event, ChangeAbandoned) and known.state != "merged":
            known.state = "abandoned"
            known.closed_at = event.time
    if not known.repository:
        known.repository = next((name for event in events if (name := getattr(event, "repository", ""))), "")
    if reviews:
        _take_reviews(known, reviews)
    if events:
        known.updated_at = events[-1].time
    known.bot = "bot" in known.labels
    known.aliases = sorted(aliases) if len(aliases) > 1 else list(aliases)
    known.events = [event.id for event in events]
    return known


def _take_update(known: ChangeSummary, aliases: set[str], event: ChangeOpened | ChangeUpdated) -> None:
    known.repository = event.repository or known.repository
    known.branch = event.branch or known.branch
    known.title = event.title or known.title
    known.author = event.author or known.author
    known.labels = event.labels or known.labels
    known.reverts = event.reverts or known.reverts
    if event.number is not None:
        known.number = event.number
    if event.head_sha:
        aliases.add(event.head_sha)
    if known.opened_at is None and isinstance(event, ChangeOpened):
        known.opened_at = event.time
    if known.state == "abandoned":
        known.state = "open"
        known.closed_at = None


def _take_merge(known: ChangeSummary, aliases: set[str], event: ChangeMerged) -> None:
    known.repository = event.repository or known.repository
    known.branch = event.branch or known.branch
    known.title = event.title or known.title
    known.author = event.author or known.author
    known.sha = event.sha or known.sha
    known.paths = event.paths or known.paths
    known.owners = event.owners or known.owners
    known.labels = event.labels or known.labels
    known.reverts = event.reverts or known.reverts
    if event.number is not None:
        known.number = event.number
    if event.additions is not None:
        known.additions = event.additions
    if event.deletions is not None:
        known.deletions = event.deletions
    if event.files is not None:
        known.files = event.files
    if known.opened_at is None:
        known.opened_at = event.opened_at
    known.state = "merged"
    known.merged_at = known.closed_at = event.time
    known.sequence = event.sequence
    if event.sha:
        aliases.add(event.sha)
    if event.commits:
        aliases.update(event.commits)


def _take_reviews(known: ChangeSummary, reviews: list[ReviewSubmitted]) -> None:
    author = known.author
    standing: dict[str, ReviewSubmitted] = {}
    for review in reviews:
        if review.bot or (author and review.reviewer == author):
            continue
        known.reviews += 1
        if known.first_review_at is None:
            known.first_review_at = review.time
        decision = review.decision
        if decision == "changes_requested":
            known.change_requests += 1
        if decision in _STANDING:
            standing[review.reviewer] = review
    approvals = [review.time for review in standing.values() if review.decision == "approved"]
    known.approvals = len(approvals)
    known.approved_at = min(approvals) if approvals else None


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
    if change.paths and only_documentation(change.paths):
        value *= risk.documentation
    return round(value, 6)


def only_documentation(paths: list[str]) -> bool:
    """Whether none of these paths can change what runs."""
    for path in paths:
        if not path.endswith(_DOCUMENTATION) and path.split("/", 1)[0] not in _DOCUMENTATION_ROOTS:
            return False
    return True


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
