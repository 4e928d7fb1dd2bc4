"""Changes: what their events say together, and how risky that makes them."""

from __future__ import annotations

import msgspec

from pipeline.core.entities import Entity
from pipeline.core.events import (
    ChangeAbandoned,
    ChangeMerged,
    ChangeOpened,
    ChangeUpdated,
    Event,
    OwnersRequired,
    QueueChanged,
    ReviewSubmitted,
)

#: decisions that hold until the same person decides otherwise
_STANDING = frozenset({"approved", "changes_requested", "dismissed"})
#: the family of sources that read a clone: they know a change by its commits
CLONE = "git"
#: why a request left a merge queue without having failed: somebody took it out, or its group was made anew
NO_EJECTION = frozenset({"manual", "dequeued", "invalidated", "queue_cleared", "roll_back"})


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
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []
    aliases: list[str] = []
    reviews: int = 0
    approvals: int = 0
    change_requests: int = 0
    first_review_at: int | None = None
    approved_at: int | None = None
    updated_at: int = 0
    events: list[str] = []
    #: whether anything but its merge was told
    discussed: bool = False
    #: whether anything but a clone told of it
    forged: bool = False
    #: when a merge queue removed it because something failed, and the reason that was told
    ejections: list[tuple[int, str]] = []
    first_commit_at: int | None = None
    picked_from: list[str] = []
    generated_lines: int | None = None

    @property
    def lines(self) -> int | None:
        """Lines added and deleted, generated ones too; ``None``: not told."""
        return None if self.additions is None else self.additions + (self.deletions or 0)

    @property
    def written_lines(self) -> int | None:
        """The lines without those of generated and vendored files, as far as these are told."""
        lines = self.lines
        # a forge counts renames otherwise than a clone does
        return None if lines is None else max(0, lines - (self.generated_lines or 0))


def family_of(event: Event) -> str:
    """The family of the source that told an event: ``github`` of ``github/acme/api``."""
    return event.source.partition("/")[0]


def summarise(entity: Entity) -> ChangeSummary:
    """Read a change's events, oldest first; an absent field never overwrites a present one."""
    events = entity.events()
    if len(events) == 1 and isinstance(events[0], ChangeMerged):
        return _merged_at_once(events[0])
    known = ChangeSummary()
    aliases: set[str] = set()
    reviews: list[ReviewSubmitted] = []
    forged = False
    for event in events:
        if isinstance(event, ReviewSubmitted):
            reviews.append(event)
        elif isinstance(event, ChangeMerged):
            cloned = family_of(event) == CLONE
            if cloned and forged:
                # a clone knows paths and the order of commits; who and what, the forge knows better
                _complete_merge(known, aliases, event)
            else:
                _take_merge(known, aliases, event)
            forged = forged or not cloned
        elif isinstance(event, ChangeOpened | ChangeUpdated):
            _take_update(known, aliases, event)
        elif isinstance(event, QueueChanged):
            if event.state == "removed" and event.reason not in NO_EJECTION:
                known.ejections = [*known.ejections, (event.time, event.reason)]
        elif isinstance(event, ChangeAbandoned) and known.state != "merged":
            known.state = "abandoned"
            known.closed_at = event.time
    if not known.repository:
        known.repository = next((name for event in events if (name := getattr(event, "repository", ""))), "")
    if reviews:
        _take_reviews(known, reviews)
    if events:
        known.updated_at = events[-1].time
    known.discussed = not all(isinstance(event, ChangeMerged | OwnersRequired) for event in events)
    known.forged = any(family_of(event) != CLONE for event in events)
    known.bot = "bot" in known.labels
    known.aliases = sorted(aliases) if len(aliases) > 1 else list(aliases)
    known.events = [event.id for event in events]
    return known


def _merged_at_once(event: ChangeMerged) -> ChangeSummary:
    """All that is known of a change when its merge is all that was told: most of a repository's history."""
    commits = event.commits
    if commits:
        aliases = sorted({event.sha, *commits}) if event.sha else sorted(set(commits))
    else:
        aliases = [event.sha] if event.sha else []
    return ChangeSummary(
        event.repository,
        event.number,
        event.branch,
        event.sha,
        event.title,
        event.author,
        "bot" in event.labels,
        "merged",
        event.opened_at,
        event.time,
        event.time,
        event.sequence,
        event.additions,
        event.deletions,
        event.files,
        event.paths,
        event.owners,
        event.labels,
        event.reverts,
        event.emergency,
        event.incidents,
        event.sections,
        aliases,
        updated_at=event.time,
        events=[event.id],
        forged=family_of(event) != CLONE,
        first_commit_at=event.first_commit_at,
        picked_from=event.picked_from,
        generated_lines=_generated_lines(event),
    )


def _take_update(known: ChangeSummary, aliases: set[str], event: ChangeOpened | ChangeUpdated) -> None:
    known.repository = event.repository or known.repository
    known.branch = event.branch or known.branch
    known.title = event.title or known.title
    known.author = event.author or known.author
    known.labels = event.labels or known.labels
    known.reverts = event.reverts or known.reverts
    known.emergency = event.emergency or known.emergency
    known.incidents = event.incidents or known.incidents
    known.sections = event.sections or known.sections
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
    known.emergency = event.emergency or known.emergency
    known.incidents = event.incidents or known.incidents
    known.sections = event.sections or known.sections
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
    _take_commits(known, event)
    known.state = "merged"
    known.merged_at = known.closed_at = event.time
    known.sequence = event.sequence or known.sequence
    if event.sha:
        aliases.add(event.sha)
    if event.commits:
        aliases.update(event.commits)


def _complete_merge(known: ChangeSummary, aliases: set[str], event: ChangeMerged) -> None:
    """Take only what nobody told so far."""
    known.sha = known.sha or event.sha
    known.paths = known.paths or event.paths
    known.owners = known.owners or event.owners
    known.reverts = known.reverts or event.reverts
    known.sequence = known.sequence or event.sequence
    if known.additions is None and known.deletions is None:
        known.additions, known.deletions = event.additions, event.deletions
    if known.files is None:
        known.files = event.files
    _take_commits(known, event)
    aliases.update(filter(None, (event.sha, *event.commits)))


def _take_commits(known: ChangeSummary, event: ChangeMerged) -> None:
    """Take what only who reads the commits knows."""
    if event.first_commit_at is not None:
        known.first_commit_at = event.first_commit_at
    known.picked_from = event.picked_from or known.picked_from
    if event.generated_additions is not None or event.generated_deletions is not None:
        known.generated_lines = _generated_lines(event)


def _generated_lines(event: ChangeMerged) -> int | None:
    if event.generated_additions is None and event.generated_deletions is None:
        return None
    return (event.generated_additions or 0) + (event.generated_deletions or 0)


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
