"""Hypothesis strategies, from one event to a disturbed history.

``EVENTS[record]``, ``events()``, ``wild_events()``: single events. ``histories()``: coherent small
worlds. ``delivered``, ``permuted``, ``duplicated``, ``batches``, ``tellings``: the same told otherwise.
"""

from tests.strategies.events import EVENTS, events, wild_events
from tests.strategies.knobs import HORIZON, batches, delivered, duplicated, permuted, tellings
from tests.strategies.lines import lines
from tests.strategies.names import (
    BEGINNING,
    DAY,
    HOUR,
    MINUTE,
    PERSONS,
    STEP,
    envelope,
    references,
    times,
)
from tests.strategies.telling import PLACES, World
from tests.strategies.worlds import SPAN, histories

__all__ = [
    "BEGINNING",
    "DAY",
    "EVENTS",
    "HORIZON",
    "HOUR",
    "MINUTE",
    "PERSONS",
    "PLACES",
    "SPAN",
    "STEP",
    "World",
    "batches",
    "delivered",
    "duplicated",
    "envelope",
    "events",
    "histories",
    "lines",
    "permuted",
    "references",
    "tellings",
    "times",
    "wild_events",
]
