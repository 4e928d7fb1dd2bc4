"""Each of the four processes is killed while deliveries come: each of these is one event, and counts once."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from pipeline.log.partitioning import partition_in
from pipeline.log.topics import RECEIVED
from pipeline.sources.cloudevents import render
from tests.answers import ask
from tests.cluster.faults.shared import (
    PARTITIONS,
    Alone,
    committed,
    compare,
    end,
    recent,
    records,
    told_in,
    wait_for,
    wait_until_assigned,
    without_ticks,
)
from tests.cluster.processes import Cluster
from tests.live.process import TOKEN
from tests.places import history
from tests.ports import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

STEPS = ("receive", "normalize", "correlate", "sink")
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
POLL_SECONDS = 0.02
CONNECTIONS = 4
#: a process that has much to do is killed within so long, or as soon as it has written
WORKS_SECONDS_MAX = 0.5


class Sender:
    """Posts each delivery again until it is accepted, some of them at once."""

    def __init__(self, place: str, workspace: str, bodies: list[bytes]) -> None:
        self._place, self._path, self._bodies = place, f"/receive/{workspace}/cloudevents", bodies
        self._ending = threading.Event()
        self._one = threading.Lock()
        self._begun = 0
        #: so many are sent until somebody allows more
        self.allowed = 0
        self.accepted = 0
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(CONNECTIONS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def allow(self, count: int) -> None:
        self.allowed = count

    def all_accepted(self) -> bool:
        return self.accepted == self.allowed

    def _send(self) -> None:
        while not self._ending.wait(POLL_SECONDS):
            with self._one:
                if self._begun >= self.allowed:
                    continue
                body = self._bodies[self._begun]
                self._begun += 1
            while not self._is_accepted(body) and not self._ending.wait(POLL_SECONDS):
                pass
            with self._one:
                self.accepted += 1

    def _is_accepted(self, body: bytes) -> bool:
        try:
            return ask(self._place, self._path, body, HEADERS).status == 202
        except OSError:
            return False


@contextmanager
def sent(place: str, workspace: str, bodies: list[bytes]) -> Iterator[Sender]:
    sender = Sender(place, workspace, bodies)
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


def is_written(made: Cluster, workspace: str, behind: int) -> bool:
    """Whether there are events behind an offset."""
    return committed(made, workspace)[1] > behind


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.nightly)])
def test_all_four_are_killed_in_turn(made: Cluster, alone: Alone, rounds: int) -> None:
    workspace = f"killed-{rounds}"
    bodies = [render(event, workspace) for event in recent(history())] * rounds
    (port,) = free_ports(1)
    chance = random.Random(rounds)

    def start(step: str) -> None:
        # with a name of its own it has its partitions back at once, and ends what it left half-written
        told = ["--listen", f"127.0.0.1:{port}"] if step == "receive" else []
        made.start(step, *told, workspaces=workspace, kafka_instance=step)

    for step in STEPS:
        start(step)
    kills = [
        kill
        for _ in range(rounds)
        for kill in (*((step, False) for step in chance.sample(STEPS, len(STEPS))), ("normalize", True))
    ]
    with sent(f"127.0.0.1:{port}", workspace, bodies) as sender:
        for kill, (step, has_written) in enumerate(kills, 1):
            (process,) = made.of(step)
            if step != "receive":
                # while it stands still, work piles up
                wait_until_assigned(made, process, PARTITIONS)
                process.send_signal(signal.SIGSTOP)
            sender.allow(len(bodies) * kill // len(kills))
            if step != "receive":
                wait_for(made, sender.all_accepted, "not all are accepted")
            _, behind = committed(made, workspace)
            process.send_signal(signal.SIGCONT)
            if has_written:
                wait_for(made, partial(is_written, made, workspace, behind), "nothing is written")
            else:
                time.sleep(WORKS_SECONDS_MAX * chance.random())
            end(made, process, signal.SIGKILL, -signal.SIGKILL)
            start(step)
        wait_for(made, sender.all_accepted, "not all are accepted")
    made.wait_until_done()
    deliveries = [
        bytes(record.value)
        for record in records(made.log, RECEIVED, workspace, partition_in(made.log, workspace))
    ]
    assert len(deliveries) >= len(bodies)
    found, ticks = without_ticks(told_in(made, workspace))
    expected = alone.rows_of_deliveries(workspace, deliveries, ticks)
    assert found == without_ticks(alone.told(workspace))[0]
    assert found
    compare(made, workspace, expected)
