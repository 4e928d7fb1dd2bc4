"""Spikes in low counts: what a week's count was expected to be, and how surprising it is.

A **share** counts k of n things (bypasses of merged changes) and is predicted by a beta-binomial
distribution; a **count** has no natural n (incidents of a week) and is predicted by a gamma-Poisson
distribution, its limit. Both carry how uncertain the rate is and how much weeks differ by themselves.

Sources: the predictive tail is Bayes' (conjugate prior); over-dispersion is Pearson's chi-squared by
moments; the cumulative sum is Page's (1954) with the likelihood ratio of the two predictions; false
discoveries are bounded as Benjamini and Hochberg (1995) do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.core.limits import SpikeRules

#: terms of a sum below this share of it are left out
_NEGLIGIBLE = 1e-17
_JUDGED_CACHE_MAX = 1 << 14
_DIGITS = 6
_MULTIPLE_MAX = 100.0


class Week(NamedTuple):
    """One week that was looked at."""

    #: things that could be hit; of a count, 1
    things: int
    hits: int
    alarmed: bool
    #: its hits, but of a week that alarmed no more than the least that alarm
    tamed: int


class Past(NamedTuple):
    """The weeks that a prediction rests on."""

    hits: int
    #: things among which they were (a share), or weeks (a count)
    exposure: int
    weeks: int
    #: Pearson's chi-squared over the weeks, divided by its degrees of freedom; 1: as chance has it
    dispersion: float


class Outlook(NamedTuple):
    """The distribution of a week's count, as predicted before it."""

    #: things that can be hit; ``None``: any number of hits
    n: int | None
    #: expected hits by thing, or by week
    rate: float
    #: pseudo-observations that the rate is as sure as: things, or hits
    concentration: float

    @property
    def expected(self) -> float:
        """Expected number of hits."""
        return self.rate if self.n is None else self.n * self.rate

    def log_probability(self, k: int) -> float:
        """Natural logarithm of the probability of exactly ``k`` hits."""
        if self.n is None:
            shape = self.concentration
            total = shape + self.rate
            return (
                math.lgamma(k + shape)
                - math.lgamma(shape)
                - math.lgamma(k + 1)
                + shape * math.log(shape / total)
                + k * math.log(self.rate / total)
            )
        n, hit = self.n, self.rate * self.concentration
        miss = self.concentration - hit
        return (
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + math.lgamma(k + hit)
            + math.lgamma(n - k + miss)
            - math.lgamma(n + self.concentration)
            + math.lgamma(hit + miss)
            - math.lgamma(hit)
            - math.lgamma(miss)
        )

    def step(self, k: int) -> float:
        """How much likelier ``k + 1`` hits are than ``k``."""
        if self.n is None:
            shape = self.concentration
            return (k + shape) / (k + 1) * self.rate / (shape + self.rate)
        hit = self.rate * self.concentration
        miss = self.concentration - hit
        return (self.n - k) / (k + 1) * (hit + k) / (miss + self.n - k - 1)

    def tail(self, k: int) -> float:
        """The probability of ``k`` hits or more."""
        if k <= 0:
            return 1.0
        if self.n is not None and k > self.n:
            return 0.0
        if k <= self.expected:
            return max(0.0, 1.0 - self._below(k))
        term = total = math.exp(self.log_probability(k))
        if self.n is None:
            # ``step``, written out: there are many of them
            shape, rate = self.concentration, self.rate
            both = shape + rate
            while term > _NEGLIGIBLE * total:
                term *= (k + shape) / (k + 1) * rate / both
                total += term
                k += 1
            return min(1.0, total)
        n, hit = self.n, self.rate * self.concentration
        miss = self.concentration - hit
        while term > _NEGLIGIBLE * total and k < n:
            term *= (n - k) / (k + 1) * (hit + k) / (miss + n - k - 1)
            total += term
            k += 1
        return min(1.0, total)

    def _below(self, k: int) -> float:
        """The probability of fewer than ``k`` hits."""
        term = total = math.exp(self.log_probability(k - 1))
        for below in range(k - 2, -1, -1):
            term /= self.step(below)
            total += term
        return total

    def first_below(self, probability: float) -> int:
        """The least number of hits that so few weeks reach (the share of weeks, 0 to 1)."""
        k, left = 0, 1.0
        term = math.exp(self.log_probability(0))
        while left > probability and (self.n is None or k <= self.n):
            left -= term
            term *= self.step(k) if self.n is None or k < self.n else 0.0
            k += 1
        # the subtraction loses digits where the tail is short
        while k > 0 and self.tail(k - 1) <= probability:
            k -= 1
        while (self.n is None or k <= self.n) and self.tail(k) > probability:
            k += 1
        return k

    def times(self, multiple: float) -> Outlook:
        """The same when the rate is so many times as high; of a share at most half way to all."""
        rate = self.rate * multiple
        if self.n is None:
            return self._replace(rate=rate)
        return self._replace(rate=min(rate, (1.0 + self.rate) / 2))


class Judged(NamedTuple):
    """What can be said of one week before any other series is looked at."""

    expected: float
    #: the interval that 95 % of such weeks lie in
    low: int
    high: int
    #: probability of so many hits or more
    p: float
    #: the least hits that so few weeks reach that they are a spike
    threshold: int
    #: natural logarithm of how much likelier the week is when the rate has risen
    evidence: float
    #: the least multiple of the rate that a week like this shows in four of five cases; none does: ``None``
    smallest_multiple: float | None


def look_back(weeks: Sequence[Week], *, share: bool) -> Past:
    """Sum up the weeks before. Weeks that alarmed are left out of the rate.

    That weeks differ they show all the same, up to the least that would have alarmed: else what is left is
    tamer than the truth, and every alarm makes the next one likelier. Of alarms in a row only the first one
    counts: they say that the rate has risen, not that weeks differ.
    """
    calm = [week for week in weeks if not week.alarmed]
    hits = sum(week.hits for week in calm)
    exposure = sum(week.things for week in calm)
    dispersion = 1.0
    if len(weeks) > 1 and hits > 0 and (hits < exposure or not share):
        rate = hits / exposure
        spread = 1.0 - rate if share else 1.0
        squares = [
            (week.tamed - week.things * rate) ** 2 / (week.things * rate * spread)
            for before, week in zip([None, *weeks], weeks, strict=False)
            if not (week.alarmed and before is not None and before.alarmed)
        ]
        dispersion = math.fsum(squares) / max(1, len(squares) - 1)
    return Past(hits, exposure, len(calm), dispersion)


def foresee(past: Past, n: int | None, prior_rate: float, rules: SpikeRules) -> Outlook:
    """Predict a week: ``n`` things (``None``: a count), drawn towards what is usual elsewhere."""
    # few weeks seldom hold the worst one: what is seen of their differences is less than there is
    excess = max(0.0, past.dispersion - 1.0) * (1.0 + rules.unseen_weeks / max(1, past.weeks))
    if n is None:
        hits = past.hits + rules.prior_hits
        rate = hits / (past.exposure + rules.prior_weeks)
        estimation = 1.0 / hits
        week_to_week = excess / rate
    else:
        pseudo = rules.prior_things
        rate = (past.hits + pseudo * prior_rate) / (past.exposure + pseudo)
        estimation = 1.0 / (past.exposure + pseudo)
        things = past.exposure / past.weeks if past.weeks else 0.0
        correlation = excess / (things - 1.0) if things > 1 else 0.0
        correlation = min(correlation, rules.correlation_max)
        week_to_week = correlation / (1.0 - correlation)
    return Outlook(n, rate, 1.0 / (estimation + week_to_week))


@lru_cache(maxsize=_JUDGED_CACHE_MAX)
def judge(outlook: Outlook, k: int, rules: SpikeRules) -> Judged:
    """Hold a week's hits against what was predicted."""
    tail_each = rules.outside_interval / 2
    threshold = max(rules.hits_min, outlook.first_below(rules.alpha))
    risen = outlook.times(rules.shift_multiple)
    return Judged(
        expected=rounded(outlook.expected),
        low=max(0, outlook.first_below(1.0 - tail_each) - 1),
        high=max(0, outlook.first_below(tail_each) - 1),
        p=rounded(outlook.tail(k)),
        threshold=threshold,
        evidence=rounded(risen.log_probability(k) - outlook.log_probability(k)),
        smallest_multiple=_smallest_multiple(outlook, threshold, rules),
    )


def _smallest_multiple(outlook: Outlook, threshold: int, rules: SpikeRules) -> float | None:
    if outlook.n is None:
        most = _MULTIPLE_MAX
    else:
        if threshold > outlook.n:
            return None
        most = min(_MULTIPLE_MAX, (1.0 + outlook.rate) / 2 / outlook.rate)
    if outlook.times(most).tail(threshold) < rules.power:
        return None
    low, high = 1.0, most
    while high - low > 0.005 * low:
        middle = math.sqrt(low * high)
        if outlook.times(middle).tail(threshold) < rules.power:
            low = middle
        else:
            high = middle
    return round(high, 1)


def accumulate(before: float, evidence: float) -> float:
    """Page's cumulative sum after one more week."""
    return rounded(max(0.0, before + evidence))


def false_discovery_rates(chances: Sequence[float]) -> list[float]:
    """For each of a week's chances: the share of false alarms when it and all smaller ones alarm."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    found = [1.0] * len(chances)
    least = 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        least = min(least, chances[index] * len(order) / rank)
        found[index] = rounded(least)
    return found


def rounded(value: float) -> float:
    """To so many significant digits that no last bit decides an alarm."""
    return float(f"{value:.{_DIGITS}g}")
