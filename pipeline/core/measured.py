"""Everything that is measured of changes on their way, beside what is joined and attributed.

A measure marks its rows as stale when something they rest on was corrected, and writes them when the
workspace derives. To add one: a module in ``core/measures`` with these methods, and its lines here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.investigation import Investigation
from pipeline.core.measures.reviewing import Reviewing
from pipeline.core.measures.series import Series
from pipeline.core.parameters import Parameters
from pipeline.core.periods import Period
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
        investigation: Investigation,
    ) -> None:
        self.reviewing = Reviewing(parameters.reviewing, families, catalogue, teams, building)
        self.series = Series(
            parameters, families, catalogue, self.reviewing, delivery, investigation.register
        )
        self._incidents = investigation.corrected

    def declarations_corrected(self) -> None:
        """Teams or services were declared anew: any row may name another one, or count other hours."""
        self.reviewing.everything_corrected()
        self.series.declarations_corrected()

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        self.reviewing.commit_corrected(key)
        self.series.commit_corrected(key)

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        self.reviewing.change_corrected(key, old, new)
        self.series.change_corrected(key, new)

    def periods_corrected(
        self, family: str, gone: Iterable[tuple[Period, str]], fresh: Iterable[tuple[Period, str]]
    ) -> None:
        """Periods of one objective or resource, with their services, are no more, or are others."""
        if family == "drift":
            self.series.drifts_corrected(gone, fresh)

    def gather(self) -> None:
        """Everything is corrected, and no row is written yet."""
        self.series.gather(self._incidents)
        self._incidents.clear()

    def write(self, now: int, rows: Rows) -> None:
        """The rows that are not as they were written, at a moment."""
        self.series.write(now, rows)
        self.reviewing.write(rows)

    def settle(self, now: int, *, counted: bool) -> None:
        """All rows that were marked are written already; ``counted``: all weeks are counted, too."""
        if counted:
            self.series.rest(now)
        else:
            self.series.write(now, Rows())
        self.reviewing.settle()

    def forget_before(self, before: int) -> None:
        """What is from before a time is being forgotten."""
        self.series.forget_before(before)
