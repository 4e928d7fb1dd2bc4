"""What the edge refuses of objectives and of counters: figures that make no sense."""

from __future__ import annotations

from typing import TypeVar

from pipeline.core.events import Event, InvalidEvent, ObjectiveCounted, ObjectiveDeclared
from pipeline.core.limits import BudgetLimits
from pipeline.core.objectives import PPM

#: a quarter; what is longer than half of the horizon counts as half of it
PERIOD_DAYS_MAX = 92
_LIMITS = BudgetLimits()
E = TypeVar("E", bound=Event)


class InvalidObjective(InvalidEvent):
    """No objective, or no counter, can be so: the message begins with the name of the field."""


def sensible(event: E) -> E:
    """The event. Raises ``InvalidObjective`` for what promises or counts nothing that makes sense."""
    if isinstance(event, ObjectiveDeclared):
        if event.target_ppm is not None and not 0 < event.target_ppm < PPM:
            raise InvalidObjective(
                f"target_ppm: {event.target_ppm}: 1 to {PPM - 1} are meant: 999000 is 99.9 %"
            )
        if event.period_days is not None and not 0 < event.period_days <= PERIOD_DAYS_MAX:
            raise InvalidObjective(f"period_days: {event.period_days}: 1 to {PERIOD_DAYS_MAX} are meant")
    elif isinstance(event, ObjectiveCounted):
        seconds, good, total = event.seconds, event.good, event.total
        if seconds is not None and not 0 < seconds <= _LIMITS.bucket_seconds_max:
            raise InvalidObjective(f"seconds: {seconds}: a bucket has 1 to {_LIMITS.bucket_seconds_max}")
        if total is not None and not 0 <= total <= _LIMITS.bucket_events_max:
            raise InvalidObjective(f"total: {total}: 0 to {_LIMITS.bucket_events_max} are meant")
        if good is not None and not 0 <= good <= (_LIMITS.bucket_events_max if total is None else total):
            raise InvalidObjective(f"good: {good}: 0 to the total are meant")
    return event
