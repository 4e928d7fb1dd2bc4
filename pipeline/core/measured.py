"""Everything that is measured of changes on their way, beside what is joined and attributed.

A measure marks its rows as stale when something they rest on was corrected, and writes them when the
workspace derives. To add one: a module in ``core/measures`` with these methods, and its lines here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from pipeline.core.building import Building
from pipeline.core.catalogue import Catalogue
from pipeline.core.circumstances import Circumstances
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.grouping import LaneKey
from pipeline.core.investigation import Investigation
from pipeline.core.measures.budgets import Budgets
from pipeline.core.measures.classing import Classing
from pipeline.core.measures.compliance import Compliance
from pipeline.core.measures.findings import Findings
from pipeline.core.measures.flaking import Flaking
from pipeline.core.measures.outcomes import Outcomes
from pipeline.core.measures.reviewing import Reviewing
from pipeline.core.measures.series import Series
from pipeline.core.parameters import Parameters
from pipeline.core.periods import Period
from pipeline.core.policies import Policies
from pipeline.core.references import Touched
from pipeline.core.rows import Rows
from pipeline.core.teams import Teams


class Kept(Protocol):
    """Counts that outlive what was counted, as records of their own."""

    @property
    def name(self) -> str:
        """How the keys of its records begin."""

    def changed_records(self) -> Iterable[tuple[str, bytes]]:
        """Keys and values since the last time; an empty value deletes."""

    def note_everything(self) -> None:
        """All of it is to be saved again."""

    def settle(self) -> None:
        """All of it is saved."""

    def take(self, key: str, value: bytes) -> None:
        """Take in one record."""

    def holds(self, key: str, value: bytes) -> bool:
        """Whether it holds what another one saved."""


class Measured:
    """The measures of one workspace."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        teams: Teams,
        policies: Policies,
        building: Building,
        delivery: Delivery,
        investigation: Investigation,
    ) -> None:
        self._building = building
        self._classing = classing = Classing(policies)
        self.reviewing = Reviewing(parameters.reviewing, families, catalogue, teams, classing)
        self.compliance = Compliance(families, catalogue, teams, policies, classing)
        self.findings = Findings(families, catalogue, building)
        self.flaking = Flaking(parameters.flakes, families, building)
        self.outcomes = Outcomes(parameters, families, catalogue, classing, building)
        self.budgets = Budgets(parameters, families, catalogue, delivery)
        self.series = Series(
            parameters, families, catalogue, self.reviewing, self.compliance, delivery, investigation.register
        )
        #: counts of weeks that outlive what was counted, and have to be saved
        self.counts: tuple[Kept, ...] = (self.flaking.weeks, self.series.weekly, self.reviewing.paces)
        self._incidents = investigation.corrected

    # -- what was corrected ---------------------------------------------------------------------

    def declarations_corrected(self) -> None:
        """Teams or services were declared anew: any row may name another one, or count other hours."""
        self.reviewing.everything_corrected()
        self.compliance.everything_corrected()
        self.findings.everything_corrected()
        self.outcomes.everything_corrected()
        self.series.declarations_corrected()
        self.budgets.declarations_corrected()

    def policies_corrected(self) -> None:
        """Classes of changes, or the review that they need, were declared anew."""
        self.reviewing.everything_corrected()
        self.compliance.everything_corrected()
        self.outcomes.everything_corrected()

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
        changes = list(self._building.changes_of(key))
        self.reviewing.commit_corrected(key, changes)
        self.compliance.commit_corrected(key, changes)
        if changes:
            self.outcomes.commit_corrected(key, changes)
        self.flaking.commit_corrected(key)
        self.series.commit_corrected(key)

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        self.reviewing.change_corrected(key, old, new)
        self.compliance.change_corrected(key, old, new)
        self.findings.change_corrected(old, new)
        self.flaking.change_corrected(old, new)
        self.outcomes.change_corrected(key, old, new)

    def finding_corrected(self, key: str, entity: Entity) -> None:
        """A scanner told of a finding, or took it back."""
        self.findings.finding_corrected(key, entity)

    def periods_corrected(
        self, family: str, gone: Iterable[tuple[Period, str]], fresh: Iterable[tuple[Period, str]]
    ) -> None:
        """Periods of one objective or resource, with their services, are no more, or are others."""
        if family == "drift":
            self.series.drifts_corrected(gone, fresh)

    def gather(self) -> None:
        """Everything is corrected, and no row is written yet."""
        self.reviewing.paces.gather((*self.reviewing.stale(), *self.reviewing.gone()))
        self.series.gather(self._incidents)
        self._incidents.clear()

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows, now: int) -> None:
        """The rows that are not as they were written, and those that are due by now."""
        self.series.reviews_corrected(self.reviewing.restate())
        self.series.write(now, rows)
        self.reviewing.write(rows)
        self.compliance.write(rows)
        self.findings.write(rows)
        self.flaking.write(rows, now)
        self.outcomes.write(rows)
        self.budgets.write(rows)
        self._classing.settle()

    def settle(self, now: int, *, counted: bool) -> None:
        """All rows that were marked, or are due by now, are written already.

        ``counted``: all weeks are counted, too.
        """
        if counted:
            self.reviewing.paces.rest()
            self.series.rest(now)
        else:
            self.series.reviews_corrected(self.reviewing.restate())
            self.series.write(now, Rows())
        self.reviewing.settle()
        self.compliance.settle()
        self.findings.settle()
        self.flaking.settle(now)
        self.outcomes.settle()
        self.budgets.settle()
        self._classing.settle()

    # -- forgetting -----------------------------------------------------------------------------

    def begin_after(self, before: int) -> None:
        """A restored workspace knows nothing from before a time: what was counted of it stands."""
        self.flaking.forget((), before)
        self.budgets.complete_from(before)
        self.stand_before(before)

    def stand_before(self, before: int) -> None:
        """Things from before a time are about to be forgotten: what was counted of them stands."""
        self.series.forget_before(before)
        self.reviewing.paces.forget_before(before)

    def rest_before(self, before: int) -> None:
        """All rows of a restored workspace are as they were written; those from before a time stay so."""
        self.outcomes.forget_before(before)

    def forget(
        self, commits: Iterable[str], before: int, around: Circumstances
    ) -> Mapping[str, Iterable[str]]:
        """These commits are forgotten, and what is from before a time.

        Returns keys of what no row rests on any more, by family.
        """
        commits = list(commits)
        self.reviewing.forget(commits)
        self.compliance.forget(commits)
        self.flaking.forget(commits, before)
        self.outcomes.forget_before(before)
        return {
            "finding": list(self.findings.forget_before(before)),
            "counter": self.budgets.evict(before, around),
        }
