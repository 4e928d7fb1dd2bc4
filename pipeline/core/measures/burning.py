"""How fast error budgets are spent: burn rates, the rules on them, and when a rule began to fire.

Formulas: The Site Reliability Workbook, chapter 5 (multi-window, multi-burn-rate alerts). All comparisons
are of integers: bad * denominator > total * numerator, so no last bit decides when a rule fires.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb, exp, log1p
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.limits import BudgetLimits, BurnRule
from pipeline.core.measures.counters import Columns, Integers
from pipeline.core.objectives import PPM, Promise
from pipeline.core.parameters import DAY

Booleans = npt.NDArray[np.bool_]
#: products below this are exact in int64
_EXACT_BELOW = 1 << 62
_TARGETS_REMEMBERED_MAX = 1_024


class Rule(NamedTuple):
    """One rule as it holds for one version of an objective."""

    name: str
    severity: str
    #: the window that it is about, and the one that has to confirm it (0: none), microseconds
    window: int
    confirm: int
    #: above what share it fires: of bad events in the window; for a rule on the budget, of the budget
    limit: Fraction
    of_budget: bool


class Burn(NamedTuple):
    """A time during which a rule fired."""

    rule: Rule
    promise: Promise
    began_at: int
    #: end of the bucket that the figures are of
    counted_at: int
    ended_at: int | None
    #: it fired already when the stretch of time that is told in one piece began
    continues: bool
    #: beginning and end of the first bucket in the window that spends too fast
    onset_earliest_at: int
    onset_at: int
    bad: int
    total: int


@lru_cache(maxsize=_TARGETS_REMEMBERED_MAX)
def rules_of(promise: Promise, limits: BudgetLimits) -> tuple[Rule, ...]:
    """The rules that hold for one version of an objective."""
    short = promise.period < limits.short_period_days * DAY
    table: Sequence[BurnRule] = limits.short_period_rules if short else limits.burn_rules
    allowed = Fraction(promise.allowed_ppm, PPM)
    rules = []
    for told in table:
        window = min(told.long, promise.period)
        limit = allowed * Fraction(told.share_ppm, PPM) * Fraction(promise.period, window)
        rules.append(Rule(told.name, told.severity, window, told.short, limit, of_budget=False))
    window = min(limits.budget_window, promise.period)
    for rule in limits.budget_rules:
        share = Fraction(rule.share_ppm, PPM)
        rules.append(Rule(rule.name, rule.severity, window, 0, share, of_budget=True))
    return tuple(rules)


def exceeds(part: Integers, whole: Integers, limit: Fraction) -> Booleans:
    """Whether ``part / whole`` is above a limit, exactly; nothing of nothing is not."""
    numerator, denominator = limit.numerator, limit.denominator
    largest = int(whole.max(initial=0))
    if largest * max(numerator, denominator) < _EXACT_BELOW:
        return part * denominator > whole * numerator
    exact = part.astype(object) * denominator > whole.astype(object) * numerator
    return exact.astype(np.bool_)


def spends(
    part: Integers, whole: Integers, observed: Integers, promise: Promise, share: Fraction
) -> Booleans:
    """Whether so many bad events are more than a share of the period's budget.

    The budget is what the objective allows of the period's events. Where less than a period is counted, it is
    drawn up to the whole of it.
    """
    limit = share * Fraction(promise.allowed_ppm, PPM)
    found = exceeds(part, whole, limit)
    young = np.flatnonzero(observed < promise.period)
    if len(young):
        left = part[young].astype(object) * observed[young] * limit.denominator
        right = whole[young].astype(object) * (promise.period * limit.numerator)
        found[young] = (left > right).astype(np.bool_)
    return found


@lru_cache(maxsize=_TARGETS_REMEMBERED_MAX)
def telling_up_to(target_ppm: int, limits: BudgetLimits) -> tuple[int, ...]:
    """By bad events: of how many events at most they are more than chance explains.

    Chance: so many or more of a binomial distribution with the allowed share.
    """
    allowed = (PPM - target_ppm) / PPM
    found = [0]
    for bad in range(1, limits.bad_events_min):
        low, high = bad - 1, bad
        while _chance(bad, high, allowed) < limits.chance_max and high < limits.bucket_events_max:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if _chance(bad, middle, allowed) < limits.chance_max:
                low = middle
            else:
                high = middle
        found.append(low)
    return tuple(found)


def _chance(bad: int, total: int, allowed: float) -> float:
    """Probability of at least ``bad`` among ``total`` events."""
    fewer = range(min(bad, total + 1))
    return 1.0 - sum(comb(total, k) * allowed**k * exp((total - k) * log1p(-allowed)) for k in fewer)


def held(on: Booleans, keep: Booleans) -> Booleans:
    """What is on from each ``on`` until the first that is not ``keep``."""
    decided = on | ~keep
    last = np.maximum.accumulate(np.where(decided, np.arange(len(on)), -1))
    return np.where(last >= 0, on[last], False)


class Meter:
    """The counters of one objective, held against what it promises."""

    def __init__(self, columns: Columns, promises: Sequence[Promise], limits: BudgetLimits) -> None:
        self.columns = columns
        self._promises = promises
        self._limits = limits
        self._since = [promise.since for promise in promises[1:]]

    def promise_at(self, time: int) -> Promise:
        """The version that holds at a time."""
        return self._promises[bisect_right(self._since, time)]

    def _stretches(self, low: int, high: int) -> Iterator[tuple[int, int, Promise]]:
        """The buckets ``[low, high)`` by the version that holds at their ends."""
        cuts = [self.columns.index(since) for since in self._since]
        for first, last, promise in zip([0, *cuts], [*cuts, high], self._promises, strict=True):
            start, end = max(low, first), min(high, last)
            if start < end:
                yield start, end, promise

    def firing(self, low: int, high: int) -> dict[str, tuple[Booleans, Booleans]]:
        """By rule: at which of the buckets ``[low, high)`` it fires, and at which it would go on firing."""
        found: dict[str, tuple[Booleans, Booleans]] = {}
        keeping = 1 - Fraction(self._limits.hysteresis_ppm, PPM)
        for start, end, promise in self._stretches(low, high):
            for rule in rules_of(promise, self._limits):
                if rule.name not in found:
                    found[rule.name] = (np.zeros(high - low, np.bool_), np.zeros(high - low, np.bool_))
                on, keep = found[rule.name]
                place = slice(start - low, end - low)
                on[place] = self._above(rule, rule.limit, promise, start, end) & self._telling(
                    rule, promise, start, end
                )
                keep[place] = self._above(rule, rule.limit * keeping, promise, start, end)
        return found

    def _above(self, rule: Rule, limit: Fraction, promise: Promise, low: int, high: int) -> Booleans:
        bad, total = self.columns.windows(low, high, rule.window)
        if rule.of_budget:
            _, whole = self.columns.windows(low, high, promise.period)
            observed = self.columns.observed(low, high, promise.period)
            return spends(bad, whole, observed, promise, limit)
        confirming = self.columns.windows(low, high, rule.confirm)
        return exceeds(bad, total, limit) & exceeds(*confirming, limit)

    def _telling(self, rule: Rule, promise: Promise, low: int, high: int) -> Booleans:
        bad, total = self.columns.windows(low, high, rule.window)
        most = np.array(telling_up_to(promise.target_ppm, self._limits), np.int64)
        enough: Booleans = bad >= self._limits.bad_events_min
        return enough | (total <= most[np.minimum(bad, len(most) - 1)])

    def burns(self, start: int, end: int) -> list[Burn]:
        """When rules fired in the stretch ``[start, end)``; it is known what went on in the stretch before.

        What fires still at its last bucket has no end unless something was counted in the stretch behind it.
        """
        low, first, behind = (self.columns.index(time) for time in (2 * start - end, start, end))
        if first == behind:
            return []
        ends = self.columns.ends
        goes_on = behind < len(ends) and int(ends[behind]) < 2 * end - start
        burns: list[Burn] = []
        for name, (on, keep) in self.firing(low, behind).items():
            state = held(on, keep)
            padded = np.concatenate((np.zeros(1, np.bool_), state, np.zeros(1, np.bool_)))
            edges = np.flatnonzero(np.diff(padded))
            for began, ended in zip((edges[::2] + low).tolist(), (edges[1::2] + low).tolist(), strict=True):
                if ended <= first:
                    continue
                until = int(ends[ended]) if ended < behind else (end if goes_on else None)
                burns.append(self._burn(name, max(began, first), until, start if began < first else None))
        return sorted(burns, key=lambda burn: (burn.began_at, burn.rule.name))

    def _burn(self, name: str, index: int, ended_at: int | None, goes_on_from: int | None) -> Burn:
        time = int(self.columns.ends[index])
        promise = self.promise_at(time)
        rule = next(rule for rule in rules_of(promise, self._limits) if rule.name == name)
        bad, total = self.columns.window(index, rule.window)
        began_at = time if goes_on_from is None else goes_on_from
        onset = (began_at, began_at) if goes_on_from is not None else self._onset(rule, promise, index)
        return Burn(rule, promise, began_at, time, ended_at, goes_on_from is not None, *onset, bad, total)

    def _onset(self, rule: Rule, promise: Promise, index: int) -> tuple[int, int]:
        """Beginning and end of the first bucket that spends too fast, in the window up to a bucket."""
        low = int(
            np.searchsorted(self.columns.ends, int(self.columns.ends[index]) - rule.window, side="right")
        )
        bad, total = self.columns.single(low, index + 1)
        limit = rule.limit
        if rule.of_budget:
            limit *= Fraction(promise.allowed_ppm, PPM) * Fraction(promise.period, rule.window)
        fast = exceeds(bad, total, limit)
        fast = fast if fast.any() else bad > 0
        first = low + int(np.argmax(fast))
        return int(self.columns.starts[first]), int(self.columns.ends[first])
