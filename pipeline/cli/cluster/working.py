"""How a step of a cluster runs as a process: a place in its group, turns, health, and an end on SIGTERM."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.cli.configuring import host_of, port_of
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.stopping import stopped_by_signals
from pipeline.cli.version import version
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.health import Measured
    from pipeline.log.kafka import KafkaLog
    from pipeline.worker import Step, Worker


def work(settings: Settings, log: KafkaLog, name: str, topic: str, open_step: Callable[[int], Step]) -> None:
    """Turn the steps of the partitions of ``topic`` that are this process's, until SIGINT or SIGTERM."""
    from pipeline.log.kafka.membership import Membership
    from pipeline.worker import Worker

    worker = Worker(Membership(log.settings, name, topic), open_step)
    stop = threading.Event()
    with stopped_by_signals(stop), health_served(settings, worker, name) as check:
        worker.run(stop, check)


@contextmanager
def health_served(settings: Settings, worker: Worker, name: str) -> Iterator[Callable[[], None]]:
    """Health, readiness and numbers of a worker; gives a check that raises when the server has ended."""
    from pipeline.health import application
    from pipeline.receive.serving import CannotListen, Server

    app = application(worker.stuck, worker.waiting_for, _metrics(worker))
    server = Server(app, host=host_of(settings.listen_health), port=port_of(settings.listen_health))
    try:
        server.start()
    except CannotListen as error:
        raise Problem(str(error), code=Exit.USAGE) from None
    print(  # noqa: T201
        f"aftermerge {version()}: {name} is up; {server.address}/healthz /readyz /metrics",
        file=sys.stderr,
        flush=True,
    )

    def check() -> None:
        if server.failure is not None:
            raise server.failure

    try:
        yield check
    finally:
        server.stop()


def _metrics(worker: Worker) -> dict[str, tuple[str, tuple[str, ...], Callable[[], Measured]]]:
    condition = worker.condition

    def one(number: Callable[[], float]) -> Callable[[], Measured]:
        return lambda: {(): number()}

    def by_partition(place: int) -> Callable[[], Measured]:
        return lambda: {(str(partition),): lag[place] for partition, lag in condition.lags.items()}

    return {
        "lag_records": ("Records that wait, by partition", ("partition",), by_partition(0)),
        "lag_seconds": ("For how long some have waited without a break", ("partition",), by_partition(1)),
        "assigned_partitions": ("Partitions of this process", (), one(lambda: len(condition.assigned))),
        "restored_partitions": ("Those of them that work", (), one(lambda: len(condition.restored))),
        "rebalances": ("How often its partitions changed", (), one(lambda: condition.rebalances)),
        "fenced": ("How often another process had taken over", (), one(lambda: condition.fenced)),
        "turns": ("Batches that were committed", (), one(lambda: condition.turns)),
        "taken_in_records": ("Records that were taken in", (), one(lambda: condition.records)),
        "turn_seconds": (
            "How long the turn that is under way lasts, 0 between two",
            (),
            one(lambda: time.monotonic() - began if (began := condition.turn_began) else 0.0),
        ),
        "waiting_for": (
            "1 while the log or the store is waited for",
            (),
            one(lambda: bool(condition.trouble)),
        ),
    }
