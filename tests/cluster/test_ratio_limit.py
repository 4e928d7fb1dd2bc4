"""A process stops when too much of its topic can't be read, at each start until somebody lets it pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from pipeline.dead_letters import waiting
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import DEAD_LETTERS, EVENTS, STATE
from pipeline.reached import CORRELATE
from pipeline.store import Store
from tests.cluster.faults.shared import Alone, ended, said_by
from tests.cluster.processes import Cluster, cluster
from tests.places import ACME, Place, history

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

UNREADABLE = 300
KEY = ACME.encode()


@pytest.fixture
def made(tmp_path: Path, bootstrap: str) -> Iterator[Cluster]:
    with cluster(tmp_path, bootstrap, 1) as found:
        yield found


@pytest.fixture
def events() -> list[Event]:
    return history()


def letters(made: Cluster) -> list[tuple[object, ...]]:
    query = "SELECT DISTINCT workspace, topic, offset FROM dead_letters FINAL ORDER BY offset"
    with closing(Store.open(made.dsn, made.database)) as opened:
        return opened.query(query).rows


def test_a_topic_that_can_hardly_be_read_stops_the_step(
    made: Cluster, events: list[Event], tmp_path: Path, dsn: str
) -> None:
    half = len(events) // 2
    made.append(ACME, events[:half])
    first = made.log.end(EVENTS, 0) + 1  # behind the end of a transaction
    made.log.append(EVENTS, 0, [NewRecord(KEY, b"\xff%d" % number) for number in range(UNREADABLE)])
    made.append(ACME, events[half:])
    for _ in range(2):
        process = made.start("correlate")
        ended(made, process, Exit.USAGE)
        said = said_by(made, process)
        assert "aftermerge: topic events: 100 of " in said
        assert "at most 20.0% are let pass) can't be read. 100 times: " in said
        assert "Nothing of this batch was committed: repair what is behind it, or raise" in said
        assert "AFTERMERGE_DEAD_LETTER_RATIO_MAX (1 lets everything pass), and start again" in said
        assert "Traceback" not in said
        assert made.log.committed(CORRELATE, EVENTS, 0) == 0
        assert made.log.latest(STATE, 0) == {}
        assert made.log.end(DEAD_LETTERS, 0) == 0
    made.start("correlate", dead_letter_ratio_max="1")
    made.start("sink")
    made.wait_until_done()
    found = waiting(made.log)
    assert [letter.number for letter in found] == list(range(first, first + UNREADABLE))
    assert letters(made) == [(ACME, EVENTS, letter.number) for letter in found]
    with Place(tmp_path, dsn) as place:
        assert made.held([ACME])[ACME] == Alone(place).rows(ACME, events)
    made.stop()
