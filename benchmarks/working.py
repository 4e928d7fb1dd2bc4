"""One worker of a cluster, measured: ``python -m benchmarks.working TOLD``, TOLD being JSON.

It does what `aftermerge correlate` (or another step) does, without the server for its health. When it has its
partitions it says ``ready`` and waits for a line; when nothing is left to be done it prints its figures, and
ends with its standard input.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec

from benchmarks.brokered import Broker
from benchmarks.passes import (
    ATTRIBUTION_WINDOW_DAYS_MAX,
    BATCH_EVENTS,
    HORIZON_DAYS,
    peak_bytes,
)
from benchmarks.peers import ours
from pipeline.assigned import Correlating
from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.core.parameters import DAY, Parameters
from pipeline.correlate import Correlator
from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.kafka.membership import Membership
from pipeline.log.topics import EVENTS
from pipeline.measuring import ProgressCall
from pipeline.publish import Publisher
from pipeline.standby import Standbys
from pipeline.worker import Step, Worker

READY_SECONDS_MAX = 120.0
POLL_SECONDS = 0.1

#: as ``benchmarks.passes`` has it, so that the same rows are made
PARAMETERS = Parameters(
    horizon=HORIZON_DAYS * DAY, window=min(HORIZON_DAYS, ATTRIBUTION_WINDOW_DAYS_MAX) * DAY
)


class Told(msgspec.Struct):
    """What one worker is to do."""

    step: str
    bootstrap: str
    prefix: str
    #: so many partitions are to be its own before it begins
    partitions: int = 1
    #: it has kept their state in memory when it begins
    standby: bool = False


class Work(msgspec.Struct):
    """What it took from the opening of its partitions until the last commit."""

    records: int = 0
    turns: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    #: before: to claim the partitions, and to read what the last process left
    opening_seconds: float = 0.0
    peak_bytes: int = 0


class Together(msgspec.Struct):
    """Some workers at the same time."""

    workers: list[Work]
    broker_cpu_seconds: float
    #: of the workers' processes from their start until they were ready
    started_seconds: float

    @property
    def records(self) -> int:
        return sum(one.records for one in self.workers)

    @property
    def wall_seconds(self) -> float:
        return max(one.wall_seconds for one in self.workers)

    @property
    def cpu_seconds(self) -> float:
        return sum(one.cpu_seconds for one in self.workers)


def together(broker: Broker, told: Sequence[Told], seconds: float) -> Together:
    """Run workers that begin at the same moment, and wait until all have done their work."""
    begun = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.working", msgspec.json.encode(one).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for one in told
    ]

    def too_long() -> None:
        for process in running:
            process.kill()

    guard = threading.Timer(seconds, too_long)
    guard.start()
    try:
        for process in running:
            _line(process)
        started, before = time.perf_counter() - begun, broker.cpu_seconds()
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        found = [msgspec.json.decode(_line(process), type=Work) for process in running]
        return Together(found, broker.cpu_seconds() - before, started)
    finally:
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
        for process in running:
            process.wait()
        guard.cancel()


def _line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a worker ended, or took too long: exit code {process.wait()}")
    return line


def step_of(told: Told, log: KafkaLog, standbys: Standbys) -> tuple[str, Callable[[int], Step]]:
    """The name of a step, and how it is opened for a partition."""
    if told.step == "join":
        return ours.GROUP, lambda partition: ours.Joining(log, partition)

    def make(partition: int) -> Correlator:
        publisher = Publisher(log, FactCodec(), partition)
        return Correlator(
            log,
            Codec(),
            publisher,
            PARAMETERS,
            BATCH_EVENTS,
            partition=partition,
            stood_by=lambda: standbys.take(partition),
        )

    return "correlate", lambda partition: Correlating(log, partition, make, BATCH_EVENTS)


def work(told: Told) -> None:
    """Become a member, wait for the word, turn until nothing is left, and say what that took."""
    settings = KafkaSettings(told.bootstrap, prefix=told.prefix, replication_factor=1, min_insync_replicas=1)
    with closing(KafkaLog(settings)) as log:
        standbys = Standbys(log, PARAMETERS, range(told.partitions if told.standby else 0))
        name, open_step = step_of(told, log, standbys)
        members = Membership(settings, name, EVENTS)
        until = time.monotonic() + READY_SECONDS_MAX
        while len(members.poll(POLL_SECONDS)) != told.partitions:
            if time.monotonic() > until:
                raise SystemExit(f"{name}: did not get {told.partitions} partitions")
        if told.standby:
            standbys.start()
            while standbys.warm != told.partitions:
                time.sleep(POLL_SECONDS)
        print("ready", flush=True)
        sys.stdin.readline()
        stop, found = threading.Event(), Work()
        steps: dict[int, Step] = {}

        def opened(partition: int, progress: ProgressCall) -> Step:
            begun = time.perf_counter()
            step = open_step(partition)
            found.opening_seconds += time.perf_counter() - begun
            steps[partition] = step
            return step

        worker = Worker(members, opened)
        wall, cpu = time.perf_counter(), time.process_time()

        def check() -> None:
            condition = worker.condition
            if condition.turns == 0:
                return
            if all(step.lag().records <= 0 for step in steps.values()):
                found.wall_seconds = time.perf_counter() - wall - found.opening_seconds
                found.cpu_seconds = time.process_time() - cpu
                found.records, found.turns = condition.records, condition.turns
                found.peak_bytes = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
                print(msgspec.json.encode(found).decode(), flush=True)
                sys.stdin.read()  # others may still be at work, and would be given what this one leaves
                stop.set()

        worker.run(stop, check)
        standbys.close()


if __name__ == "__main__":
    work(msgspec.json.decode(sys.argv[1], type=Told))
