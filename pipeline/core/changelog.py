"""What a workspace saves: entities that changed, weeks that were counted, its clock.

The records of all snapshots, compacted by key, are the workspace. An empty value deletes a key; what
was forgotten is saved as digests of keys, one record for each time that something was forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pipeline.core.entities import Entity
from pipeline.core.forgotten import Forgotten, set_of
from pipeline.core.learning import WeekCounts
from pipeline.core.measured import Kept
from pipeline.core.tally import Tally

#: changelog key and value
Record = tuple[bytes, bytes]
#: entities by family and key
Families = dict[str, dict[str, Entity]]

#: what entities can be of
#: families whose entities rest as bytes once a batch has passed without touching them
_PACKED = ("change", "commit", "artifact", "deployment", "incident", "counter")

#: the key of the clock
CLOCK = b"clock"
_WEEK = "week"
_FORGOTTEN = "forgotten"


class Clock(msgspec.Struct, array_like=True):
    """What a workspace remembers beside its entities."""

    now: int = 0
    behind_horizon: int = 0
    evicted_at: int = 0


class Changelog:
    """What was not saved yet, what may rest as bytes, and what was forgotten."""

    def __init__(self, entities: Families, tally: Tally, kept: Sequence[Kept] = ()) -> None:
        self._entities = entities
        self._tally = tally
        self._kept = {counts.name: counts for counts in kept}
        self._unsaved: dict[tuple[str, str], Entity | None] = {}
        self._resting: dict[tuple[str, str], Entity] = {}
        #: what was dropped because of its age, and of that, what was not saved yet
        self.forgotten = Forgotten()
        self._fresh: list[tuple[str, str]] = []
        self._digests = b""

    def note(self, dirty: Mapping[str, Mapping[str, Entity]]) -> None:
        """These entities have to be saved, and may rest when they stay untouched."""
        for family, entities in dirty.items():
            for key, entity in entities.items():
                self._unsaved[(family, key)] = entity

    def forget(self, family: str, key: str) -> None:
        """Drop an entity, if it is held."""
        if self._entities[family].pop(key, None) is not None:
            self._fresh.append((family, key))
            self._unsaved[(family, key)] = None

    def settle(self) -> None:
        """What was dropped now counts as forgotten."""
        self._digests += self.forgotten.add(self._fresh)
        self._fresh.clear()

    def snapshot(self, clock: Clock) -> list[Record]:
        """Records since the last snapshot."""
        records: list[Record] = []
        touched: dict[tuple[str, str], Entity] = {}
        for (family, key), entity in self._unsaved.items():
            name = f"{family}/{key}".encode()
            if entity is None:
                records.append((name, b""))
                continue
            records.append((name, entity.snapshot()))
            if family in _PACKED:
                touched[(family, key)] = entity
        self._unsaved.clear()
        for place, untouched in self._resting.items():
            if place not in touched:
                untouched.pack()
        self._resting = touched
        for service, week in self._tally.changed_weeks:
            counts = self._tally.learning.weeks[service][week]
            records.append((f"{_WEEK}/{week}/{service}".encode(), msgspec.msgpack.encode(counts)))
        self._tally.changed_weeks.clear()
        for prefix, kept in self._kept.items():
            records.extend((f"{prefix}/{key}".encode(), value) for key, value in kept.changed_records())
        if self._digests:
            records.append((f"{_FORGOTTEN}/{clock.evicted_at}".encode(), self._digests))
            self._digests = b""
        records.append((CLOCK, msgspec.msgpack.encode(clock)))
        return records

    def whole_snapshot(self, clock: Clock) -> list[Record]:
        """Records of everything, for a state that replaces another one."""
        self.snapshot(clock)
        self.note(self._entities)
        self._digests = self.forgotten.dump()
        for service, weeks in self._tally.learning.weeks.items():
            self._tally.changed_weeks.update(((service, week), None) for week in weeks)
        for kept in self._kept.values():
            kept.note_everything()
        return self.snapshot(clock)

    def read(self, records: Iterable[Record]) -> Clock:
        """Take in the records of all snapshots, in any order."""
        clock = Clock()
        for name, value in records:
            if name == CLOCK:
                clock = msgspec.msgpack.decode(value, type=Clock)
                continue
            family, _, key = name.decode().partition("/")
            if family == _WEEK:
                week, _, service = key.partition("/")
                counts = msgspec.msgpack.decode(value, type=WeekCounts)
                self._tally.learning.put(service, int(week), counts)
            elif family == _FORGOTTEN:
                self.forgotten.restore(value)
            elif family in self._kept:
                self._kept[family].take(key, value)
            else:
                self._entities[family][key] = Entity.restore(key, value)
        return clock

    def take_over(self, snapshot: Mapping[bytes, bytes], dirty: Families) -> Clock:
        """Hold the entities of another workspace's next snapshot, and mark them dirty; returns its clock."""
        clock = Clock()
        for name, value in snapshot.items():
            if name == CLOCK:
                clock = msgspec.msgpack.decode(value, type=Clock)
                continue
            family, _, key = name.decode().partition("/")
            if family in dirty and value:
                entities = self._entities[family]
                entity = entities.get(key)
                if entity is None:
                    entity = entities[key] = Entity(key)
                entity.take_over(value)
                dirty[family][key] = entity
        return clock

    def agrees(self, snapshot: Mapping[bytes, bytes], clock: Clock) -> bool:
        """Take the next snapshot here, too; whether it leaves the same workspace as the other one."""
        own = dict(self.snapshot(clock))
        return own.keys() <= snapshot.keys() and all(
            self._holds(name, value) if (mine := own.get(name)) is None else _alike(name, mine, value)
            for name, value in snapshot.items()
        )

    def _holds(self, name: bytes, value: bytes) -> bool:
        """Whether what another one saved, and this one had no reason to, is the same here."""
        family, _, key = name.decode().partition("/")
        if family == _WEEK:
            week, _, service = key.partition("/")
            counts = self._tally.learning.weeks.get(service, {}).get(int(week))
            return counts == msgspec.msgpack.decode(value, type=WeekCounts)
        if family in self._kept:
            return self._kept[family].holds(key, value)
        return family in self._entities and not value and key not in self._entities[family]

    def rest(self) -> None:
        """Everything is saved: nothing has to be written again, and all that can rests as bytes."""
        self._unsaved.clear()
        self._tally.changed_weeks.clear()
        for kept in self._kept.values():
            kept.settle()
        for family in _PACKED:
            for entity in self._entities[family].values():
                entity.pack()


def _alike(name: bytes, one: bytes, other: bytes) -> bool:
    # digests stand in the order in which the keys were held
    return one == other or (name.startswith(_FORGOTTEN.encode()) and set_of(one) == set_of(other))
