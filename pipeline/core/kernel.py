"""How likely symptoms are to start this long after a bad deployment: the lag kernel as a table.

The kernel is a mixture of two log-normals and a uniform tail over the window, blurred by how badly
clocks agree and by the delay between onset and the moment that is known. It is tabulated once for
each shape of delay and interpolated for all candidates of an incident at once.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pipeline.core.events import MICROSECONDS
from pipeline.core.incidents import Onset
from pipeline.core.parameters import Kernel, Parameters

_GRID_POINTS = 1024
_GRID_SCALE_SECONDS = 60.0
_DELAY_NODES = 33
_SKEW_NODES = 9
#: tables that are kept; the shapes of delay are few because they are quantised
TABLES_MAX = 256

Floats = npt.NDArray[np.float64]


class KernelTables:
    """Kernel values over a grid of lags, one table per shape of delay."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._window = parameters.window / MICROSECONDS
        self._slack = 3 * parameters.skew_seconds
        steps = np.linspace(0.0, math.asinh((self._window + self._slack) / _GRID_SCALE_SECONDS), _GRID_POINTS)
        self._grid: Floats = _GRID_SCALE_SECONDS * np.sinh(steps) - self._slack
        self._tables: dict[tuple[float, float, float, Kernel], Floats] = {}

    def density(self, lag_seconds: Floats, onset: Onset, kernel: Kernel) -> Floats:
        """Density per second of lags between a deployment and the onset's anchor."""
        shape = (
            quantise(onset.delay_median_seconds),
            onset.delay_sigma,
            quantise(onset.window_seconds),
            kernel,
        )
        table = self._tables.get(shape)
        if table is None:
            if len(self._tables) >= TABLES_MAX:
                self._tables.clear()
            table = self._tables[shape] = self._tabulate(*shape)
        return np.interp(lag_seconds, self._grid, table, left=0.0, right=0.0)

    def _tabulate(self, median: float, sigma: float, window: float, kernel: Kernel) -> Floats:
        quantiles = (np.arange(_DELAY_NODES) + 0.5) / _DELAY_NODES
        normal = NormalDist()
        if window > 0:
            delays = window * quantiles
        elif median > 0:
            delays = median * np.exp(sigma * np.array([normal.inv_cdf(q) for q in quantiles.tolist()]))
        else:
            delays = np.zeros(1)
        nodes = ((np.arange(_SKEW_NODES) + 0.5) / _SKEW_NODES).tolist()
        skews = np.array([normal.inv_cdf(q) for q in nodes]) * self._parameters.skew_seconds
        total = np.zeros_like(self._grid)
        for delay in delays.tolist():
            for skew in skews.tolist():
                total += self._mixture(self._grid - delay + skew, kernel)
        table: Floats = total / (len(delays) * len(skews))
        return table

    def _mixture(self, lag: Floats, kernel: Kernel) -> Floats:
        positive = np.maximum(lag, 1e-3)
        logs = np.log(positive)
        fast = _log_normal(positive, logs, kernel.fast_median_seconds, kernel.fast_sigma)
        slow = _log_normal(positive, logs, kernel.slow_median_seconds, kernel.slow_sigma)
        value = kernel.fast_weight * fast + kernel.slow_weight * slow + kernel.tail_weight / self._window
        result: Floats = np.where((lag > 0) & (lag <= self._window), value, 0.0)
        return result


def _log_normal(lag: Floats, logs: Floats, median: float, sigma: float) -> Floats:
    z = (logs - math.log(median)) / sigma
    result: Floats = np.exp(-0.5 * z * z) / (lag * sigma * math.sqrt(2 * math.pi))
    return result


def quantise(seconds: float) -> float:
    """Round to about a tenth, so that tables are shared and a last bit decides nothing."""
    if seconds <= 0:
        return 0.0
    return round(math.exp(round(math.log(seconds) * 10) / 10), 3)
