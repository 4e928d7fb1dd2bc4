"""The classes of a change by what was declared on its day, worked out once for all measures."""

from __future__ import annotations

from pipeline.core.change_classes import Classes
from pipeline.core.changes import ChangeSummary
from pipeline.core.entities import Entity
from pipeline.core.policies import Policies


def day_of(entity: Entity, summary: ChangeSummary) -> int:
    """When it is held against what is declared: at its merge, else when something last happened to it."""
    if summary.merged_at is not None:
        return summary.merged_at
    return entity.events()[-1].time


class Classing:
    """The classes of the changes whose rows are being made."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        #: by change: what its classes follow from, and these
        self._known: dict[str, tuple[ChangeSummary, Classes, tuple[str, ...]]] = {}

    def of(self, entity: Entity, summary: ChangeSummary) -> tuple[str, ...]:
        """The classes of a change, the most telling first; at least one."""
        declared = self._policies.at(day_of(entity, summary)).classes
        known = self._known.get(entity.key)
        # a change that was corrected has another summary, and other declarations are another object
        if known is not None and known[0] is summary and known[1] is declared:
            return known[2]
        found = tuple(declared.of(summary.paths, summary.labels))
        self._known[entity.key] = (summary, declared, found)
        return found

    def settle(self) -> None:
        """All rows are made."""
        self._known.clear()
