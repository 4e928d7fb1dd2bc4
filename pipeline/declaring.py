"""What a catalogue file changes: its entries beside the declarations that the log holds already.

An entry holds from ``valid_from`` on, or from *now*, which is what the log says it is: the newest receipt
of the workspace, so that a catalogue doesn't make an imported history newer than it is, and is not behind
its horizon. In an empty workspace now is the beginning. An entry's id names when it begins to hold, so the
same file again says the same, and an edited one tells the same fact anew with a higher version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from pipeline.codec import Codec
from pipeline.core.entities import Entity
from pipeline.core.events import RECORDS, Event
from pipeline.core.tellings import said
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS
from pipeline.measuring import ProgressCall
from pipeline.rebuild import Source, batches_of
from pipeline.sources.catalogue_events import SOURCE
from pipeline.sources.catalogue_file import KINDS, Declared, Entry, aliases_of, declared, name_of
from pipeline.sources.person_fields import PersonToken
from pipeline.sources.times import TIME_MIN, instant

#: kind (team, service, objective, class, policy or signal) and name
Key: TypeAlias = tuple[str, str]

_RECORDS = {record: KINDS[struct] for record, struct in RECORDS.items() if struct in KINDS}


class Declarations:
    """The catalogue of one workspace, as its log tells it; ``now`` is its newest receipt, if it has any."""

    def __init__(self) -> None:
        self.now: int | None = None
        self._entities: dict[Key, Entity] = {}

    @classmethod
    def read(
        cls, log: Log, codec: Codec, workspace: str, progress: ProgressCall | None = None
    ) -> Declarations:
        """Go through the log once. Raises ``LogUnavailable``."""
        found = cls()
        partition = partition_in(log, workspace)
        end = log.end(EVENTS, partition)
        read = 0
        for batch in batches_of(Source(log, codec, workspace, end, partition=partition)):
            for columns in batch:
                receipts = columns.table.column("received_at").to_numpy().astype("int64")
                found.now = max(found.now or TIME_MIN, int(receipts.max()))
                read += len(receipts)
                if columns.record in _RECORDS:
                    for event in columns.events():
                        found.put(event)
            if progress is not None:
                progress("reading the catalogue", read, None)
        return found

    def put(self, event: Event) -> None:
        """Take in one telling of what is declared."""
        key = (KINDS[type(event)], name_of(event))  # type: ignore[index, arg-type]  # of _RECORDS
        self._entities.setdefault(key, Entity(key[1])).put(event)

    def held(self, key: Key, identifier: str) -> Event | None:
        """The telling that holds under an id, retracted or not."""
        entity = self._entities.get(key)
        return None if entity is None else entity.tellings.get(identifier)

    def versions(self, key: Key) -> Sequence[Event]:
        """What is asserted of a team, service, class or policy, the version in force last."""
        entity = self._entities.get(key)
        return [] if entity is None else entity.events()

    def aliases(self, kind: str) -> set[str]:
        """Every other name that one of them goes by now."""
        in_force = (self.versions(key)[-1:] for key in self._entities if key[0] == kind)
        return {alias for versions in in_force for event in versions for alias in aliases_of(event)}

    def names(self, kind: str) -> set[str]:
        """Everything of a kind that is declared."""
        return {key[1] for key in self._entities if key[0] == kind and self.versions(key)}


@dataclass
class Changes:
    """What has to be told, and what is known already."""

    events: list[Declared] = field(default_factory=list)
    unchanged: int = 0
    #: kind -> how many entries were taken back
    removed: Counter[str] = field(default_factory=Counter)
    #: sentences for whoever wrote the files
    notes: list[str] = field(default_factory=list)


def changes(held: Declarations, entries: Iterable[Entry], person_token: PersonToken) -> Changes:
    """What the entries say that ``held`` does not, oldest first; ``held`` knows it afterwards."""
    found = Changes()
    beginning = TIME_MIN if held.now is None else held.now
    for entry in sorted(entries, key=_begins):
        key = (entry.kind, entry.name)
        if entry.removed:
            _take_back(held, key, beginning, found)
            continue
        event = declared(entry, person_token)
        versions = held.versions(key)
        if entry.valid_from is not None:
            time = entry.valid_from
        elif versions and said(versions[-1]) == said(event):
            found.unchanged += 1
            continue
        else:
            # one moment behind the version in force, which stays what it was
            time = max(beginning, versions[-1].time + 1) if versions else beginning
        identifier = f"{SOURCE} {entry.kind} {entry.name} {instant(time)}"
        telling = held.held(key, identifier)
        if telling is not None and not telling.retracted and said(telling) == said(event):
            found.unchanged += 1
            continue
        event = msgspec.structs.replace(
            event,
            id=identifier,
            time=time,
            received_at=time,
            source_version=0 if telling is None else telling.source_version + 1,
        )
        held.put(event)
        found.events.append(event)
    found.events.sort(key=lambda event: event.time)
    return found


def _begins(entry: Entry) -> tuple[bool, int]:
    # what holds from now on comes last: now is after everything else that is told
    return (entry.valid_from is None, entry.valid_from or 0)


def _take_back(held: Declarations, key: Key, now: int, found: Changes) -> None:
    """Every version of an entry that a file told is retracted: it was never declared."""
    versions = held.versions(key)
    ours = [version for version in versions if version.source == SOURCE]
    for version in ours:
        time = max(now, version.time)
        event: Declared = msgspec.structs.replace(  # type: ignore[assignment]  # as it was put in
            version,
            time=time,
            received_at=time,
            imported=True,
            retracted=True,
            source_version=version.source_version + 1,
        )
        held.put(event)
        found.events.append(event)
    found.removed[key[0]] += bool(ours)
    found.unchanged += not ours
    if len(versions) > len(ours):
        others = sorted({version.source for version in versions} - {SOURCE})
        found.notes.append(f"the {key[0]} {key[1]} is declared by {', '.join(others)}, too: that stays")
