"""Everything that is measured of changes on their way, beside what is joined and attributed.

A measure marks its rows as stale when something they rest on was corrected, and writes them when the
workspace derives. To add one: a module in ``core/measures`` with these methods, and its lines here.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.entities import Entity
from pipeline.core.measures.outcomes import Outcomes
from pipeline.core.measures.reviewing import Reviewing
from pipeline.core.parameters import Parameters
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
    ) -> None:
        self.reviewing = Reviewing(parameters.reviewing, families, catalogue, teams, building)
        self.outcomes = Outcomes(parameters, families, catalogue, building)

    def declarations_corrected(self) -> None:
        """Teams or services were declared anew: any row may name another one, or count other hours."""
        self.reviewing.everything_corrected()
        self.outcomes.everything_corrected()

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        self.reviewing.commit_corrected(key)
        self.outcomes.commit_corrected(key)

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        self.reviewing.change_corrected(key, old, new)
        self.outcomes.change_corrected(key, old, new)

    def forget_before(self, before: int) -> None:
        """What is older than a time is forgotten."""
        self.outcomes.forget_before(before)

    def write(self, rows: Rows) -> None:
        """The rows that are not as they were written."""
        self.reviewing.write(rows)
        self.outcomes.write(rows)

    def settle(self) -> None:
        """All rows that were marked are written already."""
        self.reviewing.settle()
        self.outcomes.settle()
