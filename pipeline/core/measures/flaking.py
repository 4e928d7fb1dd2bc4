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
from pipeline.core.measures.attempts import Check, Trial, course_of, runs_of, trials_of
from pipeline.core.measures.check_weeks import CheckWeeks
from pipeline.core.measures.flakes import estimate
from pipeline.core.parameters import PROBABILITY_DIGITS
from pipeline.core.rows import Rows

#: published probabilities of checks have fewer digits than their grid gives exactly
_DIGITS = PROBABILITY_DIGITS - 2


class Flaking:
    """What each commit says about its checks, and which rows have to be written again."""

    def __init__(
        self, limits: FlakeLimits, families: Mapping[str, Mapping[str, Entity]], building: Building
    ) -> None:
        self._limits = limits
        self._commits = families["commit"]
        self._building = building
        self.weeks = CheckWeeks(limits.window_weeks)
        self._trials: dict[str, tuple[Trial, ...]] = {}
        #: most commits say what others say: each such answer is held once
        self._alike: dict[tuple[Trial, ...], tuple[Trial, ...]] = {}
        self._alike_trials: dict[Trial, Trial] = {}
        #: commits on which a check flaked
        self._flaked: dict[str, None] = {}
        #: weeks before this one are over, and their rows are written
        self._over = 0
        self._stale_weeks: dict[tuple[Check, int], None] = {}
        self._stale_commits: dict[str, None] = {}
        self._gone_runs: dict[tuple[str, Check], None] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        old = self._trials.get(key, ())
        new = trials_of(self._commits[key], self._limits.runs_max)
        if not new:
            self._trials.pop(key, None)
        elif old != new:
            self._trials[key] = self._shared(new)
        if old != new:
            for trial in new:
                if trial not in old:
                    self._count(trial, 1)
            for trial in old:
                if trial not in new:
                    self._count(trial, -1)
        flaked = {trial.check for trial in new if trial.course.flaked}
        for trial in old:
            if trial.course.flaked and trial.check not in flaked:
                self._gone_runs[(key, trial.check)] = None
        if flaked:
            self._flaked[key] = None
            self._stale_commits[key] = None
        else:
            self._flaked.pop(key, None)
            self._stale_commits.pop(key, None)

    def change_corrected(self, old: object, new: object) -> None:
        """Commits may belong to another change now."""
        if not self._flaked:
            return
        for summary in (old, new):
            if isinstance(summary, ChangeSummary):
                for sha in summary.aliases:
                    key = f"{summary.repository}@{sha}"
                    if key in self._flaked:
                        self._stale_commits[key] = None

    def _shared(self, trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
        known = self._alike.get(trials)
        if known is None:
            known = tuple([self._alike_trials.setdefault(trial, trial) for trial in trials])
            self._alike[known] = known
        return known

    def _count(self, trial: Trial, sign: int) -> None:
        if self.weeks.count(trial, sign) and trial.week < self._over:
            self._stale_weeks[(trial.check, trial.week)] = None

    def forget(self, commits: Iterable[str], before: int) -> None:
        """Nothing more will be heard of these commits, which are from before a time."""
        self.weeks.forget_before(before)
        for key in commits:
            self._trials.pop(key, None)
            self._flaked.pop(key, None)
        self._alike = {trials: trials for trials in self._trials.values()}
        self._alike_trials = {trial: trial for trials in self._alike for trial in trials}

    # -- rows -----------------------------------------------------------------------------------

    def settle(self, now: int) -> None:
        """All rows that were marked, or whose week is over by now, are written."""
        self._stale_weeks.clear()
        self._stale_commits.clear()
        self._gone_runs.clear()
        self._over = max(self._over, week_of(now))

    def write(self, rows: Rows, now: int) -> None:
        """The rows that are not as they were written."""
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
        for check, week in due:
            if week in self.weeks.weeks.get(check, {}):
                rows.write(self._week_fact(check, week))
            elif (check, week) in self._stale_weeks:
                rows.delete(CheckFlakinessFact.table, (*check, week_start(week)))
        for key, check in self._gone_runs:
            rows.delete(FlakyRunFact.table, (check.repository, key.rpartition("@")[2], *check[1:]))
        for key in self._stale_commits:
            self._write_runs(key, rows)
        self.settle(now)

    def _week_fact(self, check: Check, week: int) -> CheckFlakinessFact:
        limits = self._limits
        own, window = self.weeks.weeks[check][week], self.weeks.window(check, week)
        found = estimate(window.patterns, limits)
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
        for check, runs in runs_of(entity, self._limits.runs_max).items():
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
