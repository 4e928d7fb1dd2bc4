"""How many things of one series there were in each week, and how many of them were hits.

A thing stands in one week and counts in several places: everywhere, and with its team, service and
repository. A week is counted again from the things themselves the first time that one of them is
corrected; from then on only the difference is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pipeline.core.learning import week_of, week_start

#: a dimension and a value of it
Place = tuple[str, str]
EVERYWHERE: Place = ("all", "")


class Standing(NamedTuple):
    """Where a thing counts, and whether it is a hit."""

    places: tuple[Place, ...]
    hit: bool


class Counts(NamedTuple):
    """Things and hits of one place in one week."""

    week: int
    place: Place
    things: int
    hits: int


class Ledger:
    """The things of one series in the weeks of which nothing was forgotten."""

    def __init__(self, series: str, read: Callable[[str], Standing | None]) -> None:
        self.series = series
        self._read = read
        self._week_of: dict[str, int] = {}
        self._things: dict[int, dict[str, None]] = {}
        self._stale: dict[int, dict[str, None]] = {}
        #: of weeks that were counted here: what each thing counted as, and the sums
        self._taken: dict[int, dict[str, Standing]] = {}
        self._sums: dict[int, dict[Place, list[int]]] = {}

    def put(self, thing: str, at: int | None) -> None:
        """A thing is of this time (microseconds UTC) and was corrected; ``None``: it is no more."""
        week = None if at is None else week_of(at)
        former = self._week_of.get(thing)
        if former is not None and former != week:
            self._things[former].pop(thing, None)
            self._stale.setdefault(former, {})[thing] = None
            del self._week_of[thing]
        if week is not None:
            self._week_of[thing] = week
            self._things.setdefault(week, {})[thing] = None
            self._stale.setdefault(week, {})[thing] = None

    def everything_corrected(self) -> None:
        """Any thing may count elsewhere now."""
        self._taken.clear()
        self._sums.clear()
        for week, things in self._things.items():
            self._stale.setdefault(week, {}).update(things)

    def forget_before(self, before: int) -> None:
        """Things from before a time are not told any more: the counts of their weeks stand."""
        for week in [week for week in self._things if week_start(week) < before]:
            for thing in self._things.pop(week):
                del self._week_of[thing]
        for week in [week for week in self._sums if week_start(week) < before]:
            del self._taken[week], self._sums[week]

    def rest(self) -> None:
        """What was marked was counted already."""
        self._stale.clear()

    def recount(self, complete_from: int, held: Callable[[int], Iterator[Place]]) -> Iterator[Counts]:
        """The counts that may differ from what is held; weeks that begin before a time stand."""
        for week in sorted(self._stale):
            if week_start(week) < complete_from:
                continue
            sums = self._sums.get(week)
            if sums is None:
                sums = self._sums[week] = {}
                self._taken[week] = {}
                touched = dict.fromkeys(held(week))
                self._take(week, self._things.get(week, {}), sums, touched)
            else:
                touched = {}
                self._take(week, self._stale[week], sums, touched)
            for place in touched:
                things, hits = sums.get(place, (0, 0))
                yield Counts(week, place, things, hits)
        self._stale.clear()

    def _take(
        self, week: int, things: dict[str, None], sums: dict[Place, list[int]], touched: dict[Place, None]
    ) -> None:
        present, taken = self._things.get(week, {}), self._taken[week]
        for thing in things:
            former = taken.pop(thing, None)
            standing = self._read(thing) if thing in present else None
            if standing is not None:
                taken[thing] = standing
            if former is standing or former == standing:
                continue
            for counted, sign in ((former, -1), (standing, 1)):
                for place in counted.places if counted is not None else ():
                    touched[place] = None
                    held = sums.setdefault(place, [0, 0])
                    held[0] += sign
                    held[1] += sign * (counted is not None and counted.hit)
                    if not held[0]:
                        del sums[place]
