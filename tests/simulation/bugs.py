"""Mistakes that somebody could make, put into the pipeline for as long as one seed runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain

import pytest

from pipeline.core.facts import Fact
from pipeline.core.horizon import Column
from pipeline.core.rows import Rows
from pipeline.core.workspace import Workspace
from pipeline.correlate import Correlator
from pipeline.folding import Batch
from pipeline.inserting import Inserter
from pipeline.log.protocol import LogUncertain
from pipeline.log.topics import EVENTS, STATE
from pipeline.sink import GROUP as SINK
from pipeline.standby import Standbys
from pipeline.state import GROUP
from pipeline.worker import Worker
from tests.simulation.cluster import Machine
from tests.simulation.memory_log import MemoryLog
from tests.simulation.seeds import Bug
from tests.strategies import HOUR


def commit_before_insert(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """The sink moves its offset first, and then inserts."""
    follow = Inserter._follow

    class Early:
        """The log, where the sink has committed already when it commits."""

        def __init__(self, step: Inserter, topic: str) -> None:
            self._log, self._step, self._topic = step._log, step, topic

        def read(self, *place: object) -> object:
            records = self._log.read(*place)  # type: ignore[arg-type]
            if records:
                self._log.commit(SINK, self._topic, self._step._partition, records[-1].offset + 1)
            return records

        def commit(self, *_: object, **__: object) -> None:
            """Too late."""

        def committed(self, *place: object) -> int:
            return self._log.committed(*place)  # type: ignore[arg-type]

    def early(self: Inserter, topic: str) -> int:
        log = self._log
        self._log = Early(self, topic)  # type: ignore[assignment]
        try:
            return follow(self, topic)
        finally:
            self._log = log

    patch.setattr(Inserter, "_follow", early)


def commit_before_rows(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """State and offset are committed first, and then the rows are written."""

    def write(self: Correlator, batch: Batch) -> int:
        prepared = [self._destination.prepared(*facts) for facts in batch.facts]
        appended = [(STATE, self._partition, batch.state)]
        self._log.commit(GROUP, EVENTS, self._partition, batch.end, appended=appended)
        for columns in batch.columns:
            self._destination.write_events(*columns)
        rows = 0
        for one in chain.from_iterable(prepared):
            rows += one.rows
            for topic, partition, records in one.write():
                self._log.append(topic, partition, records)
        return rows

    patch.setattr(Correlator, "_write", write)


def unsorted_iteration(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """The events of a row stand in the order of a set: that of the hashes of this process."""
    write = Rows.write

    def hashed(text: str) -> bytes:
        return blake2b(text.encode(), key=b"%d" % machine.hash_seed(), digest_size=8).digest()

    def unsorted(self: Rows, fact: Fact) -> object:
        events: list[str] = getattr(fact, "events", [])
        events.sort(key=hashed)
        return write(self, fact)

    patch.setattr(Rows, "write", unsorted)


def late_event_dropped(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """What is more than two hours older than the newest event comes too late."""
    fold = Workspace.fold

    def punctual(self: Workspace, batch: Sequence[Column], *, rebuilding: bool = False) -> int:
        limit = self.clock.now - 2 * HOUR
        kept: list[Column] = []
        for positions, events in batch:
            places = [place for place, event in enumerate(events) if event.time >= limit]
            kept.append(([positions[place] for place in places], [events[place] for place in places]))
        return fold(self, kept, rebuilding=rebuilding)

    patch.setattr(Workspace, "fold", punctual)


def wall_clock_in_the_core(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """What is due is decided by the machine's clock."""
    derive = Workspace.derive

    def now(self: Workspace) -> Rows:
        self.arrive_at(machine.wall())
        return derive(self)

    patch.setattr(Workspace, "derive", now)


def nobody_is_fenced(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """Whoever was replaced may go on committing."""
    patch.setattr(MemoryLog, "_is_mine", lambda self, place: True)


def lost_answer_ignored(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """A step goes on with what it remembers, although the end of its commit is not known."""
    drop = Worker._drop

    def kept(self: Worker, partition: int) -> None:
        if not isinstance(sys.exception(), LogUncertain):
            drop(self, partition)

    patch.setattr(Worker, "_drop", kept)


def standby_not_caught_up(patch: pytest.MonkeyPatch, machine: Machine) -> None:
    """Whoever takes a partition over believes that its standby is up to date."""
    patch.setattr(Standbys, "take", lambda self, partition: self._held.pop(partition, None))


BUGS: tuple[Bug, ...] = (
    commit_before_insert,
    commit_before_rows,
    unsorted_iteration,
    late_event_dropped,
    wall_clock_in_the_core,
    nobody_is_fenced,
    lost_answer_ignored,
    standby_not_caught_up,
)
