"""One pass over a log, in a process of its own: the floor, the whole correlation, or the fold alone.

``python -m benchmarks.passes KIND LOG [HORIZON_DAYS]`` prints its figures as JSON.

    floor        read, decode to columns, insert as raw events, one after the other
    overlapped   the same, and the insert of one batch runs while the next one is read and decoded
    full         everything on: what ``aftermerge`` does with the events of a log
    workspace    read, decode, fold and derive; the rows go nowhere

The log is copied and the store is new, so a pass leaves nothing behind and finds nothing.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from benchmarks.logs import WORKSPACE
from pipeline.codec import Codec, Columns
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.workspace import Workspace
from pipeline.correlate import Correlator
from pipeline.log.protocol import Log
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import EVENTS, STATE
from pipeline.sink import Sink
from pipeline.state import GROUP
from pipeline.store import Store

#: as many as ``aftermerge`` takes unless told otherwise
BATCH_EVENTS = 50_000
HORIZON_DAYS = 90
ATTRIBUTION_WINDOW_DAYS_MAX = 14


class Pass(msgspec.Struct):
    """What one pass took."""

    events: int = 0
    #: of the pass itself: parts are opened, and tables made, before
    wall_seconds: float = 0.0
    #: of all threads of the process, the embedded engine's too
    cpu_seconds: float = 0.0
    #: of the thread that reads, decodes and folds
    main_thread_seconds: float = 0.0
    peak_bytes: int = 0
    rows: int = 0
    #: entities of the family ``change``, and what the state topic holds for everything
    changes: int = 0
    entities: dict[str, int] = {}
    state_bytes: int = 0
    #: growth of the resident memory by the workspace, as it is and after freed memory was returned
    resident_bytes: int = 0
    trimmed_bytes: int = 0


def run(kind: str, log: Path, horizon_days: int = HORIZON_DAYS) -> Pass:
    """Make one pass in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.passes", kind, str(log), str(horizon_days)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Pass)


def peak_bytes(usage: resource.struct_rusage) -> int:
    """The highest resident memory; macOS counts bytes, Linux kilobytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1 << 10)


def resident_bytes() -> int:
    """What this process holds in memory now."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)
    return int(told.stdout) << 10


def batches(log: Log, codec: Codec) -> Iterator[list[Columns]]:
    """The log in columns, a batch at a time."""
    offset = 0
    while records := log.read(EVENTS, 0, offset, BATCH_EVENTS):
        offset = records[-1].offset + 1
        yield codec.decode([record.value for record in records]).columns


def _insert(store: Store, columns: list[Columns]) -> None:
    for column in columns:
        store.insert_events(column.record, WORKSPACE, column.table)


def floor(log: Log, store: Store) -> None:
    """Nothing but read, decode and insert."""
    for columns in batches(log, Codec()):
        _insert(store, columns)


def overlapped(log: Log, store: Store) -> None:
    """The floor with as many threads as the correlation has."""
    with ThreadPoolExecutor(max_workers=1) as writer:
        pending: Future[None] | None = None
        for columns in batches(log, Codec()):
            if pending is not None:
                pending.result()
            pending = writer.submit(_insert, store, columns)
        if pending is not None:
            pending.result()


def measured(kind: str, log: SqliteLog, store: Store, parameters: Parameters) -> Pass:
    """One pass over a log into a new store."""
    found = Pass(events=log.end(EVENTS, 0))
    wall, cpu, main = time.perf_counter(), time.process_time(), time.thread_time()
    if kind == "full":
        found.rows = Correlator(log, Codec(), Sink(store), parameters, BATCH_EVENTS).run().rows
    elif kind == "floor":
        floor(log, store)
    else:
        overlapped(log, store)
    found.wall_seconds = time.perf_counter() - wall
    found.cpu_seconds = time.process_time() - cpu
    found.main_thread_seconds = time.thread_time() - main
    found.peak_bytes = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    if kind == "full":
        assert log.committed(GROUP, EVENTS, 0) == found.events
        _count_state(log, found)
    return found


def _count_state(log: Log, found: Pass) -> None:
    for key, value in log.latest(STATE, 0).items():
        found.state_bytes += len(key) + len(value)
        family = key.partition(b"\0")[2].partition(b"/")[0].decode()
        if value != b"-":  # what was forgotten leaves a mark
            found.entities[family] = found.entities.get(family, 0) + 1
    found.changes = found.entities.get("change", 0)


def _trim() -> None:
    """Give freed memory back to the system, where it has a call for that."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def folded(log: SqliteLog, parameters: Parameters) -> Pass:
    """Fold a log, and see how much the memory grew by it."""
    found, codec = Pass(events=log.end(EVENTS, 0)), Codec()
    for columns in batches(log, codec):  # makes what is made once: schemas, pools, buffers
        for column in columns:
            column.events()
        break
    _trim()
    before = resident_bytes()
    workspace = Workspace(parameters)
    for columns in batches(log, codec):
        workspace.fold([(column.positions.tolist(), column.events()) for column in columns])
        workspace.derive()
        workspace.snapshot()
    found.resident_bytes = resident_bytes() - before
    _trim()
    found.trimmed_bytes = resident_bytes() - before
    found.entities = {family: len(entities) for family, entities in workspace.entities.items() if entities}
    found.changes = len(workspace.entities["change"])
    found.peak_bytes = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    return found


def main(kind: str, path: Path, horizon_days: int) -> Pass:
    """Copy the log, open what is needed, and make the pass."""
    parameters = Parameters(
        horizon=horizon_days * DAY, window=min(horizon_days, ATTRIBUTION_WINDOW_DAYS_MAX) * DAY
    )
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{kind}-") as directory:
        copy = Path(shutil.copy(path, directory))
        with closing(SqliteLog(copy)) as log:
            if kind == "workspace":
                return folded(log, parameters)
            with closing(Store.open(f"chdb://{directory}/store")) as store:
                store.migrate()
                return measured(kind, log, store, parameters)


if __name__ == "__main__":
    days = int(sys.argv[3]) if len(sys.argv) > 3 else HORIZON_DAYS
    print(msgspec.json.encode(main(sys.argv[1], Path(sys.argv[2]), days)).decode())
