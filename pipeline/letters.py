"""The dead letters with what became of each: what ``aftermerge dlq`` lists, shows and drops.

A letter is known by its number: its offset in the topic, with the partition before it where there are
several. Nothing is taken away: whoever drops a letter adds a note to the topic, with the reason and the
token of who said so, and from then on the letter asks for no attention.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from pipeline.dead_letters import LOOKED_AT, DeadLetter, decode_letter, settled_record
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import DEAD_LETTERS

READ_RECORDS_MAX = 1_000
APPEND_RECORDS_MAX = 500


class State(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    #: somebody has looked at all letters up to this one
    ACKNOWLEDGED = "acknowledged"
    #: what it is about was taken in since
    SETTLED = "settled"
    #: somebody does not want it
    DROPPED = "dropped"


class Number(NamedTuple):
    """Where a letter stands in its topic; people write ``17``, or ``1:17`` in partition 1."""

    partition: int
    offset: int

    @classmethod
    def of(cls, text: str) -> Number:
        """Raises ``ValueError`` for what is no number of a letter."""
        partition, colon, offset = text.rpartition(":")
        if not offset.isascii() or not offset.isdigit() or (colon and not partition.isdigit()):
            raise ValueError(f"{text!r} is no number of a letter; `aftermerge dlq list` shows them")
        return cls(int(partition or 0), int(offset))

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}" if self.partition else str(self.offset)


class Entry(NamedTuple):
    """A letter without its bytes, and what became of it; ``changed_at`` in microseconds UTC, 0: never."""

    number: Number
    letter: DeadLetter
    bytes_count: int
    digest: bytes
    state: State = State.WAITING
    changed_at: int = 0
    because: str = ""
    by: str = ""

    @property
    def unsettled(self) -> bool:
        """Whether it still holds, whoever has looked at it."""
        return self.state in (State.WAITING, State.ACKNOWLEDGED)


def entries(log: Log, *, everything: bool = False) -> list[Entry]:
    """Letters in the order of their numbers: those that hold, or with ``everything`` the others, too."""
    found: list[Entry] = []
    for partition in range(log.partitions(DEAD_LETTERS)):
        looked_at = log.committed(LOOKED_AT, DEAD_LETTERS, partition)
        open_: dict[bytes, Entry] = {}
        closed: list[Entry] = []
        for number, note in _notes(log, partition):
            digest = note.digest
            if note.settled:
                entry = open_.pop(digest, None)
                if entry is not None and everything:
                    closed.append(_closed(entry, note))
            elif digest not in open_:
                bare = msgspec.structs.replace(note, value=b"")
                state = State.WAITING if number.offset >= looked_at else State.ACKNOWLEDGED
                open_[digest] = Entry(number, bare, len(note.value), digest, state)
        found += sorted([*open_.values(), *closed])
    return found


def _closed(entry: Entry, note: DeadLetter) -> Entry:
    state = State.DROPPED if note.because else State.SETTLED
    return entry._replace(state=state, changed_at=note.failed_at, because=note.because, by=note.by)


def letter_at(log: Log, number: Number) -> DeadLetter:
    """A letter with its bytes. ``KeyError`` when none has this number (any more)."""
    if 0 <= number.partition < log.partitions(DEAD_LETTERS):
        for record in log.read(DEAD_LETTERS, number.partition, number.offset, 1):
            note = decode_letter(record.value)
            if record.offset == number.offset and not note.settled:
                return note
    raise KeyError(f"no dead letter has the number {number}")


def drop(log: Log, numbers: Iterable[Number], *, because: str, by: str, now: int) -> int:
    """Note that letters are not wanted; returns how many. Made again, it finds them dropped already.

    ``by`` is a person's token, ``now`` in microseconds UTC. Raises ``ValueError`` without a reason, and
    ``KeyError`` for a number that no letter has.
    """
    if not because.strip():
        raise ValueError("say why the letters are not wanted")
    notes: dict[int, list[NewRecord]] = {}
    for number in numbers:
        record = settled_record(letter_at(log, number), now, because=because.strip(), by=by)
        notes.setdefault(number.partition, []).append(record)
    for partition, records in notes.items():
        for start in range(0, len(records), APPEND_RECORDS_MAX):
            log.append(DEAD_LETTERS, partition, records[start : start + APPEND_RECORDS_MAX])
    return sum(map(len, notes.values()))


def with_reason(found: Iterable[Entry], reason: str, workspaces: Collection[str] = ()) -> list[Entry]:
    """The letters whose reason holds a text, whatever its case; of some workspaces, or of all of them."""
    wanted = reason.casefold()
    return [
        entry
        for entry in found
        if wanted in entry.letter.reason.casefold()
        and (not workspaces or entry.letter.workspace in workspaces)
    ]


def _notes(log: Log, partition: int) -> Iterator[tuple[Number, DeadLetter]]:
    offset = 0
    while records := log.read(DEAD_LETTERS, partition, offset, READ_RECORDS_MAX):
        for record in records:
            yield Number(partition, record.offset), decode_letter(record.value)
        offset = records[-1].offset + 1
