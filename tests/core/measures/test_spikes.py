"""The statistics of spikes: against exact sums, and what they find in simulated series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.learning import week_start
from pipeline.core.limits import SpikeRules
from pipeline.core.measures.ledger import EVERYWHERE, Counts
from pipeline.core.measures.spikes import (
    Outlook,
    Past,
    Week,
    accumulate,
    false_discovery_rates,
    foresee,
    judge,
    look_back,
    rounded,
)  # fmt: skip
from pipeline.core.measures.weekly import WeeklyCounts
from pipeline.core.rows import Rows
from tests.core.measures.alone import Truth, runs

RULES = SpikeRules()

outlooks = st.builds(
    Outlook,
    st.none() | st.integers(1, 60),
    st.sampled_from((0.001, 0.02, 0.3, 0.9)),
    st.sampled_from((0.7, 5.0, 60.0, 5_000.0)),
)


def exactly(outlook: Outlook) -> list[float]:
    """The probability of each number of hits, by its definition."""
    if outlook.n is None:
        shape = Fraction(outlook.concentration)
        share = Fraction(outlook.rate) / (shape + Fraction(outlook.rate))
        first = float(1 - share) ** float(shape)
        found, ratio = [], Fraction(1)
        for k in range(80):
            found.append(first * float(ratio))
            ratio *= (shape + k) / (k + 1) * share
        return found
    n, size = outlook.n, Fraction(outlook.concentration)
    hit = Fraction(outlook.rate * outlook.concentration)
    found = []
    for k in range(n + 1):
        value = Fraction(math.comb(n, k))
        for i in range(k):
            value *= hit + i
        for i in range(n - k):
            value *= size - hit + i
        for i in range(n):
            value /= size + i
        found.append(float(value))
    return found


@settings(max_examples=200)
@given(outlooks, st.integers(0, 61))
def test_tails_are_what_they_are_by_definition(outlook: Outlook, k: int) -> None:
    chances = exactly(outlook)
    assert math.fsum(chances) == pytest.approx(1.0)
    assert outlook.tail(k) == pytest.approx(math.fsum(chances[k:]), rel=1e-8, abs=1e-14)
    assert outlook.tail(k + 1) <= outlook.tail(k)
    if k < len(chances) - 1:
        assert math.exp(outlook.log_probability(k)) == pytest.approx(chances[k], rel=1e-8)
        assert outlook.step(k) == pytest.approx(chances[k + 1] / chances[k], rel=1e-6)


@settings(max_examples=200)
@given(outlooks, st.sampled_from((0.4, 0.05, 0.01)))
def test_the_first_number_of_hits_that_is_so_rare(outlook: Outlook, rare: float) -> None:
    k = outlook.first_below(rare)
    assert outlook.tail(k) <= rare
    assert k == 0 or outlook.tail(k - 1) > rare


@given(outlooks, st.integers(0, 30))
def test_what_is_said_of_a_week(outlook: Outlook, k: int) -> None:
    k = k if outlook.n is None else min(k, outlook.n)
    said, chances = judge(outlook, k, RULES), exactly(outlook)
    assert said.low <= said.high
    assert math.fsum(chances[: said.low]) <= 0.025 + 1e-9
    assert math.fsum(chances[said.high + 1 :]) <= 0.025 + 1e-9
    assert said.threshold >= RULES.hits_min
    assert (said.p <= RULES.alpha and k >= RULES.hits_min) == (k >= said.threshold)
    if said.smallest_multiple is not None:
        assert outlook.times(said.smallest_multiple * 1.06 + 0.06).tail(said.threshold) >= RULES.power
        assert said.smallest_multiple <= 1.1 or (
            outlook.times(said.smallest_multiple * 0.94 - 0.06).tail(said.threshold) < RULES.power
        )


def test_a_week_that_could_have_shown_nothing() -> None:
    assert judge(Outlook(1, 0.1, 50.0), 1, RULES).smallest_multiple is None
    assert judge(Outlook(4, 0.9, 500.0), 4, RULES).smallest_multiple is None
    assert judge(Outlook(200, 0.02, 2_000.0), 4, RULES).smallest_multiple == pytest.approx(3.2, abs=0.2)


def plain(*hits: int, things: int = 40) -> list[Week]:
    return [Week(things, k, alarmed=False, tamed=k) for k in hits]


def test_weeks_that_differ_as_chance_has_it_are_not_dispersed() -> None:
    random = np.random.default_rng(5)
    calm = look_back(plain(*random.binomial(40, 0.05, 2_000).tolist()), share=True)
    assert calm.dispersion == pytest.approx(1.0, abs=0.1)
    rates = random.beta(0.05 * 20, 0.95 * 20, 2_000)
    wild = look_back(plain(*random.binomial(40, rates).tolist()), share=True)
    # variance is 1 + (n - 1) / (concentration + 1) times that of a binomial
    assert wild.dispersion == pytest.approx(1 + 39 / 21, rel=0.15)
    outlook = foresee(wild, 40, 0.05, replace(RULES, unseen_weeks=0.0))
    assert outlook.concentration == pytest.approx(20, rel=0.15)
    rates = random.gamma(2.0, 1.5, 2_000)
    counted = look_back(plain(*random.poisson(rates).tolist(), things=1), share=False)
    assert foresee(counted, None, 0.0, RULES).concentration == pytest.approx(2.0, rel=0.15)


def test_weeks_that_alarmed_say_how_much_weeks_differ_and_nothing_else() -> None:
    weeks = plain(1, 0, 2, 1, 0, 1)
    alarmed = [*weeks, Week(40, 30, alarmed=True, tamed=4)]
    before, after = look_back(weeks, share=True), look_back(alarmed, share=True)
    assert after[:3] == before[:3] == (5, 240, 6)
    assert after.dispersion > before.dispersion
    again = [*alarmed, Week(40, 35, alarmed=True, tamed=9)]
    assert look_back(again, share=True) == after, "the second alarm in a row says nothing more"
    assert after.dispersion < look_back([*weeks, Week(40, 30, alarmed=True, tamed=30)], share=True).dispersion


@pytest.mark.parametrize(("hits", "exposure"), [(0, 0), (0, 500), (500, 500), (3, 7)])
def test_a_prediction_is_never_certain(hits: int, exposure: int) -> None:
    for n in (None, 0, 1, 50):
        outlook = foresee(Past(hits, exposure, 5, 1.0), n, 0.02, RULES)
        assert 0 < outlook.rate < 1 or (n is None and outlook.rate > 0)
        assert judge(outlook, 0, RULES).p == 1.0


def test_little_history_is_drawn_to_what_is_usual_elsewhere() -> None:
    usual = [foresee(Past(0, n, 5, 1.0), 40, 0.04, RULES).rate for n in (0, 50, 5_000)]
    assert usual == [pytest.approx(0.04), pytest.approx(0.02), pytest.approx(0.0004, rel=0.02)]


@given(st.lists(st.sampled_from((1e-9, 0.001, 0.01, 0.02, 0.3, 1.0)), max_size=12))
def test_false_discoveries(chances: list[float]) -> None:
    found = false_discovery_rates(chances)
    for rate in (0.001, 0.05, 0.5):
        # the greatest rank whose chance is below its share of the rate, as it was published
        ordered = sorted(chances)
        ranks = [i for i, p in enumerate(ordered, 1) if p <= rate * i / len(chances) * (1 + 1e-9)]
        limit = ordered[max(ranks) - 1] if ranks else -1.0
        assert [q <= rate * (1 + 1e-6) for q in found] == [p <= limit for p in chances]


def test_a_cumulative_sum_begins_at_nothing() -> None:
    assert accumulate(0.0, -3.0) == 0.0
    assert accumulate(accumulate(0.0, 1.25), -1.0) == 0.25
    assert rounded(0.1 + 0.2) == rounded(0.3)


# -- what is found ----------------------------------------------------------------------------------


def false_alarms(truth: Truth, number: int, weeks: int, rules: SpikeRules = RULES) -> float:
    """The share of weeks that alarm while nothing is different."""
    random = np.random.default_rng(17)
    found = [
        alarm
        for after in runs(truth, random, number, (rules.history_weeks, weeks), 1.0, rules)
        for alarm in after
    ]
    return sum(map(bool, found)) / len(found)


def power(truth: Truth, number: int, within: Sequence[int], multiple: float = 5.0) -> list[float]:
    """The share of rises that are found within so many weeks."""
    random = np.random.default_rng(18)
    found = [
        next((week for week, alarm in enumerate(after, 1) if alarm), 99)
        for after in runs(truth, random, number, (26, max(within)), multiple, RULES)
    ]
    return [sum(week <= limit for week in found) / number for limit in within]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("things", [40, 200])
def test_one_week_of_a_hundred_alarms_for_nothing_at_most(rate: float, things: int) -> None:
    assert false_alarms(Truth(rate, things), 25, 60) <= 0.01


@pytest.mark.slow
def test_five_times_as_many_are_found_within_weeks() -> None:
    (within_four,) = power(Truth(0.02, 40), 150, [4])
    assert within_four >= 0.9
    within_two, within_four = power(Truth(0.02, 100), 80, [2, 4])
    assert within_two >= 0.9
    assert within_four >= 0.99
    (counted,) = power(Truth(0.8, 0), 1_000, [4])
    assert counted >= 0.9


def test_a_rise_of_what_hardly_happens_is_not_found_in_a_month() -> None:
    (found,) = power(Truth(0.005, 40), 60, [4], multiple=3.0)
    assert found <= 0.3, "say so in the documentation if this can be done now"


@pytest.mark.slow
def test_many_series_of_a_week_share_their_false_alarms() -> None:
    """Forty services of which one rises to five times: it is found, and the others seldom alarm."""
    random = np.random.default_rng(19)
    services, base, weeks = 40, 26, 30
    false = found = 0
    for _ in range(6):
        weekly = WeeklyCounts(RULES)
        for service in range(services):
            hits = Truth(0.02, 100).draw(random, base)
            hits += Truth(0.02, 100).draw(random, weeks - base, 5.0 if service == 0 else 1.0)
            place = ("service", f"s{service}")
            weekly.put("bypasses", [Counts(week, place, 100, k) for week, k in enumerate(hits)])
        total = [Counts(week, EVERYWHERE, 100 * services, 2 * services) for week in range(weeks)]
        weekly.put("bypasses", total)
        rows = Rows()
        weekly.write(week_start(weeks), rows)
        alarmed = {
            (row.value, row.week_at)  # type: ignore[attr-defined]
            for _, facts, _ in rows.tables()
            for row in facts
            if row.alarm  # type: ignore[attr-defined]
        }
        found += any(value == "s0" and week >= week_start(base) for value, week in alarmed)
        false += sum(value != "s0" for value, _ in alarmed)
    assert found == 6
    assert false / (6 * services * weeks) <= 0.002


@pytest.mark.nightly
@pytest.mark.parametrize("weeks", [12, 26])
@pytest.mark.parametrize("rate", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("things", [40, 100, 200])
def test_false_alarms_at_length(weeks: int, rate: float, things: int) -> None:
    rules = replace(RULES, history_weeks=weeks)
    assert false_alarms(Truth(rate, things), 400, 60, rules) <= 0.01


@pytest.mark.nightly
@pytest.mark.parametrize(("weeks", "limit"), [(12, 0.025), (26, 0.017)])
@pytest.mark.parametrize(("rate", "things"), [(0.02, 40), (0.02, 100), (0.05, 100), (0.05, 200)])
def test_false_alarms_where_weeks_differ(rate: float, things: int, weeks: int, limit: float) -> None:
    rules = replace(RULES, history_weeks=weeks)
    # a standard error of the simulation is allowed
    assert false_alarms(Truth(rate, things, 60.0), 400, 60, rules) <= limit + 0.001


@pytest.mark.nightly
@pytest.mark.parametrize("truth", [Truth(0.8, 0), Truth(0.02, 40), Truth(0.005, 160), Truth(0.004, 200)])
def test_power_at_length(truth: Truth) -> None:
    (found,) = power(truth, 2_000, [4])
    assert found >= 0.9
