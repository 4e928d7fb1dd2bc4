"""Small worlds for tests, gone through to their end."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from pipeline.core.events import Event
from pipeline.simulate.options import Faults, Options, Planted
from pipeline.simulate.truth import Truth
from pipeline.simulate.world import World

SMALL = Options(seed=7, weeks=2, services=6, teams=2)
#: everything that goes wrong goes wrong here
TROUBLED = msgspec.structs.replace(
    SMALL,
    failure_rate=0.2,
    faults=Faults(
        unreported=0.2,
        missing_tags=0.2,
        wrong_service=0.3,
        coincident=0.2,
        duplicates=0.1,
        late=0.1,
        late_hours_max=30,
        skew_seconds=90,
    ),
    planted=tuple(
        Planted(mode)
        for mode in (
            "reviewer-bottleneck", "flaky-tests", "rubber-stamping", "bypass-abuse", "large-changes",
            "missing-context", "late-findings", "environment-drift",
        )
    ),
)  # fmt: skip

E = TypeVar("E", bound=Event)
T = TypeVar("T", bound=msgspec.Struct)


def person_token(login: str) -> str:
    return "p:" + hashlib.blake2b(login.encode(), digest_size=8).hexdigest()


def told(options: Options) -> tuple[list[Event], list[Truth]]:
    """All events and truths of a world."""
    events: list[Event] = []
    truths: list[Truth] = []
    for week in World(options, person_token).weeks():
        events += week.events
        truths += week.truths
    return events, truths


def of(struct: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, struct)]


def true(struct: type[T], truths: list[Truth]) -> list[T]:
    return [truth for truth in truths if isinstance(truth, struct)]


def with_faults(options: Options, **faults: Any) -> Options:
    return msgspec.structs.replace(options, faults=Faults(**faults))


def planted(options: Options, mode: str, week: int = 0, where: str = "") -> Options:
    return msgspec.structs.replace(options, planted=(Planted(mode, week, where),))
