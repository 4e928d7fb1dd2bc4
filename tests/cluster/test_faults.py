"""Parts of a cluster die, freeze or answer nothing: nothing is lost, nothing is double."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.events import Event
from pipeline.log.kafka.membership import SESSION_SECONDS
from tests.cluster.histories import PIECES, pieces
from tests.cluster.processes import DONE_SECONDS_MAX, STEPS, Cluster, cluster
from tests.kafka import servers
from tests.live.process import eventually
from tests.live.test_store_gone import store
from tests.ports import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def restart_killed(made: Cluster) -> None:
    for step in STEPS:
        if not made.of(step):
            made.start(step)


@pytest.mark.parametrize(
    "kills",
    [3, pytest.param(PIECES, marks=pytest.mark.nightly), pytest.param(100, marks=pytest.mark.nightly)],
)
def test_steps_are_killed_at_random_moments(
    tmp_path: Path,
    bootstrap: str,
    workspaces: Mapping[str, Sequence[Event]],
    undisturbed: dict[str, Any],
    kills: int,
) -> None:
    chance = random.Random(kills)
    killed = 0
    with cluster(tmp_path, bootstrap, 2) as made:
        made.start_steps()
        for piece in pieces(workspaces, kills):
            made.tell(piece)
            time.sleep(3 * chance.random())
            step = chance.choice(STEPS)
            for process in made.of(step):
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            restart_killed(made)
        made.wait_until_done()
        assert killed == kills
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


@pytest.mark.long
def test_a_frozen_worker_that_wakes_overwrites_nothing(
    tmp_path: Path, bootstrap: str, workspaces: Mapping[str, Sequence[Event]], undisturbed: dict[str, Any]
) -> None:
    first, *rest = pieces(workspaces)
    with cluster(tmp_path, bootstrap, 2) as made:
        made.start_steps()
        made.tell(first)
        made.wait_until_done()
        (frozen,) = made.of("correlate")
        for piece in rest[:2]:
            made.tell(piece)
        frozen.send_signal(signal.SIGSTOP)
        made.start("correlate")
        for piece in rest[2:]:
            made.tell(piece)
        # beyond the session: the other one has the partitions
        made.wait_until_done(SESSION_SECONDS + DONE_SECONDS_MAX)
        frozen.send_signal(signal.SIGCONT)
        time.sleep(3)
        assert frozen.poll() is None
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


@pytest.mark.nightly
def test_the_broker_is_killed_and_comes_back(
    tmp_path: Path, workspaces: Mapping[str, Sequence[Event]], undisturbed: dict[str, Any]
) -> None:
    with servers.brokers() as brokers, cluster(tmp_path, brokers.bootstrap, 2) as made:
        made.start_steps()
        for number, piece in enumerate(pieces(workspaces)):
            made.tell(piece)
            if number in (1, 3):
                brokers.nodes[0].kill()
                time.sleep(2)
                brokers.start()
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


@pytest.mark.nightly
def test_the_store_is_gone_for_a_while(
    tmp_path: Path, bootstrap: str, workspaces: Mapping[str, Sequence[Event]], undisturbed: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    told = list(pieces(workspaces))
    with Cluster(tmp_path, bootstrap, 2, port) as made:
        with store(tmp_path / "server", port):
            made.prepare()
            made.start_steps()
            made.tell(told[0])
            made.wait_until_done()
            made.tell(told[1])
        for piece in told[2:]:
            made.tell(piece)
        (sink,) = made.of("sink")
        eventually(
            # not the insert, which is tried in place for 30 s, but the turn behind it
            lambda: re.search("; trying again$", made.said(), re.M),
            "the sink does not wait for the store any longer",
            DONE_SECONDS_MAX,
        )
        assert sink.poll() is None
        with store(tmp_path / "server", port):
            made.wait_until_done()
            assert made.held(list(workspaces)) == undisturbed
            made.stop()
