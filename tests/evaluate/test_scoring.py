"""Ranks with ties, Brier and calibration error, held against straightforward reference code."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.scoring import CALIBRATION_BINS, Standing, brier, calibration_error, standing

CANDIDATES = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=6)
ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=40)


def test_a_hit_and_a_miss() -> None:
    assert standing([3, 2, 1], [True, False, True]) == Standing(1.0, 1.0, 1.0)
    assert standing([4, 3, 2, 1], [False, False, False, True]) == Standing(0.0, 0.0, 0.25)
    assert standing([2, 1], [False, False]) == Standing(0.0, 0.0, 0.0)
    assert standing([], []) == Standing(0.0, 0.0, 0.0)


def test_a_tie_counts_by_what_is_expected() -> None:
    assert standing([1, 1], [False, True]) == Standing(0.5, 1.0, 0.75)
    assert standing([5, 1, 1, 1], [False, True, False, False]) == pytest.approx(
        (0.0, 2 / 3, (1 / 2 + 1 / 3 + 1 / 4) / 3)
    )


@given(CANDIDATES)
def test_a_tie_is_the_mean_over_all_its_orders(candidates: list[tuple[int, bool]]) -> None:
    ranked = sorted(candidates, key=lambda pair: -pair[0])
    found = []
    for order in permutations(ranked):
        if [key for key, _ in order] == [key for key, _ in ranked]:
            rank = next((place for place, (_, hit) in enumerate(order, 1) if hit), None)
            found.append((rank == 1, rank is not None and rank <= 3, 1 / rank if rank else 0.0))
    assert standing([key for key, _ in ranked], [hit for _, hit in ranked]) == pytest.approx(
        tuple(np.mean(found, axis=0))
    )


def columns(answers: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([said for said, _ in answers]), np.array([right for _, right in answers])


@given(ANSWERS)
def test_brier_is_the_expected_squared_error(answers: list[tuple[float, float]]) -> None:
    expected = sum(right * (said - 1) ** 2 + (1 - right) * said**2 for said, right in answers) / len(answers)
    assert brier(*columns(answers)) == pytest.approx(expected)


@given(ANSWERS)
def test_calibration_error_bin_by_bin(answers: list[tuple[float, float]]) -> None:
    bins: dict[int, list[tuple[float, float]]] = {}
    for said, right in answers:
        below = sum(other < said for other, _ in answers)
        equal = sum(other == said for other, _ in answers)
        place = int((below + equal / 2) * CALIBRATION_BINS / len(answers))
        bins.setdefault(min(place, CALIBRATION_BINS - 1), []).append((said, right))
    expected = sum(
        abs(np.mean([said for said, _ in members]) - np.mean([right for _, right in members])) * len(members)
        for members in bins.values()
    ) / len(answers)
    assert calibration_error(*columns(answers)) == pytest.approx(expected)


def test_bins_hold_equally_many() -> None:
    """Ten times ten different answers, each right as often as said: no error; all right: the rest."""
    said = np.repeat(np.arange(0.05, 1.0, 0.1), 10) + np.tile(np.arange(10) * 1e-6, 10)
    assert calibration_error(said, said) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(said, np.ones(100)) == pytest.approx(1 - said.mean())


def test_a_rule_that_is_always_sure_has_one_bin() -> None:
    said = np.ones(40)
    right = np.array([1.0] * 10 + [0.0] * 30)
    assert calibration_error(said, right) == calibration_error(said, right[::-1]) == 0.75
