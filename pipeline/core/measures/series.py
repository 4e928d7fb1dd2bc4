"""What is counted by week to find spikes: bypasses, rubber stamps, flaky reruns, incidents, drift.

``Series`` hears of everything that was corrected and puts it into the ledger of its series; production
deployments are counted, too, so that it is known since when there is anything of a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import CommitSummary
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.grouping import PRODUCTION
from pipeline.core.measures.compliance import Compliance
from pipeline.core.measures.ledger import EVERYWHERE, Ledger, Place, Standing
from pipeline.core.measures.reviewing import Reviewing
from pipeline.core.measures.weekly import WeeklyCounts
from pipeline.core.parameters import Parameters
from pipeline.core.periods import Period
from pipeline.core.register import Register, environment_of
from pipeline.core.rows import Rows


class Series:
    """All series of one workspace."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        reviewing: Reviewing,
        compliance: Compliance,
        delivery: Delivery,
        register: Register,
    ) -> None:
        self._commits = families["commit"]
        self._catalogue = catalogue
        self._reviewing = reviewing
        self._compliance = compliance
        self._delivery = delivery
        self._register = register
        self._stamp_lines_min = parameters.reviewing.remarks.stamp_lines_min
        self.weekly = WeeklyCounts(parameters.spikes)
        #: since when nothing was forgotten: earlier weeks can't be counted again
        self.complete_from = 0
        self._drifting: dict[str, str] = {}
        self._places: dict[tuple[str, str], tuple[Place, ...]] = {}
        #: most things of a repository count alike
        self._standings: dict[tuple[str, bool], Standing] = {}
        self._merges = Ledger("bypasses", self._bypass)
        self._stamps = Ledger("rubber_stamps", self._stamp)
        self._runs = Ledger("flaky_reruns", self._rerun)
        self._incidents = Ledger("incidents", self._incident)
        self._drifts = Ledger("drift", self._drift)
        self._deployments = Ledger("deployments", self._deployment)
        self._ledgers = (
            self._merges, self._stamps, self._runs, self._incidents, self._drifts, self._deployments,
        )  # fmt: skip

    # -- what was corrected ---------------------------------------------------------------------

    def declarations_corrected(self) -> None:
        """Services or teams were declared anew: anything may count elsewhere."""
        self._places.clear()
        self._standings.clear()
        for ledger in self._ledgers:
            ledger.everything_corrected()

    def commit_corrected(self, key: str) -> None:
        """The checks of a commit became others."""
        new = self._commits[key].summary
        self._runs.put(key, new.checked_at if isinstance(new, CommitSummary) else None)

    def drifts_corrected(
        self, gone: Iterable[tuple[Period, str]], fresh: Iterable[tuple[Period, str]]
    ) -> None:
        """Drifts of one resource, with their services, are no more, or are others."""
        for period, _ in gone:
            self._drifts.put(_drift_key(period), None)
            self._drifting.pop(_drift_key(period), None)
        for period, service in fresh:
            name = _drift_key(period)
            self._drifting[name] = service
            self._drifts.put(name, period.start)

    def reviews_corrected(self, keys: Iterable[str]) -> None:
        """How these requests were reviewed may be told otherwise."""
        for key in keys:
            change = self._reviewing.summary_of(key)
            self._stamps.put(
                key, change.merged_at if change is not None and self._stampable(change) else None
            )

    def gather(self, incidents: Iterable[str]) -> None:
        """Hear of what deployments, incidents and reviews became, before their rows are written."""
        self.reviews_corrected(self._reviewing.stale())
        for key in self._reviewing.gone():
            self._stamps.put(key, None)
        for key in self._compliance.stale():
            self._merges.put(key, self._compliance.merged_at(key))
        for key in self._compliance.gone():
            self._merges.put(key, None)
        for key in self._delivery.gone_groups:
            if key not in self._delivery.groups:
                self._deployments.put(key, None)
        for key in self._delivery.stale_groups:
            self._deployments.put(key, self._delivery.groups[key].live_at)
        for key in incidents:
            incident = self._register.incidents.get(key)
            self._incidents.put(key, incident.opened_at if incident is not None else None)

    # -- counting -------------------------------------------------------------------------------

    def write(self, now: int, rows: Rows) -> None:
        """Count what was corrected, and judge the weeks that are closed."""
        for ledger in self._ledgers:
            series = ledger.series
            held = partial(self.weekly.places, series)
            self.weekly.put(series, ledger.recount(self.complete_from, held))
        self.weekly.write(now, rows)

    def rest(self, now: int) -> None:
        """All of it was counted and judged already."""
        for ledger in self._ledgers:
            ledger.rest()
        self.weekly.rest(now)

    def forget_before(self, before: int) -> None:
        """Things from before a time are being forgotten: what was counted of them stands."""
        self.complete_from = before
        for ledger in self._ledgers:
            ledger.forget_before(before)

    # -- what counts where ----------------------------------------------------------------------

    def _at(self, service: str, repository: str = "") -> tuple[Place, ...]:
        known = self._places.get((service, repository))
        if known is None:
            declared = self._catalogue.declared.get(service)
            named = (
                ("team", declared.team if declared is not None else ""),
                ("service", service),
                ("repository", repository),
            )
            known = (EVERYWHERE, *(place for place in named if place[1]))
            self._places[(service, repository)] = known
        return known

    def _in(self, repository: str, *, hit: bool) -> Standing:
        known = self._standings.get((repository, hit))
        if known is None:
            places = self._at(self._catalogue.service_of("", repository), repository)
            known = self._standings[(repository, hit)] = Standing(places, hit)
        return known

    def _bypass(self, key: str) -> Standing | None:
        change = self._compliance.fact_of(key)
        if change is None or change.bot:
            return None
        return self._in(change.repository, hit=bool(change.bypassed))

    def _stampable(self, change: ChangeSummary) -> bool:
        """Whether an approval of this change can be a rubber stamp."""
        lines = (change.additions or 0) + (change.deletions or 0)
        return not change.bot and change.additions is not None and lines >= self._stamp_lines_min

    def _stamp(self, key: str) -> Standing | None:
        review = self._reviewing.fact_of(key)
        if review is None or review.approval_seconds is None:
            return None
        return self._in(review.repository, hit=review.rubber_stamp)

    def _rerun(self, key: str) -> Standing | None:
        entity = self._commits.get(key)
        commit = entity.summary if entity is not None else None
        if not isinstance(commit, CommitSummary):
            return None
        return self._in(commit.repository, hit=commit.flaky)

    def _incident(self, key: str) -> Standing | None:
        incident = self._register.incidents.get(key)
        if incident is None or environment_of(incident) != PRODUCTION:
            return None
        return Standing(self._at(self._register.service_at(key)), hit=True)

    def _drift(self, name: str) -> Standing | None:
        return Standing(self._at(self._drifting[name]), hit=True)

    def _deployment(self, key: str) -> Standing | None:
        group = self._delivery.groups.get(key)
        if group is None or group.lane[1] != PRODUCTION or not group.served:
            return None
        return Standing(self._at(group.lane[0]), hit=False)


def _drift_key(period: Period) -> str:
    return f"{period.key} {period.start}"
