"""How fast a world is made, written and taken in, in one process on one core.

``python -m benchmarks.simulate [--quick]``

The first is ``aftermerge simulate --to``; the rest is the work of log and fold on the same events.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks.figures import Figure, at_least, known
from pipeline.appending import append_events
from pipeline.cli.simulating import LINES_EVENTS_MAX
from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.persons import KEY_BYTES, Persons
from pipeline.rebuild import columns_of
from pipeline.simulate.lines import LineWriter
from pipeline.simulate.options import Options
from pipeline.simulate.world import World

WEEKS = 12
QUICK_WEEKS = 3
ROUNDS = 3
LINES_TARGET = 100_000
FOLDED_AT_ONCE = 10_000
FOLDED_EVENTS_MAX = 50_000
MACHINE_NOW = 2_000_000_000_000_000


def world(weeks: int) -> World:
    """The world of the default options, of another length."""
    return World(Options(weeks=weeks), Persons(bytes(KEY_BYTES)).person_token)


def made(weeks: int) -> int:
    """Make a world; returns how many events it has."""
    return sum(len(told.events) for told in world(weeks).weeks())


def written(weeks: int, file: Path) -> int:
    """Make a world and write it as JSON Lines."""
    writer, count = LineWriter("benchmark"), 0
    with file.open("wb") as out:
        for told in world(weeks).weeks():
            for start in range(0, len(told.events), LINES_EVENTS_MAX):
                out.write(writer.lines(told.events[start : start + LINES_EVENTS_MAX]))
            count += len(told.events)
    return count


def appended(events: Iterable[Event], directory: Path) -> int:
    """Append events to a log in one file."""
    with closing(SqliteLog(directory / "log.sqlite")) as log:
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        return append_events(log, Codec(), "benchmark", events, machine_now=MACHINE_NOW).appended


def folded(events: Sequence[Event]) -> int:
    """Fold events and derive their rows, in the batches in which they come."""
    workspace = Workspace(Parameters())
    for start in range(0, len(events), FOLDED_AT_ONCE):
        workspace.fold(columns_of(list(events[start : start + FOLDED_AT_ONCE])))
        workspace.derive()
        workspace.snapshot()
    return len(events)


def best(action: Callable[[], int], rounds: int) -> tuple[float, float]:
    """Events a second of the best of several rounds: by this process's own time, and by the clock."""
    own, wall = 0.0, 0.0
    for _ in range(rounds):
        gc.collect()
        begun, begun_own = time.perf_counter(), time.process_time()
        count = action()
        own = max(own, count / (time.process_time() - begun_own))
        wall = max(wall, count / (time.perf_counter() - begun))
    return own, wall


def simulate(directory: Path, files: Sequence[Path] = (), *, quick: bool = False) -> list[Figure]:
    """The figures of this part."""
    weeks = QUICK_WEEKS if quick else WEEKS
    rounds = 1 if quick else ROUNDS
    making, _ = best(lambda: made(weeks), rounds)
    writing, by_the_clock = best(lambda: written(weeks, directory / "world.jsonl"), rounds)
    some = list(islice((event for told in world(weeks).weeks() for event in told.events), FOLDED_EVENTS_MAX))
    appending, _ = best(lambda: appended(some, directory), 1)
    folding, _ = best(lambda: folded(some), 1)
    return [
        known("events made", making, f"{making:,.0f}/s"),
        at_least("events made and written as JSON Lines", writing, LINES_TARGET, f"{writing:,.0f}/s"),
        known("the same by the clock", by_the_clock, f"{by_the_clock:,.0f}/s"),
        known("events appended to the log", appending, f"{appending:,.0f}/s"),
        known("events folded, their rows derived", folding, f"{folding:,.0f}/s"),
    ]


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(prefix="aftermerge-benchmarks-") as directory:
        for figure in simulate(Path(directory), quick="--quick" in sys.argv):
            print(f"{figure.what:40}{figure.figure:>14}   {figure.target}")


if __name__ == "__main__":
    main()
