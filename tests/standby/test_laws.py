"""Whoever follows a workspace's snapshots is that workspace: what it derives next is the same, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.changelog import CLOCK, Clock
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from tests import worlds as w
from tests.runs import PARAMETERS, Live, apply, columns_of, differences
from tests.strategies import DAY, batches, duplicated, histories, permuted, tellings
from tests.test_laws import SHORT, weeks_of_work

laws = settings(max_examples=100)
Snapshot = dict[bytes, bytes]


class Pair:
    """A workspace that takes in batches, and one that follows its snapshots."""

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self.active = Workspace(parameters)
        self.standby = Workspace(parameters)
        self.live: Live = {}
        self.saved: Snapshot = {}

    def take(self, events: Iterable[e.Event], now: int = 0) -> Snapshot:
        """A batch of the active one; its snapshot, not followed yet."""
        self.active.fold(columns_of(events))
        self.active.arrive_at(now)
        apply(self.live, self.active.derive())
        snapshot = dict(self.active.snapshot())
        self.saved.update(snapshot)
        self.saved = {name: value for name, value in self.saved.items() if value}
        return snapshot

    def step(self, events: Iterable[e.Event], now: int = 0) -> None:
        assert self.standby.follow(self.take(events, now))

    def restore(self) -> None:
        """The standby begins anew, as a compacted topic gives it."""
        self.standby = Workspace.restore(self.active.parameters, sorted(self.saved.items()))

    def ends_the_same(self, events: Iterable[e.Event], now: int) -> None:
        """Both take in the same: equal rows in the same order, and equal snapshots."""
        left, right = dict(self.live), dict(self.live)
        snapshots = []
        for workspace, live in ((self.active, left), (self.standby, right)):
            workspace.fold(columns_of(events))
            workspace.arrive_at(now)
            apply(live, workspace.derive())
            snapshots.append(dict(workspace.snapshot()))
        assert differences(left, right) == []
        assert snapshots[0] == snapshots[1]
        assert dict(self.active.whole_snapshot()) == dict(self.standby.whole_snapshot())


@st.composite
def told_in_some_order(draw: st.DrawFn) -> list[e.Event]:
    told: list[e.Event] = []
    for event in draw(histories(12)):
        told.extend(draw(tellings(event)) if draw(st.booleans()) else [event])
    return draw(duplicated(draw(permuted(told))))


@laws
@given(told_in_some_order(), st.data())
def test_a_standby_takes_over_at_any_moment(told: list[e.Event], data: st.DataObject) -> None:
    cut = data.draw(batches(told))
    at = data.draw(st.integers(0, len(cut)))
    begun = data.draw(st.integers(0, at))
    pair = Pair()
    for number, batch in enumerate(cut[:at]):
        if number == begun:
            pair.restore()
        pair.step(batch)
    rest = [event for batch in cut[at:] for event in batch]
    pair.ends_the_same(rest, max((event.received_at for event in told), default=0) + 3 * DAY)


def followed_for(days: int, per_batch: int, restored_every: int = 0) -> Pair:
    pair = Pair(SHORT)
    told = [w.deployed("web", 0, tag="w1"), *weeks_of_work(days)]
    for number, start in enumerate(range(0, len(told), per_batch)):
        pair.step(told[start : start + per_batch])
        if restored_every and number % restored_every == 0:
            pair.restore()
    return pair


def test_a_standby_forgets_what_the_other_one_forgets() -> None:
    for per_batch in (1, 3, 40):
        pair = followed_for(130, per_batch)
        assert pair.active.clock.evicted_at > 0
        held = [sum(map(len, one.entities.values())) for one in (pair.active, pair.standby)]
        assert held[0] == held[1]
        pair.ends_the_same(weeks_of_work(3, first=130), 0)


def test_a_standby_that_was_restored_forgets_the_same() -> None:
    pair = followed_for(130, 2, restored_every=17)
    pair.ends_the_same([w.deployed("web", 24 * 131, tag="w2")], 0)


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """What is left of several snapshots after the topic was compacted."""
    return {name: value for one in snapshots for name, value in one.items()}


def test_what_is_missing_in_between_is_noticed() -> None:
    pair = Pair(SHORT)
    told = weeks_of_work(40)
    pair.step(told[:40])
    missed = [pair.take([event]) for event in told[40:80]]
    assert not pair.standby.follow(missed[-1])
    pair.restore()
    pair.step(told[80:90])
    pair.ends_the_same(told[90:], 0)


def test_snapshots_that_were_compacted_into_one_are_followed_or_noticed() -> None:
    for count in (2, 10, 60):
        pair = Pair(SHORT)
        told = weeks_of_work(60)
        pair.step(told[:100])
        snapshots = [pair.take([event]) for event in told[100 : 100 + count]]
        if not pair.standby.follow(merged(snapshots)):
            pair.restore()
        pair.step(told[100 + count :])
        pair.ends_the_same(weeks_of_work(2, first=60), 0)


def test_another_clock_is_noticed() -> None:
    pair = Pair(SHORT)
    told = weeks_of_work(30)
    pair.step(told[:60])
    snapshot = pair.take(told[60:])
    clock = msgspec.msgpack.decode(snapshot[CLOCK], type=Clock)
    later = msgspec.structs.replace(clock, evicted_at=clock.evicted_at + 1)
    assert not pair.standby.follow(snapshot | {CLOCK: msgspec.msgpack.encode(later)})
