"""Every event of a workspace again, in the order of its own time, into fresh state and rows."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline import poison
from pipeline.codec import Codec, Columns
from pipeline.core.events import Event
from pipeline.core.horizon import Column
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from pipeline.dead_letters import DeadLetter, bury
from pipeline.destination import Destination, Prepared
from pipeline.log.protocol import Log, Record
from pipeline.log.topics import EVENTS, PARTITION
from pipeline.measuring import ProgressCall
from pipeline.poison import TooManyUnfoldable, first_failing, letter_of, unfoldable
from pipeline.sorting import by_own_time
from pipeline.state import GROUP, Epoch

READ_RECORDS_MAX = 20_000
#: what goes onto topics is committed in parts of so many
APPEND_RECORDS_MAX = 20_000


class Rebuilt(NamedTuple):
    """What a rebuild read and wrote, and the workspace that it ended in.

    ``set_aside`` are the offsets of events that can't be folded and that nobody had set aside before.
    """

    workspace: Workspace
    read: int
    folded: int
    rows: int
    set_aside: frozenset[int] = frozenset()


class Source(NamedTuple):
    """The events of one workspace in one partition, up to an offset; ``skipped`` offsets can't be folded."""

    log: Log
    codec: Codec
    workspace: str
    end: int
    skipped: Collection[int] = frozenset()
    partition: int = PARTITION


def batches_of(source: Source) -> Iterator[list[Columns]]:
    """The events of a workspace as the log has them, batch by batch; unreadable ones are left out."""
    for _, columns in _read(source):
        yield columns


def _read(source: Source) -> Iterator[tuple[list[Record], list[Columns]]]:
    """Batches of records with what they say; the positions in the columns are theirs."""
    offset, key = 0, source.workspace.encode()
    while offset < source.end:
        limit = min(READ_RECORDS_MAX, source.end - offset)
        records = source.log.read(EVENTS, source.partition, offset, limit)
        if not records:
            return
        offset = records[-1].offset + 1
        records = [record for record in records if record.key == key and record.offset not in source.skipped]
        yield records, source.codec.decode([record.value for record in records]).columns


def events_of(
    log: Log,
    codec: Codec,
    workspace: str,
    end: int,
    partition: int = PARTITION,
    progress: ProgressCall | None = None,
) -> Iterator[Event]:
    """The events of a workspace up to an offset, one by one; those that were set aside are left out."""
    return _events(Source(log, codec, workspace, end, unfoldable(log, partition), partition), progress)


def _events(source: Source, progress: ProgressCall | None = None) -> Iterator[Event]:
    read = 0
    for columns in batches_of(source):
        if progress is not None:
            progress("reading events", read, source.end)
        for column in columns:
            yield from column.events()
            read += len(column.positions)


def columns_of(batch: list[Event]) -> list[Column]:
    """Events in order as columns by record type, each with its positions."""
    columns: dict[type[Event], tuple[list[int], list[Event]]] = {}
    for position, event in enumerate(batch):
        positions, events = columns.setdefault(type(event), ([], []))
        positions.append(position)
        events.append(event)
    return list(columns.values())


def rebuild(
    source: Source,
    destination: Destination,
    parameters: Parameters,
    epoch: Epoch,
    batch_events: int,
    scratch: Path | None,
    progress: ProgressCall | None,
) -> Rebuilt:
    """Fold everything up to the source's end into a fresh workspace, and write its rows under ``epoch``.

    What does not fit in memory while it is sorted goes to ``scratch``. A place that has lost the
    events gets them again, too. An event that can't be folded becomes a dead letter, and the others are
    folded; raises ``TooManyUnfoldable`` when there are more than ``poison.UNFOLDABLE_MAX``.
    """
    name = source.workspace
    fold = _Fold(name, destination, parameters)
    read = written = newest = 0
    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=scratch) as directory:
        ordered = by_own_time(_events(source, progress), Path(directory), refolding=True)
        while batch := list(islice(ordered, batch_events)):
            read += len(batch)
            newest = max(newest, *(event.received_at for event in batch))
            written += _write(source, fold.take(batch, epoch.version(read)))
            if progress is not None:
                progress("rebuilding", read, source.end)
    fold.workspace.arrive_at(newest)
    rows = fold.workspace.derive()
    version = epoch.version(source.end, refolded=True)
    written += _write(source, destination.prepared(name, version, list(rows.tables())))
    set_aside = _bury(source, fold.failed)
    if set_aside:
        destination.write_dead_letters(source.log)
    if not destination.holds_events(name):
        for columns in batches_of(source._replace(skipped=set_aside.union(source.skipped))):
            destination.write_events(name, columns)
    written += _write(source, destination.outdated(name, version, epoch.version(0)))
    # what was left out now, another rebuild would leave out, too: nothing waits for one any more
    fold.workspace.clock.behind_horizon = 0
    return Rebuilt(fold.workspace, read, fold.folded, written, set_aside)


def _write(source: Source, prepared: Iterable[Prepared]) -> int:
    """Write rows at once; returns how many that were.

    What goes onto topics is a commit that moves nothing: whoever lost the partition writes no more.
    """
    count = 0
    for one in prepared:
        count += one.rows
        for topic, partition, records in one.write():
            for start in range(0, len(records), APPEND_RECORDS_MAX):
                appended = [(topic, partition, records[start : start + APPEND_RECORDS_MAX])]
                source.log.commit(GROUP, EVENTS, source.partition, source.end, appended=appended)
    return count


class _Fold:
    """The workspace of a rebuild, which can go back to where its last batch ended.

    What a workspace saves of its entities are the bytes as which they rest, so a copy costs little.
    """

    def __init__(self, name: str, destination: Destination, parameters: Parameters) -> None:
        self.workspace = Workspace(parameters)
        self.folded = 0
        #: what can't be folded, and why
        self.failed: list[tuple[Event, str]] = []
        self._name = name
        self._destination = destination
        self._parameters = parameters
        self._saved: dict[bytes, bytes] = {}
        #: how many events of the last batch changed anything
        self._taken = 0

    def take(self, batch: list[Event], version: int) -> Sequence[Prepared]:
        """Fold a batch, without the events that can't be folded; its rows and deletions, to be written."""
        prepared: Sequence[Prepared] | None = None
        while prepared is None:
            try:
                prepared = self._folded(batch, version)
            except Exception:
                self._attempt([])  # what fails without any event is no event's fault
                found = first_failing(batch, self._attempt)
                self._go_back()
                if found is None:
                    raise
                self.failed.append(found)
                if len(self.failed) > poison.UNFOLDABLE_MAX:
                    raise TooManyUnfoldable(self._name, found[1]) from None
                batch = [event for event in batch if event is not found[0]]
        self.folded += self._taken
        for key, value in self.workspace.snapshot():  # with it, what rests is packed
            if value:
                self._saved[key] = value
            else:
                self._saved.pop(key, None)
        return prepared

    def _folded(self, batch: list[Event], version: int) -> Sequence[Prepared]:
        self._taken = self.workspace.fold(columns_of(batch), rebuilding=True)
        rows = self.workspace.derive()
        return self._destination.prepared(self._name, version, list(rows.tables()))

    def _attempt(self, part: Sequence[Event]) -> None:
        self._go_back()
        self._folded(list(part), 0)

    def _go_back(self) -> None:
        self.workspace = Workspace.restore(self._parameters, self._saved.items())


def _bury(source: Source, failed: list[tuple[Event, str]]) -> frozenset[int]:
    """Make letters of the records that tell these events; returns their offsets."""
    if not failed:
        return frozenset()
    reasons: dict[str, list[tuple[Event, str]]] = {}
    for event, reason in failed:
        reasons.setdefault(event.id, []).append((event, reason))
    letters: list[DeadLetter] = []
    for records, columns in _read(source):
        for column in columns:
            for position, event in zip(column.positions.tolist(), column.events(), strict=True):
                said = [reason for one, reason in reasons.get(event.id, ()) if one == event]
                letters.extend(letter_of(records[position], reason, source.partition) for reason in said[:1])
    bury(source.log, letters)
    return frozenset(letter.number for letter in letters)
