"""Events of a source become records of the ``events`` topic; from then on they are safe.

What the log holds already is not appended again. What can't be an event (no key, a time that only
a broken clock tells) becomes a dead letter; the good events around it are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np

from pipeline.codec import Codec
from pipeline.core.events import RECORD_OF, RECORDS, Event, InvalidEvent
from pipeline.core.parameters import HOUR
from pipeline.dead_letters import DeadLetter, bury, settle, unsettled
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import EVENTS
from pipeline.measuring import ProgressCall

APPEND_EVENTS_MAX = 10_000
READ_RECORDS_MAX = 20_000
#: a clock may run ahead of the machine that appends by this much
AHEAD_MAX = HOUR
_DIGEST_BYTES = 16
#: more lines, files, comments or attempts than this are no real ones, and their sums must fit
COUNT_MAX = 2**31 - 1

#: sorted digests of values
Digests = np.ndarray[tuple[int], np.dtype[np.void]]
#: fields of each event that count something
_COUNTS = {
    struct: tuple(
        info.name
        for info in msgspec.structs.fields(struct)[len(Event.__struct_fields__) :]
        if info.type in (int, int | None) and not info.name.endswith("_at")
    )
    for struct in RECORDS.values()
}


class Appended(NamedTuple):
    """What became of the events of one source."""

    appended: int
    unchanged: int
    dead_letters: int


def append_events(
    log: Log,
    codec: Codec,
    workspace: str,
    events: Iterable[Event],
    *,
    machine_now: int,
    progress: ProgressCall | None = None,
) -> Appended:
    """Append events in the order in which they come, in batches, each of them durable.

    ``machine_now`` is the time of the machine, in microseconds: what claims to come from more than
    an hour after it is refused. Raises ``LogUnavailable`` when the log can't take any more.
    """
    known = known_values(log, workspace)
    partition = partition_in(log, workspace)
    key = workspace.encode()
    appended = unchanged = 0
    letters: list[DeadLetter] = []
    refused_before: dict[str, list[DeadLetter]] = {}
    for _, letter in unsettled(log).values():
        if letter.workspace == workspace:
            refused_before.setdefault(letter.place, []).append(letter)
    taken_in: set[str] = set()
    incoming = iter(events)
    while batch := list(islice(incoming, APPEND_EVENTS_MAX)):
        good: list[Event] = []
        for event in batch:
            reason = refusal(event, machine_now)
            if reason:
                letters.append(_letter(event, reason, workspace, machine_now))
            else:
                good.append(event)
                if refused_before and (place := place_of(event)) in refused_before:
                    taken_in.add(place)
        values = encoded(codec, good, letters, workspace, machine_now)
        new = fresh(values, known)
        unchanged += len(values) - len(new)
        if new:
            log.append(EVENTS, partition, [NewRecord(key, value) for value in new])
        appended += len(new)
        if progress is not None:
            progress("appending", appended + unchanged, None)
    taken_in -= {letter.place for letter in letters}
    settle(log, [letter for place in sorted(taken_in) for letter in refused_before[place]], machine_now)
    return Appended(appended, unchanged, bury(log, letters) if letters else 0)


def refusal(event: Event, machine_now: int) -> str:
    """Why an event can't be taken in; "" when it can."""
    if not event.id:
        return "the event has no id"
    if not getattr(event, event.key_field):
        return f"{RECORD_OF[type(event)]}: the field {event.key_field} is empty"
    if event.time > machine_now + AHEAD_MAX:
        return f"{event.id}: its time is more than an hour ahead of this machine: a clock is wrong"
    if event.received_at > machine_now + AHEAD_MAX:
        return f"{event.id}: its time of receipt is more than an hour ahead of this machine"
    return _out_of_bounds(event)


def _out_of_bounds(event: Event) -> str:
    """The first count of an event that can be none; "" when all are sane."""
    for name in _COUNTS[type(event)]:
        value = getattr(event, name)
        if value is not None and not 0 <= value <= COUNT_MAX:
            return f"{event.id}: {name} is {value}: it counts something, from 0 to {COUNT_MAX}"
    return ""


def encoded(
    codec: Codec, events: list[Event], letters: list[DeadLetter], workspace: str, machine_now: int
) -> list[bytes]:
    """The records' values of a batch; when an event can't be written, find it, and write the others."""
    try:
        return codec.encode(events)
    except InvalidEvent:
        values = []
        for event in events:
            try:
                values.extend(codec.encode([event]))
            except InvalidEvent as error:
                letters.append(_letter(event, str(error), workspace, machine_now))
        return values


def _letter(event: Event, reason: str, workspace: str, machine_now: int) -> DeadLetter:
    value = msgspec.json.encode(event)
    return DeadLetter(workspace, "", -1, -1, place_of(event), reason, value, machine_now)


def place_of(event: Event) -> str:
    """Where an event stands that comes from no line of a file."""
    return f"event {event.id or '(no id)'}"


def _digests(values: Iterable[bytes]) -> list[bytes]:
    return [hashlib.blake2b(value, digest_size=_DIGEST_BYTES).digest() for value in values]


def known_values(log: Log, workspace: str) -> Digests:
    """Digests of every value of the workspace in the log, sorted: 16 bytes an event."""
    found = bytearray()
    key, offset = workspace.encode(), 0
    partition = partition_in(log, workspace)
    while records := log.read(EVENTS, partition, offset, READ_RECORDS_MAX):
        found += b"".join(_digests(record.value for record in records if record.key == key))
        offset = records[-1].offset + 1
    return np.sort(np.frombuffer(bytes(found), dtype=f"V{_DIGEST_BYTES}").view(f"S{_DIGEST_BYTES}"))


def fresh(values: list[bytes], known: Digests) -> list[bytes]:
    """The values that the log does not hold."""
    if not len(known) or not values:
        return values
    digests = np.frombuffer(b"".join(_digests(values)), dtype=f"S{_DIGEST_BYTES}")
    held = np.isin(digests, known)
    return [value for value, is_held in zip(values, held.tolist(), strict=True) if not is_held]
