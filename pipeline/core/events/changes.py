"""What happens to a change: requests, reviews, comments, queues, pushes."""

from __future__ import annotations

from pipeline.core.events.envelope import Event


class ChangeOpened(Event, frozen=True):
    """A pull or merge request was opened."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    title: str = ""
    author: str = ""
    head_sha: str = ""
    draft: bool = False
    labels: list[str] = []
    reverts: list[str] = []
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []


class ChangeUpdated(Event, frozen=True):
    """A request changed before its end: a push, a new title, other labels, ready for review."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    title: str = ""
    author: str = ""
    head_sha: str = ""
    draft: bool = False
    labels: list[str] = []
    reverts: list[str] = []
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []


class ChangeMerged(Event, frozen=True):
    """A change reached its branch: a merged request, or a direct commit (then without a number)."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    commits: list[str] = []
    title: str = ""
    author: str = ""
    merged_by: str = ""
    opened_at: int | None = None
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
    first_commit_at: int | None = None
    picked_from: list[str] = []
    generated_additions: int | None = None
    generated_deletions: int | None = None


class ChangeAbandoned(Event, frozen=True):
    """A request was closed without a merge."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None


class ReviewRequested(Event, frozen=True):
    """A person or a team was asked to review a change, or is no longer asked (``withdrawn``)."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    reviewer: str = ""
    team: str = ""
    withdrawn: bool = False


class ReviewSubmitted(Event, frozen=True):
    """A person (or a bot) reviewed a change."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    reviewer: str = ""
    decision: str = ""
    commit_sha: str = ""
    comments: int | None = None
    bot: bool = False
    characters: int | None = None
    words: int | None = None
    code: bool = False
    suggestion: bool = False
    question: bool = False
    request: bool = False
    filler: bool = False


class CommentPosted(Event, frozen=True):
    """Somebody commented on a change; the text stays with the source, what it amounts to is kept."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    author: str = ""
    bot: bool = False
    path: str = ""
    commit_sha: str = ""
    in_reply: bool = False
    characters: int | None = None
    suggestion: bool = False
    question: bool = False
    line: bool = False
    words: int | None = None
    code: bool = False
    request: bool = False
    filler: bool = False


class QueueChanged(Event, frozen=True):
    """A change entered the merge queue, or left it: ``state`` is entered, merged, or removed."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    state: str = ""
    reason: str = ""
    sha: str = ""


class BranchPushed(Event, frozen=True):
    """Commits reached a branch, by whatever way: a merge, a direct push, a forced one."""

    key_field = "push"

    push: str
    repository: str = ""
    branch: str = ""
    before: str = ""
    after: str = ""
    commits: list[str] = []
    forced: bool = False
    actor: str = ""


class OwnersRequired(Event, frozen=True):
    """Whose approval a change needs by the CODEOWNERS of its base commit, told with the change's paths."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    groups: list[str] = []
    unowned_files: int | None = None
    stale_entries: list[str] = []


class RuleBypassed(Event, frozen=True):
    """Somebody with the right to do so put a commit past a rule of its branch."""

    entity = "commit"
    key_field = "commit"

    commit: str
    repository: str = ""
    sha: str = ""
    branch: str = ""
    rule: str = ""
    actor: str = ""
    because: str = ""
