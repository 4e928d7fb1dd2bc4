"""Decode -> fold -> derive: from a batch of records to all that it leaves behind, written by nobody yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.codec import Codec, Columns
from pipeline.core.horizon import Column
from pipeline.core.parameters import Parameters
from pipeline.core.rows import TableRows
from pipeline.core.workspace import Workspace
from pipeline.dead_letters import as_record
from pipeline.log.protocol import Log, NewRecord, Record
from pipeline.log.topics import PARTITION
from pipeline.measuring import ProgressCall
from pipeline.poison import letter_of, unfoldable
from pipeline.standby import StoodBy
from pipeline.state import State

#: while a workspace is read back, somebody is told after so many records
TOLD_EVERY_RECORDS = 5_000


@dataclass
class Batch:
    """Everything that one batch leaves behind, on its way to store and log.

    ``end`` is the offset behind it; ``columns`` are its events as told and ``facts`` the rows (with their
    version) that follow from them, by workspace; ``state`` and ``letters`` are records for the log.
    """

    end: int
    read: int = 0
    folded: int = 0
    parked: int = 0
    columns: list[tuple[str, list[Columns]]] = field(default_factory=list)
    facts: list[tuple[str, int, list[TableRows]]] = field(default_factory=list)
    state: list[NewRecord] = field(default_factory=list)
    letters: list[NewRecord] = field(default_factory=list)
    #: offset -> why a record could not be read
    refused: dict[int, str] = field(default_factory=dict)


class Folding:
    """The workspaces of one partition of ``events``, as far as they were folded."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        parameters: Parameters,
        partition: int = PARTITION,
        stood_by: StoodBy = lambda: None,
    ) -> None:
        """``stood_by`` gives a standby that is up to date, which saves reading the state, or ``None``."""
        self._log = log
        self._codec = codec
        self._parameters = parameters
        self._partition = partition
        #: offsets of events that can't be folded
        self.skipped = unfoldable(log, partition)
        # last: what fails before it is tried again, and finds the standby where it was
        standby = stood_by()
        self.state = State(log, partition) if standby is None else standby.state
        self._workspaces: dict[str, Workspace] = {} if standby is None else standby.workspaces

    def restore(self, progress: ProgressCall | None = None) -> None:
        """Read back every workspace of the partition."""
        for name in self.state.workspaces():
            self._open(name, progress)

    def fold(self, records: list[Record], end: int) -> Batch:
        """Fold a batch and derive its rows; what can't be read becomes letters, what is unknown is parked."""
        batch = Batch(end)
        if self.skipped:
            records = [record for record in records if record.offset not in self.skipped]
        for name, places in by_workspace(records).items():
            workspace = self._open(name)
            decoded = self._codec.decode([records[place].value for place in places])
            for failure in decoded.failures:
                record = records[places[failure.position]]
                batch.refused[record.offset] = failure.reason
                batch.letters.append(as_record(letter_of(record, failure.reason, self._partition)))
            for position in decoded.unknown:
                record = records[places[position]]
                batch.state.append(self.state.park(name, record.offset, record.value))
            columns: list[Column] = [
                ([places[position] for position in column.positions.tolist()], column.events())
                for column in decoded.columns
            ]
            batch.folded += workspace.fold(columns)
            batch.parked += len(decoded.unknown)
            self._leave(batch, name, decoded.columns, self.state.epoch(name).version(end))
        batch.read = len(records)
        return batch

    def refold(self, name: str, offset: int) -> Batch | None:
        """Fold what an older version parked because it did not know the record type.

        ``offset`` is where the events were committed; None when none of it is known now, too.
        """
        parked = self.state.parked(name)
        offsets = sorted(parked)
        decoded = self._codec.decode([parked[at] for at in offsets])
        if not decoded.columns:
            return None
        batch = Batch(offset)
        batch.folded = self._open(name).fold(
            [
                ([offsets[position] for position in column.positions.tolist()], column.events())
                for column in decoded.columns
            ]
        )
        left = set(decoded.unknown)
        batch.state += [self.state.unpark(name, at) for place, at in enumerate(offsets) if place not in left]
        self._leave(batch, name, decoded.columns, self.state.epoch(name).version(offset, refolded=True))
        return batch

    def _leave(self, batch: Batch, name: str, columns: list[Columns], version: int) -> None:
        """What a workspace leaves behind after it was folded."""
        workspace = self._workspaces[name]
        rows = workspace.derive()
        batch.columns.append((name, columns))
        batch.facts.append((name, version, list(rows.tables())))
        batch.state.extend(self.state.records(name, workspace.snapshot()))

    def behind_horizon(self, name: str) -> int:
        """How many events of a workspace were too old since its last rebuild: another one applies them."""
        workspace = self._workspaces.get(name)
        return self.state.behind_horizon(name) if workspace is None else workspace.clock.behind_horizon

    def close(self, name: str) -> None:
        """Let go of a workspace that others replace."""
        self._workspaces.pop(name, None)

    def forget(self) -> None:
        """Let go of what was folded and not written: the next batch begins with what was committed."""
        self._workspaces.clear()
        self.state = State(self._log, self._partition)

    def _open(self, name: str, progress: ProgressCall | None = None) -> Workspace:
        workspace = self._workspaces.get(name)
        if workspace is None:
            records = self.state.load(name, self._parameters)
            with self.state.read_back(name):
                workspace = Workspace.restore(self._parameters, _passing(records, progress))
            self._workspaces[name] = workspace
        return workspace


def _passing(
    records: list[tuple[bytes, bytes]], progress: ProgressCall | None
) -> Iterator[tuple[bytes, bytes]]:
    """The records one by one, with word of how many went by."""
    for start in range(0, len(records), TOLD_EVERY_RECORDS):
        if progress is not None:
            progress("restoring", start, len(records))
        yield from records[start : start + TOLD_EVERY_RECORDS]


def by_workspace(records: list[Record]) -> dict[str, list[int]]:
    """Positions of the records of each workspace, in order."""
    first = records[0].key if records else b""
    if records and all(record.key == first for record in records):
        return {first.decode(): list(range(len(records)))}
    places: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        places.setdefault(record.key.decode(errors="replace"), []).append(position)
    return places
