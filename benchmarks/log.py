"""How fast the log in a file appends and reads records of 300 bytes, with every commit on disk.

``python -m benchmarks.log [RECORDS] [DIRECTORY]``: the directory says which disk is measured.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog

RECORDS = 500_000
BATCH_ROWS = 20_000
VALUE_BYTES = 300
LIVE_COMMITS = 2_000
STATE_KEYS = 50_000


@contextmanager
def _timed(what: str, count: int) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    print(f"  {what:36}{count / (time.perf_counter() - begun) / 1_000:9,.1f} k/s")


def measure(path: Path, count: int) -> None:
    """Print the rates of one new log at a path."""
    draw = random.Random(1)
    batch = [NewRecord(b"acme", draw.randbytes(VALUE_BYTES)) for _ in range(BATCH_ROWS)]
    state = [NewRecord(b"%d" % draw.randrange(STATE_KEYS), record.value) for record in batch]
    batches = max(count // BATCH_ROWS, 1)
    rows = batches * BATCH_ROWS
    with closing(SqliteLog(path)) as log:
        log.create_topic("events")
        log.create_topic("live")
        log.create_topic("state", compacted=True)
        print(f"log: {rows} records of {VALUE_BYTES} bytes, {BATCH_ROWS} a batch")
        with _timed("append, plain", rows):
            for _ in range(batches):
                log.append("events", 0, batch)
        with _timed("read, plain", rows):
            for offset in range(0, rows, BATCH_ROWS):
                assert len(log.read("events", 0, offset, BATCH_ROWS)) == BATCH_ROWS
        with _timed(f"commit with {BATCH_ROWS} upserts", batches * BATCH_ROWS):
            for number in range(batches):
                log.commit("correlate", "events", 0, number, appended=[("state", 0, state)])
        live = log.latest("state", 0)
        with _timed("latest, compacted", len(live)):
            log.latest("state", 0)
        with _timed("append one by one", LIVE_COMMITS):
            for record in batch[:LIVE_COMMITS]:
                log.append("live", 0, [record])
    print(f"  {'bytes a record on disk':36}{path.stat().st_size / (rows + len(live) + LIVE_COMMITS):9,.0f}")


def main() -> None:
    """Print the rates."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as directory:
        measure(Path(directory) / "log.sqlite", count)


if __name__ == "__main__":
    main()
