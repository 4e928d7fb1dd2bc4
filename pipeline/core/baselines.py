"""The rules that other tools use, as selectable models: what the intensity model has to beat.

Each answers with one likeliest deployment (or none at all) and knows no probability but 0 and 1,
except ``time-and-depth``, whose scores are shown as shares.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pipeline.core.attribution import Attribution, Candidate
from pipeline.core.candidates import Field
from pipeline.core.events import MICROSECONDS
from pipeline.core.evidence import Case
from pipeline.core.parameters import CANDIDATES_MAX, DAY, PROBABILITY_DIGITS, Parameters

#: score of one candidate: higher is likelier; ``None``: the rule does not consider it
Score = Callable[[float, float], tuple[float, ...] | None]

_SAME_SERVICE_SECONDS = DAY // MICROSECONDS
#: ChangeRCA's buckets: hours since the change, and six points for the freshest
_BUCKET_HOURS = (1, 3, 6, 12, 24)


def last_deployment(lag: float, nearness: float) -> tuple[float, ...] | None:
    """The last deployment before the incident, whatever it deployed."""
    return (-lag,) if lag >= 0 else None


def same_service(lag: float, nearness: float) -> tuple[float, ...] | None:
    """The last deployment of the incident's own service within a day."""
    return (-lag,) if 0 <= lag <= _SAME_SERVICE_SECONDS and nearness == 1.0 else None


def nearest_dependency(lag: float, nearness: float) -> tuple[float, ...] | None:
    """The nearest service by the dependency graph, then the latest deployment."""
    return (nearness, -lag) if lag >= 0 else None


def time_and_depth(lag: float, nearness: float) -> tuple[float, ...] | None:
    """Time bucket / 6 + 2 / (2 + depth), as ChangeRCA scores without its telemetry (FSE 2024)."""
    if lag < 0:
        return None
    hours = lag / 3600.0
    bucket = next((6 - rank for rank, limit in enumerate(_BUCKET_HOURS) if hours <= limit), 1)
    depth = -math.log2(nearness) if nearness > 0 else 10.0
    return (bucket / 6 + 2 / (2 + depth), -lag)


BASELINES: dict[str, Score] = {
    "last-deployment": last_deployment,
    "same-service": same_service,
    "nearest-dependency": nearest_dependency,
    "time-and-depth": time_and_depth,
}


def attribute_by_rule(case: Case, field: Field, parameters: Parameters) -> Attribution:
    """Rank the candidates by one of the rules; without a candidate the rule says none."""
    score = BASELINES[parameters.model]
    scored = []
    for index, (lag, nearness) in enumerate(
        zip(field.lag_seconds.tolist(), field.nearness.tolist(), strict=True)
    ):
        value = score(lag, nearness)
        if value is not None and field.group(index).served:
            scored.append((value, field.group(index).key, index))
    scored.sort(reverse=True)
    graded = parameters.model == "time-and-depth"
    total = math.fsum(value[0] for value, _, _ in scored) if graded else 1.0
    candidates = []
    for rank, (value, _, index) in enumerate(scored[:CANDIDATES_MAX]):
        share = value[0] / total if graded else float(rank == 0)
        candidates.append(
            Candidate(
                field.group(index),
                round(share, PROBABILITY_DIGITS),
                round(float(field.lag_seconds[index]), 1),
                {"score": round(value[0], 3)},
            )
        )
    rest = 1.0 - math.fsum(candidate.probability for candidate in candidates) if candidates else 0.0
    return Attribution(
        model=parameters.model,
        candidates=tuple(candidates),
        none=0.0 if candidates else 1.0,
        unseen=0.0,
        rest=max(0.0, round(rest, PROBABILITY_DIGITS)),
        considered=len(field.rows),
        excluded=field.excluded,
        none_factors={},
        unseen_factors={},
    )
