"""Runs of the core: events in batches through a workspace, and the rows that hold at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.core.events import Event
from pipeline.core.facts import Fact
from pipeline.core.horizon import Column
from pipeline.core.parameters import MODELS, Parameters
from pipeline.core.rows import Rows
from pipeline.core.workspace import Workspace
from tests.strategies import HORIZON

#: nothing that the strategies tell lies behind this horizon
PARAMETERS = Parameters(horizon=HORIZON)
EVERY_MODEL = [replace(PARAMETERS, model=model) for model in MODELS]

#: (table, key) -> the row that holds
Live = dict[tuple[str, tuple[object, ...]], Fact]


def columns_of(events: Iterable[Event]) -> list[Column]:
    """A batch as the step hands it over: one column a record type, with positions."""
    columns: dict[type[Event], tuple[list[int], list[Event]]] = {}
    for position, event in enumerate(events):
        positions, column = columns.setdefault(type(event), ([], []))
        positions.append(position)
        column.append(event)
    return list(columns.values())


def apply(live: Live, rows: Rows) -> None:
    """Write and delete as a store does."""
    for table, written, deleted in rows.tables():
        for key in deleted:
            live.pop((table, key), None)
        for fact in written:
            live[(table, tuple(getattr(fact, name) for name in fact.keys))] = fact


class Run:
    """A workspace and the rows it left so far."""

    def __init__(self, parameters: Parameters = PARAMETERS, *, rebuilding: bool = False) -> None:
        self.workspace = Workspace(parameters)
        self.rebuilding = rebuilding
        self.live: Live = {}
        self.changelog: dict[bytes, bytes] = {}

    def take(self, events: Iterable[Event]) -> Rows:
        """One batch: fold, derive, save."""
        self.workspace.fold(columns_of(events), rebuilding=self.rebuilding)
        return self.derive()

    def derive(self) -> Rows:
        rows = self.workspace.derive()
        apply(self.live, rows)
        self.save()
        return rows

    def save(self) -> None:
        for key, value in self.workspace.snapshot():
            if value:
                self.changelog[key] = value
            else:
                self.changelog.pop(key, None)

    def until(self, now: int) -> Rows:
        """Nothing happened until a moment, and then it is looked at what fell due."""
        self.workspace.arrive_at(now)
        return self.derive()

    def restart(self) -> None:
        """The process ends, and another one goes on from the changelog."""
        # a compacted topic gives its keys back in any order
        records = sorted(self.changelog.items())
        self.workspace = Workspace.restore(self.workspace.parameters, records)

    def table(self, table: str) -> dict[tuple[object, ...], Fact]:
        """The rows of one table that hold, by key."""
        return {key: fact for (name, key), fact in self.live.items() if name == table}


def oracle(events: Sequence[Event], parameters: Parameters = PARAMETERS, now: int | None = None) -> Live:
    """What holds after all events: one fold in order of own time, and one derivation at the end."""
    run = Run(parameters)
    run.workspace.fold(columns_of(sorted(events, key=lambda event: (event.time, event.sequence, event.id))))
    if now is not None:
        run.workspace.arrive_at(now)
    run.derive()
    return run.live


def now_of(events: Iterable[Event]) -> int:
    """The moment at which a log is read to its end."""
    return max((event.received_at for event in events), default=0)


def differences(one: Live, other: Live) -> list[str]:
    """What differs, field by field: empty when the rows are equal."""
    found = []
    for place in sorted(one.keys() | other.keys(), key=repr):
        left, right = one.get(place), other.get(place)
        if left == right:
            continue
        if left is None or right is None:
            found.append(f"{place}: only in the {'second' if left is None else 'first'}: {left or right}")
            continue
        for name in left.__struct_fields__:
            if getattr(left, name) != getattr(right, name):
                found.append(f"{place} {name}: {getattr(left, name)!r} != {getattr(right, name)!r}")
    return found
