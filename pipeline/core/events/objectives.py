"""What services promise, and how well they keep it: objectives, and counters of good and of all events."""

from __future__ import annotations

from typing import ClassVar

from pipeline.core.events.envelope import MICROSECONDS, Event

_DAY = 86_400 * MICROSECONDS


class ObjectiveDeclared(Event, frozen=True):
    """One version of one objective; the first holds from the beginning, a later one from its own time.

    ``target_ppm`` is the share of good events that is promised, in parts per million (999000 is 99.9 %).
    """

    entity = "objective"
    key_field = "objective"

    objective: str
    slo: str = ""
    service: str = ""
    environment: str = ""
    target_ppm: int | None = None
    period_days: int | None = None


class ObjectiveCounted(Event, frozen=True):
    """How many events of an objective were good, of how many; ``time`` is when the counting of it ended.

    Counts of several ids (shards, reporters) and one time add up.
    """

    entity = "counter"
    key_field = "slo"
    entity_key: ClassVar[str] = "counted_on"

    slo: str
    service: str = ""
    environment: str = ""
    seconds: int | None = None
    good: int | None = None
    total: int | None = None

    @property
    def counted_on(self) -> str:
        """Its entity: all counts of one objective and one day (UTC)."""
        return f"{self.slo}/{self.service}/{self.environment}/{self.time // _DAY}"
