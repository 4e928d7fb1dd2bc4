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

from collections.abc import Mapping, Sequence
from itertools import product
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
#: tables that are worked out together: so many that what numpy takes for each step hardly counts
_TOGETHER_MAX = 8
#: of those that never failed, of which less has to be thought
_CALM_TOGETHER_MAX = 64


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


#: on how many commits the runs went how: a pattern's fields and that number, in one order
Table = tuple[tuple[int, int, bool, int], ...]


def table_of(patterns: Mapping[Pattern, int]) -> Table:
    """``patterns`` says on how many commits the runs went so; in one order, to be rounded alike."""
    return tuple([(*pattern, patterns[pattern]) for pattern in sorted(patterns)])


class Estimates:
    """What is thought of tables. Those of one repository's checks that never fail are often the same."""

    def __init__(self, limits: FlakeLimits) -> None:
        self._limits = limits
        self._known: dict[Table, Estimate] = {}

    def of(self, tables: Sequence[Table]) -> list[Estimate]:
        """The estimates of these tables, whatever stands beside them."""
        if len(self._known) >= _ESTIMATES_MAX:
            self._known.clear()
        alike: dict[tuple[Pattern, ...], dict[Table, None]] = {}
        for table in tables:
            if table not in self._known:
                alike.setdefault(tuple([Pattern(*row[:3]) for row in table]), {})[table] = None
        for patterns, group in alike.items():
            wanted = list(group)
            step = _TOGETHER_MAX if any(pattern.failed for pattern in patterns) else _CALM_TOGETHER_MAX
            for start in range(0, len(wanted), step):
                some = wanted[start : start + step]
                commits = np.array([[row[3] for row in table] for table in some], np.float64)
                self._known.update(zip(some, _estimate(patterns, commits, self._limits), strict=True))
        return [self._known[table] for table in tables]


def _estimate(patterns: Sequence[Pattern], commits: _Floats, limits: FlakeLimits) -> list[Estimate]:
    """Several tables of the same patterns at once: a row of ``commits`` each, which sees no other row."""
    flakes = _FLAKE_MAX * np.linspace(0.0, 1.0, _FLAKE_CELLS + 1)[None] ** 2
    brokens = np.linspace(0.0, 1.0, _BROKEN_CELLS + 1)[None] ** 2
    mass = _mass(patterns, commits, flakes, brokens, limits)
    flakes = _narrowed(flakes, mass.sum(axis=2))
    brokens = _narrowed(brokens, mass.sum(axis=1))
    mass = _mass(patterns, commits, flakes, brokens, limits)
    of_flakes, of_brokens = mass.sum(axis=2), mass.sum(axis=1)
    below = _below(of_flakes)
    tail = (1.0 - limits.interval) / 2
    means = (of_flakes * _middles(flakes)).sum(axis=1)
    broken = (of_brokens * _middles(brokens)).sum(axis=1)
    found = []
    for place, (mean, share) in enumerate(zip(means.tolist(), broken.tolist(), strict=True)):
        low, high = np.interp((tail, 1.0 - tail), below[place], flakes[place])
        above = max(0.0, 1.0 - float(np.interp(limits.flaky_above, flakes[place], below[place])))
        found.append(Estimate(mean, float(low), float(high), above, share))
    return found


def _middles(edges: _Floats) -> _Floats:
    middles: _Floats = (edges[:, :-1] + edges[:, 1:]) / 2
    return middles


def _below(share: _Floats) -> _Floats:
    """What lies below each edge of a grid."""
    below = np.zeros((len(share), share.shape[1] + 1))
    np.cumsum(share, axis=1, out=below[:, 1:])
    return below


def _narrowed(edges: _Floats, mass: _Floats) -> _Floats:
    """As many cells over the part of a grid that holds nearly all of the mass; more of them where more is."""
    cells = mass.shape[1]
    holding = mass > _NOTHING
    first = np.maximum(0, holding.argmax(axis=1) - 1)[:, None]
    last = np.minimum(cells, cells - holding[:, ::-1].argmax(axis=1) + 1)[:, None]
    places = np.arange(cells)
    inside = np.where((places >= first) & (places < last), mass, 0.0)
    share = inside / inside.sum(axis=1, keepdims=True) + 1.0 / (last - first)
    share[(places < first) | (places >= last)] = 0.0
    below = _below(share)
    wanted = below[:, -1:] * np.linspace(0.0, 1.0, cells + 1)
    # the cell that each new edge falls into
    within = np.clip((below[:, None, :] <= wanted[:, :, None]).sum(axis=2) - 1, first, last - 1)
    start, under = (np.take_along_axis(np.broadcast_to(of, below.shape), within, 1) for of in (edges, below))
    width = np.take_along_axis(np.broadcast_to(np.diff(edges), share.shape), within, 1)
    found: _Floats = start + (wanted - under) / np.take_along_axis(share, within, 1) * width
    return found


def _mass(
    patterns: Sequence[Pattern], commits: _Floats, flakes: _Floats, brokens: _Floats, limits: FlakeLimits
) -> _Floats:
    """The posterior of each (table, flake, broken), summed over what is thought of everything else."""
    flake, broken = _middles(flakes), _middles(brokens)[:, None, None, :]
    unbroken = 1.0 - broken
    left = [pattern.left_red for pattern in patterns]
    again = [pattern.failed - pattern.left_red for pattern in patterns]
    people = _run_again(commits @ again, commits @ left, limits)
    good_again, broken_again = people[:, :, 0], people[:, :, 1]
    persons = people.shape[1]
    # axes: table, people with each likeness, flake, broken
    log = np.zeros((len(commits), persons * len(limits.likeness), flake.shape[1], broken.shape[3]))
    for number, (likeness, weight) in enumerate(limits.likeness):
        part = log[:, number * persons : (number + 1) * persons]
        part += np.log(weight)
        for place, (runs, failed, red) in enumerate(patterns):
            as_good = _good(runs, failed, flake, likeness)[:, None, :, None]
            as_broken = limits.broken_fails**failed * (1.0 - limits.broken_fails) ** (runs - failed)
            # what never failed on a commit says the same whatever people do about failures
            if failed:
                of_good = good_again ** again[place] * (1.0 - good_again) ** red
                of_broken = as_broken * broken_again ** again[place] * (1.0 - broken_again) ** red
                either = (of_good[:, :, None, None] * as_good) * unbroken
                either += of_broken[:, :, None, None] * broken
            else:
                either = as_good * unbroken
                either += as_broken * broken
            np.log(either, out=either)
            part += commits[:, place, None, None, None] * either
    log -= log.max(axis=(1, 2, 3), keepdims=True)
    mass: _Floats = np.exp(log, out=log).sum(axis=1)
    # the densities of Beta(1, b): what most checks are like, and what the flaky ones are
    before = sum(share * b * (1.0 - flake) ** (b - 1.0) for share, b in limits.flake_prior)
    mass *= (before * np.diff(flakes))[:, :, None]
    mass *= (unbroken[:, 0, :, :] ** (limits.broken_prior - 1.0)) * np.diff(brokens)[:, None, :]
    mass /= mass.sum(axis=(1, 2), keepdims=True)
    return mass


def _run_again(again: _Floats, left: _Floats, limits: FlakeLimits) -> _Floats:
    """How often failures may be run again on good commits, and on broken ones, given how often they are."""
    if not (again + left).any():
        return np.full((len(again), 1, 2), 0.5)
    odds = ((again + 0.5) / (left + 0.5))[:, None]
    ways = np.array([(more, 1.0 / less) for more, less in product(limits.flake_again, limits.broken_again)])
    found: _Floats = odds[:, :, None] * ways
    return found / (1.0 + found)


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
