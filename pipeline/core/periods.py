"""Burns and drifts: periods with a beginning and, one day, an end."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import BurnEnded, BurnStarted, DriftCorrected, DriftDetected, Event
from pipeline.core.facts import BurnFact, DriftFact
from pipeline.core.grouping import normalise_environment


class Period(NamedTuple):
    """One burn of one objective, or one drift of one resource."""

    key: str
    start: int
    end: int | None
    service: str
    environment: str
    burn_rate: float | None
    window_seconds: int | None
    summary: str
    events: tuple[str, ...]


def read_periods(entity: Entity) -> tuple[Period, ...]:
    """Pair beginnings with ends. A second beginning before the end belongs to the first one."""
    periods: list[Period] = []
    open_with: list[Event] = []

    def close(end: int | None) -> None:
        first = open_with[0]
        service = next((name for event in open_with if (name := getattr(event, "service", ""))), "")
        place = next((name for event in open_with if (name := getattr(event, "environment", ""))), "")
        periods.append(
            Period(
                entity.key,
                first.time,
                end,
                service,
                normalise_environment(place) if place else "production",
                getattr(first, "burn_rate", None),
                getattr(first, "window_seconds", None),
                getattr(first, "summary", ""),
                tuple(event.id for event in open_with),
            )
        )
        open_with.clear()

    for event in entity.events():
        if isinstance(event, BurnStarted | DriftDetected):
            open_with.append(event)
        elif isinstance(event, BurnEnded | DriftCorrected) and open_with:
            open_with.append(event)
            close(event.time)
    if open_with:
        close(None)
    return tuple(periods)


def burn_fact(period: Period, service: str) -> BurnFact:
    """The row of one burn; ``service`` by its canonical name."""
    return BurnFact(
        slo=period.key,
        started_at=period.start,
        service=service,
        environment=period.environment,
        ended_at=period.end,
        burn_rate=period.burn_rate,
        window_seconds=period.window_seconds,
        events=list(period.events),
    )


def drift_fact(period: Period, service: str) -> DriftFact:
    """The row of one drift; ``service`` by its canonical name."""
    return DriftFact(
        resource=period.key,
        detected_at=period.start,
        service=service,
        environment=period.environment,
        corrected_at=period.end,
        summary=period.summary,
        events=list(period.events),
    )
