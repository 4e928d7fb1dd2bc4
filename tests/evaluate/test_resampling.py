"""Intervals are deterministic, paired, and drawn by whole clusters."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.resampling import intervals


def shares(count: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (count, 1)).astype(float)


def test_the_same_scores_give_the_same_interval() -> None:
    values, days = shares(60), list(range(60))
    first = intervals(values, days)
    assert first == intervals(values, days)
    assert first != intervals(values, days, seed=1)


def test_the_order_of_the_incidents_does_not_matter() -> None:
    values, days = shares(60), [index // 3 for index in range(60)]
    assert intervals(values[::-1], days[::-1]) == intervals(values, days)


def test_an_interval_holds_its_mean_and_is_as_wide_as_theory_says() -> None:
    values = shares(400)
    (found,) = intervals(values, range(400))
    error = 1.96 * values.std() / 20
    assert found.mean == values.mean()
    assert found.low == pytest.approx(found.mean - error, abs=0.01)
    assert found.high == pytest.approx(found.mean + error, abs=0.01)


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    """Two models that always agree differ by nothing in every draw, however unsure each of them is."""
    values = np.hstack([shares(50), shares(50), shares(50) - shares(50)])
    one, other, difference = intervals(values, range(50))
    assert one == other
    assert one.low < one.mean < one.high
    assert difference == (0.0, 0.0, 0.0)


def test_incidents_of_one_day_are_drawn_together() -> None:
    values = np.repeat(shares(20), 10, axis=0)
    days = [index // 10 for index in range(200)]
    (apart,), (together,) = intervals(values, range(200)), intervals(values, days)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_one_day_says_nothing_about_others() -> None:
    assert intervals(np.array([[1.0], [0.0]]), ["day", "day"]) == [(0.5, 0.5, 0.5)]


def test_more_days_than_are_drawn_at_a_time() -> None:
    values = shares(3_000)
    (found,) = intervals(values, range(3_000), resamples=2_000)
    assert found.low < found.mean < found.high


def test_nothing_has_no_interval() -> None:
    assert intervals(np.empty((0, 2)), []) == [(0.0, 0.0, 0.0)] * 2
