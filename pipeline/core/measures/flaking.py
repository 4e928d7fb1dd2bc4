"""The rows of flaky checks: one for each week of a check once it is over, one for each certain flake.

A row of a week is written when *now* has left that week, and again when a commit of it, or of a week that
its window holds, was told something late. So nothing has to be worked out while a week lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.core.building import Building
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import FAILED, PASSED
from pipeline.core.entities import Entity
from pipeline.core.facts import CheckFlakinessFact, FlakyRunFact
from pipeline.core.learning import week_of, week_start
from pipeline.core.limits import FlakeLimits
from pipeline.core.measures.attempts import Check, Trial, course_of, gist_of, runs_of, told_of, trials_of
from pipeline.core.measures.check_weeks import CheckWeek, CheckWeeks
from pipeline.core.measures.flakes import Estimate, Estimates, table_of
from pipeline.core.measures.marks import Marks
from pipeline.core.parameters import PROBABILITY_DIGITS
from pipeline.core.rows import Rows

#: published probabilities of checks have fewer digits than their grid gives exactly
_DIGITS = PROBABILITY_DIGITS - 2


class _Answer:
    """What commits say that say the same."""

    __slots__ = ("flaked", "moved", "trials")

    def __init__(self, trials: tuple[Trial, ...]) -> None:
        self.trials = trials
        self.flaked = frozenset([trial.check for trial in trials if trial.course.flaked])
        #: how many more commits say it than are counted
        self.moved = 0


#: what a commit says of which no run is known
_NOTHING = _Answer(())


class Flaking:
    """What each commit says about its checks, and which rows have to be written again."""

    def __init__(
        self, limits: FlakeLimits, families: Mapping[str, Mapping[str, Entity]], building: Building
    ) -> None:
        self._limits = limits
        self._commits = families["commit"]
        self._building = building
        self.weeks = CheckWeeks(limits.window_weeks)
        self._estimates = Estimates(limits)
        self._answers: dict[str, _Answer] = {}
        #: most commits say what others say: each such answer is held once, and found by the gist of its runs
        self._alike: dict[tuple[Trial, ...], _Answer] = {}
        self._alike_trials: dict[Trial, Trial] = {}
        self._of_gist: dict[tuple[object, ...], _Answer] = {}
        #: answers that other commits give than are counted
        self._moved: dict[_Answer, None] = {}
        #: commits on which a check flaked
        self._flaked: dict[str, None] = {}
        self._marks = Marks()
        #: weeks before this one are over, and their rows are written
        self._over = 0
        self._stale_weeks: dict[tuple[Check, int], None] = {}
        self._stale_commits: dict[str, None] = {}
        self._gone_runs: dict[tuple[str, Check], None] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        old = self._answers.get(key, _NOTHING)
        new = self._answer(self._commits[key])
        if old is not new:
            if new is _NOTHING:
                del self._answers[key]
            else:
                self._answers[key] = new
            for answer, sign in ((old, -1), (new, 1)):
                if answer is not _NOTHING:
                    answer.moved += sign
                    self._moved[answer] = None
            for check in old.flaked - new.flaked:
                self._gone_runs[(key, check)] = None
        if new.flaked or old.flaked:
            self._marks.put(key, marked=bool(new.flaked))
        if new.flaked:
            self._flaked[key] = None
            self._stale_commits[key] = None
        elif old.flaked:
            self._flaked.pop(key, None)
            self._stale_commits.pop(key, None)

    def change_corrected(self, old: object, new: object) -> None:
        """Commits may belong to another change now."""
        if not self._flaked:
            return
        for summary in (old, new):
            if isinstance(summary, ChangeSummary):
                for sha in summary.aliases if self._marks.may_have(summary.aliases) else ():
                    key = f"{summary.repository}@{sha}"
                    if key in self._flaked:
                        self._stale_commits[key] = None

    def _answer(self, entity: Entity) -> _Answer:
        told = told_of(entity)
        gist = gist_of(entity, told)
        known = self._of_gist.get(gist) if gist is not None else None
        if known is None:
            trials = trials_of(entity, told, self._limits.runs_max)
            known = self._alike.get(trials) if trials else _NOTHING
            if known is None:
                shared = tuple([self._alike_trials.setdefault(trial, trial) for trial in trials])
                known = self._alike[shared] = _Answer(shared)
            if gist is not None:
                self._of_gist[gist] = known
        return known

    def _count(self) -> None:
        """Count what commits say now, each answer once for all of them."""
        moved: dict[Trial, int] = {}
        for answer in self._moved:
            if answer.moved:
                for trial in answer.trials:
                    moved[trial] = moved.get(trial, 0) + answer.moved
                answer.moved = 0
        self._moved.clear()
        for trial, number in moved.items():
            if number and self.weeks.count(trial, number) and trial.week < self._over:
                self._stale_weeks[(trial.check, trial.week)] = None

    def forget(self, commits: Iterable[str], before: int) -> None:
        """Nothing more will be heard of these commits, which are from before a time."""
        self.weeks.forget_before(before)
        commits = list(commits)
        self._marks.forget(commits)
        for key in commits:
            self._answers.pop(key, None)
            self._flaked.pop(key, None)
        held = set(self._answers.values())
        self._alike = {answer.trials: answer for answer in held}
        self._alike_trials = {trial: trial for trials in self._alike for trial in trials}
        self._of_gist = {gist: answer for gist, answer in self._of_gist.items() if answer in held}

    # -- rows -----------------------------------------------------------------------------------

    def settle(self, now: int) -> None:
        """All rows that were marked, or whose week is over by now, are written."""
        self._count()
        self._stale_weeks.clear()
        self._stale_commits.clear()
        self._gone_runs.clear()
        self._over = max(self._over, week_of(now))

    def write(self, rows: Rows, now: int) -> None:
        """The rows that are not as they were written."""
        self._count()
        over = max(self._over, week_of(now))
        due = {
            (check, following): None
            for check, week in self._stale_weeks
            for following in self.weeks.following(week)
            if following < self._over
        }
        if over > self._over:
            for check, weeks in self.weeks.weeks.items():
                due.update({(check, week): None for week in weeks if self._over <= week < over})
        told: list[tuple[Check, int, CheckWeek]] = []
        for check, week in due:
            if week in self.weeks.weeks.get(check, {}):
                told.append((check, week, self.weeks.window(check, week)))
            elif (check, week) in self._stale_weeks:
                rows.delete(CheckFlakinessFact.table, (*check, week_start(week)))
        found = self._estimates.of([table_of(window.patterns) for _, _, window in told])
        for (check, week, window), known in zip(told, found, strict=True):
            rows.write(self._week_fact(check, week, window, known))
        for key, check in self._gone_runs:
            rows.delete(FlakyRunFact.table, (check.repository, key.rpartition("@")[2], *check[1:]))
        for key in self._stale_commits:
            self._write_runs(key, rows)
        self.settle(now)

    def _week_fact(self, check: Check, week: int, window: CheckWeek, found: Estimate) -> CheckFlakinessFact:
        limits, own = self._limits, self.weeks.weeks[check][week]
        errors, reruns, waited, error_reruns, error_waited = own.sums
        low, above = round(found.low, _DIGITS), round(found.above, _DIGITS)
        flaky = above >= limits.flaky_from and window.runs >= limits.flaky_runs_min
        return CheckFlakinessFact(
            *check,
            week_at=week_start(week),
            commits=own.commits,
            runs=own.runs,
            failed=own.failed,
            flaked=own.flaked,
            reruns=reruns,
            waited_seconds=waited,
            errors=errors,
            error_reruns=error_reruns,
            error_waited_seconds=error_waited,
            window_weeks=limits.window_weeks,
            window_commits=window.commits,
            window_runs=window.runs,
            window_failed=window.failed,
            window_flaked=window.flaked,
            flake_probability=round(found.flake, _DIGITS),
            flake_low=low,
            flake_high=round(found.high, _DIGITS),
            flaky_probability=above,
            flaky=flaky,
            quarantine=flaky and low > limits.flaky_above,
            broken_share=round(found.broken, _DIGITS),
        )

    def _write_runs(self, key: str, rows: Rows) -> None:
        """The rows of the certain flakes on one commit."""
        entity = self._commits[key]
        changes = sorted(change for change, _ in self._building.changes_of(key))
        for check, runs in runs_of(entity, told_of(entity), self._limits.runs_max).items():
            course = course_of(runs)
            if not course.flaked:
                continue
            failed = next(run for run in runs if run.outcome in FAILED)
            passed = [run for run in runs if run.outcome in PASSED]
            # the success that ended the waiting, or the last one before it failed
            green = next((run for run in passed if run.time >= failed.time), passed[-1])
            rows.write(
                FlakyRunFact(
                    repository=check.repository,
                    sha=key.rpartition("@")[2],
                    name=check.name,
                    workflow=check.workflow,
                    kind=failed.kind,
                    branch=failed.branch,
                    changes=changes,
                    first_at=runs[0].time,
                    failed_at=failed.time,
                    passed_at=green.time,
                    runs=course.pattern.runs,
                    failed=course.pattern.failed,
                    errors=course.errors,
                    reruns=course.reruns,
                    waited_seconds=course.waited_seconds,
                    failed_url=failed.url,
                    passed_url=green.url,
                    events=[run.id for run in runs],
                )
            )
        entity.pack()
