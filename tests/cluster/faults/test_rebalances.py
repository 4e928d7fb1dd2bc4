"""Processes join, leave and come back while events flow: no row is lost or double."""

from __future__ import annotations

import signal
import time

import pytest

from benchmarks.world import organisation
from pipeline.log.kafka.membership import SESSION_SECONDS
from pipeline.log.kafka.watching import Watcher
from tests.cluster.faults.shared import (
    PARTITIONS,
    Alone,
    committed,
    compare,
    end,
    tell_pieces,
    wait_for,
    wait_until_assigned,
)
from tests.cluster.processes import STEPS, Cluster
from tests.cluster.test_standby import number
from tests.places import history

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

EVENTS_MANY = 3_000
#: a turn is a small part of what there is, so that the end comes in the middle
FEW_ROWS = "100"
#: a process that is told to stop ends its turn, commits and leaves, long before it would be killed
DRAINED_SECONDS_MAX = 20.0


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=pytest.mark.nightly)])
def test_workers_join_and_leave_again_and_again(made: Cluster, alone: Alone, rounds: int) -> None:
    workspace = f"moved-{rounds}"
    events = organisation(EVENTS_MANY // 2, seed=rounds)
    working = {step: made.start(step) for step in STEPS[1:]}
    for _ in tell_pieces(made, workspace, events, rounds):
        for step, process in working.items():
            working[step] = joined = made.start(step)
            wait_until_assigned(made, joined, 1)
            assert end(made, process, signal.SIGTERM, 0) < DRAINED_SECONDS_MAX
    made.wait_until_done()
    assert number(working["correlate"], "rebalances") >= 2
    compare(made, workspace, alone.rows(workspace, events))


def test_a_process_that_is_told_to_stop_under_load_commits_what_it_did(made: Cluster, alone: Alone) -> None:
    workspace = "stopped"
    events = organisation(EVENTS_MANY, seed=7)
    made.start("sink")
    busy = made.start("correlate", batch_rows=FEW_ROWS)
    wait_until_assigned(made, busy, PARTITIONS)
    began, _ = committed(made, workspace)
    made.append(workspace, events)
    wait_for(made, lambda: committed(made, workspace)[0] > began, "nothing was committed")
    assert end(made, busy, signal.SIGTERM, 0) < DRAINED_SECONDS_MAX
    reached, behind = committed(made, workspace)
    assert began < reached < behind
    made.start("correlate")
    made.wait_until_done()
    compare(made, workspace, alone.rows(workspace, events))


def test_whoever_has_a_name_finds_its_partitions_again(made: Cluster, alone: Alone) -> None:
    workspace = "named"
    events = history()
    made.start("sink")
    one, other = (made.start("correlate", kafka_instance=name) for name in ("one", "other"))
    for process in (one, other):
        wait_until_assigned(made, process, 1)
    moved = number(other, "rebalances")
    watching = Watcher(made.settings)
    ways = (signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)
    for piece in tell_pieces(made, workspace, events, len(ways)):
        end(made, one, *ways[piece])
        began = time.monotonic()
        assert watching.members("correlate") == 2, "its place is not kept"
        one = made.start("correlate", kafka_instance="one")
        wait_until_assigned(made, one, 1)
        # before anybody could have missed it
        assert time.monotonic() - began < SESSION_SECONDS
        assert watching.members("correlate") == 2
    made.wait_until_done()
    assert number(other, "rebalances") == moved
    assert number(other, "assigned_partitions") == 1
    assert number(other, "fenced") == 0
    compare(made, workspace, alone.rows(workspace, events))
