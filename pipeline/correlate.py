"""Fold, write rows, commit: follows the ``events`` topic batch by batch and keeps the tables in line with it.

The batch's rows are written before its offset and state are committed, as one transaction of the
log. A crash in between repeats exactly that batch, and repeating changes nothing.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pipeline.codec import Codec
from pipeline.collector import collector_held_off
from pipeline.core.parameters import Parameters
from pipeline.dead_letters import bury
from pipeline.destination import Appended, Destination
from pipeline.folding import Batch, Folding
from pipeline.letter_limit import TooManyLetters
from pipeline.log.protocol import Log, LogCorrupt, LogUnavailable, Record
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, STATE
from pipeline.measuring import UNMEASURED, Meter, ProgressCall
from pipeline.poison import UNFOLDABLE_MAX, first_failing, letter_of
from pipeline.rebuild import Source, rebuild
from pipeline.standby import StoodBy
from pipeline.state import GROUP, restoring
from pipeline.store import StoreUnavailable

#: a log is taken in by at least so many batches, unless they would be smaller than this
BATCHES_MIN = 4
BATCH_EVENTS_MIN = 8_000
#: the garbage collector, which is held off meanwhile, runs once in this many batches
COLLECTED_AFTER_BATCHES = 16
#: the writer waits for the interpreter dozens of times a batch, each time for as long as this
HANDOVER_SECONDS = 0.001

#: offsets of a batch, and by offset why a record of it could not be read
Judge = Callable[[Sequence[int], Mapping[int, str]], None]


@dataclass
class Summary:
    """What one run did."""

    read: int = 0
    folded: int = 0
    rows: int = 0
    dead_letters: int = 0
    parked: int = 0
    rebuilt: bool = False

    def count(self, batch: Batch) -> None:
        """Add what a batch read and folded; its rows are counted when they are written."""
        self.read += batch.read
        self.folded += batch.folded
        self.parked += batch.parked
        self.dead_letters += len(batch.letters)


class Correlator:
    """Keeps the rows of all workspaces of one partition in line with its events."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        destination: Destination,
        parameters: Parameters,
        batch_events: int,
        scratch: Path | None = None,
        *,
        partition: int = PARTITION,
        judge: Judge = lambda offsets, reasons: None,
        stood_by: StoodBy = lambda: None,
        meter: Meter = UNMEASURED,
    ) -> None:
        """``judge`` is told of each batch what could not be read of it, and raises when that is too much; for
        ``stood_by`` see ``Folding``.
        """
        self._log = log
        self._codec = codec
        self._destination = destination
        self._parameters = parameters
        self._batch_events = batch_events
        #: where a rebuild may put what does not fit in memory; the system's own place when not told
        self._scratch = scratch
        self._partition = partition
        self._judge = judge
        self._meter = meter
        self._folding = Folding(log, codec, parameters, partition, stood_by)

    def run(self, progress: ProgressCall | None = None) -> Summary:
        """Take in everything that the log holds now.

        One thread folds while another writes the batch before; at most two batches are under way.
        Raises ``StoreUnavailable`` or ``LogUnavailable`` with nothing of the batch committed.
        """
        summary = self.prepare(progress)
        # what is folded is held for long and in no circles: searching it for garbage costs a fifth
        with collector_held_off(), _quick_handover():
            self.catch_up(summary, progress)
        return summary

    def prepare(self, progress: ProgressCall | None = None) -> Summary:
        """What comes first: rows of an older computation are made anew, parked records folded."""
        summary = Summary()
        state = self._folding.state
        with self._or_forget():
            for name in state.workspaces():
                if state.epoch(name).outdated(self._parameters) or not self._destination.holds_facts(name):
                    again = self.rebuild(name, progress)
                    summary.rows += again.rows
                    summary.dead_letters += again.dead_letters
                    summary.rebuilt = True
                elif state.parked(name):
                    self._restoring(lambda name=name: self._refold(name, summary), progress)  # type: ignore[misc]
        return summary

    def _refold(self, name: str, summary: Summary) -> None:
        batch = self._folding.refold(name, self._log.committed(GROUP, EVENTS, self._partition))
        if batch is not None:
            summary.count(batch)
            self._write(batch)

    def restore(self, progress: ProgressCall | None = None) -> None:
        """Read back every workspace now, and not with its next event; ``prepare`` was called before."""
        self._restoring(lambda: self._folding.restore(progress), progress)

    def catch_up(
        self, summary: Summary, progress: ProgressCall | None = None, *, events_max: int | None = None
    ) -> None:
        """Fold and write what came since; ``prepare`` was called before. Counts into ``summary``.

        No more than about ``events_max`` events are taken in, where that is told.
        Whatever goes wrong, the next call begins with what was committed. An event that can't be folded
        becomes a dead letter, and those behind it are taken in.
        """
        for _ in range(UNFOLDABLE_MAX):
            try:
                self._restoring(lambda: self._catch_up(summary, progress, events_max), progress)
                return
            except Exception as error:
                blameless = isinstance(error, LogUnavailable | LogCorrupt | StoreUnavailable | TooManyLetters)
                if blameless or not self._set_aside():
                    raise
                summary.dead_letters += 1
        raise RuntimeError(f"more than {UNFOLDABLE_MAX} events can't be folded: see the dead letters")

    def behind_horizon(self, name: str) -> int:
        """How many events of a workspace were too old, since its last rebuild: another one applies them."""
        return self._folding.behind_horizon(name)

    def _restoring(self, attempt: Callable[[], None], progress: ProgressCall | None) -> None:
        """Attempt something; a workspace whose state can't be read back meanwhile is computed anew."""

        def attempted() -> None:
            with self._or_forget():
                attempt()

        restoring(attempted, lambda name: self.rebuild(name, progress))

    @contextmanager
    def _or_forget(self) -> Iterator[None]:
        """Whatever goes wrong inside, the next batch begins with what was committed."""
        try:
            yield
        except BaseException:
            self._folding.forget()
            raise

    def _set_aside(self) -> bool:
        """Find the event that the batch after the last commit fails with, and bury it; false without one."""
        folding = self._folding
        offset = self._log.committed(GROUP, EVENTS, self._partition)
        records = self._log.read(EVENTS, self._partition, offset, self._batch_events)

        def attempt(part: Sequence[Record]) -> None:
            folding.forget()
            for facts in folding.fold(list(part), part[-1].offset + 1 if part else offset).facts:
                self._destination.prepared(*facts)

        found = first_failing([one for one in records if one.offset not in folding.skipped], attempt)
        folding.forget()
        if found is None:
            return False
        bury(self._log, [letter_of(*found, self._partition)])
        self._meter.refused([found[1]])
        folding.skipped |= {found[0].offset}
        return True

    def _catch_up(self, summary: Summary, progress: ProgressCall | None, events_max: int | None) -> None:
        start = offset = self._log.committed(GROUP, EVENTS, self._partition)
        end = self._log.end(EVENTS, self._partition)
        if events_max is not None:
            end = min(end, start + events_max)
        # a short log, too, is folded and written side by side
        size = min(self._batch_events, max(BATCH_EVENTS_MIN, (end - start) // BATCHES_MIN))
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sink") as writer:
            batches = 0
            pending: Future[int] | None = None
            try:
                while offset < end:
                    with self._meter.stage("read"):
                        records = self._log.read(EVENTS, self._partition, offset, size)
                    if not records:
                        break
                    offset = records[-1].offset + 1
                    with self._meter.stage("fold"):
                        batch = self._folding.fold(records, offset)
                    self._judge([record.offset for record in records], batch.refused)
                    records = []  # not beside those of the next read
                    summary.count(batch)
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
        self._destination.write_dead_letters(self._log)

    def _write(self, batch: Batch) -> int:
        """Rows first, then state and offset in one transaction."""
        # all of it as columns first: what no column can hold is known before anything is written
        with self._meter.stage("prepare"):
            prepared = [self._destination.prepared(*facts) for facts in batch.facts]
        batch.facts.clear()
        # what is written is let go at once: meanwhile another batch is being folded
        batch.columns.reverse()
        appended: list[Appended] = [(STATE, self._partition, batch.state)]
        count = 0
        with self._meter.stage("write"):
            while batch.columns:
                self._destination.write_events(*batch.columns.pop())
            for one in chain.from_iterable(prepared):
                count += one.rows
                appended += one.write()
        if batch.letters:
            appended.append((DEAD_LETTERS, PARTITION, batch.letters))
        with self._meter.stage("commit"):
            self._log.commit(GROUP, EVENTS, self._partition, batch.end, appended=appended)
        self._meter.batch(batch.read)
        self._meter.refused(batch.refused.values())
        return count

    def rebuild(self, name: str, progress: ProgressCall | None = None) -> Summary:
        """Read every event of a workspace again, oldest first, and replace its state and rows.

        The epoch rises before the first row is written, so that a crash leads to another rebuild
        and never to a mixture of the two.
        """
        folding = self._folding
        folding.close(name)
        with self._or_forget():
            epoch = folding.state.begin(name, self._parameters)
            end = self._log.committed(GROUP, EVENTS, self._partition)
            source = Source(self._log, self._codec, name, end, folding.skipped, self._partition)
            found = rebuild(
                source,
                self._destination,
                self._parameters,
                epoch,
                self._batch_events,
                self._scratch,
                progress,
            )
            folding.state.replace(name, found.workspace.whole_snapshot(), epoch, GROUP, end)
        folding.skipped |= found.set_aside
        return Summary(
            read=found.read,
            folded=found.folded,
            rows=found.rows,
            dead_letters=len(found.set_aside),
            rebuilt=True,
        )

    def renew_dead_letters(self) -> None:
        """Letters expired in the log: they leave the rows, too."""
        self._destination.renew_dead_letters(self._log)


@contextmanager
def _quick_handover() -> Iterator[None]:
    """Two threads are busy: let the one that wants the interpreter have it soon."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(HANDOVER_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
