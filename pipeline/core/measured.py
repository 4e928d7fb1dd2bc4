"""Everything that is measured of changes on their way, beside what is joined and attributed.

A measure marks its rows as stale when something they rest on was corrected, and writes them when the
workspace derives. To add one: a module in ``core/measures`` with these methods, and its lines here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.circumstances import Circumstances
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.grouping import LaneKey
from pipeline.core.measures.budgets import Budgets
from pipeline.core.measures.reviewing import Reviewing
from pipeline.core.parameters import Parameters
from pipeline.core.references import Touched
from pipeline.core.rows import Rows
from pipeline.core.teams import Teams


class Measured:
    """The measures of one workspace."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        teams: Teams,
        building: Building,
        delivery: Delivery,
    ) -> None:
        self.reviewing = Reviewing(parameters.reviewing, families, catalogue, teams, building)
        self.budgets = Budgets(parameters, families, catalogue, delivery)

    def declarations_corrected(self) -> None:
        """Teams or services were declared anew: any row may name another one, or count other hours."""
        self.reviewing.everything_corrected()
        self.budgets.declarations_corrected()

    def objectives_corrected(self) -> None:
        """Objectives were declared anew."""
        self.budgets.objectives_corrected()

    def counter_corrected(self, key: str, entity: Entity) -> None:
        """Counters of one objective and day became others."""
        self.budgets.counter_corrected(key, entity)

    def lanes_touched(self, lanes: Iterable[LaneKey]) -> None:
        """The deployments of these lanes are going to be grouped again."""
        self.budgets.lanes_touched(lanes)

    def correct_burns(self, around: Circumstances, touched: list[Touched]) -> None:
        """Everything that was measured before incidents are judged: budgets that burn are evidence."""
        self.budgets.update(around, touched)

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        self.reviewing.commit_corrected(key)

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        self.reviewing.change_corrected(key, old, new)

    def write(self, rows: Rows) -> None:
        """The rows that are not as they were written."""
        self.reviewing.write(rows)
        self.budgets.write(rows)

    def settle(self) -> None:
        """All rows that were marked are written already."""
        self.reviewing.settle()
        self.budgets.settle()

    def complete_from(self, before: int) -> None:
        """What is older than a time was forgotten before a restore."""
        self.budgets.complete_from(before)

    def evict(self, before: int, around: Circumstances) -> Mapping[str, Iterable[str]]:
        """Forget what no row rests on any more; returns keys of entities by family."""
        return {"counter": self.budgets.evict(before, around)}
