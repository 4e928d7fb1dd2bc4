"""How fast events become facts, against the floor of reading and inserting them raw.

``python -m benchmarks correlation [FILE...]``. The passes that are compared alternate, and the best of
each counts: what else the machine does then slows both of them, or neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import logs, passes
from benchmarks.figures import Figure, at_least, at_most, known

EVENTS = 1_000_000
QUICK_EVENTS = 100_000
#: where no floor is compared with, and so no batches have to overlap
QUICKER_EVENTS = 40_000
REPETITIONS = 2
QUICK_REPETITIONS = 1
#: a short pass is repeated more often, since a hiccup weighs more
SHORT_REPETITIONS = 4

RATIO_MIN = 0.2
RATIO_STRETCH = 0.3
TEN_TIMES_MAX = 11.0
LATE_MAX = 1.5

Best = tuple[float, float]


def _repetitions(quick: bool) -> int:
    return QUICK_REPETITIONS if quick else REPETITIONS


def alternate(runs: Sequence[tuple[str, Path]], repetitions: int) -> tuple[list[Best], list[passes.Pass]]:
    """The best wall and CPU seconds of each kind of pass, and the last pass of each."""
    done: list[list[passes.Pass]] = [[] for _ in runs]
    for _ in range(repetitions):
        for (kind, log), found in zip(runs, done, strict=True):
            found.append(passes.run(kind, log))
    best = [(min(one.wall_seconds for one in found), min(one.cpu_seconds for one in found)) for found in done]
    return best, [found[-1] for found in done]


def against_floor(title: str, log: Path, repetitions: int) -> list[Figure]:
    """Full correlation as a share of the floor's speed."""
    best, last = alternate([("floor", log), ("full", log), ("overlapped", log)], repetitions)
    (alone, alone_cpu), (full, full_cpu), (overlapped, overlapped_cpu) = best
    floor = min(alone, overlapped)
    wall, cpu = floor / full, min(alone_cpu, overlapped_cpu) / full_cpu
    events = last[1].events
    wanted = f">= {RATIO_MIN:g}, stretch {RATIO_STRETCH:g}"
    return [
        known(
            f"{title}: floor, events/s", events / floor,
            f"{events / floor:,.0f} ({events / alone:,.0f} without overlap)",
        ),
        known(
            f"{title}: full, events/s", events / full,
            f"{events / full:,.0f} ({full:.1f} s, {events:,} events)",
        ),
        at_least(
            f"{title}: full/floor, wall time", wall, RATIO_MIN,
            f"{wall:.2f} ({alone / full:.2f} of the floor without overlap)", wanted,
        ),
        known(f"{title}: full/floor, CPU time", cpu, f"{cpu:.2f}"),
        known(
            f"{title}: share of the time in which the folding thread works",
            busy := last[1].main_thread_seconds / last[1].wall_seconds, f"{busy:.0%}",
        ),
    ]  # fmt: skip


def correlation(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The mixed synthetic log, the shipped histories, and the files that were named."""
    log = logs.mixed(directory, QUICK_EVENTS if quick else EVENTS)
    figures = against_floor("mixed log", log, _repetitions(quick))
    for file in [*sorted(logs.EXAMPLES.glob("*.jsonl.gz")), *files]:
        repetitions = QUICK_REPETITIONS if quick else SHORT_REPETITIONS
        figures += against_floor(file.name.partition(".")[0], logs.history(directory, file), repetitions)
    return figures


def scaling(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Ten times the events against once."""
    many = QUICKER_EVENTS if quick else EVENTS
    few = many // 10
    small, large = logs.mixed(directory, few), logs.mixed(directory, many)
    best, _ = alternate([("full", small), ("full", large)], _repetitions(quick))
    once, ten = best
    text = f"{ten[0] / once[0]:.1f} times ({once[0]:.1f} s, {ten[0]:.1f} s; CPU {ten[1] / once[1]:.1f} times)"
    return [at_most(f"{many:,} events against {few:,}", ten[0] / once[0], TEN_TIMES_MAX, text)]


def late(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """A tenth of the events up to 72 hours late, against all of them in order."""
    many = QUICKER_EVENTS if quick else EVENTS
    ordered, disordered = logs.mixed(directory, many), logs.mixed(directory, many, late=True)
    best, _ = alternate([("full", ordered), ("full", disordered)], _repetitions(quick))
    wall, cpu = (best[1][one] / best[0][one] for one in (0, 1))
    text = f"{wall:.2f} times ({best[0][0]:.1f} s, {best[1][0]:.1f} s; CPU {cpu:.2f} times)"
    return [at_most("10 % of the events up to 72 h late, against none", wall, LATE_MAX, text)]
