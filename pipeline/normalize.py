"""received -> events: one parser a source, and nothing lost by any of them.

A delivery is safe before this step sees it. What its parser can't read becomes a dead letter with the
place of the delivery; what it understands and has no use for is counted by source and kind. Events,
letters, counts and the offset are one transaction of the log, so a crash repeats exactly one batch.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pipeline.appending import Digests, encoded, fresh, known_values, place_of, refusal
from pipeline.codec import Codec
from pipeline.core.events import Event, InvalidEvent
from pipeline.dead_letters import DeadLetter, as_record, bury, settle, unsettled
from pipeline.log.protocol import Log, NewRecord, Record
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, PERSONS, RECEIVED, UNUSED
from pipeline.measuring import UNMEASURED, Meter
from pipeline.sources.deliveries import Delivery, Reader, Reading
from pipeline.sources.live import live_source
from pipeline.unused import Counts, UnusedCounts, as_records

GROUP = "normalize"
BATCH_DELIVERIES_MAX = 2_000

_log = logging.getLogger(__name__)


class Normalized(NamedTuple):
    """What one run did: ``events`` are new ones; ``known`` those that the log held already.

    ``settled`` are dead letters of which nothing is wrong any more; ``sealed`` deliveries that can't be
    opened here, of whatever source.
    """

    deliveries: int = 0
    events: int = 0
    unused: int = 0
    dead_letters: int = 0
    settled: int = 0
    known: int = 0
    sealed: int = 0


class Names(Protocol):
    """Whose tokens the events carry (``pipeline.persons``): what of it is not in the log yet."""

    def new_records(self) -> list[NewRecord]: ...
    def written(self) -> None: ...


class _Batch(NamedTuple):
    events: dict[str, list[Event]]
    letters: list[DeadLetter]
    unused: Counter[tuple[str, str]]


class Normalizer:
    """Follows the ``received`` topic.

    ``unseal`` opens a kept delivery; ``now`` is the machine's clock; ``names`` knows whose the tokens are
    that ``reader.person_token`` gives; ``judge`` gets the offsets of each batch, and by offset why one
    could not be read, before anything is committed: it raises to stop (``pipeline.letter_limit``).
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        reader: Reader,
        unseal: Callable[[bytes], Delivery],
        now: Callable[[], int],
        names: Names | None = None,
        *,
        partition: int = PARTITION,
        judge: Callable[[Sequence[int], Mapping[int, str]], None] = lambda offsets, reasons: None,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._log = log
        self._codec = codec
        self.reader = reader
        self._names = names
        self._unseal = unseal
        self._now = now
        self._partition = partition
        self._judge = judge
        self._meter = meter
        self._unused = UnusedCounts(log, partition)

    def run(self, deliveries_max: int | None = None) -> Normalized:
        """Take in everything that the log holds now, or about so many deliveries of it.

        Raises ``LogUnavailable`` with nothing half done.
        """
        total = Normalized()
        offset = self._log.committed(GROUP, RECEIVED, self._partition)
        # what comes meanwhile waits for the next run: others want to work, too
        end = self._log.end(RECEIVED, self._partition)
        if deliveries_max is not None:
            end = min(end, offset + deliveries_max)
        while records := self._received(offset, end):
            with self._meter.stage("parse"):
                batch = self._read(records)
            self._judge(
                [record.offset for record in records], {one.number: one.reason for one in batch.letters}
            )
            appended: list[tuple[str, int, list[NewRecord]]] = []
            events = 0
            with self._meter.stage("encode"):
                by_workspace = self._encoded(batch)
            for key, values in by_workspace.items():
                events += len(values)
                appended.append((EVENTS, self._partition, [NewRecord(key, value) for value in values]))
            if batch.letters:
                letters = [as_record(letter) for letter in batch.letters]
                appended.append((DEAD_LETTERS, PARTITION, letters))
            if unused := self._unused.counted(batch.unused, self._now()):
                appended.append((UNUSED, self._partition, as_records(unused)))
            if named := self._names.new_records() if self._names is not None else []:
                appended.append((PERSONS, PARTITION, named))
            offset = records[-1].offset + 1
            with self._meter.stage("commit"):
                self._log.commit(GROUP, RECEIVED, self._partition, offset, appended=appended)
            self._meter.batch(len(records))
            self._meter.refused(letter.reason for letter in batch.letters)
            self._unused.committed(unused)
            if self._names is not None:
                self._names.written()
            total = Normalized(
                total.deliveries + len(records),
                total.events + events,
                total.unused + batch.unused.total(),
                total.dead_letters + len(batch.letters),
            )
        return total

    def unused(self) -> Counts:
        """By source and kind: what nothing was made of."""
        return self._unused.held()

    # -- reading --------------------------------------------------------------------------------

    def parsed(self, record: Record) -> tuple[list[Event], list[DeadLetter]]:
        """What the parser of today makes of one kept delivery: events and letters; nothing is written."""
        batch = self._read([record])
        return [event for told in batch.events.values() for event in told], batch.letters

    def _encoded(self, batch: _Batch) -> dict[bytes, list[bytes]]:
        """The events of a batch by the key of their workspace; what can't be written becomes a letter."""
        now = self._now()
        return {
            workspace.encode(): encoded(self._codec, told, batch.letters, workspace, now)
            for workspace, told in batch.events.items()
        }

    def _received(self, offset: int, end: int) -> list[Record]:
        """The next deliveries before an offset; none are left when it is empty."""
        if offset >= end:
            return []
        with self._meter.stage("read"):
            limit = min(BATCH_DELIVERIES_MAX, end - offset)
            return self._log.read(RECEIVED, self._partition, offset, limit)

    def _read(self, records: list[Record]) -> _Batch:
        batch = _Batch({}, [], Counter())
        now = self._now()
        for record in records:
            self._take(record, now, batch)
        return batch

    def _take(self, record: Record, now: int, batch: _Batch) -> None:
        """Parse one delivery; whatever is wrong with it stays its own."""
        workspace = record.key.decode(errors="replace")
        try:
            delivery = self._unseal(record.value)
            reading = self._parse(delivery)
        except InvalidEvent as error:
            batch.letters.append(self._letter(workspace, record, str(error), now))
            return
        except Exception as error:  # noqa: BLE001 - a parser's fault must not stop the deliveries behind it
            _log.exception("the parser failed at %s", self._place(record))
            reason = f"the parser itself failed: {type(error).__name__}"
            batch.letters.append(self._letter(workspace, record, reason, now))
            return
        good: list[Event] = []
        for event in reading.events:
            if reason := refusal(event, now):
                batch.letters.append(self._letter(workspace, record, reason, now))
            else:
                good.append(event)
        batch.letters.extend(self._letter(workspace, record, reason, now) for reason in reading.refused)
        if good:
            batch.events.setdefault(workspace, []).extend(good)
        if reading.unused:
            batch.unused[delivery.source, reading.unused] += 1

    def _parse(self, delivery: Delivery) -> Reading:
        source = live_source(delivery.source, self.reader)
        if source is None:
            raise InvalidEvent(f"the source {delivery.source!r} is not known any more")
        return source.parse(delivery, self.reader)

    # -- again ----------------------------------------------------------------------------------

    def again(
        self, source: str, since: int, progress: Callable[[int, int], None] | None = None
    ) -> Normalized:
        """Parse the kept deliveries of one source since a time again, by the parser of today.

        A telling that the log holds already is not appended twice; of two tellings, that of the higher
        parser version wins. A dead letter whose delivery can be read now is settled, and one that gives
        another reason now takes the place of the former. Raises ``LogUnavailable``: made again, it goes on;
        ``ValueError`` for a source that nobody knows.
        """
        if live_source(source, self.reader) is None:
            raise ValueError(f"there is no source {source!r}, and no mapping of that name")
        begin = self._log.begin(RECEIVED, self._partition)
        end = self._log.committed(GROUP, RECEIVED, self._partition)
        letters: dict[tuple[str, str], list[DeadLetter]] = {}
        for _, letter in unsettled(self._log).values():
            letters.setdefault((letter.workspace, letter.place), []).append(letter)
        known: dict[str, Digests] = {}
        total, offset = Normalized(), begin
        while records := self._received(offset, end):
            offset = records[-1].offset + 1
            # what was erased is no delivery any more
            opened = [(record, self._opened(record)) for record in records if record.value]
            chosen = [
                record
                for record, one in opened
                if one is not None and one.source == source and one.received_at >= since
            ]
            batch = self._read(chosen)
            events, held = self._append_fresh(batch, known)
            bury(self._log, batch.letters)
            refused = {letter.digest for letter in batch.letters}
            places = [(record.key.decode(errors="replace"), self._place(record)) for record in chosen]
            places += [(name, place_of(event)) for name, told in batch.events.items() for event in told]
            healed = [
                letter
                for place in dict.fromkeys(places)
                for letter in letters.pop(place, ())
                if letter.digest not in refused
            ]
            settle(self._log, healed, self._now())
            total = Normalized(
                total.deliveries + len(chosen),
                total.events + events,
                total.unused + batch.unused.total(),
                total.dead_letters + len(batch.letters),
                total.settled + len(healed),
                total.known + held,
                total.sealed + sum(one is None for _, one in opened),
            )
            if progress is not None:
                progress(offset - begin, end - begin)
        return total

    def _append_fresh(self, batch: _Batch, known: dict[str, Digests]) -> tuple[int, int]:
        """Append the tellings of a batch that the log does not hold; how many those were, and the others."""
        count = held = 0
        if named := self._names.new_records() if self._names is not None else []:
            self._log.append(PERSONS, PARTITION, named)
        if self._names is not None:
            self._names.written()
        for workspace, told in batch.events.items():
            if workspace not in known:
                known[workspace] = known_values(self._log, workspace)
            values = encoded(self._codec, told, batch.letters, workspace, self._now())
            new = fresh(values, known[workspace])
            count, held = count + len(new), held + len(values) - len(new)
            if new:
                key = workspace.encode()
                self._log.append(EVENTS, self._partition, [NewRecord(key, value) for value in new])
        return count, held

    def _place(self, record: Record) -> str:
        return f"{RECEIVED}/{self._partition}@{record.offset}"

    def _letter(self, workspace: str, record: Record, reason: str, now: int) -> DeadLetter:
        # the bytes stay where they are: they may name persons, and expire with the delivery
        place = self._place(record)
        return DeadLetter(workspace, RECEIVED, self._partition, record.offset, place, reason, b"", now)

    def _opened(self, record: Record) -> Delivery | None:
        try:
            return self._unseal(record.value)
        except InvalidEvent:
            return None
