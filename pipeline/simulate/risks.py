"""How likely a change breaks production, and the intercept that makes the rate come out as asked.

The logit is linear in what practice names: the logarithm of the size, a bypass of review, a
flaky CI, an author who is new, and the class of the change.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.simulate.draws import Floats, Integers, Stream, lognormal, poisson
from pipeline.simulate.kinds import BOUNDS, RISKS, SIZES
from pipeline.simulate.organisation import Organisation
from pipeline.simulate.planting import BYPASS_ELSEWHERE

SIZE_MEDIAN, SIZE_SIGMA, SIZE_MAX = 40.0, 1.3, 20_000.0
FURTHER_CHANGES_MEAN = 1.5
_BY_SIZE, _BY_BYPASS, _BY_FLAKES, _BY_NEW = 0.6, 1.1, 0.7, 0.8
_SAMPLE_DEPLOYMENTS = 4_000
_HALVINGS = 40
#: a logit with which nothing happens
_NEVER = -400.0


def logits(
    lines: Floats,
    bypassed: npt.NDArray[np.bool_],
    flaky: npt.NDArray[np.bool_],
    new: npt.NDArray[np.bool_],
    kinds: Integers,
) -> Floats:
    """The logit of each change without the intercept."""
    size = (np.log(lines) - np.log(SIZE_MEDIAN)) / SIZE_SIGMA
    found: Floats = (
        _BY_SIZE * size + _BY_BYPASS * bypassed + _BY_FLAKES * flaky + _BY_NEW * new + RISKS[kinds]
    )
    return found


def chances(logit: Floats, intercept: float) -> Floats:
    """How likely each change breaks production."""
    found: Floats = 1.0 / (1.0 + np.exp(-(logit + intercept)))
    return found


def together(chance: Floats, starts: Integers) -> Floats:
    """How likely each deployment breaks: that at least one of its changes does."""
    found: Floats = 1.0 - np.exp(np.add.reduceat(np.log1p(-chance), starts))
    return found


def intercept_for(rate: float, seed: int, organisation: Organisation) -> float:
    """The intercept with which this share of deployments breaks; solved on a sample of the organisation."""
    if rate <= 0.0:
        return _NEVER
    stream = Stream(seed, "risk")
    u = stream.uniform(_SAMPLE_DEPLOYMENTS, 2)
    counts = 1 + poisson(u[:, 0], np.full(len(u), FURTHER_CHANGES_MEAN))
    weights = np.cumsum(organisation.rates())
    service = np.searchsorted(weights, u[:, 1] * weights[-1], side="right").repeat(counts)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    c = stream.uniform(len(service), 5)
    kinds = np.searchsorted(BOUNDS, c[:, 0], side="right").clip(max=len(SIZES) - 1)
    lines = lognormal(c[:, 1], SIZE_MEDIAN, SIZE_SIGMA) * SIZES[kinds]
    flaky = np.array([repository.flaky for repository in organisation.repositories])
    new_share = np.array([len(team.new) / len(team.members) for team in organisation.teams])
    logit = logits(
        np.clip(lines, 1.0, SIZE_MAX),
        c[:, 2] < BYPASS_ELSEWHERE,
        flaky[organisation.integers("repository")[service]],
        c[:, 3] < new_share[organisation.integers("team")[service]],
        kinds,
    )
    low, high = -20.0, 20.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if together(chances(logit, middle), starts).mean() < rate:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 6)
