"""What the measures of changes cost beside the correlation: what is joined, grouped and attributed anyway.

``python -m benchmarks measures``. A made-up world is folded and derived in batches, as ``correlate`` does it,
with all measures and with none; such passes alternate, and only the time of this thread counts. Where the
time goes is told by passes of their own, since clocks in between cost time, too.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

from benchmarks.figures import Figure, at_most, known
from pipeline.core.horizon import Column
from pipeline.core.measured import Measured
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from pipeline.persons import KEY_BYTES, Persons
from pipeline.rebuild import columns_of
from pipeline.simulate.options import Options
from pipeline.simulate.world import World

SERVICES, WEEKS = 20, 10
QUICK_SERVICES, QUICK_WEEKS = 10, 5
SEED = 1
BATCH_EVENTS = 5_000
REPETITIONS = 5
QUICK_REPETITIONS = 2
RATIO_MAX = 1.5
#: the parts of ``Measured``
MEASURES = ("reviewing", "compliance", "findings", "flaking", "outcomes", "budgets", "series")
#: where their time is spent, as seen from the workspace
REST = "correlation"

Batches = list[list[Column]]


class Unmeasured:
    """Stands in for the measures of a workspace, and measures nothing."""

    def forget(self, *_: object) -> dict[str, list[str]]:
        """Nothing rests on anything."""
        return {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not callable(getattr(Measured, name, None)):
            raise AttributeError(name)
        return _nothing


def _nothing(*_: object, **__: object) -> None:
    """Nothing."""


class Taken(NamedTuple):
    """Seconds of this thread that all batches took."""

    folding: float
    deriving: float

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.folding + self.deriving


class Clock:
    """Whose time it is: of those that call each other, only the innermost one's runs."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._stack = [REST]
        self._since = time.thread_time()

    def _switch(self) -> None:
        now = time.thread_time()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    def watch(self, part: object, name: str) -> None:
        """Count the calls of a part's public methods as its own time."""
        for method in vars(type(part)):
            call = getattr(part, method)
            if callable(call) and not method.startswith("_"):
                setattr(part, method, self._timed(call, name))

    def _timed(self, call: Callable[..., object], name: str) -> Callable[..., object]:
        def timed(*given: object, **named: object) -> object:
            self._switch()
            self._stack.append(name)
            try:
                return call(*given, **named)
            finally:
                self._switch()
                self._stack.pop()

        return timed


def batches(services: int, weeks: int) -> Batches:
    """A made-up world in batches, in the order in which it is told."""
    options = Options(seed=SEED, services=services, weeks=weeks)
    told = World(options, Persons(bytes(KEY_BYTES)).person_token).weeks()
    events = [event for week in told for event in week.events]
    starts = range(0, len(events), BATCH_EVENTS)
    return [list(columns_of(events[start : start + BATCH_EVENTS])) for start in starts]


def forget_answers() -> None:
    """What the core remembers between calls is forgotten: each pass begins as a process does."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pipeline.core."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def one_pass(told: Batches, *, measured: bool, clock: Clock | None = None) -> Taken:
    """Fold all batches and derive their rows; snapshots are taken, too, but nobody's time."""
    forget_answers()
    workspace = Workspace(Parameters())
    if not measured:
        workspace.measured = cast(Measured, Unmeasured())
    if clock is not None:
        for name in MEASURES:
            clock.watch(getattr(workspace.measured, name), name)
    folding = deriving = 0.0
    gc.collect()
    gc.disable()
    try:
        for batch in told:
            begun = time.thread_time()
            workspace.fold(batch)
            folded = time.thread_time()
            workspace.derive()
            deriving += time.thread_time() - folded
            folding += folded - begun
            workspace.snapshot()
    finally:
        gc.enable()
    return Taken(folding, deriving)


def measures(directory: Path, files: Sequence[Path] = (), *, quick: bool = False) -> list[Figure]:
    """The figures of this part."""
    told = batches(QUICK_SERVICES, QUICK_WEEKS) if quick else batches(SERVICES, WEEKS)
    events = sum(len(column) for batch in told for _, column in batch)
    everything: list[float] = []
    alone: list[float] = []
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(QUICK_REPETITIONS if quick else REPETITIONS):
        everything.append(one_pass(told, measured=True).seconds)
        alone.append(one_pass(told, measured=False).seconds)
        clock = Clock()
        one_pass(told, measured=True, clock=clock)
        for name in MEASURES:
            shares[name].append(clock.seconds[name])
    whole, base = median(everything), median(alone)
    text = f"{whole / base:.2f} times ({whole:.2f} s, {base:.2f} s of one core, {events:,} events)"
    cost = whole / base - 1
    return [
        at_most("all measures, in parts of the correlation alone", cost, RATIO_MAX, f"{cost:.2f}"),
        known("fold and derive, all measures against none", whole / base, text),
        *(
            known(f"of it, {name}", median(taken) / base, f"{median(taken) / base:.2f}")
            for name, taken in sorted(shares.items(), key=lambda share: -median(share[1]))
        ),
    ]  # fmt: skip


def main() -> None:
    """Print the figures."""
    for figure in measures(Path(), quick="--quick" in sys.argv):
        print(f"{figure.what:70}{figure.figure}   {figure.target}")


if __name__ == "__main__":
    main()
