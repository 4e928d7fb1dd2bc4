"""How likely a check fails on a good commit: a posterior from how its runs went on each commit.

A commit is good, and its check fails by chance, or it is broken, and its check fails nearly always. Which
it is nobody tells, so each commit counts as what it can be (after Meta, "Probabilistic flakiness", 2020):

    P(its runs) = broken * .98^f * .02^(n-f) * again_b^r * (1-again_b)^e
                + (1 - broken) * G(f, n; flake, likeness) * again_g^r * (1-again_g)^e

for ``f`` failures in ``n`` runs, ``r`` of which were followed by another run; ``e`` is 1 where nobody ran it
again after the last one failed. Neither runs nor re-runs are independent:

- runs of one commit resemble each other (its own slow test, the machine of that hour): ``G`` is
  beta-binomial, a good commit having a probability of its own around ``flake``; ``likeness`` is the
  correlation of two of its runs;
- a check is run again because it failed, and by people who look: what is a flake is run again more often
  (``again_g``) than what is broken (``again_b``).

What is not known of these three, and of ``broken``, is summed over: it widens the interval of ``flake``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.core.limits import FlakeLimits

_Floats = npt.NDArray[np.float64]

#: cells of the grid: the first pass finds where the mass is, the second one divides that again
_FLAKE_CELLS, _BROKEN_CELLS = 32, 12
#: a cell that holds less of the mass is left out of the second grid
_NOTHING = 1e-6
#: a check that fails more often than that is red for a reason
_FLAKE_MAX = 0.9
#: estimates that are remembered: the checks of one repository that never fail ran equally often
_ESTIMATES_MAX = 4_096


class Pattern(NamedTuple):
    """How the runs of one check went on one commit; ``left_red``: the last one failed."""

    runs: int
    failed: int
    left_red: bool


class Estimate(NamedTuple):
    """The probability of failure on a good commit, its interval, and the share of broken commits."""

    flake: float
    low: float
    high: float
    #: how likely ``flake`` is above ``limits.flaky_above``
    above: float
    broken: float


def estimate(patterns: Mapping[Pattern, int], limits: FlakeLimits) -> Estimate:
    """The posterior mean, and the interval that holds ``limits.interval`` of the posterior.

    ``patterns`` says on how many commits the runs went so.
    """
    # in one order, so that sums are rounded alike
    return _estimate(tuple([(*pattern, patterns[pattern]) for pattern in sorted(patterns)]), limits)


@lru_cache(_ESTIMATES_MAX)
def _estimate(told: tuple[tuple[int, int, bool, int], ...], limits: FlakeLimits) -> Estimate:
    table = np.array(told, dtype=np.float64).reshape(-1, 4)
    flakes = _FLAKE_MAX * np.linspace(0.0, 1.0, _FLAKE_CELLS + 1) ** 2
    brokens = np.linspace(0.0, 1.0, _BROKEN_CELLS + 1) ** 2
    mass = _mass(table, flakes, brokens, limits)
    flakes = _narrowed(flakes, mass.sum(axis=1))
    brokens = _narrowed(brokens, mass.sum(axis=0))
    mass = _mass(table, flakes, brokens, limits)
    of_flakes = mass.sum(axis=1)
    below = np.concatenate(([0.0], np.cumsum(of_flakes)))
    tail = (1.0 - limits.interval) / 2
    low, high = np.interp((tail, 1.0 - tail), below, flakes)
    return Estimate(
        float(of_flakes @ _middles(flakes)),
        float(low),
        float(high),
        1.0 - float(np.interp(limits.flaky_above, flakes, below)),
        float(mass.sum(axis=0) @ _middles(brokens)),
    )


def _middles(edges: _Floats) -> _Floats:
    middles: _Floats = (edges[:-1] + edges[1:]) / 2
    return middles


def _narrowed(edges: _Floats, mass: _Floats) -> _Floats:
    """As many cells over the part of a grid that holds nearly all of the mass; more of them where more is."""
    (holding,) = np.nonzero(mass > _NOTHING)
    first, last = max(0, holding[0] - 1), min(len(mass), holding[-1] + 2)
    share = mass[first:last] / mass[first:last].sum() + 1.0 / (last - first)
    below = np.concatenate(([0.0], np.cumsum(share)))
    return np.interp(np.linspace(0.0, below[-1], len(edges)), below, edges[first : last + 1])


def _mass(table: _Floats, flakes: _Floats, brokens: _Floats, limits: FlakeLimits) -> _Floats:
    """The posterior of each cell of (flake, broken), summed over what is thought of everything else."""
    flake, broken = _middles(flakes), _middles(brokens)
    runs, failed, left, commits = table.T
    again = failed - left
    as_broken = limits.broken_fails**failed * (1.0 - limits.broken_fails) ** (runs - failed)
    people = _run_again(float(commits @ again), float(commits @ left), limits)
    good_again, broken_again = people[:, :1], people[:, 1:]
    of_good = good_again**again * (1.0 - good_again) ** left
    of_broken = as_broken * broken_again**again * (1.0 - broken_again) ** left
    logs = []
    # what never failed on a commit says the same whatever people do about failures
    (calm,), (red,) = np.nonzero(failed == 0), np.nonzero(failed)
    # axes: pattern, people, flake, broken
    shape = (len(runs), len(people), len(flake), len(broken))
    either = np.empty(shape)
    patterns, unbroken = [(int(n), int(f)) for n, f in zip(runs, failed, strict=True)], 1.0 - broken
    for likeness, weight in limits.likeness:
        as_good = [_good(n, f, flake, likeness) for n, f in patterns]
        for place in calm:
            good = as_good[place][:, None] * unbroken
            either[place] = np.log(good + as_broken[place] * broken)
        for place in red:
            good = (of_good[:, place, None] * as_good[place])[..., None] * unbroken
            either[place] = np.log(good + of_broken[:, place, None, None] * broken)
        summed = np.dot(commits[None, :], either.reshape(len(runs), prod(shape[1:])))
        logs.append(np.log(weight) + summed.reshape(shape[1:]))
    log = np.logaddexp.reduce(np.concatenate(logs))
    # the densities of Beta(1, b): what most checks are like, and what the flaky ones are
    before = sum(share * b * (1.0 - flake) ** (b - 1.0) for share, b in limits.flake_prior)
    log += np.log(before * np.diff(flakes))[:, None]
    log += (limits.broken_prior - 1.0) * np.log1p(-broken) + np.log(np.diff(brokens))
    mass: _Floats = np.exp(log - log.max())
    mass /= mass.sum()
    return mass


def _run_again(again: float, left: float, limits: FlakeLimits) -> _Floats:
    """How often failures may be run again on good commits, and on broken ones, given how often they are."""
    if not again + left:
        return np.array([(0.5, 0.5)])
    odds = (again + 0.5) / (left + 0.5)
    found = [(odds * more, odds / less) for more, less in product(limits.flake_again, limits.broken_again)]
    return np.array([(good / (1.0 + good), broken / (1.0 + broken)) for good, broken in found])


def _good(runs: int, failed: int, flake: _Floats, likeness: float) -> _Floats:
    """How likely runs of a good commit end so, in one order of them (beta-binomial)."""
    spread = likeness / (1.0 - likeness)
    found: _Floats = np.ones_like(flake)
    for place in range(failed):
        found = found * (flake + place * spread)
    for place in range(runs - failed):
        found = found * (1.0 - flake + place * spread)
    for place in range(runs):
        found = found / (1.0 + place * spread)
    return found
