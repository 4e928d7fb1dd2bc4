"""Whose turn it is: the life of a request as turns of its author, its reviewers, and whoever merges it.

A request is its author's while it is a draft, while somebody's request for changes stands that no push
answered, and while a check of its newest commit is red. It is the merger's while somebody approved it and
none of that holds. Else it is its reviewers': time in review is the time spent waiting on a reviewer, over
all rounds (Meta, "Move faster, wait less", 2022). Neither its author's words nor a bot's are a response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from pipeline.core import events as e

AUTHOR, REVIEWERS, MERGE = "author", "reviewers", "merge"

#: an instant, and whether some check of a commit fails from then on
Redness = tuple[int, bool]


class Turn(msgspec.Struct, frozen=True):
    """One period in which it was somebody's turn; ``end`` is ``None`` while it lasts.

    ``waited_on`` holds the persons and teams that were asked and have not answered yet.
    """

    whose: str
    start: int
    end: int | None
    waited_on: tuple[str, ...]


class Course(msgspec.Struct):
    """How a request went: its turns in order, and what happened on the way."""

    turns: list[Turn] = []
    ready_at: int | None = None
    first_response_at: int | None = None
    last_response_at: int | None = None
    #: how often it became the reviewers' turn
    rounds: int = 0
    #: when its newest commit became another one
    pushes: list[int] = []
    #: the longest time from its being ready, or from the last push before, to an approval before its end
    approved_after: int | None = None
    #: everybody who was ever asked, in that order, and when for the last time
    asked_at: dict[str, int] = {}

    @property
    def approval_seconds(self) -> int | None:
        """``approved_after`` in whole seconds; ``None``: nobody approved."""
        return None if self.approved_after is None else self.approved_after // e.MICROSECONDS


def course_of(
    events: Iterable[e.Event],
    author: str,
    opened_at: int,
    closed_at: int | None,
    redness: Callable[[str], Sequence[Redness]] | None,
    belongs: Callable[[str, str, int], bool],
) -> Course:
    """Follow a request from ``opened_at`` to ``closed_at`` (``None``: it is open).

    ``events`` are those of the change, oldest first; ``redness`` gives the history of a commit's checks
    (``None``: none ever failed), and ``belongs`` whether a person is a member of a team at a time.
    """
    request = _Request(author, opened_at, belongs)
    steps: list[_Step] = []
    heads: list[tuple[int, str]] = []
    opened = False
    for event in events:
        at = event.time if event.time > opened_at else opened_at
        if closed_at is not None and event.time >= closed_at:
            break
        take = _TAKES.get(type(event))
        if take is None and steps:
            continue  # nothing is another's turn by it
        steps.append((at, event, take))
        if isinstance(event, _TELLS_HEAD):
            opened = opened or isinstance(event, e.ChangeOpened)
            if event.head_sha:
                heads.append((at, event.head_sha))
    told = [redness(sha) for _, sha in heads] if redness is not None else []
    # where no head was ever red, what its checks say changes nothing
    if any(map(_ever_red, told)):
        for place, (start, _) in enumerate(heads):
            end = heads[place + 1][0] if place + 1 < len(heads) else closed_at
            steps.extend(_red_steps(told[place], start, end))
        steps.sort(key=itemgetter(0))
    if not opened:
        # nobody told of its opening but in hindsight: it was ready from the start, as far as is known
        request.settle(opened_at)
    last: int | None = None
    for at, step, take in steps:
        if at != last:
            if last is not None and request.moved:
                # what passes within an instant is nobody's turn
                request.settle(last)
            last = at
        if take is not None:
            take(request, at, step)
    if last is not None:
        request.settle(last)
    request.close(closed_at)
    return request.course


#: an instant, what happens then, and how that is taken
_Step = tuple[int, "e.Event | bool", "Callable[[_Request, int, Any], None] | None"]
_TELLS_HEAD = (e.ChangeOpened, e.ChangeUpdated)


def _ever_red(redness: Sequence[Redness]) -> bool:
    return any(red for _, red in redness)


def _red_steps(redness: Sequence[Redness], start: int, end: int | None) -> list[_Step]:
    """What the checks of a commit say while it is the newest one, from ``start`` to before ``end``."""
    before = False
    found: list[_Step] = []
    for at, red in redness:
        if at <= start:
            before = red
        elif end is None or at < end:
            found.append((at, red, _Request.check))
    return [(start, before, _Request.check), *found]


class _Request:
    """Where a request stands, step by step."""

    __slots__ = (
        "_approvals", "_author", "_belongs", "_blockers", "_closed", "_draft", "_head", "_opened_at", "_red",
        "_since", "_waited_on", "_waiting", "_whose", "course", "moved",
    )  # fmt: skip

    def __init__(self, author: str, opened_at: int, belongs: Callable[[str, str, int], bool]) -> None:
        self.course = Course()
        #: whether it may be another's turn since it was settled
        self.moved = True
        self._author = author
        self._belongs = belongs
        self._draft = self._red = self._closed = False
        self._head = ""
        #: whose request for changes stands unanswered, who approved, who was asked and has not answered
        self._blockers: set[str] = set()
        self._approvals: set[str] = set()
        self._waited_on: dict[str, None] = {}
        self._opened_at = self._since = opened_at
        self._whose = ""
        self._waiting: tuple[str, ...] = ()

    def settle(self, at: int) -> None:
        """Begin another turn where it is somebody else's now."""
        self.moved = False
        waiting: tuple[str, ...] = ()
        if self._closed:
            whose = ""
        elif self._draft or self._red or self._blockers:
            whose = AUTHOR
        elif self._approvals:
            whose = MERGE
        else:
            whose, waiting = REVIEWERS, tuple(self._waited_on)
        course = self.course
        if course.ready_at is None and whose and not self._draft:
            course.ready_at = at
        before = self._whose
        if whose == before and waiting == self._waiting:
            return
        if before and at > self._since:
            course.turns.append(Turn(before, self._since, at, self._waiting))
        if whose == REVIEWERS and before != REVIEWERS:
            course.rounds += 1
        self._whose, self._waiting, self._since = whose, waiting, at

    def close(self, at: int | None) -> None:
        """The request ends, or (``None``) goes on."""
        if self._whose and (at is None or at > self._since):
            self.course.turns.append(Turn(self._whose, self._since, at, self._waiting))

    def check(self, at: int, red: bool) -> None:
        """What the checks of the newest commit say from now on."""
        self._red, self.moved = red, True

    def abandon(self, at: int, step: e.ChangeAbandoned) -> None:
        """Somebody closed it."""
        self._closed = self.moved = True

    def comment(self, at: int, step: e.CommentPosted) -> None:
        """Somebody said something."""
        if not step.bot and step.author != self._author:
            self._respond(at, step.author)

    def update(self, at: int, step: e.ChangeOpened | e.ChangeUpdated) -> None:
        """It was opened, or is another one now."""
        self._draft, self._closed, self.moved = step.draft, False, True
        if step.head_sha and step.head_sha != self._head:
            if self._head:
                self.course.pushes.append(at)
                self._blockers.clear()
            self._head = step.head_sha

    def ask(self, at: int, step: e.ReviewRequested) -> None:
        """Somebody is asked for a review, or no longer."""
        self.moved = True
        for name in (step.reviewer, step.team):
            if not name:
                continue
            if step.withdrawn:
                self._waited_on.pop(name, None)
                continue
            self._waited_on[name] = None
            self._blockers.discard(name)
            self.course.asked_at[name] = at

    def review(self, at: int, step: e.ReviewSubmitted) -> None:
        """Somebody decided."""
        reviewer = step.reviewer
        if step.bot or reviewer == self._author:
            return
        self.moved = True
        if step.decision == "dismissed":
            self._approvals.discard(reviewer)
            self._blockers.discard(reviewer)
            return
        if step.decision == "approved":
            self._approvals.add(reviewer)
            self._blockers.discard(reviewer)
            course = self.course
            pushed_at = course.pushes[-1] if course.pushes else self._opened_at
            elapsed = at - max(course.ready_at or self._opened_at, pushed_at)
            course.approved_after = max(course.approved_after or 0, elapsed)
        elif step.decision == "changes_requested":
            self._approvals.discard(reviewer)
            self._blockers.add(reviewer)
        self._respond(at, reviewer)

    def _respond(self, at: int, person: str) -> None:
        for name in list(self._waited_on):
            if name == person or self._belongs(person, name, at):
                del self._waited_on[name]
                self.moved = True
        course = self.course
        course.last_response_at = at
        if course.first_response_at is None and (course.ready_at is not None or not self._draft):
            course.first_response_at = at


#: how each kind of step is taken; the others are nobody's turn
_TAKES: dict[type, Callable[[_Request, int, Any], None]] = {
    e.ChangeOpened: _Request.update,
    e.ChangeUpdated: _Request.update,
    e.ChangeAbandoned: _Request.abandon,
    e.ReviewRequested: _Request.ask,
    e.ReviewSubmitted: _Request.review,
    e.CommentPosted: _Request.comment,
}
