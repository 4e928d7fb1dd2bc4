"""How a step of a cluster runs as a process: a place in its group, turns, health, and an end on SIGTERM."""

from __future__ import annotations

import logging
import os
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

#: how often somebody looks whether the process is stuck, and how long it has been so before it ends
LOOKED_AT_EVERY_SECONDS = 5.0
ENDED_AFTER_SECONDS = 60.0

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pipeline.health import Measured, StepMeters
    from pipeline.log.kafka import KafkaLog
    from pipeline.standby import Standbys
    from pipeline.worker import OpenStep, Worker


@contextmanager
def standing_by(settings: Settings, log: KafkaLog) -> Iterator[Standbys]:
    """The standbys that the settings want, for as long as the process runs."""
    from pipeline.cli.modelling import parameters
    from pipeline.log.topics import EVENTS
    from pipeline.standby import Standbys

    count = log.partitions(EVENTS)
    if settings.standby == "all":
        wanted = list(range(count))
    else:
        wanted = [int(number) for number in settings.standby.split(",") if number]
        if strangers := [partition for partition in wanted if partition >= count]:
            raise Problem(
                f"standby names partition {strangers[0]}, but there are {count}: 0 to {count - 1}",
                code=Exit.USAGE,
            )
    try:
        standbys = Standbys(log, parameters(settings), wanted)
    except ValueError as error:
        raise Problem(f"standby: {error}", hint="name some of them", code=Exit.USAGE) from None
    try:
        yield standbys
    finally:
        standbys.close()


def work(
    settings: Settings,
    log: KafkaLog,
    name: str,
    topic: str,
    open_step: OpenStep,
    meters: StepMeters,
    standbys: Standbys | None = None,
) -> None:
    """Turn the steps of the partitions of ``topic`` that are this process's, until SIGINT or SIGTERM."""
    from pipeline.log.kafka.membership import Membership
    from pipeline.worker import Worker

    worker = Worker(Membership(log.settings, name, topic), open_step)
    stop = threading.Event()
    with (
        stopped_by_signals(stop),
        health_served(settings, worker, name, meters, standbys) as check,
        ended_when_stuck(worker.stuck),
    ):
        if standbys is not None:
            standbys.start(worker.is_opening)
        worker.run(stop, check)


@contextmanager
def ended_when_stuck(stuck: Callable[[], str]) -> Iterator[None]:
    """Nobody may ask for the health: what has been stuck for long ends by itself, to be started again."""
    done = threading.Event()

    def watch() -> None:
        since = 0.0
        while not done.wait(LOOKED_AT_EVERY_SECONDS):
            now = time.monotonic()
            if not (why := stuck()):
                since = 0.0
            elif now - (since := since or now) >= ENDED_AFTER_SECONDS:
                _log.critical("%s; the process ends", why)
                # nothing of it can be waited for: what it had not committed is void
                os._exit(Exit.UNAVAILABLE)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        done.set()


@contextmanager
def health_served(
    settings: Settings, worker: Worker, name: str, meters: StepMeters, standbys: Standbys | None = None
) -> Iterator[Callable[[], None]]:
    """Health, readiness and numbers of a worker; gives a check that raises when the server has ended."""
    from pipeline.health import application
    from pipeline.receive.serving import CannotListen, Server

    app = application(worker.stuck, worker.waiting_for, _metrics(worker, standbys), meters)
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


def _metrics(
    worker: Worker, standbys: Standbys | None
) -> dict[str, tuple[str, tuple[str, ...], Callable[[], Measured]]]:
    condition = worker.condition

    def one(number: Callable[[], float]) -> Callable[[], Measured]:
        return lambda: {(): number()}

    def by_partition(place: int) -> Callable[[], Measured]:
        return lambda: {(str(partition),): lag[place] for partition, lag in condition.lags.items()}

    def opening(place: int) -> Callable[[], Measured]:
        return lambda: {
            (str(partition), told.phase): float(number)
            for partition, told in condition.opening.items()
            if (number := told[place]) is not None
        }

    return {
        "lag_records": ("Records that wait, by partition", ("partition",), by_partition(0)),
        "lag_seconds": ("How long the oldest of them has waited", ("partition",), by_partition(1)),
        "assigned_partitions": ("Partitions of this process", (), one(lambda: len(condition.assigned))),
        "restored_partitions": ("Those of them that work", (), one(lambda: len(condition.restored))),
        "opening_done": ("How much of it is read back or computed anew", ("partition", "phase"), opening(1)),
        "opening_total": ("Of how much", ("partition", "phase"), opening(2)),
        "standby_partitions": (
            "Partitions of other processes that could be taken over at once",
            (),
            one(lambda: 0 if standbys is None else standbys.warm),
        ),
        "rebalances": ("How often its partitions changed", (), one(lambda: condition.rebalances)),
        "fenced": ("How often another process had taken over", (), one(lambda: condition.fenced)),
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
