"""Error budgets: which objectives have to be looked at again, and their rows.

Rules are evaluated in stretches of fixed length, each with what it has to know of the stretch before. So a
row rests on a bounded time of counters, whatever was forgotten, and what comes late restates few rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import numpy as np

from pipeline.core.catalogue import Catalogue
from pipeline.core.circumstances import Circumstances
from pipeline.core.delivery import Delivery
from pipeline.core.entities import Entity
from pipeline.core.facts import BudgetBurnFact, BudgetFact, BudgetSpendingFact, Fact
from pipeline.core.grouping import PRODUCTION, Group, LaneKey, normalise_environment
from pipeline.core.measures.budget_rows import budget_fact, burn_fact, spending_fact
from pipeline.core.measures.budget_series import Series, day_of, periods_of
from pipeline.core.measures.burning import Burn, Meter
from pipeline.core.measures.counters import (
    NOTHING,
    Columns,
    Counts,
    Told,
    first_difference,
    merged,
    read_counts,
)
from pipeline.core.objectives import ObjectiveKey, Promise, read_promises
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.references import Touched
from pipeline.core.rows import Key, Rows


class Budgets:
    """The error budgets of one workspace."""

    def __init__(
        self,
        parameters: Parameters,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        delivery: Delivery,
    ) -> None:
        self._limits = parameters.budgets
        #: so long that the counters of two periods, or of a period and two stretches, are still held where
        #: something can restate a row
        self._period_max = parameters.horizon // 2
        self._stretch = parameters.horizon // 8
        self._counters = families["counter"]
        self._objectives = families["objective"]
        self._catalogue = catalogue
        self._delivery = delivery
        self._series: dict[ObjectiveKey, Series] = {}
        self._promises: dict[ObjectiveKey, list[Promise]] = {}
        self._keys: dict[Told, ObjectiveKey] = {}
        self._lanes: dict[tuple[str, str], dict[LaneKey, None]] = {}
        self._complete_from = -parameters.retention
        #: objective -> since when it has to be looked at again
        self._stale: dict[ObjectiveKey, int] = {}
        #: services and environments whose deployments are others
        self._redeployed: dict[tuple[str, str], None] = {}
        self._written: list[Fact] = []
        self._deleted: list[tuple[str, Key]] = []

    # -- what has to be looked at again ---------------------------------------------------------

    def _key_of(self, slo: str, service: str, environment: str) -> ObjectiveKey:
        place = normalise_environment(environment) if environment else PRODUCTION
        return (slo, self._catalogue.name(service), place)

    def _mark(self, key: ObjectiveKey, since: int) -> None:
        self._stale[key] = min(since, self._stale.get(key, since))

    def counter_corrected(self, key: str, entity: Entity) -> None:
        """Counts of one day came, changed or were taken back."""
        old: dict[Told, Counts] = entity.summary or {}  # type: ignore[assignment]
        new = read_counts(entity, self._limits)
        entity.summary = new
        for told in {**old, **new}:
            since = first_difference(old.get(told, NOTHING), new.get(told, NOTHING))
            if since is None:
                continue
            name = self._keys.get(told)
            if name is None:
                name = self._keys[told] = self._key_of(*told)
            series = self._series.setdefault(name, Series())
            if told in new:
                series.parts[(key, told)] = new[told]
            else:
                del series.parts[(key, told)]
            self._mark(name, since)

    def objectives_corrected(self) -> None:
        """Objectives were declared anew."""
        former = self._promises
        self._promises = read_promises(self._objectives, self._key_of, self._limits, self._period_max)
        for key in sorted({**former, **self._promises}):
            if former.get(key) != self._promises.get(key):
                self._series.setdefault(key, Series())
                self._mark(key, 0)

    def declarations_corrected(self) -> None:
        """Services were declared anew: any of their names may mean another one."""
        moved = {told: now for told, key in self._keys.items() if (now := self._key_of(*told)) != key}
        for told, now in moved.items():
            was = self._series.setdefault(self._keys[told], Series())
            series = self._series.setdefault(now, Series())
            for place in [place for place in was.parts if place[1] == told]:
                series.parts[place] = was.parts.pop(place)
            self._mark(self._keys[told], 0)
            self._mark(now, 0)
            self._keys[told] = now
        self.objectives_corrected()

    def lanes_touched(self, lanes: Iterable[LaneKey]) -> None:
        """The deployments of these lanes are going to be grouped again."""
        for lane in lanes:
            self._lanes.setdefault(lane[:2], {})[lane] = None
            self._redeployed[lane[:2]] = None

    # -- bringing rows up to date ---------------------------------------------------------------

    def update(self, around: Circumstances, touched: list[Touched]) -> None:
        """Work out again what is stale, and tell incidents of budgets that began to burn."""
        if not self._stale and not self._redeployed:
            return
        for key in sorted(self._stale):
            series = self._series[key]
            series.columns = Columns(merged(list(series.parts.values())))
            self._update(key, series, self._stale[key], around, touched)
            series.columns.rest()
        for key in sorted(self._series) if self._redeployed else ():
            if key[1:] in self._redeployed and key not in self._stale:
                self._spend(key, self._series[key], 0)
        self._stale.clear()
        self._redeployed.clear()

    def _update(
        self, key: ObjectiveKey, series: Series, since: int, around: Circumstances, touched: list[Touched]
    ) -> None:
        columns, promises = series.columns, self._promises.get(key)
        # what held as of the bucket before may be over now
        before = columns.index(since) - 1
        known_until = int(columns.ends[before]) if before >= 0 else since
        self._burn(key, series, max(known_until, since - self._stretch), around, touched)
        self._spend(key, series, 0 if key[1:] in self._redeployed else known_until)
        if not len(columns):
            fact = None
            if promises:
                fact = budget_fact(key, None, columns, (), self._limits, promises[-1])
        else:
            newest = int(columns.ends[-1])
            if newest < self._complete_from + 2 * self._period_max:
                return
            meter = self._meter(key, series)
            promise = None if meter is None else meter.promise_at(newest)
            latest = series.burns.get(newest // self._stretch, [])
            burning = sorted({burn.rule.name for burn, _ in latest if burn.ended_at is None})
            fact = budget_fact(key, meter, columns, burning, self._limits, promise)
        if fact is None and series.row is not None:
            self._deleted.append((BudgetFact.table, key))
        elif fact is not None and fact != series.row:
            self._written.append(fact)
        series.row = fact
        if fact is None and not series.parts:
            del self._series[key]

    def _meter(self, key: ObjectiveKey, series: Series) -> Meter | None:
        promises = self._promises.get(key)
        return Meter(series.columns, promises, self._limits) if promises else None

    def _burn(
        self, key: ObjectiveKey, series: Series, since: int, around: Circumstances, touched: list[Touched]
    ) -> None:
        columns, length = series.columns, self._stretch
        meter = self._meter(key, series)
        first = max(since // length, self._stands_before())
        places = np.unique(columns.ends[columns.index(first * length) :] // length).tolist()
        found: dict[int, list[tuple[Burn, BudgetBurnFact]]] = {}
        for place in places if meter is not None else ():
            burns = meter.burns(place * length, (place + 1) * length) if meter is not None else []
            if burns:
                found[place] = [(burn, burn_fact(key, burn, columns)) for burn in burns]
        for place in sorted({*found, *(place for place in series.burns if place >= first)}):
            self._exchange(key, series.burns.pop(place, []), found.get(place, []), around, touched)
            if place in found:
                series.burns[place] = found[place]

    def _exchange(
        self,
        key: ObjectiveKey,
        old: Sequence[tuple[Burn, BudgetBurnFact]],
        new: Sequence[tuple[Burn, BudgetBurnFact]],
        around: Circumstances,
        touched: list[Touched],
    ) -> None:
        told = {(fact.rule, fact.began_at): fact for _, fact in old}
        holds = {(fact.rule, fact.began_at): fact for _, fact in new}
        self._deleted += [(BudgetBurnFact.table, (*key, *name)) for name in told if name not in holds]
        self._written += [fact for name, fact in holds.items() if told.get(name) != fact]
        was, now = (periods_of(key, burns, self._limits) for burns in (old, new))
        around.correct_periods(was, now, "burn", touched)

    def _spend(self, key: ObjectiveKey, series: Series, since: int) -> None:
        """Bring the spending of deployments up to date that were live since a time."""
        meter = self._meter(key, series)
        groups = self._deployments(key) if meter is not None and len(series.columns) else []
        standing = series.spending
        limit = self._complete_from + self._period_max
        present: dict[str, None] = {}
        for index, group in enumerate(groups):
            next_at = groups[index + 1].live_at if index + 1 < len(groups) else None
            until = group.live_at + self._period_max
            # what was counted since then is no part of it
            over = (until if next_at is None else min(until, next_at)) < since
            if group.live_at < limit or over or meter is None:
                present[group.key] = None
                continue
            fact = spending_fact(key, group, next_at, meter)
            if fact is not None:
                present[group.key] = None
                if standing.get(group.key) != fact:
                    standing[group.key] = fact
                    self._written.append(fact)
        for name in [name for name in standing if name not in present]:
            del standing[name]
            self._deleted.append((BudgetSpendingFact.table, (*key, name)))

    def _deployments(self, key: ObjectiveKey) -> list[Group]:
        """What went live for an objective's service and environment, in order; flags, too."""
        lanes = self._delivery.lanes
        groups = [
            group
            for lane in self._lanes.get(key[1:], ())
            if lane in lanes
            for group in lanes[lane].groups
            if group.served
        ]
        return sorted(groups, key=attrgetter("live_at", "key"))

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """The rows that are not as they were written."""
        for table, key in self._deleted:
            rows.delete(table, key)
        for fact in self._written:
            rows.write(fact)
        self.settle()

    def settle(self) -> None:
        """All rows that were marked are written."""
        self._written.clear()
        self._deleted.clear()

    # -- forgetting -----------------------------------------------------------------------------

    def complete_from(self, before: int) -> None:
        """Counters from before a time are not held: rows that rest on them stand as they were written."""
        self._complete_from = before

    def evict(self, before: int, around: Circumstances) -> Iterable[str]:
        """Forget the counters of days that ended before a time; returns the keys of their entities."""
        self.complete_from(before)
        gone = [key for key in self._counters if (day_of(key) + 1) * DAY <= before]
        forgotten = set(gone)
        unheard: list[Touched] = []
        for name, series in list(self._series.items()):
            for part in [part for part in series.parts if part[0] in forgotten]:
                del series.parts[part]
            for place in [place for place in series.burns if place < self._stands_before()]:
                burns = periods_of(name, series.burns.pop(place), self._limits)
                around.correct_periods(burns, [], "burn", unheard)
            limit = before + self._period_max
            series.spending = {key: fact for key, fact in series.spending.items() if fact.live_at >= limit}
            if not series.parts and name not in self._promises:
                del self._series[name]
        held = {told for series in self._series.values() for _, told in series.parts}
        self._keys = {told: name for told, name in self._keys.items() if told in held}
        return gone

    def _stands_before(self) -> int:
        """The first stretch that rests on nothing that was forgotten."""
        return -(-(self._complete_from + self._period_max + self._stretch) // self._stretch)
