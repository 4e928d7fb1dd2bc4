"""The store fails in several ways while a whole cluster runs, for a moment and for longer than is waited."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from pipeline.cli.exits import Exit
from tests.cluster.faults.impatient import REQUEST_SECONDS
from tests.cluster.faults.shared import (
    PARTITIONS,
    Alone,
    compare,
    ended,
    said_by,
    tell_pieces,
    wait_for,
    wait_until_assigned,
)
from tests.cluster.processes import Cluster
from tests.live.process import ROOT
from tests.places import history
from tests.ports import free_ports
from tests.store.failing import Failing, FailingHandler, bare, coded, cut

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

#: each failure is met at least so often, unless it ends by itself
FAILED_MIN = 2
OUTAGE_SECONDS = 2
PATIENT_SECONDS = 120


class Counted:
    """A failure, and how often it was met."""

    def __init__(self, fails: Callable[[FailingHandler], None], often: int) -> None:
        self._fails, self._often = fails, often
        self.met = 0

    def __call__(self, handler: FailingHandler) -> None:
        self.met += 1
        if self.met >= self._often:
            handler.server.fails = handler.server.fails_after = None
        self._fails(handler)


def hangs(handler: FailingHandler) -> None:
    """Nothing is answered for longer than somebody impatient waits."""
    time.sleep(2 * REQUEST_SECONDS)
    cut(b"")(handler)


#: before anything is written; and when it was, and nobody is told
WAYS = (
    ("fails", bare(503), FAILED_MIN),
    ("fails", coded(252, "TOO_MANY_PARTS"), FAILED_MIN),
    ("fails_after", bare(502), FAILED_MIN),
    ("fails_after", cut(b""), FAILED_MIN),
    ("fails_after", hangs, 1),
)


def impatient_sink(made: Cluster, seconds: int) -> subprocess.Popen[bytes]:
    """A sink that does not wait for minutes."""
    (port,) = free_ports(1)
    module = ("-m", "tests.cluster.faults.impatient", str(seconds), "sink")
    with (made.directory / f"sink-{len(made.running)}-{port}.out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *module, "--listen", f"127.0.0.1:{port}"],
            env=made.environment,
            cwd=ROOT,
            stdout=out,
            stderr=out,
        )
    made.running.append(("sink", process))
    return process


def test_a_store_that_fails_now_and_then_has_every_row_once(
    made: Cluster, alone: Alone, failing: Failing
) -> None:
    workspace, events = "failing", history()
    made.start("correlate")
    sink = impatient_sink(made, PATIENT_SECONDS)
    wait_until_assigned(made, sink, PARTITIONS)
    for piece in tell_pieces(made, workspace, events, len(WAYS)):
        where, way, often = WAYS[piece]
        counted = Counted(way, often)
        setattr(failing, where, counted)
        wait_for(made, lambda met=counted, often=often: met.met >= often, "nothing was inserted")  # type: ignore[misc]
    made.wait_until_done()
    assert said_by(made, sink).count("cannot write") >= len(WAYS)
    compare(made, workspace, alone.rows(workspace, events))


def test_a_store_that_is_away_for_too_long_ends_the_sink_and_the_next_one_goes_on(
    made: Cluster, alone: Alone, failing: Failing
) -> None:
    workspace, events = "away", history()
    made.start("correlate")
    sink = impatient_sink(made, OUTAGE_SECONDS)
    for piece in tell_pieces(made, workspace, events, 3):
        if piece == 0:
            made.wait_until_done()
            failing.fails = bare(503)
    ended(made, sink, Exit.UNAVAILABLE)
    assert "nothing is lost: when the store answers again, the same command goes on" in said_by(made, sink)
    failing.fails = None
    made.start("sink")
    made.wait_until_done()
    compare(made, workspace, alone.rows(workspace, events))
