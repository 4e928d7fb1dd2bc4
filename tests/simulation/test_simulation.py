"""Whatever happens to a cluster, the rows that hold are those of an undisturbed run; and bugs are found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS, standby_not_caught_up
from tests.simulation.seeds import Bug, simulate

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 200
NIGHTLY_SEEDS = 10_000
SEEDS_A_TEST = 500
#: a planted mistake is found within so many seeds
BUG_SEEDS_MAX = 1_000
SHOWN_MAX = 5

#: what must have happened to a good number of seeds, in the words of their traces
TROUBLES = (
    "killed before commit",
    "killed after commit",
    "killed before insert",
    "killed after insert",
    "commit correlate events/0",
    "is in doubt",
    "has happened, the answer is lost",
    "is refused",
    "stops before",
    "is fenced",
    "goes to",
    "from the new release",
    "stood by for",
)


def failures(seeds: Iterable[int], seen: set[str]) -> list[str]:
    """One paragraph for each seed that fails, with how to repeat it."""
    found = []
    for seed in seeds:
        outcome = simulate(seed)
        seen |= {trouble for trouble in TROUBLES if any(trouble in line for line in outcome.trace)}
        if outcome.differences:
            shown = "\n  ".join(outcome.differences[:SHOWN_MAX])
            found.append(
                f"seed {seed}: {len(outcome.differences)} differences;"
                f" repeat it with: python -m tests.simulation {seed}\n  {shown}"
            )
    return found


@pytest.mark.slow
def test_no_seed_leaves_other_rows() -> None:
    seen: set[str] = set()
    found = failures(range(SEEDS), seen)
    assert not found, "\n".join(found)
    assert seen == set(TROUBLES), "some kind of trouble never came"


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + NIGHTLY_SEEDS, SEEDS_A_TEST))
def test_no_seed_of_many_leaves_other_rows(first: int) -> None:
    found = failures(range(first, first + SEEDS_A_TEST), set())
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "bug",
    # one of them takes many seeds
    [pytest.param(bug, marks=[pytest.mark.long] * (bug is standby_not_caught_up)) for bug in BUGS],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_found(bug: Bug) -> None:
    for seed in range(BUG_SEEDS_MAX):
        if simulate(seed, bug).differences:
            assert simulate(seed).differences == [], "it is the bug, and nothing else, that was found"
            return
    pytest.fail(f"{BUG_SEEDS_MAX} seeds did not find it")


@pytest.mark.slow
def test_a_seed_repeats_whatever_the_hash_seed() -> None:
    code = (
        "from tests.simulation.seeds import simulate\n"
        "for n in (2, 3, 4, 5): print(*simulate(n).trace, sep='\\n')"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "77")
    ]
    assert len(told[0].splitlines()) > 50
    assert told[0] == told[1]
