"""Error budgets against the reference that sums up every window again, over random series of counters."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from pipeline.core import events as e
from pipeline.core.facts import BudgetBurnFact, BudgetFact, BudgetSpendingFact, IncidentFact
from pipeline.core.parameters import Parameters
from tests import worlds as w
from tests.core.measures.budget_by_budget import (
    DAY,
    HOUR,
    MINUTE,
    Reference,
    buckets_of,
    promises_of,
    sums,
)
from tests.runs import Run, differences
from tests.strategies import BEGINNING, HORIZON

TARGETS = (999_990, 999_900, 999_000, 990_000, 950_000, 500_000)
PERIODS = (1, 7, 13, 14, 28, 30, 90)


def told(struct: type[Any], identifier: str, time: int, **fields: Any) -> Any:
    envelope = {"source_version": 0, "parser_version": 1, "retracted": False, "sequence": 0}
    envelope |= {name: fields.pop(name) for name in list(envelope) if name in fields}
    return struct(
        id=identifier, source="told", time=time, received_at=time, imported=True, **envelope, **fields
    )


class Series:
    """One objective, its counters and the deployments around it, as chance has it."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(seed)
        self.length = chance.choice((MINUTE, 5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY))
        self.declared = [
            self._declared(BEGINNING + number * DAY) for number in range(chance.choice((1, 1, 2)))
        ]
        self.counted = self._counted()
        self.deployed = sorted(
            {BEGINNING + chance.randrange(int(20 * DAY)) // HOUR * HOUR for _ in range(chance.randrange(5))}
        )

    def _declared(self, time: int) -> e.ObjectiveDeclared:
        return told(  # type: ignore[no-any-return]
            e.ObjectiveDeclared,
            f"catalogue objective {time}",
            time,
            objective="api availability",
            slo="availability",
            service="api",
            target_ppm=self.chance.choice(TARGETS),
            period_days=self.chance.choice(PERIODS),
        )

    def _counted(self) -> list[e.ObjectiveCounted]:
        chance = self.chance
        traffic = chance.choice((1, 20, 300, 50_000))
        trouble = chance.choice((0.0, 0.1, 0.4))
        events: list[e.ObjectiveCounted] = []
        end, bad_share = BEGINNING, 0.0
        for _ in range(chance.randrange(1, 40)):
            end += (
                self.length if chance.random() < 0.9 else chance.choice((2 * self.length, 3 * DAY, 9 * DAY))
            )
            if end > BEGINNING + HORIZON - 10 * DAY:
                break
            if chance.random() < 0.3:
                bad_share = chance.choice((0.0, 0.001, 0.02, 0.3, 1.0)) if chance.random() < trouble else 0.0
            for shard in range(chance.choice((1, 1, 2))):
                events += self._bucket(shard, end, chance.randrange(2 * traffic), bad_share)
        return events

    def _bucket(self, shard: int, end: int, total: int, bad_share: float) -> list[e.ObjectiveCounted]:
        """A bucket, told again with other counts now and then, or taken back."""
        chance = self.chance
        found = []
        for version in range(chance.choice((1, 1, 1, 2))):
            bad = min(total, round(total * bad_share) + (chance.random() < 0.1))
            found.append(
                told(
                    e.ObjectiveCounted,
                    f"shard {shard} {end}",
                    end,
                    source_version=version,
                    retracted=version > 0 and chance.random() < 0.3,
                    slo="availability",
                    service="api",
                    environment="production",
                    seconds=self.length // e.MICROSECONDS,
                    good=total - bad,
                    total=total,
                )
            )
            total += chance.randrange(3)
        return found

    def run(self) -> Run:
        """All of it, some of it twice, in any order and any batches."""
        events: list[e.Event] = [*self.declared, *self.counted]
        events += self.chance.choices(events, k=3)
        for number, at in enumerate(self.deployed):
            events.append(w.deployed("api", (at - BEGINNING) / HOUR, tag=f"v{number}"))
        self.chance.shuffle(events)
        most = 40
        if self.chance.random() < 0.1:
            # as they happen, nearly one by one
            events.sort(key=lambda event: event.time)
            most = 3
        run = Run()
        while events:
            size = self.chance.randrange(1, most)
            run.take(events[:size])
            events = events[size:]
        return run

    def check(self) -> Counter[str]:
        """Compare every figure; returns which rules fired how often."""
        run = self.run()
        buckets = buckets_of(self.counted)
        promises = promises_of(self.declared, HORIZON // 2)
        reference = Reference(buckets, promises, HORIZON)
        burns = {
            (
                *(b.rule, b.began_at, b.ended_at, b.severity, b.continues),
                *(b.onset_earliest_at, b.onset_at, b.bad, b.total),
            )
            for b in run.table("budget_burns").values()
            if isinstance(b, BudgetBurnFact)
        }
        expected = reference.burns() if buckets else set()
        assert burns == expected
        live = [(at, f"api v{number}") for number, at in enumerate(self.deployed)]
        spending = {
            s.deployment: (s.until_at, s.counted_until_at, s.good, s.total, s.spent, s.consumed)
            for s in run.table("budget_spending").values()
            if isinstance(s, BudgetSpendingFact)
        }
        assert spending == reference.spending(live)
        (budget,) = run.table("budgets").values()
        assert isinstance(budget, BudgetFact)
        if not buckets:
            assert (budget.state, budget.total, budget.consumed) == ("uncounted", 0, None)
            return Counter()
        self._check_budget(budget, reference, expected)
        return Counter([name for name, *_ in burns])

    def _check_budget(self, budget: BudgetFact, reference: Reference, burns: set[tuple[Any, ...]]) -> None:
        newest = reference.buckets[-1].end
        promise = reference.promise(newest)
        held = reference.within(newest, promise.period)
        bad, total = sums(held)
        assert (budget.counted_from_at, budget.counted_until_at) == (held[0].start, newest)
        assert (budget.good, budget.total) == (total - bad, total)
        assert budget.consumed == (reference.consumed(bad, newest, promise) if total else None)
        assert budget.half_spent_at == reference.crossed_at(Fraction(1, 2))
        assert budget.spent_at == reference.crossed_at(Fraction(1))
        last = {
            name
            for name, began_at, ended_at, *_ in burns
            if ended_at is None and began_at // reference.stretch == newest // reference.stretch
        }
        assert budget.burning == sorted(last)
        for name, rate in budget.burn_rates.items():
            width = int(name[:-1]) * {"m": MINUTE, "h": HOUR, "d": DAY}[name[-1]]
            bad, total = sums(reference.within(newest, width))
            assert rate == (round(float(bad / (promise.allowed * total)), 6) if total else 0.0)


def check(seeds: range) -> Counter[str]:
    fired: Counter[str] = Counter()
    for seed in seeds:
        try:
            fired += Series(seed).check()
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
    return fired


def test_random_series() -> None:
    fired = check(range(200))
    assert len(fired) == 5, fired
    assert min(fired.values()) >= 10, fired


@pytest.mark.slow
def test_a_thousand_random_series() -> None:
    check(range(200, 1_000))


@pytest.mark.nightly
def test_ten_thousand_random_series() -> None:
    check(range(1_000, 10_000))


def test_the_example_of_the_document() -> None:
    """99 % over seven days, 1,000 events every five minutes, and an hour in which every second one fails."""
    events: list[e.Event] = [w.objective("availability", target_ppm=990_000, period_days=7)]
    for number in range(1, 14 * 288):
        hours = number / 12
        bad = 500 if 200 < hours <= 201 or 204 < hours <= 205 else 0
        events.append(w.counted("availability", hours, good=1_000 - bad, total=1_000))
    events += [w.deployed("api", 200, tag="v1"), w.deployed("api", 203, tag="v2")]
    events.append(w.incident("down", 200.5))
    run = Run()
    run.take(events)
    burns = {
        (b.rule, b.began_at): b for b in run.table("budget_burns").values() if isinstance(b, BudgetBurnFact)
    }
    fast = burns[("fast burn", w.at(200 + 5 / 12))]
    assert (fast.bad, fast.total, fast.burn_rate) == (2_500, 12_000, 20.833333)
    assert (fast.onset_earliest_at, fast.onset_at) == (w.at(200), w.at(200 + 1 / 12))
    assert [b.severity for b in burns.values() if b.rule == "half of the budget"] == ["review"]
    spent = {
        s.deployment: s.spent
        for s in run.table("budget_spending").values()
        if isinstance(s, BudgetSpendingFact)
    }
    assert spent["api v1"] == round(6_000 / 20_160, 6)
    # the burn dates the incident's onset
    (incident,) = run.table("incidents").values()
    assert isinstance(incident, IncidentFact)
    assert (incident.onset_source, incident.onset_at) == ("burn", w.at(200 + 1 / 12))


def test_what_is_forgotten_changes_no_row() -> None:
    """Far beyond the horizon: bounded, and the same rows after a restart and a rebuild."""
    declared = [w.objective("availability", target_ppm=990_000, period_days=7)]
    counted: list[e.Event] = []
    for number in range(1, 24 * 120):
        bad = 50 if number % 500 < 5 or 1_000 < number < 1_300 else 0
        counted.append(w.counted("availability", number, good=100 - bad, total=100, seconds=3_600))
    deployed = [w.deployed("api", 24 * day, tag=f"v{day}") for day in range(120)]
    events = sorted([*declared, *counted, *deployed], key=lambda event: event.time)
    parameters = Parameters(horizon=20 * DAY)
    runs = Run(parameters), Run(parameters), Run(parameters, rebuilding=True)
    for start in range(0, len(events), 100):
        for run, size in zip(runs, (100, 100, 50), strict=True):
            for first in range(start, start + 100, size):
                run.take(events[first : first + size])
        if start % 700 == 0:
            runs[1].restart()
    assert differences(runs[0].live, runs[1].live) == []
    assert differences(runs[0].live, runs[2].live) == []
    assert len(runs[0].table("budget_spending")) == 120
    assert len(runs[0].workspace.entities["counter"]) <= 44
    burns = runs[0].table("budget_burns").values()
    assert any(isinstance(burn, BudgetBurnFact) and burn.continues for burn in burns)


def test_counts_that_make_no_sense_count_nothing() -> None:
    run = Run()
    nonsense = [(-1, 5, 300), (6, 5, 300), (1, 2, 0), (1, 2, 90_000), (1, 10**13, 300), (None, 2, 300)]
    told = [
        w.counted("availability", 1, good=g, total=t, seconds=s, shard=str((g, t))) for g, t, s in nonsense
    ]
    run.take([*told, w.counted("availability", 1, good=1, total=3)])
    (budget,) = run.table("budgets").values()
    assert isinstance(budget, BudgetFact)
    assert (budget.state, budget.good, budget.total, budget.consumed) == ("undeclared", 1, 3, None)


def test_other_names_of_a_service_are_one_objective() -> None:
    run = Run()
    run.take([w.objective("availability"), w.counted("availability", 1, service="shop-api", good=1, total=2)])
    assert {key[1] for key in run.table("budgets")} == {"api", "shop-api"}
    run.take([w.declared("api", aliases=["shop-api"])])
    (budget,) = run.table("budgets").values()
    assert isinstance(budget, BudgetFact)
    assert (budget.service, budget.total, budget.state) == ("api", 2, "within budget")
