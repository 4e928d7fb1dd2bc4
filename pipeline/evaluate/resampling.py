"""How sure a share is: a paired bootstrap over days, because incidents of one day are not independent.

The draws come from a seeded generator, so the same scores give the same interval.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.evaluate.scoring import Floats

RESAMPLES = 10_000
SEED = 20_240_229
LEVEL_PERCENT = 95.0
#: numbers drawn at a time: a long history has thousands of days
_DRAWN_MAX = 4_000_000


class Interval(NamedTuple):
    """A mean and the interval around it."""

    mean: float
    low: float
    high: float


def intervals(
    values: Floats, clusters: Sequence[Hashable], *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Interval]:
    """The mean of each column of ``values`` (incidents x columns) with its 95 % interval.

    Whole clusters are drawn with replacement, and one draw serves all columns, so a column that is the
    difference of two others has the interval of the paired difference.
    """
    if not len(values):
        return [Interval(0.0, 0.0, 0.0)] * values.shape[1]
    # numbered by name, so that the order of the incidents does not decide what is drawn
    number = {name: index for index, name in enumerate(sorted(set(clusters), key=repr))}
    cluster = np.array([number[name] for name in clusters])
    sums = np.zeros((len(number), values.shape[1]))
    np.add.at(sums, cluster, values)
    sizes = np.bincount(cluster).astype(np.float64)
    generator = np.random.Generator(np.random.PCG64(seed))
    share = np.full(len(sizes), 1 / len(sizes))
    means: list[Floats] = []
    left = resamples
    while left:
        draws = min(left, max(1, _DRAWN_MAX // len(sizes)))
        times = generator.multinomial(len(sizes), share, size=draws).astype(np.float64)
        means.append((times @ sums) / (times @ sizes)[:, None])
        left -= draws
    tail = (100.0 - LEVEL_PERCENT) / 2
    low, high = np.percentile(np.concatenate(means), [tail, 100.0 - tail], axis=0)
    return [
        Interval(float(mean), float(low[column]), float(high[column]))
        for column, mean in enumerate(values.mean(axis=0))
    ]
