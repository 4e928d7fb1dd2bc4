"""What can't be read, on any topic of a whole cluster: it is told, and what is around it is kept."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.instants import machine_now
from pipeline.core.events import Event
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS, RECEIVED, STATE
from pipeline.receive.keeping import KeyRing
from pipeline.sources.cloudevents import render
from pipeline.sources.deliveries import Delivery
from pipeline.store import Store
from tests.cluster.faults.shared import Alone, committed, compare, end, ended, recent, said_by, told_in
from tests.cluster.processes import STEPS, Cluster
from tests.places import history
from tests.worlds import deployed, merged

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

NO_EVENT = b"\xffno event"


def delivered(workspace: str, body: bytes, source: str = "cloudevents") -> bytes:
    """A delivery as `receive` keeps it."""
    headers = {"content-type": "application/cloudevents+json"}
    return KeyRing().seal(Delivery(workspace, source, machine_now(), headers, body))


def unfoldable() -> list[Event]:
    """Two changes whose lines no column can sum, and the deployment of both."""
    huge = [merged(f"api#{number}", 24 * 7, additions=2**62) for number in (91, 92)]
    return [*huge, deployed("api", 24 * 7 + 1, tag="v91", changes=[event.change for event in huge])]


def append(made: Cluster, topic: str, workspace: str, values: Sequence[bytes], key: bytes = b"") -> None:
    told = [NewRecord(key or workspace.encode(), value) for value in values]
    made.log.append(topic, partition_in(made.log, workspace), told)


def letters(made: Cluster, workspace: str) -> list[tuple[object, ...]]:
    """Topic and reason of each letter in the table."""
    query = "SELECT topic, reason FROM dead_letters FINAL WHERE workspace = {workspace:String} ORDER BY ALL"
    with closing(Store.open(made.dsn, made.database)) as opened:
        return opened.query(query, {"workspace": workspace}).rows


def test_poison_on_every_topic_ends_in_the_dead_letters(made: Cluster, alone: Alone) -> None:
    workspace = "poisoned"
    # neither is a delivery's: one is for persons alone, the other is the clock's
    told, huge = recent(history()), recent(unfoldable())
    events = [event for event in told if type(event).__name__ not in ("VerdictGiven", "ClockTicked")]
    good = [delivered(workspace, render(event, workspace)) for event in events]
    half = len(good) // 2
    for step in STEPS:
        made.start(step)
    bad = [NO_EVENT, delivered(workspace, b"{"), delivered(workspace, b"{}", "nobody")]
    append(made, RECEIVED, workspace, [bad[0], *good[:half], bad[1], *good[half:], bad[2]])
    append(made, EVENTS, workspace, [NO_EVENT])
    made.append(workspace, huge)
    append(made, EVENTS, workspace, [b""])
    made.wait_until_done()
    found = letters(made, workspace)
    assert [topic for topic, _ in found] == 3 * ["events"] + 3 * ["received"]
    assert sum("can't be folded" in str(reason) for _, reason in found) == 1
    made.append(workspace, told)
    made.wait_until_done()
    assert letters(made, workspace) == found
    alone.rows_of_deliveries(workspace, good)
    expected = alone.rows(workspace, [*huge[:2], *told])
    # the event that can't be folded is one all the same, in this table alone
    compare(made, workspace, expected, without="events_deployment_finished")
    assert told_in(made, workspace).total() == len(good) + len(told) + 5


def test_a_state_that_can_not_be_read_blames_no_event(made: Cluster, alone: Alone) -> None:
    workspace, events = "unreadable", history()
    half = len(events) // 2
    made.start("sink")
    process = made.start("correlate")
    made.append(workspace, events[:half])
    made.wait_until_done()
    end(made, process, signal.SIGTERM, 0)
    key = workspace.encode()
    epoch = made.log.latest(STATE, partition_in(made.log, workspace))[key + b"\0epoch"]
    append(made, STATE, workspace, [NO_EVENT], key + b"\0epoch")
    reached, _ = committed(made, workspace)
    made.append(workspace, events[half:])
    process = made.start("correlate")
    ended(made, process, Exit.UNAVAILABLE)
    assert "restore the topic from another replica or a backup" in said_by(made, process)
    assert committed(made, workspace)[0] == reached
    # what can be told from the events is told from them
    append(made, STATE, workspace, [epoch], key + b"\0epoch")
    append(made, STATE, workspace, [NO_EVENT], key + b"\0deployment/api sync 0")
    process = made.start("correlate")
    made.wait_until_done()
    assert f"workspace '{workspace}' can't be read back" in said_by(made, process)
    assert "it is computed anew from its events" in said_by(made, process)
    assert letters(made, workspace) == []
    compare(made, workspace, alone.rows(workspace, events))
