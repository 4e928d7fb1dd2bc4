"""The rows of error budgets: how much is left, when rules fired, and which deployment spent how much."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pipeline.core.events import MICROSECONDS
from pipeline.core.facts import BudgetBurnFact, BudgetFact, BudgetSpendingFact
from pipeline.core.grouping import Group
from pipeline.core.limits import BudgetLimits
from pipeline.core.measures.burning import Burn, Meter, held, rules_of, spends
from pipeline.core.measures.counters import Columns
from pipeline.core.objectives import PPM, ObjectiveKey, Promise
from pipeline.core.parameters import DAY, HOUR, MINUTE

#: published rates and shares are rounded to so many digits
_DIGITS = 6
UNDECLARED, UNCOUNTED, WITHIN, HALF_SPENT, SPENT = (
    "undeclared",
    "uncounted",
    "within budget",
    "half spent",
    "spent",
)
#: which rules fire tells how far the budget is gone: share, state
_SHARES = ((Fraction(1, 2), HALF_SPENT), (Fraction(1), SPENT))


def consumed(bad: int, total: int, observed: int, promise: Promise) -> float | None:
    """How much of the period's budget so many bad events are; ``total`` and ``observed`` are of the period.

    ``bad / ((1 - target) * total)``, drawn up to a whole period while less than one is counted.
    """
    budget = total * promise.allowed_ppm * promise.period
    return None if budget == 0 else _rounded(Fraction(bad * PPM * observed, budget))


def burn_rate(bad: int, total: int, promise: Promise) -> float:
    """How fast a budget is spent: 1 spends exactly the whole of it over the period."""
    allowed = total * promise.allowed_ppm
    return 0.0 if allowed == 0 else _rounded(Fraction(bad * PPM, allowed))


def _rounded(share: Fraction) -> float:
    return round(share.numerator / share.denominator, _DIGITS)


def budget_fact(
    key: ObjectiveKey,
    meter: Meter | None,
    columns: Columns,
    burning: Sequence[str],
    limits: BudgetLimits,
    promise: Promise | None,
) -> BudgetFact:
    """The row of one objective as of its newest bucket; ``promise`` is what holds then."""
    slo, service, environment = key
    fact = BudgetFact(
        slo=slo,
        service=service,
        environment=environment,
        target_ppm=None if promise is None else promise.target_ppm,
        period_seconds=limits.period_days * DAY // MICROSECONDS,
        counted_from_at=None,
        counted_until_at=None,
        good=0,
        total=0,
        consumed=None,
        remaining=None,
        burn_rates={},
        burning=list(burning),
        state=UNCOUNTED,
        half_spent_at=None,
        spent_at=None,
        events=[] if promise is None else [promise.event],
    )
    period = limits.period_days * DAY if promise is None else promise.period
    fact.period_seconds = period // MICROSECONDS
    last = len(columns)
    if last == 0:
        return fact
    newest = int(columns.ends[last - 1])
    bad, total = columns.window(last - 1, period)
    first = columns.index(newest - period + 1)
    fact.counted_from_at = int(columns.starts[first])
    fact.counted_until_at = newest
    fact.good, fact.total = total - bad, total
    fact.state = UNDECLARED
    if promise is None or meter is None:
        return fact
    observed = int(columns.observed(last - 1, last, period)[0])
    fact.consumed = consumed(bad, total, observed, promise)
    fact.remaining = None if fact.consumed is None else round(1 - fact.consumed, _DIGITS)
    widths = {width for rule in rules_of(promise, limits) for width in (rule.window, rule.confirm) if width}
    for width in sorted(widths):
        rate = burn_rate(*columns.window(last - 1, width), promise)
        fact.burn_rates[window_name(width)] = rate
    fact.state = WITHIN
    for (share, state), name in zip(_SHARES, ("half_spent_at", "spent_at"), strict=True):
        crossed_at = _crossed_at(columns, promise, share, limits)
        if crossed_at is None:
            break
        setattr(fact, name, crossed_at)
        fact.state = state
    return fact


def _crossed_at(columns: Columns, promise: Promise, share: Fraction, limits: BudgetLimits) -> int | None:
    """Since when more than a share of the rolling budget is gone; at most one period ago."""
    last = len(columns)
    low = columns.index(int(columns.ends[last - 1]) - promise.period + 1)
    bad, total = columns.windows(low, last, promise.period)
    observed = columns.observed(low, last, promise.period)
    keeping = share * (1 - Fraction(limits.hysteresis_ppm, PPM))
    state = held(spends(bad, total, observed, promise, share), spends(bad, total, observed, promise, keeping))
    if not state[-1]:
        return None
    off = (~state).nonzero()[0]
    return int(columns.ends[low + (int(off[-1]) + 1 if len(off) else 0)])


def window_name(width: int) -> str:
    """A length of time in its largest unit: 3d, 6h, 5m."""
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if width % unit == 0:
            return f"{width // unit}{letter}"
    return f"{width // MICROSECONDS}s"


def burn_fact(key: ObjectiveKey, burn: Burn, columns: Columns) -> BudgetBurnFact:
    """The row of one time during which a rule fired."""
    slo, service, environment = key
    rule, promise = burn.rule, burn.promise
    place = columns.index(burn.counted_at)
    _, total = columns.window(place, promise.period)
    observed = int(columns.observed(place, place + 1, promise.period)[0])
    return BudgetBurnFact(
        slo=slo,
        service=service,
        environment=environment,
        rule=rule.name,
        began_at=burn.began_at,
        ended_at=burn.ended_at,
        severity=rule.severity,
        continues=burn.continues,
        onset_at=burn.onset_at,
        onset_earliest_at=burn.onset_earliest_at,
        window_seconds=rule.window // MICROSECONDS,
        target_ppm=promise.target_ppm,
        bad=burn.bad,
        total=burn.total,
        burn_rate=burn_rate(burn.bad, burn.total, promise),
        consumed=consumed(burn.bad, total, observed, promise) or 0.0,
        events=[promise.event],
    )


def spending_fact(
    key: ObjectiveKey, group: Group, next_at: int | None, meter: Meter
) -> BudgetSpendingFact | None:
    """What was spent from a deployment on, until the next one or for a period; ``None``: nothing counted."""
    columns = meter.columns
    promise = meter.promise_at(group.live_at)
    most = group.live_at + promise.period
    until = most if next_at is None else min(next_at, most)
    first, last = columns.index(group.live_at + 1), columns.index(until + 1)
    if first == last:
        return None
    bad, total = columns.between(first, last)
    newest = int(columns.ends[last - 1])
    all_bad, whole = columns.window(last - 1, promise.period)
    observed = int(columns.observed(last - 1, last, promise.period)[0])
    slo, service, environment = key
    return BudgetSpendingFact(
        slo=slo,
        service=service,
        environment=environment,
        deployment=group.key,
        live_at=group.live_at,
        until_at=until if next_at is not None or int(columns.ends[-1]) >= most else None,
        counted_until_at=newest,
        good=total - bad,
        total=total,
        spent=consumed(bad, whole, observed, promise) or 0.0,
        consumed=consumed(all_bad, whole, observed, promise) or 0.0,
        events=[promise.event],
    )
