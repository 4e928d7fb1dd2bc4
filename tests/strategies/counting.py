"""Objectives and counters: any of them, and those of a small world."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.names import DAY, HOUR, MINUTE, SERVICES, event_of, maybe, of
from tests.strategies.telling import PLACES, World

SLOS = ("availability", "latency")

COUNTING: dict[str, st.SearchStrategy[Any]] = {
    "objective_declared": event_of(
        e.ObjectiveDeclared,
        "declared {time}",
        {
            "objective": st.builds(lambda slo, service: f"{service} {slo}", of(SLOS), of(SERVICES)),
            "slo": of(SLOS),
            "service": of(SERVICES),
            "environment": of(("", "prod")),
            "target_ppm": maybe(of((999_000, 950_000))),
            "period_days": maybe(of((1, 7, 28, 90))),
        },
        ("catalogue",),
    ),
    "objective_counted": event_of(
        e.ObjectiveCounted,
        "counted {time}",
        {
            "slo": of(SLOS),
            "service": of(SERVICES),
            "environment": of(("", "production")),
            "seconds": maybe(of((300, 3_600))),
            "good": maybe(of((0, 90))),
            "total": maybe(of((90, 100))),
        },
        ("prometheus",),
    ),
}


def counting(world: World) -> None:
    """A version of an objective, and some buckets of it, perhaps in trouble, perhaps by two who count."""
    service, slo = world.one_of(PLACES).service, world.one_of(SLOS)
    world.tell(
        e.ObjectiveDeclared,
        "catalogue",
        f"declared {world.now}",
        world.now,
        objective=f"{service} {slo}",
        slo=slo,
        service=service,
        environment=world.one_of(("", "production")),
        target_ppm=world.one_of((999_000, 900_000, 0)),
        period_days=world.one_of((None, 1, 7, 28)),
    )
    fields = {"slo": slo, "service": world.one_of((service, service, "shop-frontend")), "environment": "prod"}
    length = world.one_of((5 * MINUTE, HOUR, DAY))
    end = world.now
    for _ in range(world.one_of(range(5))):
        end += world.one_of((0, length, length, 9 * DAY))
        total = world.one_of((1_000, 10, 0))
        world.tell(
            e.ObjectiveCounted,
            world.one_of(("prometheus/1", "prometheus/2")),
            f"{fields['service']} counted {end}",
            end,
            **fields,
            seconds=length // e.MICROSECONDS,
            good=total - world.one_of((0, 0, total // 10, total)),
            total=total,
        )
