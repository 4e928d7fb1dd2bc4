"""How soon a delivery on the log of a cluster is a row in the store, with every step running.

``python -m benchmarks visible``. Broker, store, `receive`, `normalize`, `correlate` and `sink` are processes
of their own; this one appends to `received`, as `receive` would, and asks the store again and again.
The store is the embedded engine behind HTTP, one statement at a time: a server would be quicker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.brokered import broker, cpu_seconds
from benchmarks.figures import Figure, at_most, known
from benchmarks.load import pull_request
from pipeline.log.kafka import KafkaLog
from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import RECEIVED
from pipeline.sources.deliveries import Delivery
from pipeline.store import Store
from tests.cluster.processes import cluster

#: deliveries a second -> seconds until 99 of 100 are rows
SECONDS_MAX = {100: 1.0, 1_000: 2.0}
SECONDS = 20
QUICK_SECONDS = 5
WARM_DELIVERIES = 200
DRAIN_SECONDS_MAX = 120.0
#: what is due by then is appended as one batch, as `receive` gathers what waits
GATHER_SECONDS = 0.02
POLL_SECONDS = 0.05
WORKSPACE = "default"
BATCH_ROWS = "50000"
COUNT = "SELECT count() FROM changes"


def visible(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The time from when a delivery was due until its change is in the store, at two rates."""
    seconds = QUICK_SECONDS if quick else SECONDS
    figures = []
    place = directory / "visible"
    place.mkdir()
    with broker() as running, cluster(place, running.bootstrap, 1) as steps:
        steps.start("receive")
        for step in ("normalize", "correlate", "sink"):
            steps.start(step, batch_rows=BATCH_ROWS)
        with (
            closing(KafkaLog(steps.settings)) as log,
            closing(Store.open(steps.dsn, steps.database)) as store,
        ):
            try:
                _fed(log, store, 100, WARM_DELIVERIES, 0)  # opens what is opened once
            except RuntimeError as error:
                raise RuntimeError(f"{error}: {steps.said()}") from None
            first = WARM_DELIVERIES
            for rate, limit in SECONDS_MAX.items():
                processes = [*(process.pid for _, process in steps.running), running.process]
                before = sum(map(cpu_seconds, processes))
                lags = _fed(log, store, rate, rate * seconds, first)
                used = sum(map(cpu_seconds, processes)) - before
                first += rate * seconds
                middle, worst = (float(found) for found in np.percentile(lags, [50, 99]))
                title, text = f"cluster at {rate:,}/s", f"{middle:.2f} s in the middle, {worst:.2f} s"
                figures.append(at_most(f"{title}: row in the store, p99", worst, limit, text))
                cores = used / (seconds + worst)
                figures.append(known(f"{title}: cores in use", cores, f"{cores:.2f}, steps and broker"))
        steps.stop()
    return figures


def _fed(log: KafkaLog, store: Store, rate: int, count: int, first: int) -> list[float]:
    """Append so many deliveries at a rate; how long each took, from when it was due, to become a row."""
    (before,) = store.query(COUNT).rows[0]
    begin = time.perf_counter() + GATHER_SECONDS
    sender = threading.Thread(target=_send, args=(log, rate, count, first, begin), daemon=True)
    sender.start()
    seen: list[tuple[float, int]] = []
    until = begin + count / rate + DRAIN_SECONDS_MAX
    while not seen or seen[-1][1] < count:
        if time.perf_counter() > until:
            raise RuntimeError(f"{seen[-1][1] if seen else 0:,} of {count:,} deliveries have become rows")
        (rows,) = store.query(COUNT).rows[0]
        seen.append((time.perf_counter(), int(str(rows)) - int(str(before))))
        time.sleep(POLL_SECONDS)
    sender.join()
    moments, counts = np.array([at for at, _ in seen]), np.array([rows for _, rows in seen])
    # rows come in the order in which deliveries were appended
    places = np.searchsorted(counts, np.arange(1, count + 1))
    due = begin + np.arange(count) / rate
    return [float(lag) for lag in moments[places] - due]


def _send(log: KafkaLog, rate: int, count: int, first: int, begin: float) -> None:
    encode = msgspec.msgpack.Encoder().encode
    head = {"x-github-event": "pull_request", "content-type": "application/json"}
    partition = partition_of(WORKSPACE, log.partitions(RECEIVED))
    sent = 0
    while sent < count:
        due = min(count, int((time.perf_counter() - begin) * rate) + 1)
        if due > sent:
            now = time.time_ns() // 1_000
            records = [
                NewRecord(
                    WORKSPACE.encode(),
                    encode(Delivery(WORKSPACE, "github", now, head, pull_request(first + number))),
                )
                for number in range(sent, due)
            ]
            log.append(RECEIVED, partition, records)
            sent = due
        time.sleep(GATHER_SECONDS)
