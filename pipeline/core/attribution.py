"""Which deployment most likely caused an incident: competing intensities with an explicit null.

Every deployment is a source of incidents whose intensity decays with time since it went live;
background trouble and deployments that nobody reported are sources too. Given that an incident
happened, each source is its cause with a probability proportional to its intensity:

    P(c | i) = lambda_c / (mu_none + mu_unseen + sum of lambda)

which is Bayes' rule for superposed Poisson processes (the algebra of stochastic declustering:
Zhuang, Ogata, Vere-Jones 2002). lambda_c = risk x kernel(lag) x nearness x exp(evidence).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.core.candidates import NEAR, Field
from pipeline.core.events import MICROSECONDS
from pipeline.core.evidence import Case, Flags, Scale, Surroundings, is_wave
from pipeline.core.grouping import Group
from pipeline.core.kernel import Floats, KernelTables
from pipeline.core.learning import Learned
from pipeline.core.parameters import CANDIDATES_MAX, FACTOR_DIGITS, PROBABILITY_DIGITS, Parameters

#: risk, lag and nearness, which every candidate has
_PLAIN_FACTORS = 3
#: a component that hardly any change touches would count without limit
_COMPONENT_SHARE_MIN = 0.02


class Candidate(NamedTuple):
    """One possible cause with its probability and what it is made of (natural logarithms)."""

    group: Group
    probability: float
    lag_seconds: float
    factors: dict[str, float]

    @property
    def weighed(self) -> bool:
        """Whether there is evidence for or against it beyond time, risk and service."""
        return len(self.factors) > _PLAIN_FACTORS


class Attribution(NamedTuple):
    """The answer for one incident; ``none + unseen + rest + sum of candidates`` is 1."""

    model: str
    candidates: tuple[Candidate, ...]
    none: float
    unseen: float
    rest: float
    considered: int
    excluded: dict[str, int]
    none_factors: dict[str, float]
    unseen_factors: dict[str, float]


class Weighed(NamedTuple):
    """The evidence of one incident's candidates: by time for all of them, and one by one."""

    timings: dict[str, tuple[float, Flags]]
    factors: dict[int, dict[str, float]]

    def of(self, index: int) -> dict[str, float]:
        """Everything that speaks for or against one candidate."""
        found = {name: weight for name, (weight, flags) in self.timings.items() if flags[index]}
        found.update(self.factors.get(index, {}))
        return found


def attribute(
    case: Case,
    field: Field,
    learned: Learned,
    tables: KernelTables,
    around: Surroundings,
    parameters: Parameters,
    *,
    silent: bool = False,
) -> Attribution:
    """The competing-intensities model; see the module's text for the formula.

    ``silent`` says that a source of this service's deployments has stopped reporting.
    """
    density = tables.density(field.lag_seconds, case.onset, learned.kernel)
    intensity = field.weight * density * field.nearness
    near = field.nearness >= NEAR
    weighed = _weigh(case, field, near, intensity, around, parameters)
    undone = [field.group(index) for index in np.flatnonzero(near & field.undone).tolist()]
    none, none_factors = _background(case, learned, undone, around, parameters)
    unseen, unseen_factors = _unreported(case, learned, parameters, silent=silent)
    total = float(np.sum(intensity)) + none + unseen
    order = _likeliest(intensity, field)
    candidates = tuple(
        Candidate(
            field.group(index),
            round(float(intensity[index]) / total, PROBABILITY_DIGITS),
            round(float(field.lag_seconds[index]), 1),
            _explain(index, field, density, weighed),
        )
        for index in order
    )
    p_none, p_unseen = round(none / total, PROBABILITY_DIGITS), round(unseen / total, PROBABILITY_DIGITS)
    rest = 1.0 - p_none - p_unseen - math.fsum(candidate.probability for candidate in candidates)
    return Attribution(
        model="intensity",
        candidates=candidates,
        none=p_none,
        unseen=p_unseen,
        rest=max(0.0, round(rest, PROBABILITY_DIGITS)),
        considered=len(field.rows),
        excluded=field.excluded,
        none_factors=none_factors,
        unseen_factors=unseen_factors,
    )


def _weigh(
    case: Case,
    field: Field,
    near: Flags,
    intensity: Floats,
    around: Surroundings,
    parameters: Parameters,
) -> Weighed:
    """Multiply the evidence into ``intensity``; returns what that was."""
    scale = Scale(case, around, parameters)
    timings = scale.timings(field.effective_at, field.codes, field.near_services)
    for weight, flags in timings.values():
        intensity[flags] *= math.exp(weight)
    # most candidates have nothing but times and risk, and are never looked at one by one
    chosen = near if case.component or scale.may_be_reverted else near & field.undone
    indexes = np.flatnonzero(chosen).tolist()
    share = 0.0
    if case.component:
        share = _component_share(case.component, [field.group(index) for index in indexes])
    if scale.names_anything:
        # what a text or a person names counts however far away it is
        indexes = sorted(_named(scale, field).union(indexes))
    factors: dict[int, dict[str, float]] = {}
    for index in indexes:
        group = field.group(index)
        weighed = scale.weigh(group)
        component = _component_factor(case.component, group, share, parameters)
        if component:
            weighed["component"] = component
        if weighed:
            if intensity[index] <= 0.0 and ("verdict" in weighed or "postmortem" in weighed):
                intensity[index] = field.weight[index] * _tail(parameters)
            intensity[index] *= math.exp(math.fsum(weighed.values()))
            factors[index] = weighed
    return Weighed(timings, factors)


def _tail(parameters: Parameters) -> float:
    return parameters.kernel.tail_weight / (parameters.window / MICROSECONDS)


def _likeliest(intensity: Floats, field: Field) -> list[int]:
    """Indexes of the likeliest candidates in order; ties by the later deployment, then by key."""
    size = len(field.rows)
    if size > 4 * CANDIDATES_MAX:
        cut = np.partition(intensity, size - CANDIDATES_MAX)[size - CANDIDATES_MAX]
        chosen = np.flatnonzero(intensity >= cut).tolist()
    else:
        chosen = list(range(size))
    chosen = [index for index in chosen if intensity[index] > 0.0]
    chosen.sort(key=lambda index: (-intensity[index], field.lag_seconds[index], field.group(index).key))
    return chosen[:CANDIDATES_MAX]


def _explain(index: int, field: Field, density: Floats, weighed: Weighed) -> dict[str, float]:
    found = {
        "risk": math.log(float(field.weight[index])),
        "lag": math.log(max(float(density[index]), 1e-300)),
        "nearness": math.log(max(float(field.nearness[index]), 1e-300)),
        **weighed.of(index),
    }
    return {name: round(value, FACTOR_DIGITS) for name, value in found.items()}


def _named(scale: Scale, field: Field) -> set[int]:
    """Candidates that a text, a postmortem or a person names."""
    return {index for index in range(len(field.rows)) if scale.names(field.group(index))}


def _component_share(component: str, groups: Sequence[Group]) -> float:
    """How much of the risk under consideration touches the component anyway."""
    if not component:
        return 0.0
    touched = math.fsum(group.components.get(component, 0.0) for group in groups)
    everything = math.fsum(math.fsum(group.components.values()) for group in groups)
    return max(_COMPONENT_SHARE_MIN, touched / everything) if everything > 0 else 0.0


def _component_factor(component: str, group: Group, share: float, parameters: Parameters) -> float:
    """Logarithm of P(component named | this is the cause) / P(component named)."""
    if not share or not group.components:
        return 0.0
    right = parameters.risk.component_right
    own = group.components.get(component, 0.0) / math.fsum(group.components.values())
    return math.log(right * own / share + (1.0 - right))


def _background(
    case: Case, learned: Learned, near: Sequence[Group], around: Surroundings, parameters: Parameters
) -> tuple[float, dict[str, float]]:
    """Intensity of incidents that no deployment causes, per second."""
    factors = {"background": math.log(learned.background_per_second)}
    verdict = case.incident.newest_verdict("cause")
    if verdict is not None and verdict.time <= case.known_until and verdict.cause == "none":
        factors["verdict"] = parameters.weights.verdict
    if is_wave(case, near, around, parameters):
        factors["wave_of_rollbacks"] = parameters.weights.wave_is_infrastructure
    value = math.exp(math.fsum(factors.values()))
    return value, {name: round(factor, FACTOR_DIGITS) for name, factor in factors.items()}


def _unreported(
    case: Case, learned: Learned, parameters: Parameters, *, silent: bool
) -> tuple[float, dict[str, float]]:
    """Intensity of incidents caused by deployments that nobody reported, per second."""
    share = learned.unreported_share
    rate = learned.deployments_per_second * share / (1.0 - share)
    factors = {"unreported": math.log(max(rate * parameters.risk.unlinked, 1e-300))}
    if silent:
        factors["silent_source"] = parameters.weights.silent_source
    verdict = case.incident.newest_verdict("cause")
    if verdict is not None and verdict.time <= case.known_until and verdict.cause == "unseen":
        factors["verdict"] = parameters.weights.verdict
    value = math.exp(math.fsum(factors.values()))
    return value, {name: round(factor, FACTOR_DIGITS) for name, factor in factors.items()}
