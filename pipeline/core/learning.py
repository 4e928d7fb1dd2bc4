"""What history teaches the model: counts of closed weeks, and the numbers that follow from them.

Everything learned is a function of raw events of the 26 closed weeks before an incident's own week:
how often a service has incidents while nothing was deployed, how often it deploys, how late its
incidents are noticed, and how long after their cause labelled incidents began. No posterior of the
model takes part, so nothing depends on its own output or on the order of arrival.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median

import msgspec

from pipeline.core.events import MICROSECONDS
from pipeline.core.kernel import quantise
from pipeline.core.parameters import LEARNING_WEEKS, WEEK, Kernel, Parameters

#: labelled lags are counted in bins of this many natural-logarithm units
_LAG_BIN = 0.25
_FIT_ROUNDS = 25
_SIGMA_MIN, _SIGMA_MAX = 0.3, 2.5
#: delays of at least this many incidents say how late a service usually notices
_DELAYS_MIN = 5
_DELAYS_PER_WEEK_MAX = 50
#: the epoch was a Thursday
_FIRST_MONDAY = 4 * WEEK // 7


class WeekCounts(msgspec.Struct, frozen=True, array_like=True):
    """What one closed week says about one service."""

    quiet_seconds: int = 0
    quiet_incidents: int = 0
    deployments: int = 0
    delays: tuple[float, ...] = ()
    lag_bins: tuple[int, ...] = ()
    labels: int = 0
    labels_unseen: int = 0


class Learned(msgspec.Struct, frozen=True):
    """The learned numbers as they held in one week for one service."""

    kernel: Kernel
    background_per_second: float
    deployments_per_second: float
    unreported_share: float
    delay_seconds: float | None
    labels: int


class IncidentTrace(msgspec.Struct, frozen=True, array_like=True):
    """What learning keeps of one incident."""

    opened_at: int
    delay_seconds: float | None = None
    lag_seconds: float | None = None
    labelled: bool = False
    unseen: bool = False


def week_of(time: int) -> int:
    """The number of a week (UTC, weeks since the epoch's first Monday)."""
    return (time - _FIRST_MONDAY) // WEEK


def week_start(week: int) -> int:
    """When a week begins."""
    return week * WEEK + _FIRST_MONDAY


def count_week(
    week: int, deployed_at: Sequence[int], traces: Sequence[IncidentTrace], quiet_window: int
) -> WeekCounts:
    """Count one service's week. ``deployed_at`` is sorted and reaches back one quiet window."""
    start, end = week_start(week), week_start(week + 1)
    quiet, covered_until = 0, start
    first = bisect_left(deployed_at, start - quiet_window)
    last = bisect_left(deployed_at, end)
    for at in deployed_at[first:last]:
        if at > covered_until:
            quiet += at - covered_until
        covered_until = max(covered_until, at + quiet_window)
    if covered_until < end:
        quiet += end - covered_until
    quiet_incidents = sum(1 for trace in traces if _is_quiet(trace.opened_at, deployed_at, quiet_window))
    delays = sorted(quantise(trace.delay_seconds) for trace in traces if trace.delay_seconds is not None)
    lags = [trace.lag_seconds for trace in traces if trace.lag_seconds is not None]
    return WeekCounts(
        quiet_seconds=quiet // MICROSECONDS,
        quiet_incidents=quiet_incidents,
        deployments=last - bisect_left(deployed_at, start),
        delays=tuple(delays[:_DELAYS_PER_WEEK_MAX]),
        lag_bins=tuple(sorted(round(math.log(max(lag, 1.0)) / _LAG_BIN) for lag in lags)),
        labels=sum(1 for trace in traces if trace.labelled),
        labels_unseen=sum(1 for trace in traces if trace.unseen),
    )


def _is_quiet(at: int, deployed_at: Sequence[int], quiet_window: int) -> bool:
    index = bisect_right(deployed_at, at)
    return index == 0 or deployed_at[index - 1] + quiet_window < at


class Learning:
    """Counts by service and week, and what was learned from them."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.weeks: dict[str, dict[int, WeekCounts]] = {}
        self._learned: dict[tuple[str, int], Learned] = {}
        self._kernels: dict[int, tuple[Kernel, int, float]] = {}

    def put(self, service: str, week: int, counts: WeekCounts) -> bool:
        """Set one week's counts; true when that changes anything learned from it."""
        weeks = self.weeks.setdefault(service, {})
        held = weeks.get(week)
        if held == counts:
            return False
        weeks[week] = counts
        self._learned.clear()
        if held is None or (held.lag_bins, held.labels, held.labels_unseen) != (
            counts.lag_bins,
            counts.labels,
            counts.labels_unseen,
        ):
            self._kernels.clear()
        return True

    def at(self, service: str, time: int) -> Learned:
        """What was known of a service when the week of ``time`` began."""
        week = week_of(time)
        learned = self._learned.get((service, week))
        if learned is None:
            learned = self._learned[(service, week)] = self._learn(service, week)
        return learned

    def _learn(self, service: str, week: int) -> Learned:
        parameters = self._parameters
        weeks = self.weeks.get(service, {})
        first = max(week - LEARNING_WEEKS, min(weeks, default=week))
        quiet_seconds = quiet_incidents = deployments = 0
        delays: list[float] = []
        seconds = WEEK // MICROSECONDS
        for past in range(first, week):
            counts = weeks.get(past)
            if counts is None:
                quiet_seconds += seconds
                continue
            quiet_seconds += counts.quiet_seconds
            quiet_incidents += counts.quiet_incidents
            deployments += counts.deployments
            delays.extend(counts.delays)
        span = (week - first) * seconds
        background = (parameters.background_incidents + quiet_incidents) / (
            parameters.background_weeks * seconds + quiet_seconds
        )
        # one deployment a week is assumed for as long as nothing is known
        deploying = (parameters.background_weeks + deployments) / (
            parameters.background_weeks * seconds + span
        )
        kernel, labels, unreported = self._labelled(week)
        return Learned(
            kernel=kernel,
            background_per_second=background,
            deployments_per_second=deploying,
            unreported_share=unreported,
            delay_seconds=quantise(median(delays)) if len(delays) >= _DELAYS_MIN else None,
            labels=labels,
        )

    def _labelled(self, week: int) -> tuple[Kernel, int, float]:
        """What all labels of the workspace teach: the kernel, their number, the unreported share."""
        known = self._kernels.get(week)
        if known is None:
            bins: list[int] = []
            labels = unseen = 0
            for weeks in self.weeks.values():
                for past in range(week - LEARNING_WEEKS, week):
                    counts = weeks.get(past)
                    if counts is not None and counts.labels:
                        bins.extend(counts.lag_bins)
                        labels += counts.labels
                        unseen += counts.labels_unseen
            parameters = self._parameters
            kernel = parameters.kernel
            if len(bins) >= parameters.kernel_labels_min:
                kernel = fit_kernel(sorted(bins), parameters)
            pseudo = 1.0 / parameters.unreported_share
            known = self._kernels[week] = (kernel, labels, (1.0 + unseen) / (pseudo + labels))
        return known


def fit_kernel(bins: Sequence[int], parameters: Parameters) -> Kernel:
    """Refit the mixture to labelled lags by expectation-maximisation, with the start values as prior.

    The prior counts as much as ``kernel_labels_min`` labels, so few labels move it little.
    """
    kernel = parameters.kernel
    logs = [bin_number * _LAG_BIN for bin_number in bins]
    prior = float(parameters.kernel_labels_min)
    start = [
        (kernel.fast_weight, math.log(kernel.fast_median_seconds), kernel.fast_sigma),
        (kernel.slow_weight, math.log(kernel.slow_median_seconds), kernel.slow_sigma),
    ]
    parts = list(start)
    tail = kernel.tail_weight
    window = math.log(parameters.window / MICROSECONDS)
    for _ in range(_FIT_ROUNDS):
        sums = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
        for value in logs:
            shares = [
                weight * math.exp(-0.5 * ((value - mean) / sigma) ** 2) / (sigma * 2.5066282746)
                for weight, mean, sigma in parts
            ]
            total = math.fsum(shares) + tail * math.exp(value - window)
            for index, share in enumerate(shares):
                part = share / total
                sums[index][0] += part
                sums[index][1] += part * value
                sums[index][2] += part * value * value
        parts = []
        for (count, first, second), (weight, mean, sigma) in zip(sums, start, strict=True):
            mass = count + prior * weight
            centre = (first + prior * weight * mean) / mass
            spread = (second + prior * weight * (sigma**2 + mean**2)) / mass - centre**2
            parts.append(
                (
                    mass / (len(logs) + prior),
                    centre,
                    min(_SIGMA_MAX, max(_SIGMA_MIN, max(spread, 0.0) ** 0.5)),
                )
            )
    (fast, fast_mean, fast_sigma), (slow, slow_mean, slow_sigma) = parts
    return Kernel(
        fast_median_seconds=quantise(math.exp(fast_mean)),
        fast_sigma=round(fast_sigma, 2),
        fast_weight=round(fast, 3),
        slow_median_seconds=quantise(math.exp(slow_mean)),
        slow_sigma=round(slow_sigma, 2),
        slow_weight=round(slow, 3),
        tail_weight=round(max(0.01, 1.0 - fast - slow), 3),
    )
