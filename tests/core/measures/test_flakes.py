"""The probability of a flake: against plain sums, and on simulated CI where the truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.limits import FlakeLimits
from pipeline.core.measures.flakes import Estimate, Estimates, Pattern, table_of
from tests.core.measures.run_by_run import posterior

LIMITS = FlakeLimits()
GREEN, AGAIN, RED, BROKEN = (
    Pattern(1, 0, False),
    Pattern(2, 1, False),
    Pattern(1, 1, True),
    Pattern(2, 2, True),
)
ATTEMPTS_MAX = 3


def estimate(patterns: Mapping[Pattern, int], limits: FlakeLimits) -> Estimate:
    """What is thought of one table alone."""
    return Estimates(limits).of([table_of(patterns)])[0]


@pytest.mark.parametrize(
    "patterns",
    [
        {},
        {GREEN: 40},
        {GREEN: 40, AGAIN: 3, BROKEN: 2},
        {GREEN: 200, RED: 12, AGAIN: 4},
        {GREEN: 5, BROKEN: 30},
    ],
    ids=["nothing", "green", "flaky", "seldom run again", "always red"],
)
def test_plain_sums_give_the_same(patterns: dict[Pattern, int]) -> None:
    found = estimate(patterns, LIMITS)._asdict()
    told = Counter({(runs, failed, left): count for (runs, failed, left), count in patterns.items()})
    for name, value in posterior(told, LIMITS).items():
        assert found[name] == pytest.approx(value, abs=0.003 + 0.03 * value), name


counts = st.dictionaries(
    st.builds(lambda runs, failed, left: Pattern(max(runs, failed), failed, left and failed > 0),
              st.integers(0, 20), st.integers(0, 6), st.booleans()),
    st.integers(1, 3_000), max_size=12,
)  # fmt: skip


@settings(max_examples=150)
@given(counts)
def test_an_estimate_is_sound_whatever_is_told(patterns: dict[Pattern, int]) -> None:
    found = estimate(patterns, LIMITS)
    assert 0.0 <= found.low <= found.flake <= found.high or found.high - found.low < 0.01
    assert 0.0 <= found.low <= found.high <= 0.9
    assert -1e-9 <= found.above <= 1.0 + 1e-9
    assert 0.0 <= found.broken <= 1.0
    assert estimate(dict(reversed(patterns.items())), LIMITS) == found, "in any order"


@settings(max_examples=60)
@given(st.lists(counts, min_size=1, max_size=12))
def test_what_is_worked_out_together_is_what_each_one_alone_is(several: list[dict[Pattern, int]]) -> None:
    several += [{pattern: count + 7 for pattern, count in told.items()} for told in several]
    together = Estimates(LIMITS)
    tables = [table_of(told) for told in several]
    assert together.of(tables) == [estimate(told, LIMITS) for told in several], "to the last bit"
    assert together.of(tables[:1]) == [estimate(several[0], LIMITS)], "remembered"


def test_evidence_counts_for_what_it_says() -> None:
    green = estimate({GREEN: 100}, LIMITS)
    assert green.high < 0.02
    flaked = estimate({GREEN: 90, AGAIN: 10}, LIMITS)
    assert flaked.low > 0.04
    assert 0.07 < flaked.flake < 0.13
    # what stays red when it is run again is broken
    broken = estimate({GREEN: 90, BROKEN: 10}, LIMITS)
    assert broken.flake < 0.02
    assert 0.07 < broken.broken < 0.13
    # what nobody ran again may be either
    unknown = estimate({GREEN: 90, RED: 10}, LIMITS)
    assert unknown.high - unknown.low > 2 * (broken.high - broken.low)
    assert broken.flake < unknown.flake < flaked.flake


# -- simulated CI: half of the checks never flake, the others in 0 to 20 % of their runs ----------------


class Ci(NamedTuple):
    """A check in a world: how often it runs, what becomes of failures, how alike runs of one commit are."""

    commits: int
    #: share of failures that are run again: of flakes, and of what is broken
    again: float = 1.0
    broken_again: float = 1.0
    likeness: float = 0.0
    broken: float = 0.05


class Judged(NamedTuple):
    """A check whose truth is known: what is found of it, and how its runs went."""

    flake: float
    found: Estimate
    told: Counter[Pattern]


def _judge(rng: np.random.Generator, flake: float, ci: Ci) -> Judged:
    told: Counter[Pattern] = Counter()
    for _ in range(ci.commits):
        broken = rng.random() < ci.broken
        own = flake
        if flake and ci.likeness:
            spread = (1 - ci.likeness) / ci.likeness
            own = rng.beta(flake * spread, (1 - flake) * spread)
        runs = failed = 0
        red = True
        while (
            red
            and runs < ATTEMPTS_MAX
            and (not runs or rng.random() < (ci.broken_again if broken else ci.again))
        ):
            red = rng.random() < (0.98 if broken else own)
            runs, failed = runs + 1, failed + red
        told[Pattern(runs, failed, bool(red))] += 1
    return Judged(flake, estimate(told, LIMITS), told)


@cache
def simulated(ci: Ci, checks: int = 200, seed: int = 11) -> tuple[Judged, ...]:
    rng = np.random.default_rng(seed)
    rates = [0.0 if number % 2 else float(rng.uniform(0.0, 0.2)) for number in range(checks)]
    return tuple(_judge(rng, rate, ci) for rate in rates)


def clear(judged: Iterable[Judged]) -> list[Judged]:
    """Without the checks that are hardly flaky: nobody minds what is said of them."""
    return [one for one in judged if not 0.0 < one.flake < LIMITS.flaky_above]


def above(one: Judged) -> float:
    """How likely it is flaky, as it is published."""
    return one.found.above


def contradictions(one: Judged) -> int:
    """How often it both failed and passed."""
    return sum(count for pattern, count in one.told.items() if 0 < pattern.failed < pattern.runs)


def scores(
    judged: Iterable[Judged], by: Callable[[Judged], float] = above, least: float = LIMITS.flaky_from
) -> tuple[float, float, float]:
    """Precision, recall and F1 of finding what flakes in 2 % or more."""
    known = clear(judged)
    found = [one for one in known if by(one) >= least]
    flaky = [one for one in known if one.flake]
    right = sum(one.flake > 0 for one in found)
    return right / max(1, len(found)), right / len(flaky), 2 * right / (len(found) + len(flaky))


def error(judged: tuple[Judged, ...]) -> float:
    """The median distance from the truth."""
    return float(np.median([abs(one.found.flake - one.flake) for one in judged]))


def coverage(judged: tuple[Judged, ...]) -> float:
    """How often the interval holds the truth of a flaky check."""
    return float(
        np.mean([one.found.low <= one.flake <= one.found.high for one in judged if one.flake > 0.02])
    )


#: CI that runs failures again: always, or flakes always and half of what is broken, or half of everything
WORLDS = {
    "50 commits": Ci(50),
    "100 commits": Ci(100),
    "400 commits": Ci(400),
    "400 commits, people look first": Ci(400, broken_again=0.5),
    "400 commits, half is run again": Ci(400, again=0.5, broken_again=0.5),
    "400 commits, runs resemble each other": Ci(400, likeness=0.2),
    "400 commits, 15 % broken": Ci(400, broken=0.15),
}


#: those with the share of broken commits that the targets speak of
_AS_MANY_BROKEN = [ci for ci in WORLDS.values() if ci.broken == 0.05]


@pytest.mark.parametrize("name", WORLDS)
def test_the_estimate_is_near_the_truth(name: str) -> None:
    assert error(simulated(WORLDS[name])) <= 0.01


@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_holds_the_truth_most_of_the_time(name: str) -> None:
    """Not always in nine of ten: nobody can tell people who look from checks that stick to their failure."""
    assert coverage(simulated(WORLDS[name])) >= 0.74


def test_flaky_checks_are_found() -> None:
    judged = tuple(one for ci in _AS_MANY_BROKEN for one in simulated(ci))
    _, _, f1 = scores(judged)
    assert f1 >= 0.97
    assert min(scores(simulated(ci))[2] for ci in _AS_MANY_BROKEN) >= 0.95


def _ends(flake: float, ci: Ci) -> list[float]:
    """How likely a commit is to pass in its first run, its second, its third, or none, by the truth."""

    def each(p: float) -> list[float]:
        return [1 - p, p * (1 - p), p**2 * (1 - p), p**3]

    return [
        ci.broken * bad + (1 - ci.broken) * good for bad, good in zip(each(0.98), each(flake), strict=True)
    ]


def test_few_commits_do_not_say_more_than_is_found() -> None:
    """Fifty commits: against whoever knows all of the simulation but which check it is."""
    ci = Ci(50)
    judged = clear(simulated(ci, checks=3_000, seed=21))
    counts = np.array([[one.told[Pattern(n, n - 1, False)] for n in (1, 2, 3)] for one in judged])
    counts = np.column_stack((counts, 50 - counts.sum(axis=1)))
    flaky = np.log([_ends(flake, ci) for flake in np.linspace(0.02, 0.2, 200)])
    likely = np.logaddexp.reduce(counts @ flaky.T, axis=1) - counts @ np.log(_ends(0.0, ci))
    sums = {id(one): value for one, value in zip(judged, likely, strict=True)}
    best = max(scores(judged, lambda one: sums[id(one)], least)[2] for least in np.unique(likely))
    assert best <= 0.965, "say so in the documentation if more can be known"
    assert scores(judged)[2] >= max(0.945, best - 0.01)


def test_what_is_to_be_quarantined_is_flaky() -> None:
    judged = [one for ci in WORLDS.values() for one in simulated(ci)]
    suggested = [one for one in judged if one.found.low > LIMITS.flaky_above]
    assert len(suggested) > 400
    assert sum(one.flake > LIMITS.flaky_above for one in suggested) / len(suggested) >= 0.98


def test_contradictions_alone_find_less() -> None:
    """Asking for so many certain flakes misses half as many again, where neither is less precise."""
    judged = clear(one for ci in _AS_MANY_BROKEN for one in simulated(ci))
    assert scores(judged)[0] - scores(judged, contradictions, 1)[0] >= 0.15
    ours = [scores(judged, above, least) for least in np.linspace(0.01, 0.99, 99)]
    for least in (2, 3, 4, 5, 6):
        precision, recall, _ = scores(judged, contradictions, least)
        assert 1 - max(found for precise, found, _ in ours if precise >= precision) <= (1 - recall) / 1.5
