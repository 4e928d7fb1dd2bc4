"""Eight workspaces: parts of the shipped real history, a made one with late and repeated events, small ones.

They cover more time than the horizon of these tests: what is old is forgotten on the way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.world import delayed, organisation
from pipeline.core.events import ClockTicked, Event
from pipeline.core.parameters import HOUR
from pipeline.sources.history import HistoryOptions, parse_history
from pipeline.sources.lines import LinesFile
from tests.places import history

SHIPPED = Path(__file__).resolve().parents[2] / "examples" / "govuk-fleet-1.jsonl.gz"
MADE_EVENTS = 6_000
LATE = 0.1
REPEATED = 0.05
SMALL = 2
#: workspace -> which events of the shipped history: the latest months, and some weeks of other times
REAL = {
    "fleet": slice(-5_000, None),
    "summer": slice(0, 1_200),
    "winter": slice(8_000, 9_200),
    "spring": slice(15_000, 16_200),
    "autumn": slice(26_000, 27_200),
}
#: pieces in which the events come, with a fault between two of them
PIECES = 6
#: in the made one; the others get theirs from whoever receives
TICK_EVERY = 6 * HOUR


def workspaces() -> Mapping[str, Sequence[Event]]:
    """Workspace -> its events in the order in which they are received."""
    made = delayed(organisation(MADE_EVENTS), LATE, 72 * HOUR)
    chance = random.Random(7)
    repeated = list(made)
    for event in made:
        if chance.random() < REPEATED:
            repeated.insert(chance.randrange(len(repeated)), event)
    first, last = made[0].received_at, made[-1].received_at
    for at in range(first, last, TICK_EVERY):
        # where nothing that was received later precedes it
        place = next(number for number, event in enumerate(repeated) if event.received_at > at)
        tick = ClockTicked(f"clock {at}", "clock", at, at, False, 0, 1, False, 0, "clock")
        repeated.insert(place, tick)
    small = {f"small-{number}": history((f"api{number}", "web")) for number in range(SMALL)}
    shipped = _shipped()
    real = {name: shipped[part] for name, part in REAL.items()}
    return {**real, "made": repeated, **small}


def _shipped() -> list[Event]:
    return sorted(parse_history(LinesFile(SHIPPED), HistoryOptions(), str), key=lambda event: event.time)


def pieces(
    told: Mapping[str, Sequence[Event]], count: int = PIECES
) -> Iterator[list[tuple[str, Sequence[Event]]]]:
    """The events of all workspaces, in pieces in their order."""
    for number in range(count):
        yield [
            (name, events[len(events) * number // count : len(events) * (number + 1) // count])
            for name, events in told.items()
        ]
