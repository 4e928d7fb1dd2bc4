"""The lag kernel: a density over the window, by whatever delay it is blurred."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.incidents import Onset
from pipeline.core.kernel import KernelTables, quantise
from pipeline.core.parameters import Kernel, Parameters
from tests.strategies import DAY

PARAMETERS = Parameters()
TABLES = KernelTables(PARAMETERS)
EXACT = Onset(0, "event", 0, 0.0, 0.0, 0.0, 0.0)
SHAPES = [
    EXACT,
    EXACT._replace(delay_median_seconds=240.0, delay_sigma=0.8),
    EXACT._replace(delay_median_seconds=3600.0, delay_sigma=1.5),
    EXACT._replace(window_seconds=7200.0),
]


def _at(lags: list[float], onset: Onset = EXACT) -> list[float]:
    return [float(value) for value in TABLES.density(np.array(lags), onset, Kernel())]


@pytest.mark.parametrize("onset", SHAPES)
def test_it_integrates_to_about_one(onset: Onset) -> None:
    lags = np.concatenate(
        [np.linspace(-200, 20_000, 200_000), np.geomspace(20_000, 14 * 86_400, 200_000)[1:]]
    )
    density = TABLES.density(lags, onset, Kernel())
    assert np.all(density >= 0)
    assert float(np.sum((density[1:] + density[:-1]) / 2 * np.diff(lags))) == pytest.approx(1.0, abs=0.03)


def test_what_came_after_the_onset_counts_as_far_as_clocks_disagree() -> None:
    before, within, after = _at([600.0, -30.0, -500.0])
    assert before > within > 0
    assert after == 0


def test_nothing_counts_beyond_the_window() -> None:
    inside, outside = _at([13.9 * 86_400, 14.1 * 86_400])
    assert inside > 0
    assert outside == 0


def test_sooner_is_likelier_than_later() -> None:
    values = _at([900.0, 3_600.0, 20_000.0, 5 * 86_400.0])
    assert values == sorted(values, reverse=True)


def test_a_delay_moves_the_likeliest_lag() -> None:
    lags = np.linspace(0, 20_000, 2_000)
    prompt, late = (TABLES.density(lags, onset, Kernel()) for onset in (SHAPES[0], SHAPES[2]))
    assert lags[np.argmax(late)] > lags[np.argmax(prompt)]


def test_seconds_are_rounded_to_about_a_tenth() -> None:
    assert quantise(0) == quantise(-1) == 0
    for seconds in (1.0, 59.0, 3_600.0, 123_456.0):
        assert quantise(seconds) == pytest.approx(seconds, rel=0.06)
        assert quantise(quantise(seconds)) == quantise(seconds)
    assert quantise(1000.0) == quantise(1000.0000001)


def test_a_shorter_window_is_a_denser_tail() -> None:
    short = KernelTables(Parameters(window=2 * DAY))
    lag = np.array([1.5 * 86_400])
    assert short.density(lag, EXACT, Kernel())[0] > TABLES.density(lag, EXACT, Kernel())[0]
