"""The numbers of what is measured: windows, thresholds, and from when on something is said."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.core.spans import DAY, HOUR, MINUTE


@dataclass(frozen=True)
class Remarks:
    """What a comment amounts to, in points, and when an approval is a rubber stamp."""

    anchored: int = 1
    #: a push followed a comment on the diff; which files it touched is not told
    changed_after: int = 1
    code: int = 2
    question: int = 1
    words: int = 1
    words_min: int = 8
    #: so few words that neither show code nor ask a question only mark a place: a slip of the pen, mostly
    mark_words_max: int = 2
    mark: int = 1
    #: a comment says something from so many points on
    substantive_from: int = 3
    #: and with so many, whoever approves has looked, if only for a moment
    looked_from: int = 2
    stamp_lines_min: int = 50
    lines_an_hour_max: int = 2_000
    #: nobody who takes longer than that is too fast, however slow the others are (SmartBear and Cisco, 2006)
    lines_an_hour_read: int = 500
    #: what is usual in a repository: weeks before the opening, approvals in them, and the share of the
    #: fastest; a pace is counted in steps of so many milliseconds a line
    pace_weeks: int = 26
    pace_cases_min: int = 40
    pace_fastest_percent: int = 5
    pace_step: int = 100


@dataclass(frozen=True)
class ReviewLimits:
    """What is measured of reviews, where nobody declared otherwise."""

    #: working time within which a first response is due
    response_target: int = 4 * HOUR
    #: sizes by changed lines: (below so many, name); above the last one it is ``size_above``
    sizes: tuple[tuple[int, str], ...] = ((10, "tiny"), (50, "small"), (300, "medium"), (1_000, "large"))
    size_above: str = "huge"
    #: working windows that a row of an open request carries, so that its age can be told at any time
    windows_max: int = 60
    remarks: Remarks = field(default_factory=Remarks)

    def size_of(self, lines: int | None) -> str:
        """The name of a size; empty where the lines are not told."""
        if lines is None:
            return ""
        for below, name in self.sizes:
            if lines < below:
                return name
        return self.size_above


@dataclass(frozen=True)
class OutcomeLimits:
    """How far what became of a change on its branch is looked for."""

    #: a check that did not run on the branch for so long before is taken for a new one, and one that did not
    #: pass for so long after for one that nobody repaired; at most an eighth of the horizon
    line_within: int = 7 * DAY
    #: reverts, reverts of reverts and so on that are followed from one change
    undoings_max: int = 100


@dataclass(frozen=True)
class FlakeLimits:
    """How flaky checks are told from broken commits (``core/measures/flakes.py`` has the model)."""

    #: closed weeks that an estimate rests on
    window_weeks: int = 8
    #: runs of one check on one commit that count: the first ones
    runs_max: int = 20
    #: before anything is known: Beta(1, b) with these shares, for checks that are hardly flaky and that are
    flake_prior: tuple[tuple[float, float], ...] = ((0.7, 499.0), (0.3, 9.0))
    #: the share of broken commits, before anything is known: Beta(1, b)
    broken_prior: float = 9.0
    #: how often a check fails on a commit that it should fail on
    broken_fails: float = 0.98
    #: (correlation of two runs of one good commit, how likely that is before anything is known)
    likeness: tuple[tuple[float, float], ...] = ((0.0, 0.7), (0.2, 0.3))
    #: by how much the odds that a failure is run again may be higher on good commits, and lower on broken
    #: ones, than they are over all: each is as likely
    flake_again: tuple[float, ...] = (1.0, 5.0, 50.0)
    broken_again: tuple[float, ...] = (1.0, 3.0, 12.0)
    interval: float = 0.9
    #: a check is flaky above this; quarantine is suggested where all of the interval is
    flaky_above: float = 0.02
    #: it is called flaky from this probability on (looking in vain costs less than not knowing), where there
    #: are so many runs: before that, it says what is thought of any check
    flaky_from: float = 0.2
    flaky_runs_min: int = 20


@dataclass(frozen=True)
class SpikeRules:
    """When a week's count is an alarm. The thresholds were set by simulation (``docs/measures.md``)."""

    #: weeks before a week that its prediction rests on, without those that alarmed
    history_weeks: int = 26
    #: a series is judged from so many weeks of history on
    history_weeks_min: int = 4
    #: what is usual elsewhere counts as much as so many things of a series' own history
    prior_things: float = 50.0
    #: of a series without a natural n: that many hits in so many weeks are assumed before any are known
    prior_hits: float = 0.5
    prior_weeks: float = 1.0
    #: weeks that differ more than this are taken to differ as much (correlation of two things of a week)
    correlation_max: float = 0.5
    #: that weeks differ is taken to be this many weeks more than is seen, in proportion to those that are
    unseen_weeks: float = 8.0
    hits_min: int = 2
    #: a spike is less likely than this, and of all spikes of a week at most ``false_discoveries`` are false
    alpha: float = 0.01
    false_discoveries: float = 0.05
    #: a shift is a rate this many times as high, and alarms when its cumulative sum reaches the threshold
    shift_multiple: float = 3.0
    shift_threshold: float = 3.7
    outside_interval: float = 0.05
    #: chance with which the smallest multiple that is told would have alarmed
    power: float = 0.8


@dataclass(frozen=True)
class BurnRule:
    """When an error budget is spent too fast: in a long and in a short window at once.

    Too fast is what would spend ``share_ppm`` of the period's budget (parts per million) in the long window.
    """

    name: str
    severity: str
    long: int
    short: int
    share_ppm: int


@dataclass(frozen=True)
class BudgetRule:
    """What has to happen once more than ``share_ppm`` of the period's budget went in a short window."""

    name: str
    severity: str
    share_ppm: int


@dataclass(frozen=True)
class BudgetLimits:
    """What is measured of error budgets. The windows are those of the SRE Workbook, chapter 5."""

    burn_rules: tuple[BurnRule, ...] = (
        BurnRule("fast burn", "page", HOUR, 5 * MINUTE, 20_000),
        BurnRule("slow burn", "page", 6 * HOUR, 30 * MINUTE, 50_000),
        BurnRule("steady burn", "ticket", 3 * DAY, 6 * HOUR, 100_000),
    )
    #: for periods of fewer days than that; the table for seven days
    short_period_days: int = 14
    short_period_rules: tuple[BurnRule, ...] = (
        BurnRule("fast burn", "page", HOUR, 5 * MINUTE, 100_000),
        BurnRule("slow burn", "page", 6 * HOUR, 30 * MINUTE, 200_000),
        BurnRule("steady burn", "ticket", DAY, 2 * HOUR, 400_000),
    )
    #: the short window of the rules on the budget itself
    budget_window: int = 6 * HOUR
    budget_rules: tuple[BudgetRule, ...] = (
        BudgetRule("half of the budget", "review", 500_000),
        BudgetRule("all of the budget", "page", 1_000_000),
    )
    #: what burns goes on burning until it is so much below its threshold
    hysteresis_ppm: int = 50_000
    #: so many bad events always say something; fewer do when chance makes as many more rarely than that
    bad_events_min: int = 10
    chance_max: float = 0.01
    #: the longest bucket that tells when the trouble began well enough to date an incident by it
    onset_bucket_max: int = 10 * MINUTE
    #: counts of one bucket, and its length; what is beyond makes no sense and counts nothing
    bucket_events_max: int = 10**12
    bucket_seconds_max: int = 86_400
    #: days of an objective's period where nobody declared any
    period_days: int = 30
