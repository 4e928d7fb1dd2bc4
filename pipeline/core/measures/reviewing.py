"""The rows of reviews: how each request was reviewed, by the clock and in working hours.

Everything in a row follows from events, so a row never changes because time passes: of a turn that lasts
it tells the beginning, when a response falls due, and the next working windows of whoever is waited on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import CommitSummary, redness_of
from pipeline.core.entities import Entity
from pipeline.core.events import MICROSECONDS
from pipeline.core.facts import ReviewFact
from pipeline.core.limits import ReviewLimits
from pipeline.core.measures.classing import Classing
from pipeline.core.measures.marks import Marks
from pipeline.core.measures.paces import Paces, is_request
from pipeline.core.measures.substance import is_rubber_stamp, points_of_all, remarks_of, substantive
from pipeline.core.measures.turns import AUTHOR, MERGE, REVIEWERS, Course, Redness, Turn, course_of
from pipeline.core.rows import Rows
from pipeline.core.teams import Awaited, Teams
from pipeline.core.working_time import WorkingTime


class Reviewing:
    """Which requests have to be looked at again, and their rows."""

    def __init__(
        self,
        limits: ReviewLimits,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        teams: Teams,
        classing: Classing,
    ) -> None:
        self._limits = limits
        self._changes = families["change"]
        self._commits = families["commit"]
        self._catalogue = catalogue
        self._teams = teams
        self._classing = classing
        self.paces = Paces(limits.remarks, self.summary_of, self.fact_of)
        #: commits on which a check failed at any time
        self._red = Marks()
        self._stale: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        #: rows of stale requests that somebody asked for already
        self._asked: dict[str, ReviewFact] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        self.paces.hear(key, old, new)
        if is_request(new) or is_request(old):
            marked, other = (self._stale, self._gone) if is_request(new) else (self._gone, self._stale)
            marked[key] = None
            other.pop(key, None)

    def commit_corrected(self, key: str, changes: Iterable[tuple[str, ChangeSummary]]) -> None:
        """The checks of a commit of these changes became others."""
        known = self._commits[key].summary
        self._red.put(key, marked=isinstance(known, CommitSummary) and known.red)
        for change, summary in changes:
            if is_request(summary):
                self._stale[change] = None

    def everything_corrected(self) -> None:
        """Teams, services or classes were declared anew: any row may name others, or count other hours."""
        for key, entity in self._changes.items():
            if is_request(entity.summary):
                self._stale[key] = None

    def restate(self) -> list[str]:
        """Count what was corrected; gives the requests whose rows may be others only because of that."""
        found = self.paces.recount()
        for key in found:
            self._stale[key] = None
            self._asked.pop(key, None)
        return found

    def settle(self) -> None:
        """All rows that were marked are written."""
        self._stale.clear()
        self._gone.clear()
        self._asked.clear()

    def forget(self, commits: Iterable[str]) -> None:
        """Nothing more will be heard of these commits."""
        self._red.forget(commits)

    def stale(self) -> Iterable[str]:
        """The requests that are to be looked at again."""
        return self._stale

    def gone(self) -> Iterable[str]:
        """What is a request no more."""
        return self._gone

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """The rows of requests that are not as they were written."""
        for key in self._gone:
            rows.delete(ReviewFact.table, (key,))
        for key in self._stale:
            fact = self.fact_of(key)
            if fact is not None:
                rows.write(fact)
        self.settle()

    def summary_of(self, key: str) -> ChangeSummary | None:
        """What is known of a request; ``None`` for what is none."""
        entity = self._changes.get(key)
        summary = entity.summary if entity is not None else None
        return summary if isinstance(summary, ChangeSummary) and is_request(summary) else None

    def fact_of(self, key: str) -> ReviewFact | None:
        """The row of a request as it is now; ``None`` for what is none."""
        known = self._asked.get(key)
        summary = self.summary_of(key)
        if known is not None or summary is None:
            return known
        entity = self._changes[key]
        fact = self._fact(key, summary, entity)
        if key in self._stale:
            # it rests when everything is written: other measures read the same events
            self._asked[key] = fact
        else:
            entity.pack()
        return fact

    def _fact(self, key: str, summary: ChangeSummary, entity: Entity) -> ReviewFact:
        assert summary.opened_at is not None
        service = self._catalogue.service_of("", summary.repository)
        declared = self._catalogue.declared.get(service)
        owner = declared.team if declared is not None else ""

        # it may have been merged before it was opened, by clocks that disagree
        closed_at = None if summary.closed_at is None else max(summary.closed_at, summary.opened_at)
        events = entity.events()
        # most commits never failed, and their events need not be read to know it
        redness = partial(self._redness, summary.repository) if self._red.may_have(summary.aliases) else None
        course = course_of(events, summary.author, summary.opened_at, closed_at, redness, self._teams.belongs)
        sums = _Sums(self._teams, owner, self._limits.response_target)
        for turn in course.turns:
            sums.add(turn, course.first_response_at)
        until = closed_at if closed_at is not None else entity.newest_at + 1
        remarks = remarks_of(events, summary.author, until)
        points = points_of_all(remarks, course.pushes, self._limits.remarks)
        limit = self.paces.limit(summary)
        fact = ReviewFact(
            change=key,
            repository=summary.repository,
            service=service,
            team=owner,
            bot=summary.bot,
            state=summary.state,
            lines=summary.lines,
            size=self._limits.size_of(summary.written_lines),
            opened_at=summary.opened_at,
            ready_at=course.ready_at,
            closed_at=closed_at,
            merged_at=summary.merged_at,
            first_response_at=course.first_response_at,
            response_seconds=sums.response_seconds(course),
            response_working_seconds=sums.response_working_seconds(course),
            response_target_seconds=sums.target // MICROSECONDS,
            waiting_seconds=sums.waiting // MICROSECONDS,
            waiting_working_seconds=sums.waiting_working // MICROSECONDS,
            author_seconds=sums.author // MICROSECONDS,
            merging_seconds=sums.merging // MICROSECONDS,
            rounds=course.rounds,
            pushes=len(course.pushes),
            comments=len(remarks),
            substantive_comments=substantive(points, self._limits.remarks),
            approval_seconds=course.approval_seconds,
            rubber_stamp=is_rubber_stamp(points, course.approval_seconds, limit, self._limits.remarks),
            asked=[*course.asked_at],
            turn="",
            turn_since_at=None,
            waited_on=[],
            hours_of=sorted(sums.hours_of),
            unanswered_since_at=None,
            review_target_seconds=None,
            review_due_at=None,
            working_from=[],
            working_until=[],
            generated_lines=summary.generated_lines,
            change_class=self._classing.of(entity, summary)[0],
            stamp_seconds=limit,
        )
        if course.turns and course.turns[-1].end is None:
            self._tell_turn(fact, course, sums)
        return fact

    def _redness(self, repository: str, sha: str) -> list[Redness]:
        commit = self._commits.get(f"{repository}@{sha}")
        if commit is None or not (isinstance(commit.summary, CommitSummary) and commit.summary.red):
            return []
        found = redness_of(commit)
        commit.pack()
        return found

    def _tell_turn(self, fact: ReviewFact, course: Course, sums: _Sums) -> None:
        """What is to be known of a turn that lasts, without knowing what time it is."""
        last = course.turns[-1]
        # those who are waited on may have become others since: the turn began before that
        since = last.start
        for turn in reversed(course.turns):
            if turn.whose != last.whose or (turn.end is not None and turn.end < since):
                break
            since = turn.start
        fact.turn = last.whose
        fact.turn_since_at = since
        fact.waited_on = list(last.waited_on)
        if last.whose != REVIEWERS:
            return
        # nobody has waited for an answer longer than since he asked for it, or since he got one
        asked_at = min((course.asked_at[name] for name in last.waited_on), default=since)
        unanswered_since = max(since, asked_at, course.last_response_at or since)
        hours, target = sums.of(last)
        fact.unanswered_since_at = unanswered_since
        fact.review_target_seconds = target // MICROSECONDS
        fact.review_due_at = hours.after(unanswered_since, target)
        windows = hours.windows(unanswered_since, self._limits.windows_max)
        fact.working_from = [start for start, _ in windows]
        fact.working_until = [end for _, end in windows]


class _Sums:
    """How long it was whose turn, in microseconds."""

    def __init__(self, teams: Teams, owner: str, target: int) -> None:
        self._teams = teams
        self._owner = owner
        self._default_target = target
        #: working time within which the first response was due
        self.target = target
        self.waiting = self.waiting_working = self.author = self.merging = 0
        self.response = self.response_working = 0
        self.hours_of: set[str] = set()

    def add(self, turn: Turn, response_at: int | None) -> None:
        """Count one turn; ``response_at`` = when the first response came."""
        start, end = turn.start, turn.end
        if turn.whose != REVIEWERS:
            if end is not None and turn.whose == AUTHOR:
                self.author += end - start
            elif end is not None and turn.whose == MERGE:
                self.merging += end - start
            return
        awaited = self._teams.awaited(turn.waited_on, self._owner, start)
        self.hours_of.update(awaited.teams)
        worked = None
        if end is not None:
            worked = awaited.hours.worked(start, end)
            self.waiting += end - start
            self.waiting_working += worked
        if response_at is not None and response_at <= start:
            return
        self.target = self._target(awaited)
        if response_at is not None and (end is None or response_at < end):
            end, worked = response_at, awaited.hours.worked(start, response_at)
        if end is not None and worked is not None:
            self.response += end - start
            self.response_working += worked

    def of(self, turn: Turn) -> tuple[WorkingTime, int]:
        """The hours of those who are waited on in a turn, and within how much of them they answer."""
        awaited = self._teams.awaited(turn.waited_on, self._owner, turn.start)
        return awaited.hours, self._target(awaited)

    def _target(self, awaited: Awaited) -> int:
        return self._default_target if awaited.promised is None else awaited.promised

    def response_seconds(self, course: Course) -> int | None:
        """Time waited until the first response; ``None``: none came."""
        return None if course.first_response_at is None else self.response // MICROSECONDS

    def response_working_seconds(self, course: Course) -> int | None:
        """The same in working hours."""
        return None if course.first_response_at is None else self.response_working // MICROSECONDS
