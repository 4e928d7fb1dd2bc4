"""The numbers that the core depends on: windows, bounds and the weights of the model.

A set of parameters is a value: two workspaces with equal parameters and equal logs have equal rows.
``MODEL_VERSION`` rises with every change that can alter a published probability or another derived column.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.core import spans
from pipeline.core.limits import BudgetLimits, FlakeLimits, OutcomeLimits, ReviewLimits, SpikeRules

MODEL_VERSION = 6

MINUTE, HOUR, DAY, WEEK = spans.MINUTE, spans.HOUR, spans.DAY, spans.WEEK

#: how many weeks of closed history the learned numbers rest on
LEARNING_WEEKS = 26
#: the likeliest candidates that are stored one by one; the others become one row
CANDIDATES_MAX = 20
#: changes of one deployment that are linked; beyond it the oldest are left out and counted
LINKS_MAX = 5_000
#: published probabilities and factors are rounded, so that no last bit decides a row
PROBABILITY_DIGITS = 6
FACTOR_DIGITS = 3

MODELS = ("intensity", "last-deployment", "same-service", "nearest-dependency", "time-and-depth")


@dataclass(frozen=True)
class Kernel:
    """How long after a bad deployment its symptoms start: two log-normals and a uniform tail.

    Start values from published simulations of deployment-caused incidents; refitted from labels.
    """

    fast_median_seconds: float = 12 * 60.0
    fast_sigma: float = 1.2
    fast_weight: float = 0.72
    slow_median_seconds: float = 18 * 3600.0
    slow_sigma: float = 1.0
    slow_weight: float = 0.25
    tail_weight: float = 0.03


@dataclass(frozen=True)
class Reach:
    """How much a deployment of another service counts, by the dependency graph."""

    per_hop: float = 0.5
    hops_max: int = 6
    caller: float = 0.1
    unrelated: float = 0.01
    unknown: float = 0.05
    #: all services together whose place in the graph is unknown: reports name the wrong service now
    #: and then, and the more services there are, the less that says about each one of them
    unknown_total: float = 0.5
    #: an incident without a service: every deployment is as near as any other
    no_service: float = 0.05


@dataclass(frozen=True)
class EvidenceWeights:
    """Natural logarithms of likelihood ratios; start values, listed with every attribution."""

    verdict: float = 12.0
    postmortem: float = 8.0
    mentioned: float = 4.0
    rolled_back: float = 2.5
    recovered: float = 1.0
    rollback_changed_nothing: float = -2.0
    reinstated: float = -2.5
    reverted: float = 2.5
    burn_after: float = 1.5
    drift: float = 0.7
    symptoms_before: float = -2.0
    wave_is_infrastructure: float = 1.5
    silent_source: float = 1.5


@dataclass(frozen=True)
class Risk:
    """How likely one change breaks production, before anything is known of an incident."""

    per_change: float = 0.02
    #: a deployment without a known change (a flag, a configuration, an unlinked tag)
    unlinked: float = 0.03
    rollback: float = 0.01
    failed: float = 0.05
    deployment_max: float = 0.5
    size_exponent: float = 0.2
    size_pivot_lines: float = 60.0
    size_factor_min: float = 0.5
    size_factor_max: float = 2.0
    bot: float = 0.5
    unreviewed: float = 1.3
    failed_check: float = 1.5
    documentation: float = 0.25
    #: chance that the component named by an incident is the one its cause touched
    component_right: float = 0.7


@dataclass(frozen=True)
class Parameters:
    """Everything that a workspace is folded with."""

    model: str = "intensity"
    #: false: an incident is judged by what was known when it was opened (for evaluation)
    hindsight: bool = True
    horizon: int = 90 * DAY
    window: int = 14 * DAY
    #: clocks may disagree by this much (standard deviation); three of them are allowed for
    skew_seconds: float = 60.0
    same_deployment_within: int = HOUR
    #: a verdict is final this long after the incident was opened
    final_after: int = 72 * HOUR
    rollback_within: int = 6 * HOUR
    recovered_within: int = 30 * MINUTE
    nothing_changed_after: int = 2 * HOUR
    reinstated_within: int = DAY
    stays_for: int = DAY
    wave_services_min: int = 5
    wave_within: int = 30 * MINUTE
    burn_before: int = 6 * HOUR
    #: incidents with one deduplication key unite when they are opened this close together
    duplicates_within: int = DAY
    quiet_window: int = 3 * DAY
    #: prior of the background rate: this many incidents in that many weeks of one service
    background_incidents: float = 1.0
    background_weeks: float = 8.0
    unreported_share: float = 0.05
    detection_median_seconds: float = 240.0
    detection_sigma: float = 0.8
    #: people notice later than monitors do
    human_detection_median_seconds: float = 3600.0
    human_detection_sigma: float = 1.5
    kernel_labels_min: int = 50
    silence_expected_min: float = 7.0
    kernel: Kernel = field(default_factory=Kernel)
    reach: Reach = field(default_factory=Reach)
    weights: EvidenceWeights = field(default_factory=EvidenceWeights)
    risk: Risk = field(default_factory=Risk)
    reviewing: ReviewLimits = field(default_factory=ReviewLimits)
    flakes: FlakeLimits = field(default_factory=FlakeLimits)
    outcomes: OutcomeLimits = field(default_factory=OutcomeLimits)
    spikes: SpikeRules = field(default_factory=SpikeRules)
    budgets: BudgetLimits = field(default_factory=BudgetLimits)

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model {self.model!r} is none of {', '.join(MODELS)}")
        if not 0 < self.window <= self.horizon:
            raise ValueError("the attribution window must be positive and within the horizon")

    @property
    def retention(self) -> int:
        """How long an entity is kept after its last event: joins look back one more horizon."""
        return 2 * self.horizon
