"""What services promise: the versions of each objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.core.entities import Entity, moment
from pipeline.core.events import ObjectiveDeclared
from pipeline.core.limits import BudgetLimits
from pipeline.core.parameters import DAY

#: objective, service and environment, by our names
ObjectiveKey = tuple[str, str, str]
#: the whole, in the unit of shares
PPM = 1_000_000


class Promise(NamedTuple):
    """One version of an objective."""

    #: from when it holds; the first one holds from the beginning
    since: int
    target_ppm: int
    #: the rolling period of the budget, microseconds
    period: int
    event: str

    @property
    def allowed_ppm(self) -> int:
        """The share of bad events that is allowed."""
        return PPM - self.target_ppm


def read_promises(
    entities: Mapping[str, Entity],
    key_of: Callable[[str, str, str], ObjectiveKey],
    limits: BudgetLimits,
    period_max: int,
) -> dict[ObjectiveKey, list[Promise]]:
    """Read all declarations anew: there are few. Those that make no sense are none."""
    told: dict[ObjectiveKey, list[ObjectiveDeclared]] = {}
    for key in sorted(entities):
        for event in entities[key].events():
            if isinstance(event, ObjectiveDeclared):
                told.setdefault(key_of(event.slo, event.service, event.environment), []).append(event)
    promises: dict[ObjectiveKey, list[Promise]] = {}
    for name, events in told.items():
        versions: list[Promise] = []
        for event in sorted(events, key=moment):
            days = limits.period_days if event.period_days is None else event.period_days
            if event.target_ppm is None or not 0 < event.target_ppm < PPM or days <= 0:
                continue
            period = min(days * DAY, period_max)
            if versions and (versions[-1].target_ppm, versions[-1].period) == (event.target_ppm, period):
                continue
            versions.append(Promise(event.time, event.target_ppm, period, event.id))
        if versions:
            promises[name] = versions
    return promises
