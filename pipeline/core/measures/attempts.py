"""How the runs of each check went on one commit: what failed, what was run again, and how long that took.

A check that was red and then green on one commit, which did not change meanwhile, flaked: that is certain.
Where only the machinery failed it is no flake of the check, and counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from pipeline.core.checks import FAILED, MACHINERY, PASSED, TOLD_BY_ITS_JOBS
from pipeline.core.entities import Entity
from pipeline.core.events import MICROSECONDS, CheckFinished
from pipeline.core.learning import week_of
from pipeline.core.measures.flakes import Pattern

_JUDGED = FAILED | PASSED | {MACHINERY}
#: a check of a deployment, not of the commit: it may fail at one and pass at the next one
_OF_DEPLOYMENTS = "smoke"
_outcome_of = attrgetter("name", "workflow", "outcome")


class Check(NamedTuple):
    """What runs: one job of one workflow."""

    repository: str
    name: str
    workflow: str


class Course(NamedTuple):
    """How the runs of one check went on one commit, in seconds and numbers of runs."""

    pattern: Pattern
    #: runs that the machinery ended
    errors: int
    #: runs from a failure on to the next success, without that failure; and how long they took
    reruns: int
    waited_seconds: int
    #: the same where nothing but the machinery failed
    error_reruns: int
    error_waited_seconds: int

    @property
    def flaked(self) -> bool:
        """Whether the check both failed and passed on the commit."""
        return 0 < self.pattern.failed < self.pattern.runs


class Trial(NamedTuple):
    """What one commit says about one check, and the week in which it counts: that of the first run."""

    check: Check
    week: int
    course: Course


def told_of(entity: Entity) -> list[CheckFinished]:
    """The runs of a commit's checks that ended with a result, or by the machinery, in order of their ends.

    A run of several jobs counts only where nobody told of its jobs.
    """
    told = [
        event
        for event in entity.events()
        if isinstance(event, CheckFinished)
        and event.outcome in _JUDGED
        and event.name
        and event.kind != _OF_DEPLOYMENTS
    ]
    return [event for event in told if event.kind != TOLD_BY_ITS_JOBS] or told


def gist_of(entity: Entity, told: Sequence[CheckFinished]) -> tuple[object, ...] | None:
    """What the runs of a commit say, as far as its trials rest on it; ``None``: they rest on more.

    Where each check ran once, the times say only which week it was.
    """
    if not told:
        return None
    week = week_of(told[0].time)
    if week_of(told[-1].time) != week:
        return None
    if len({event.name for event in told}) < len(told):
        return None
    return (entity.key.rpartition("@")[0], week, frozenset(map(_outcome_of, told)))


def runs_of(entity: Entity, told: Sequence[CheckFinished], runs_max: int) -> dict[Check, list[CheckFinished]]:
    """The first runs of each check of a commit, in order; ``told`` is what ``told_of`` gave."""
    repository = entity.key.rpartition("@")[0]
    if not repository:
        return {}  # nobody told of which commit it is
    by_name: dict[tuple[str, str], list[CheckFinished]] = {}
    for event in told:
        name = (event.name, event.workflow)
        runs = by_name.get(name)
        if runs is None:
            by_name[name] = [event]
        else:
            runs.append(event)
    found: dict[Check, list[CheckFinished]] = {}
    for name, runs in by_name.items():
        if len(runs) > 1:
            runs.sort(key=_order)
        found[Check(repository, *name)] = runs[:runs_max]
    return found


def _order(event: CheckFinished) -> tuple[int, int, str]:
    return (event.time, event.attempt, event.id)


def trials_of(entity: Entity, told: Sequence[CheckFinished], runs_max: int) -> tuple[Trial, ...]:
    """What a commit says about its checks, in the order of the checks; ``told`` is what ``told_of`` gave."""
    found = runs_of(entity, told, runs_max)
    return tuple(
        [Trial(check, week_of(found[check][0].time), course_of(found[check])) for check in sorted(found)]
    )


def course_of(runs: Sequence[CheckFinished]) -> Course:
    """Follow the runs of a check on one commit."""
    if len(runs) == 1:
        return _ONCE[runs[0].outcome]
    return _followed(runs)


def _followed(runs: Sequence[CheckFinished]) -> Course:
    judged = failed = errors = reruns = waited = error_reruns = error_waited = 0
    red_since: int | None = None
    again, by_itself, left_red = 0, False, False
    for run in runs:
        passed, machinery = run.outcome in PASSED, run.outcome == MACHINERY
        judged += not machinery
        errors += machinery
        failed += run.outcome in FAILED
        left_red = (left_red and machinery) or run.outcome in FAILED
        if not passed:
            again = 0 if red_since is None else again + 1
            red_since = run.time if red_since is None else red_since
            by_itself = by_itself or not machinery
        elif red_since is not None:
            seconds = (run.time - red_since) // MICROSECONDS
            if by_itself:
                reruns, waited = reruns + again + 1, waited + seconds
            else:
                error_reruns, error_waited = error_reruns + again + 1, error_waited + seconds
            red_since, by_itself = None, False
    return Course(Pattern(judged, failed, left_red), errors, reruns, waited, error_reruns, error_waited)


#: most checks run once on a commit
_ONCE = {
    outcome: Course(
        Pattern(int(outcome != MACHINERY), int(outcome in FAILED), outcome in FAILED),
        int(outcome == MACHINERY), 0, 0, 0, 0,
    )
    for outcome in _JUDGED
}  # fmt: skip
