"""Deliveries of kinds that nothing is made of: counted by source and kind."""

from __future__ import annotations

from collections import Counter

import msgspec

from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import UNUSED

#: kinds of one source that are told apart when they are counted
KINDS_MAX = 500

_encode = msgspec.json.Encoder().encode


class Unused(msgspec.Struct):
    """How many deliveries of one kind nothing was made of, and when the last one came (microseconds UTC)."""

    count: int = 0
    last_at: int = 0


#: by source and kind
Counts = dict[tuple[str, str], Unused]


class UnusedCounts:
    """The counts of one partition, as they were committed."""

    def __init__(self, log: Log, partition: int) -> None:
        self._held: Counts = {}
        for key, value in log.latest(UNUSED, partition).items():
            source, _, kind = key.decode().partition("\0")
            self._held[source, kind] = msgspec.json.decode(value, type=Unused)

    def held(self) -> Counts:
        """What was committed."""
        return dict(self._held)

    def counted(self, unused: Counter[tuple[str, str]], now: int) -> Counts:
        """What the counts are when a batch is committed, of the kinds in it."""
        found: Counts = {}
        for (source, kind), count in unused.items():
            place = (source, kind)
            if place not in self._held and len(self._held.keys() | found.keys()) >= KINDS_MAX:
                place = (source, "(other)")  # a sender chooses the names: their number is bounded
            held = found.get(place) or self._held.get(place) or Unused()
            found[place] = Unused(held.count + count, now)
        return found

    def committed(self, counts: Counts) -> None:
        """Those of a batch hold now."""
        self._held |= counts


def as_records(counts: Counts) -> list[NewRecord]:
    """Counts as records of the topic."""
    return [NewRecord(f"{source}\0{kind}".encode(), _encode(told)) for (source, kind), told in counts.items()]
