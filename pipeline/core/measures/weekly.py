"""The weekly counts of all series, and which of them are alarms.

Only closed weeks are judged, one after the other, since a week that alarmed is left out of what later ones
are held against. When a closed week is counted otherwise, it and all later ones are judged again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from pipeline.core.facts import WeeklyCountFact
from pipeline.core.learning import week_of, week_start
from pipeline.core.limits import SpikeRules
from pipeline.core.measures.ledger import EVERYWHERE, Counts, Place
from pipeline.core.measures.spikes import (
    Judged,
    Outlook,
    Past,
    Week,
    accumulate,
    false_discovery_rates,
    foresee,
    judge,
    look_back,
    rounded,
)
from pipeline.core.rows import Rows

#: a series with a natural n counts hits among things, another one hits in the days of a week
SHARES = ("bypasses", "flaky_reruns", "rubber_stamps")
COUNTS = ("drift", "incidents")
#: of deployments it is only known when there were any
_SERIES = (*SHARES, *COUNTS, "deployments")
DAYS_A_WEEK = 7
#: a series, a dimension and a value of it
Key = tuple[str, str, str]


class Counted(msgspec.Struct, array_like=True):
    """One week of one series, and what was found of it when it was closed."""

    things: int = 0
    hits: int = 0
    alarmed: bool = False
    #: the hits that later weeks see when they ask how much weeks differ
    tamed: int = 0
    cusum: float = 0.0
    #: digest of the row that was written; empty: none
    row: bytes = b""


class _Case(NamedTuple):
    """A series in a week that is being judged."""

    key: Key
    things: int
    hits: int
    past: Past
    judged: Judged | None
    cusum: float
    rising: bool


class WeeklyCounts:
    """Counts by week and series for one workspace, kept beyond the horizon."""

    #: how the keys of its records begin
    name = "count"

    def __init__(self, rules: SpikeRules) -> None:
        self._rules = rules
        self.weeks: dict[int, dict[Key, Counted]] = {}
        #: counts that differ from what was last saved
        self.changed: dict[tuple[int, Key], None] = {}
        #: since when there is anything of a place, as far as it was asked for
        self._known_from: dict[Place, int] = {}
        self._stale_from: int | None = None
        self._judged_until: int | None = None
        #: of the week that is being judged: what is usual of a series
        self._usual: dict[str, Past] = {}

    # -- counts ---------------------------------------------------------------------------------

    def places(self, series: str, week: int) -> Iterator[Place]:
        """Where anything of a series is counted in a week."""
        for name, dimension, value in self.weeks.get(week, {}):
            if name == series:
                yield dimension, value

    def put(self, series: str, counts: Iterable[Counts]) -> None:
        """Take over what was counted."""
        for week, place, things, hits in counts:
            key = (series, *place)
            held = self.weeks.get(week, {}).get(key)
            if (things, hits) == ((held.things, held.hits) if held is not None else (0, 0)):
                continue
            if held is None:
                held = self.weeks.setdefault(week, {})[key] = Counted()
            held.things, held.hits = things, hits
            if week <= self._known_from.get(place, week):
                self._known_from.pop(place, None)
            if not things and not held.row:
                self._drop(week, key)
            self.changed[(week, key)] = None
            if self._stale_from is None or week < self._stale_from:
                self._stale_from = week

    # -- what is saved --------------------------------------------------------------------------

    def changed_records(self) -> Iterator[tuple[str, bytes]]:
        """Keys and values since the last time; an empty value: dropped."""
        for week, key in self.changed:
            held = self.weeks.get(week, {}).get(key)
            yield f"{week}/{'/'.join(key)}", b"" if held is None else msgspec.msgpack.encode(held)
        self.changed.clear()

    def note_everything(self) -> None:
        """All of it is to be saved again."""
        self.changed.update(((week, key), None) for week, held in self.weeks.items() for key in held)

    def settle(self) -> None:
        """All of it is saved."""
        self.changed.clear()

    def take(self, key: str, value: bytes) -> None:
        """Take in a record of a snapshot."""
        week, series = _place_of(key)
        self.weeks.setdefault(week, {})[series] = msgspec.msgpack.decode(value, type=Counted)
        self._known_from.pop(series[1:], None)

    def holds(self, key: str, value: bytes) -> bool:
        """Whether it holds what another one saved."""
        week, series = _place_of(key)
        counted = msgspec.msgpack.decode(value, type=Counted) if value else None
        return self.weeks.get(week, {}).get(series) == counted

    def rest(self, now: int) -> None:
        """Everything that is closed at this moment was judged, and is saved."""
        self._stale_from = None
        self._judged_until = week_of(now) - 1
        self.changed.clear()

    def _drop(self, week: int, key: Key) -> None:
        held = self.weeks[week]
        del held[key]
        if not held:
            del self.weeks[week]

    # -- judging --------------------------------------------------------------------------------

    def write(self, now: int, rows: Rows) -> None:
        """Judge the closed weeks that are not as they were judged, and write what is new."""
        last = week_of(now) - 1
        starts = [] if self._stale_from is None else [self._stale_from]
        if self._judged_until is not None:
            starts.append(self._judged_until + 1)
        if starts and self.weeks:
            # a week without anything in its reach has no rows
            first = max(min(starts), min(self.weeks))
            for week in range(first, min(last, max(self.weeks) + self._rules.history_weeks) + 1):
                self._judge(week, rows)
        self._stale_from = None
        self._judged_until = last

    def _judge(self, week: int, rows: Rows) -> None:
        """Judge all series of a week together."""
        self._usual.clear()
        cases = [self._case(week, key) for key in self._active(week)]
        judged = [(case, case.judged) for case in cases if case.judged is not None]
        spikes = false_discovery_rates([known.p for _, known in judged])
        # under no shift, a sum of log likelihood ratios is above s in at most exp(-s) of the weeks
        shifts = false_discovery_rates([math.exp(-case.cusum) for case, _ in judged])
        rates = {case.key: (q, other) for (case, _), q, other in zip(judged, spikes, shifts, strict=True)}
        for case in cases:
            q, shift_q = rates.get(case.key, (1.0, 1.0))
            self._conclude(week, case, q, shift_q, rows)
        self._leave(week, {case.key for case in cases}, rows)

    def _conclude(self, week: int, case: _Case, q: float, shift_q: float, rows: Rows) -> None:
        """Write the row of one series, and hold what later weeks rest on."""
        rules, known = self._rules, case.judged
        series, dimension, value = case.key
        unit = DAYS_A_WEEK if series in COUNTS else 1
        spike = known is not None and case.hits >= known.threshold and q <= rules.false_discoveries
        shift = case.rising and case.cusum >= rules.shift_threshold and shift_q <= rules.false_discoveries
        fact = WeeklyCountFact(
            series=series,
            dimension=dimension,
            value=value,
            week_at=week_start(week),
            k=case.hits,
            n=unit if series in COUNTS else case.things,
            history_weeks=case.past.weeks,
            history_k=case.past.hits,
            history_n=case.past.exposure * unit,
            dispersion=rounded(case.past.dispersion),
            expected=None if known is None else known.expected,
            low=None if known is None else known.low,
            high=None if known is None else known.high,
            p=None if known is None else known.p,
            q=None if known is None else q,
            cusum=case.cusum,
            shift_q=None if known is None else shift_q,
            smallest_multiple=None if known is None else known.smallest_multiple,
            alarm=" and ".join(name for name, found in (("spike", spike), ("shift", shift)) if found),
        )
        tamed = min(case.hits, known.threshold) if fact.alarm and known is not None else case.hits
        self._note(week, case, fact, tamed, rows)

    def _note(self, week: int, case: _Case, fact: WeeklyCountFact, tamed: int, rows: Rows) -> None:
        digest = blake2b(msgspec.msgpack.encode(fact), digest_size=8).digest()
        counted = Counted(case.things, case.hits, bool(fact.alarm), tamed, case.cusum, digest)
        held = self.weeks.get(week, {}).get(case.key)
        if held == counted:
            return
        if held is None or held.row != digest:
            rows.write(fact)
        self.weeks.setdefault(week, {})[case.key] = counted
        self.changed[(week, case.key)] = None

    def _leave(self, week: int, present: set[Key], rows: Rows) -> None:
        """Delete the rows of what no longer is anything."""
        for key, counted in list(self.weeks.get(week, {}).items()):
            if counted.row and key not in present:
                rows.delete(WeeklyCountFact.table, (*key, week_start(week)))
                self._drop(week, key)
                self.changed[(week, key)] = None

    def _active(self, week: int) -> list[Key]:
        """The series that have a row: a share with things, a count with hits in the weeks it rests on."""
        found = {key for key, held in self.weeks.get(week, {}).items() if key[0] in SHARES and held.things}
        for back in range(week - self._rules.history_weeks, week + 1):
            held_then = self.weeks.get(back, {})
            found.update(key for key, held in held_then.items() if key[0] in COUNTS and held.hits)
        return sorted(found)

    def _case(self, week: int, key: Key) -> _Case:
        rules = self._rules
        share = key[0] in SHARES
        held = self.weeks.get(week, {}).get(key) or Counted()
        past = look_back(self._history(week, key), share=share)
        if past.weeks < rules.history_weeks_min:
            return _Case(key, held.things, held.hits, past, None, 0.0, rising=False)
        prior = 0.0
        if share:
            usual = self._usual_of(week, key[0])
            prior = rounded((usual.hits + rules.prior_hits) / (usual.exposure + 2 * rules.prior_hits))
        outlook: Outlook = foresee(past, held.things if share else None, prior, rules)
        judged = judge(outlook, held.hits, rules)
        cusum = accumulate(self._carried(week, key), judged.evidence)
        return _Case(key, held.things, held.hits, past, judged, cusum, rising=judged.evidence > 0)

    def _usual_of(self, week: int, series: str) -> Past:
        """The weeks before, of all places of a series together."""
        known = self._usual.get(series)
        if known is None:
            past = look_back(self._history(week, (series, *EVERYWHERE)), share=True)
            known = self._usual[series] = past
        return known

    def _history(self, week: int, key: Key) -> list[Week]:
        """The weeks that a week is held against, oldest first."""
        found: list[Week] = []
        share = key[0] in SHARES
        first = week - self._rules.history_weeks
        # before anything was seen there, no hits say nothing
        for back in range(first if share else max(first, self._known(key[1:])), week):
            held = self.weeks.get(back, {}).get(key) or Counted()
            if held.things or not share:
                things = held.things if share else 1
                found.append(Week(things, held.hits, held.alarmed, held.tamed))
        return found

    def _known(self, place: Place) -> int:
        """The first week in which anything of a place was counted."""
        if place not in self._known_from:
            keys = [(series, *place) for series in _SERIES]
            counted = (w for w, held in self.weeks.items() if any(held[k].things for k in keys if k in held))
            self._known_from[place] = min(counted)
        return self._known_from[place]

    def _carried(self, week: int, key: Key) -> float:
        """The cumulative sum of the week before, or of the newest one that has any; an alarm ends it."""
        for back in range(week - 1, week - 1 - self._rules.history_weeks, -1):
            held = self.weeks.get(back, {}).get(key)
            if held is not None and held.row:
                return 0.0 if held.alarmed else held.cusum
        return 0.0


def _place_of(key: str) -> tuple[int, Key]:
    """Week, and series with its place, of a record's key."""
    week, series, dimension, value = key.split("/", 3)
    return int(week), (series, dimension, value)
