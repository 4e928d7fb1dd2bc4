"""How one model did on one incident, and what many such scores come to.

Whatever a model can't tell apart counts by its expected value over all orders of the tie, so that
no lucky order of rows decides a figure.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby
from math import comb
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PLACES = 3
CALIBRATION_BINS = 10


class Standing(NamedTuple):
    """Where the first right candidate stands, as chances: 0 to 1."""

    first: float
    among_three: float
    reciprocal: float


class Score(NamedTuple):
    """One model on one incident.

    ``deployments`` and ``changes`` rank the candidates alone. ``answer_none`` says that the model's
    likeliest answer is "no deployment that we know of" (none and unseen together), ``probability`` is
    what it gives to its likeliest answer, and ``right`` the chance that this answer is true.
    """

    deployments: Standing
    changes: Standing
    answer_none: bool
    probability: float
    right: float


NOWHERE = Standing(0.0, 0.0, 0.0)


def standing(keys: Sequence[Hashable], hits: Sequence[bool]) -> Standing:
    """The expected standing of the first hit among ranked candidates; equal neighbouring keys are a tie."""
    ahead = 0
    for _, members in groupby(zip(keys, hits, strict=True), key=lambda pair: pair[0]):
        tied = [hit for _, hit in members]
        right = sum(tied)
        if right:
            return _among(ahead, len(tied), right)
        ahead += len(tied)
    return NOWHERE


def _among(ahead: int, size: int, right: int) -> Standing:
    """A tie of ``size`` candidates of which some are right, behind ``ahead`` wrong ones."""
    orders = comb(size, right)
    first = among_three = reciprocal = 0.0
    for place in range(1, size - right + 2):
        chance = comb(size - place, right - 1) / orders
        rank = ahead + place
        first += chance * (rank == 1)
        among_three += chance * (rank <= PLACES)
        reciprocal += chance / rank
    return Standing(first, among_three, reciprocal)


def brier(probabilities: Floats, right: Floats) -> float:
    """Mean squared error of probabilities; ``right`` may be the chance that an answer was right."""
    return float(np.mean(probabilities**2 - 2 * probabilities * right + right))


def calibration_error(probabilities: Floats, right: Floats, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error over bins of equal mass: mean of |said - happened|, weighted by n.

    Equal probabilities stay in one bin (that of the middle of their ranks): a rule that always says 1
    has one bin, and its error does not depend on the order of the incidents.
    """
    count = len(probabilities)
    distinct, inverse, sizes = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    bin_of = np.minimum(bins - 1, (middle * bins / count).astype(np.int64))[inverse]
    said = np.bincount(bin_of, probabilities, bins)
    happened = np.bincount(bin_of, right, bins)
    return float(np.abs(said - happened).sum() / count)
