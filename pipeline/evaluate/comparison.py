"""The models side by side: one row per model and stratum."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.core.parameters import MODELS
from pipeline.evaluate.judging import Judged
from pipeline.evaluate.resampling import Interval, intervals
from pipeline.evaluate.scoring import Floats, Score, brier, calibration_error

OURS = MODELS[0]
RULES = MODELS[1:]
ALL, LIVE = "all", "culprit live"
STRATA = (ALL, LIVE)


class Row(NamedTuple):
    """One model on one stratum; shares are 0 to 1, absent where nothing can be said.

    ``top1`` and ``top3``: the true culprit is in the first, or one of the first three, deployments;
    ``mrr``: mean of 1 / its rank. ``ahead``: top1 of the intensity model minus this model's.
    ``right``: the likeliest answer, *none* included, was true; ``none_recall`` and ``none_precision``
    are about that answer being *none*. ``low`` and ``high`` bound 95 % intervals.
    """

    stratum: str
    model: str
    n: int
    top1: float
    top1_low: float
    top1_high: float
    top3: float
    mrr: float
    ahead: float | None
    ahead_low: float | None
    ahead_high: float | None
    change_top1: float
    change_top3: float
    right: float
    none_said: int
    none_true: int
    none_recall: float | None
    none_precision: float | None
    brier: float
    ece: float


def compare(
    judged: Sequence[Judged], clusters: Sequence[Hashable] | None = None, *, strata: Sequence[str] = STRATA
) -> list[Row]:
    """Score every model on every stratum that has an incident.

    ``clusters`` names, per incident, what it must be drawn together with; without it, the day.
    """
    together = [one.day for one in judged] if clusters is None else clusters
    rows: list[Row] = []
    for stratum in strata:
        chosen = [index for index, one in enumerate(judged) if stratum == ALL or one.live]
        if chosen:
            rows += _stratum(stratum, [judged[i] for i in chosen], [together[i] for i in chosen])
    return rows


def _stratum(stratum: str, judged: Sequence[Judged], clusters: Sequence[Hashable]) -> list[Row]:
    top1 = np.array([[one.scores[model].deployments.first for model in MODELS] for one in judged])
    found = intervals(np.hstack([top1, top1[:, :1] - top1]), clusters)
    return [
        _row(
            stratum,
            model,
            [one.scores[model] for one in judged],
            np.array([one.live for one in judged], np.float64),
            found[index],
            found[len(MODELS) + index] if model != OURS else None,
        )
        for index, model in enumerate(MODELS)
    ]


def _row(
    stratum: str,
    model: str,
    scores: Sequence[Score],
    live: Floats,
    top1: Interval,
    ahead: Interval | None,
) -> Row:
    said = np.array([score.answer_none for score in scores])
    nothing = live == 0
    both = int(np.count_nonzero(said & nothing))
    probability = np.array([score.probability for score in scores])
    right = np.array([score.right for score in scores])
    return Row(
        stratum=stratum,
        model=model,
        n=len(scores),
        top1=_rounded(top1.mean),
        top1_low=_rounded(top1.low),
        top1_high=_rounded(top1.high),
        top3=_mean([score.deployments.among_three for score in scores]),
        mrr=_mean([score.deployments.reciprocal for score in scores]),
        ahead=_rounded(ahead.mean) if ahead else None,
        ahead_low=_rounded(ahead.low) if ahead else None,
        ahead_high=_rounded(ahead.high) if ahead else None,
        change_top1=_mean([score.changes.first for score in scores]),
        change_top3=_mean([score.changes.among_three for score in scores]),
        right=_mean([score.right for score in scores]),
        none_said=int(np.count_nonzero(said)),
        none_true=int(np.count_nonzero(nothing)),
        none_recall=_share(both, int(np.count_nonzero(nothing))),
        none_precision=_share(both, int(np.count_nonzero(said))),
        brier=_rounded(brier(probability, right)),
        ece=_rounded(calibration_error(probability, right)),
    )


def _rounded(value: float) -> float:
    return round(value, 4) + 0.0  # no negative zero


def _mean(values: Sequence[float]) -> float:
    return _rounded(sum(values) / len(values))


def _share(count: int, of: int) -> float | None:
    return _rounded(count / of) if of else None
