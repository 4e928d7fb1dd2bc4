"""Error budgets, worked out again bucket by bucket: plain sums over lists, and fractions.

It knows nothing of entities, prefix sums or what was touched: it sees which tellings hold at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import Any, NamedTuple

from pipeline.core.events import MICROSECONDS, ObjectiveCounted, ObjectiveDeclared

MINUTE = 60 * MICROSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
HALF, ALL = "half of the budget", "all of the budget"
#: name, severity, long and short window, share of the budget that the long one may take
LONG_PERIODS = (
    ("fast burn", "page", HOUR, 5 * MINUTE, Fraction(2, 100)),
    ("slow burn", "page", 6 * HOUR, 30 * MINUTE, Fraction(5, 100)),
    ("steady burn", "ticket", 72 * HOUR, 6 * HOUR, Fraction(10, 100)),
)
SHORT_PERIODS = (
    ("fast burn", "page", HOUR, 5 * MINUTE, Fraction(10, 100)),
    ("slow burn", "page", 6 * HOUR, 30 * MINUTE, Fraction(20, 100)),
    ("steady burn", "ticket", DAY, 2 * HOUR, Fraction(40, 100)),
)
KEEPING = Fraction(95, 100)
#: of more events, powers of fractions take minutes
EXACT_EVENTS_MAX = 5_000


class Bucket(NamedTuple):
    start: int
    end: int
    bad: int
    total: int


class Promise(NamedTuple):
    since: int
    allowed: Fraction
    period: int


def buckets_of(events: Sequence[ObjectiveCounted]) -> list[Bucket]:
    """What holds of the tellings, one bucket an end."""
    winners: dict[str, ObjectiveCounted] = {}
    for event in events:
        held = winners.get(event.id)
        if held is None or event.source_version > held.source_version:
            winners[event.id] = event
    found: dict[int, Bucket] = {}
    for event in winners.values():
        if event.retracted:
            continue
        assert event.seconds is not None
        assert event.good is not None
        assert event.total is not None
        start, bad = event.time - event.seconds * MICROSECONDS, event.total - event.good
        other = found.get(event.time, Bucket(start, event.time, 0, 0))
        found[event.time] = Bucket(
            min(start, other.start), event.time, bad + other.bad, event.total + other.total
        )
    return [found[end] for end in sorted(found)]


def promises_of(declared: Sequence[ObjectiveDeclared], period_max: int) -> list[Promise]:
    found = []
    for event in sorted(declared, key=lambda event: event.time):
        assert event.target_ppm is not None
        assert event.period_days is not None
        allowed = 1 - Fraction(event.target_ppm, 1_000_000)
        found.append(Promise(event.time, allowed, min(event.period_days * DAY, period_max)))
    return found


@lru_cache(maxsize=100_000)
def chance(bad: int, total: int, allowed: Fraction) -> bool:
    """Whether so many bad events, or more, come by chance in one case of a hundred or oftener."""
    if total > EXACT_EVENTS_MAX:
        odds, term, sum_of_terms = float(allowed / (1 - allowed)), float(1 - allowed) ** total, 0.0
        for k in range(bad):
            sum_of_terms += term
            term *= odds * (total - k) / (k + 1)
        return 1 - sum_of_terms >= 0.01
    fewer = sum(comb(total, k) * allowed**k * (1 - allowed) ** (total - k) for k in range(bad))
    return 1 - fewer >= Fraction(1, 100)


@lru_cache(maxsize=1_000)
def rules_of(promise: Promise) -> dict[str, tuple[str, int, int, Fraction, bool]]:
    """Severity, window, confirming window, limit and whether that is of the budget."""
    table = LONG_PERIODS if promise.period >= 14 * DAY else SHORT_PERIODS
    found: dict[str, tuple[str, int, int, Fraction, bool]] = {}
    for name, severity, long, short, share in table:
        window = min(long, promise.period)
        limit = promise.allowed * share * promise.period / window
        found[name] = (severity, window, short, limit, False)
    for name, severity, share in ((HALF, "review", Fraction(1, 2)), (ALL, "page", Fraction(1))):
        found[name] = (severity, min(6 * HOUR, promise.period), 0, share, True)
    return found


class Reference:
    """The figures of one objective."""

    def __init__(self, buckets: list[Bucket], promises: list[Promise], horizon: int) -> None:
        self.buckets = buckets
        self.promises = promises
        self.stretch = horizon // 8

    def promise(self, time: int) -> Promise:
        holds = self.promises[0]
        for promise in self.promises[1:]:
            if promise.since <= time:
                holds = promise
        return holds

    def within(self, end: int, width: int) -> list[Bucket]:
        return [bucket for bucket in self.buckets if end - width < bucket.end <= end]

    def budget(self, end: int, promise: Promise) -> Fraction:
        """How many bad events the period allows; drawn up to the whole of it."""
        counted = self.within(end, promise.period)
        observed = min(promise.period, end - counted[0].start)
        allowed = promise.allowed * sum(bucket.total for bucket in counted)
        return allowed * promise.period / observed

    def consumed(self, bad: int, end: int, promise: Promise) -> float:
        budget = self.budget(end, promise)
        return 0.0 if budget == 0 else round(float(bad / budget), 6)

    # -- rules ----------------------------------------------------------------------------------

    def above(self, name: str, bucket: Bucket, factor: Fraction) -> bool:
        promise = self.promise(bucket.end)
        _, window, short, limit, of_budget = rules_of(promise)[name]
        bad, total = sums(self.within(bucket.end, window))
        if of_budget:
            return bad > limit * factor * self.budget(bucket.end, promise)
        recent_bad, recent = sums(self.within(bucket.end, short))
        return bad > limit * factor * total and recent_bad > limit * factor * recent

    def telling(self, name: str, bucket: Bucket) -> bool:
        promise = self.promise(bucket.end)
        bad, total = sums(self.within(bucket.end, rules_of(promise)[name][1]))
        return bad >= 10 or not chance(bad, total, promise.allowed)

    def burns(self) -> set[tuple[Any, ...]]:
        """Rule, beginning, end, severity, whether it continues, onset, bad and all events in the window."""
        found: set[tuple[Any, ...]] = set()
        for stretch in sorted({bucket.end // self.stretch for bucket in self.buckets}):
            for name in rules_of(self.promises[0]):
                found |= self._burns_in(stretch, name)
        return found

    def _burns_in(self, stretch: int, name: str) -> set[tuple[Any, ...]]:
        start, end = stretch * self.stretch, (stretch + 1) * self.stretch
        behind = any(end <= bucket.end < end + self.stretch for bucket in self.buckets)
        burning: tuple[Any, ...] | None = None
        on, known = False, False
        found = set()
        for bucket in self.buckets:
            if not start - self.stretch <= bucket.end < end:
                continue
            was = on
            if self.above(name, bucket, Fraction(1)) and self.telling(name, bucket):
                on = True
            elif not self.above(name, bucket, KEEPING):
                on = False
            inside = bucket.end >= start
            if inside and on and burning is None:
                continues = was and not known
                burning = self._begin(name, bucket, start if continues else None)
            elif inside and not on and burning is not None:
                found.add((*burning[:2], bucket.end, *burning[2:]))
                burning = None
            known = known or inside
        if burning is not None:
            found.add((*burning[:2], end if behind else None, *burning[2:]))
        return found

    def _begin(self, name: str, bucket: Bucket, since: int | None) -> tuple[Any, ...]:
        promise = self.promise(bucket.end)
        severity, window, _, limit, of_budget = rules_of(promise)[name]
        held = self.within(bucket.end, window)
        bad, total = sums(held)
        if since is not None:
            return (name, since, severity, True, since, since, bad, total)
        rate = limit * promise.allowed * promise.period / window if of_budget else limit
        fast = [one for one in held if one.bad > rate * one.total] or [one for one in held if one.bad]
        return (name, bucket.end, severity, False, fast[0].start, fast[0].end, bad, total)

    # -- the budget itself ----------------------------------------------------------------------

    def crossed_at(self, share: Fraction) -> int | None:
        newest = self.buckets[-1].end
        promise = self.promise(newest)
        since: int | None = None
        for bucket in self.within(newest, promise.period):
            bad, _ = sums(self.within(bucket.end, promise.period))
            budget = self.budget(bucket.end, promise)
            if bad > share * budget:
                since = bucket.end if since is None else since
            elif not bad > share * KEEPING * budget:
                since = None
        return since

    def spending(self, live: Sequence[tuple[int, str]]) -> dict[str, tuple[Any, ...]]:
        """By deployment: until when it counts, good and all events, its share and all shares."""
        found: dict[str, tuple[Any, ...]] = {}
        for number, (live_at, name) in enumerate(live):
            promise = self.promise(live_at)
            replaced_at = live[number + 1][0] if number + 1 < len(live) else None
            until = live_at + promise.period
            if replaced_at is not None and replaced_at < until:
                until = replaced_at
            counted = [bucket for bucket in self.buckets if live_at < bucket.end <= until]
            if not counted:
                continue
            over = replaced_at is not None or self.buckets[-1].end >= live_at + promise.period
            end = counted[-1].end
            bad, total = sums(counted)
            all_bad, _ = sums(self.within(end, promise.period))
            shares = (self.consumed(bad, end, promise), self.consumed(all_bad, end, promise))
            found[name] = (until if over else None, end, total - bad, total, *shares)
        return found


def sums(buckets: Sequence[Bucket]) -> tuple[int, int]:
    return sum(bucket.bad for bucket in buckets), sum(bucket.total for bucket in buckets)
