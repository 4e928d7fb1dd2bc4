"""The join as a step of our cluster: batches of columns in, results and state and offset in one transaction.

It is what `correlate` is made of (the log, the codec, the worker) with the peers' join in the place of the
core, so that runtimes are compared, not joins. Results and state of a batch are upserts, so of what a batch
touches several times only the last is written. Exactly once; a worker that takes over reads the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from benchmarks.peers import join
from pipeline.codec import Codec, Columns
from pipeline.codec.columns import python_values
from pipeline.codec.schemas import HEAD_BYTES, MAGIC, shipped_schemas
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import EVENTS, STATE
from pipeline.worker import Lag

GROUP = "join"
RESULTS = "results"
BATCH_EVENTS = 50_000
TURN_BATCHES_MAX = 4

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Remembered:
    """The join's store: everything in memory, and what changed since it was last written."""

    def __init__(self, held: dict[str, Any]) -> None:
        self._held = held
        self._changed: set[str] = set()

    def get(self, key: str) -> Any:
        return self._held.get(key)

    def set(self, key: str, value: Any) -> None:
        self._held[key] = value
        self._changed.add(key)

    def changes(self) -> list[NewRecord]:
        """What to write, once."""
        found = [NewRecord(key.encode(), _encode(self._held[key])) for key in self._changed]
        self._changed.clear()
        return found


class Joining:
    """Events of one partition become joined rows on a topic."""

    def __init__(self, log: Log, partition: int) -> None:
        self._log, self._partition, self._codec = log, partition, Codec()
        self._offset = log.claim(GROUP, EVENTS, partition)
        held = log.latest(STATE, partition)
        self._store = Remembered({key.decode(): _decode(value) for key, value in held.items()})
        self._writer = ThreadPoolExecutor(max_workers=1)

    def turn(self) -> int:
        """Some batches: while one is being written, the next one is joined."""
        taken = 0
        pending: Future[None] | None = None
        for _ in range(TURN_BATCHES_MAX):
            records = self._log.read(EVENTS, self._partition, self._offset, BATCH_EVENTS)
            if not records:
                break
            self._offset = records[-1].offset + 1
            taken += len(records)
            rows: dict[str, join.Row] = {}
            values = [record.value for record in records if record.value[:HEAD_BYTES] in _HEADS]
            for column in self._codec.decode(values).columns:
                rows |= {join.key_of(row): row for row in rows_of(self._store, column)}
            changes = self._store.changes()
            if pending is not None:
                pending.result()
            pending = self._writer.submit(self._write, self._offset, rows, changes)
        if pending is not None:
            pending.result()
        return taken

    def lag(self) -> Lag:
        """See ``worker.Step``."""
        return Lag(self._log.end(EVENTS, self._partition) - self._offset, 0.0)

    def close(self) -> None:
        """See ``worker.Step``."""
        self._writer.shutdown()
        self._log.release(GROUP, EVENTS, self._partition)

    def _write(self, offset: int, rows: dict[str, join.Row], changes: list[NewRecord]) -> None:
        results = [NewRecord(key.encode(), _encode(row)) for key, row in rows.items()]
        appended = [(RESULTS, self._partition, results), (STATE, self._partition, changes)]
        self._log.commit(GROUP, EVENTS, self._partition, offset, appended=appended)


def rows_of(store: join.Store, column: Columns) -> Iterator[join.Row]:
    """What follows from the events of one record; their order does not matter."""
    tell, *names = _TOLD[column.record]
    for values in zip(*(python_values(column.table.column(name)) for name in names), strict=True):
        yield from tell(store, *values)


def _deployed(
    store: join.Store, deployment: str, service: str, environment: str, time: int, tag: str, outcome: str
) -> Iterable[join.Row]:
    if outcome != "success":
        return ()
    return join.deployed(store, deployment, f"{service}/{environment}", time, tag)


def _detected(
    store: join.Store, incident: str, service: str, environment: str, time: int
) -> Iterable[join.Row]:
    return join.detected(store, incident, f"{service}/{environment}", time)


#: record -> what is told of it, and the columns that this takes
_TOLD: dict[str, tuple[Any, ...]] = {
    "change_merged": (join.merged, "change", "repository", "sha"),
    "artifact_packaged": (join.packaged, "tag", "repository", "sha"),
    "deployment_finished": (
        _deployed, "deployment", "service", "environment", "time", "tag", "outcome",
    ),
    "incident_detected": (_detected, "incident", "service", "environment", "time"),
}  # fmt: skip
#: the bytes in front of what the join reads; the rest is not decoded
_HEADS = frozenset(
    MAGIC + schema.id.to_bytes(4, "big")
    for schema in shipped_schemas().values()
    if schema.record in join.RECORDS
)
