"""How events arrive: on time, late or twice; and in which order.

What happens to an event depends on the seed, the fault and the event's id alone, so a fault meets the
same events whatever else is switched on, and leaves all others as they were.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

import msgspec

from pipeline.core.events import ClockTicked, Event
from pipeline.simulate.desk import MICROSECONDS
from pipeline.simulate.draws import share_of
from pipeline.simulate.options import Faults
from pipeline.simulate.truth import TrueDelivery, Truth

_AGAIN_SECONDS_MAX = 1_800
_received_at = attrgetter("received_at")


def delivered(events: list[Event], faults: Faults, seed: int) -> tuple[list[Event], list[tuple[int, Truth]]]:
    """The events of a week as they arrive, and what was wrong with their delivery."""
    if not (faults.late or faults.duplicates):
        return events, []
    found: list[Event] = []
    truths: list[tuple[int, Truth]] = []

    def later(event: Event, fault: str, by: int) -> Event:
        truths.append((event.received_at // MICROSECONDS + by, TrueDelivery(event.id, fault, by)))
        return msgspec.structs.replace(event, received_at=event.received_at + by * MICROSECONDS)

    for event in events:
        first = event
        if not isinstance(event, ClockTicked):
            if faults.late and (share := share_of(seed, "late", event.id)) < faults.late:
                first = later(
                    event, "late", 60 + int(share / faults.late * (faults.late_hours_max * 3_600 - 60))
                )
            if faults.duplicates and (share := share_of(seed, "duplicate", event.id)) < faults.duplicates:
                by = 1 + int(share / faults.duplicates * _AGAIN_SECONDS_MAX)
                found.append(later(first, "duplicate", by))
        found.append(first)
    return found, truths


class Arrivals:
    """Holds events back until nothing can arrive before them any more."""

    def __init__(self) -> None:
        self._held: list[Event] = []

    def take(self, events: list[Event], until: int) -> list[Event]:
        """Add a week's events; returns those received before ``until`` (microseconds), in that order."""
        self._held += events
        self._held.sort(key=_received_at)
        cut = bisect_left(self._held, until, key=_received_at)
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready
