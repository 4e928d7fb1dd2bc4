"""Decode -> fold -> derive -> write -> commit, batch by batch.

The batch's rows are written before its offset and state are committed, as one transaction of the
log. A crash in between repeats exactly that batch, and repeating changes nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline.codec import Codec, Columns, collector_held_off
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Column, Workspace
from pipeline.dead_letters import as_record, bury
from pipeline.log.protocol import Log, LogUnavailable, NewRecord, Record
from pipeline.poison import first_failing, letter_of, unfoldable
from pipeline.rebuild import Source, rebuild
from pipeline.sink import Sink, TableRows
from pipeline.state import State
from pipeline.store import Store, StoreUnavailable

GROUP = "correlate"
EVENTS = "events"
STATE = "state"
DEAD_LETTERS = "dead_letters"
PARTITION = 0
#: a log is taken in by at least so many batches, unless they would be smaller than this
BATCHES_MIN = 4
BATCH_EVENTS_MIN = 8_000
#: the garbage collector, which is held off meanwhile, runs once in this many batches
COLLECTED_AFTER_BATCHES = 16
#: so many events in one run that can't be folded are no accident
UNFOLDABLE_MAX = 1_000

ProgressCall = Callable[[str, int, int | None], None]


@dataclass
class Summary:
    """What one run did."""

    read: int = 0
    folded: int = 0
    rows: int = 0
    dead_letters: int = 0
    parked: int = 0
    behind_horizon: int = 0
    rebuilt: bool = False


@dataclass
class _Batch:
    """Everything that one batch leaves behind, on its way to store and log."""

    end: int
    columns: list[tuple[str, list[Columns]]]
    facts: list[tuple[str, int, list[TableRows]]]
    state: list[NewRecord]
    letters: list[NewRecord]


class Correlator:
    """Follows the ``events`` topic and keeps the tables in line with it, for all workspaces in it."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        store: Store,
        parameters: Parameters,
        batch_events: int,
        scratch: Path | None = None,
    ) -> None:
        self._log = log
        self._codec = codec
        self._sink = Sink(store)
        self._parameters = parameters
        self._batch_events = batch_events
        #: where a rebuild may put what does not fit in memory; the system's own place when not told
        self._scratch = scratch
        self._state = State(log)
        self._workspaces: dict[str, Workspace] = {}
        self._behind: dict[str, int] = {}
        #: offsets of events that can't be folded
        self._skipped = unfoldable(log)

    def run(self, progress: ProgressCall | None = None) -> Summary:
        """Take in everything that the log holds now.

        One thread folds while another writes the batch before; at most two batches are under way.
        Raises ``StoreUnavailable`` or ``LogUnavailable`` with nothing of the batch committed.
        """
        summary = self.prepare(progress)
        # what is folded is held for long and in no circles: searching it for garbage costs a fifth
        with collector_held_off():
            self.catch_up(summary, progress)
        summary.behind_horizon = sum(
            workspace.clock.behind_horizon - self._behind[name]
            for name, workspace in self._workspaces.items()
        )
        return summary

    def prepare(self, progress: ProgressCall | None = None) -> Summary:
        """What comes first: rows of an older computation are made anew, parked records folded."""
        summary = Summary()
        for name in self._state.workspaces():
            if self._state.epoch(name).outdated(self._parameters) or not self._sink.holds_facts(name):
                self.rebuild(name, progress)
                summary.rebuilt = True
            elif self._state.parked(name):
                self._open(name)
                summary.folded += self._refold(name)
        return summary

    def catch_up(self, summary: Summary, progress: ProgressCall | None = None) -> None:
        """Fold and write what came since; ``prepare`` was called before. Counts into ``summary``.

        Whatever goes wrong, the next call begins with what was committed. An event that can't be folded
        becomes a dead letter, and those behind it are taken in.
        """
        for _ in range(UNFOLDABLE_MAX):
            try:
                self._catch_up(summary, progress)
                return
            except Exception as error:
                self.forget()
                outage = isinstance(error, LogUnavailable | StoreUnavailable)
                if outage or not self._set_aside():
                    raise
                summary.dead_letters += 1
        raise RuntimeError(f"more than {UNFOLDABLE_MAX} events can't be folded: see the dead letters")

    def _set_aside(self) -> bool:
        """Find the event that the batch after the last commit fails with, and bury it; false without one."""
        offset = self._log.committed(GROUP, EVENTS, PARTITION)
        records = self._log.read(EVENTS, PARTITION, offset, self._batch_events)

        def attempt(part: Sequence[Record]) -> None:
            self.forget()
            for facts in self._fold(list(part), part[-1].offset + 1, Summary()).facts:
                self._sink.prepared(*facts)

        found = first_failing([record for record in records if record.offset not in self._skipped], attempt)
        self.forget()
        if found is None:
            return False
        bury(self._log, [letter_of(*found)])
        self._skipped |= {found[0].offset}
        return True

    def _catch_up(self, summary: Summary, progress: ProgressCall | None) -> None:
        start = offset = self._log.committed(GROUP, EVENTS, PARTITION)
        end = self._log.end(EVENTS, PARTITION)
        # a short log, too, is folded and written side by side
        size = min(self._batch_events, max(BATCH_EVENTS_MIN, (end - start) // BATCHES_MIN))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sink") as writer:
            batches = 0
            pending: Future[int] | None = None
            try:
                while offset < end:
                    records = self._log.read(EVENTS, PARTITION, offset, size)
                    if not records:
                        break
                    offset = records[-1].offset + 1
                    batch = self._fold(records, offset, summary)
                    records = []  # not beside those of the next read
                    batches += 1
                    if batches % COLLECTED_AFTER_BATCHES == 0:
                        gc.collect()
                    if pending is not None:
                        summary.rows += pending.result()
                    pending = writer.submit(self._write, batch)
                    if progress is not None:
                        progress("correlating", offset - start, end - start)
            finally:
                if pending is not None:
                    summary.rows += pending.result()
        self._sink.write_dead_letters(self._log)

    def behind_horizon(self, name: str) -> int:
        """How many events of a workspace, since it was opened here, were too old: a rebuild applies them."""
        workspace = self._workspaces.get(name)
        return 0 if workspace is None else workspace.clock.behind_horizon - self._behind.get(name, 0)

    def forget(self) -> None:
        """Let go of what was folded and not written: the next batch begins with what was committed."""
        self._workspaces.clear()
        self._behind.clear()
        self._state = State(self._log)

    def _fold(self, records: list[Record], end: int, summary: Summary) -> _Batch:
        batch = _Batch(end, [], [], [], [])
        if self._skipped:
            records = [record for record in records if record.offset not in self._skipped]
        for name, places in _by_workspace(records).items():
            workspace = self._open(name)
            decoded = self._codec.decode([records[place].value for place in places])
            for failure in decoded.failures:
                batch.letters.append(as_record(letter_of(records[places[failure.position]], failure.reason)))
            for position in decoded.unknown:
                record = records[places[position]]
                batch.state.append(self._state.park(name, record.offset, record.value))
            columns: list[Column] = [
                ([places[position] for position in column.positions.tolist()], column.events())
                for column in decoded.columns
            ]
            summary.folded += workspace.fold(columns)
            rows = workspace.derive()
            version = self._state.epoch(name).version(end)
            batch.columns.append((name, decoded.columns))
            batch.facts.append((name, version, list(rows.tables())))
            batch.state.extend(self._state.records(name, workspace.snapshot()))
            summary.parked += len(decoded.unknown)
        summary.read += len(records)
        summary.dead_letters += len(batch.letters)
        return batch

    def _write(self, batch: _Batch) -> int:
        """Rows first, then state and offset in one transaction."""
        # all of it as columns first: what no column can hold is known before anything is written
        prepared = [self._sink.prepared(*facts) for facts in batch.facts]
        batch.facts.clear()
        # what is written is let go at once: meanwhile another batch is being folded
        batch.columns.reverse()
        while batch.columns:
            self._sink.write_events(*batch.columns.pop())
        count = sum(map(self._sink.write_prepared, prepared))
        appended = [(STATE, PARTITION, batch.state)]
        if batch.letters:
            appended.append((DEAD_LETTERS, PARTITION, batch.letters))
        self._log.commit(GROUP, EVENTS, PARTITION, batch.end, appended=appended)
        return count

    def _open(self, name: str) -> Workspace:
        workspace = self._workspaces.get(name)
        if workspace is None:
            workspace = Workspace.restore(self._parameters, self._state.load(name, self._parameters))
            self._workspaces[name] = workspace
            self._behind[name] = workspace.clock.behind_horizon
        return workspace

    def _refold(self, name: str) -> int:
        """Fold what an older version parked because it did not know the record type."""
        workspace = self._workspaces[name]
        parked = self._state.parked(name)
        offsets = sorted(parked)
        decoded = self._codec.decode([parked[offset] for offset in offsets])
        if not decoded.columns:
            return 0
        taken = workspace.fold(
            [
                ([offsets[position] for position in column.positions.tolist()], column.events())
                for column in decoded.columns
            ]
        )
        rows = workspace.derive()
        offset = self._log.committed(GROUP, EVENTS, PARTITION)
        left = set(decoded.unknown)
        gone = [self._state.unpark(name, at) for place, at in enumerate(offsets) if place not in left]
        state = [*gone, *self._state.records(name, workspace.snapshot())]
        version = self._state.epoch(name).version(offset, refolded=True)
        facts = [(name, version, list(rows.tables()))]
        self._write(_Batch(offset, [(name, decoded.columns)], facts, state, []))
        return taken

    # -- rebuild --------------------------------------------------------------------------------

    def rebuild(self, name: str, progress: ProgressCall | None = None) -> Summary:
        """Read every event of a workspace again, oldest first, and replace its state and rows.

        The epoch rises before the first row is written, so that a crash leads to another rebuild
        and never to a mixture of the two.
        """
        self._workspaces.pop(name, None)
        epoch = self._state.begin(name, self._parameters)
        end = self._log.committed(GROUP, EVENTS, PARTITION)
        source = Source(self._log, self._codec, name, end, self._skipped)
        found = rebuild(
            source, self._sink, self._parameters, epoch, self._batch_events, self._scratch, progress
        )
        self._state.replace(name, found.workspace.whole_snapshot(), epoch, GROUP, end)
        self._workspaces.pop(name, None)
        return Summary(read=found.read, folded=found.folded, rows=found.rows, rebuilt=True)


def _by_workspace(records: list[Record]) -> dict[str, list[int]]:
    """Positions of the records of each workspace, in order."""
    first = records[0].key if records else b""
    if records and all(record.key == first for record in records):
        return {first.decode(): list(range(len(records)))}
    places: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        places.setdefault(record.key.decode(errors="replace"), []).append(position)
    return places
