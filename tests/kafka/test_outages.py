"""Brokers that are killed or do not answer: it is told soon, nothing is lost, and afterwards it goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.transactions import Batch, Writer
from pipeline.log.protocol import LogCorrupt, LogFenced, LogUnavailable, LogUncertain, NewRecord
from tests.kafka import servers
from tests.kafka.conftest import SHORT_SECONDS, settings_for
from tests.kafka.servers import Brokers
from tests.log.contract import new, values

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: what hangs for longer is not bounded by its timeout, but by luck
HANGS_SECONDS = 60
COPIES = 3


def attempts(log: KafkaLog) -> dict[str, Callable[[], object]]:
    return {
        "append": lambda: log.append("events", 0, new(b"lost")),
        "read": lambda: log.read("events", 0, 0, 1_000),
        "end": lambda: log.end("events", 0),
        "begin": lambda: log.begin("events", 0),
        "trim": lambda: log.trim("events", 0, 1),
        "latest": lambda: log.latest("state", 0),
        "committed": lambda: log.committed("correlate", "events", 0),
        "commit": lambda: log.commit("correlate", "events", 0, 2, appended=[("state", 0, new(b"2"))]),
        "first commit": lambda: log.commit("sink", "events", 0, 1),
        "create_topic": lambda: log.create_topic("new"),
        "partitions": lambda: log.partitions("never seen"),
    }


def prepared(log: KafkaLog) -> None:
    log.create_topic("events")
    log.create_topic("state", compacted=True)
    log.append("events", 0, new(b"a", b"b"))
    log.commit("correlate", "events", 0, 1, appended=[("state", 0, new(b"1"))])
    assert values(log, "events") == [b"a", b"b"]


def refused(log: KafkaLog) -> None:
    """Every call says within bounded time that the log can't be reached, where, and what to do."""
    told = attempts(log)
    with ThreadPoolExecutor(len(told)) as threads:
        calls = {name: threads.submit(attempt) for name, attempt in told.items()}
        for name, call in calls.items():
            error = call.exception(timeout=HANGS_SECONDS)
            assert isinstance(error, LogUnavailable), f"{name}: {error!r}"
            assert re.search("127.0.0.1.*(look|wait|read again)", str(error)), f"{name}: {error}"


def goes_on(log: KafkaLog) -> None:
    """The same log takes up its work; what was in doubt is there as a whole, or not at all."""
    reached = log.committed("correlate", "events", 0)
    assert (reached, log.latest("state", 0)) in [(1, {b"acme": b"1"}), (2, {b"acme": b"2"})]
    log.append("events", 0, new(b"c"))
    assert [value for value in values(log, "events") if value != b"lost"] == [b"a", b"b", b"c"]
    log.claim("correlate", "events", 0)
    log.commit("correlate", "events", 0, 3, appended=[("state", 0, new(b"3"))])
    assert log.committed("correlate", "events", 0) == 3
    assert log.latest("state", 0) == {b"acme": b"3"}


def test_a_killed_broker(mortal: Brokers, impatient: KafkaLog) -> None:
    prepared(impatient)
    mortal.nodes[0].kill()
    refused(impatient)
    with pytest.raises(LogUnavailable, match="127.0.0.1"):
        KafkaLog(settings_for(mortal.bootstrap, seconds=SHORT_SECONDS))
    mortal.start()
    goes_on(impatient)


def test_a_broker_that_does_not_answer(mortal: Brokers, impatient: KafkaLog) -> None:
    prepared(impatient)
    with mortal.nodes[0].frozen():
        refused(impatient)
    goes_on(impatient)


class Stalled(Writer):
    """The real writer; between its records and their commit, something happens."""

    def happens(self) -> None:
        """Nothing, unless it is set."""

    def _deliver(self, until: float) -> None:
        super()._deliver(until)
        self.happens()


@pytest.mark.parametrize("replaced", [False, True])
def test_an_answer_to_a_commit_that_is_lost(mortal: Brokers, impatient: KafkaLog, replaced: bool) -> None:
    impatient.create_topic("events")
    batch = Batch(Place("events", 0), False, new(b"a", b"b"))
    writer = Stalled(impatient.settings, "writer", "append", impatient._bounds.wrote)
    with ExitStack() as stack:
        writer.happens = lambda: stack.enter_context(mortal.nodes[0].frozen())  # type: ignore[method-assign]
        with pytest.raises(LogUncertain, match="read again"):
            writer.write([batch])
    writer.happens = lambda: None  # type: ignore[method-assign]
    if replaced:
        # whoever takes over finds it there as a whole, or not at all, and for good
        successor = Writer(impatient.settings, "writer", "append", impatient._bounds.wrote)
        found = values(impatient, "events")
        with pytest.raises(LogFenced):
            writer.write([batch])
        assert values(impatient, "events") == found
        assert found in ([], [b"a", b"b"])
        successor.close()
    else:
        writer.settle()
        assert values(impatient, "events") == [b"a", b"b"]
        writer.write([batch])
        impatient.append("events", 0, new(b"c"))
        assert values(impatient, "events") == [b"a", b"b", b"a", b"b", b"c"]
    writer.close()


@pytest.fixture(scope="module")
def three() -> Iterator[Brokers]:
    with servers.brokers(COPIES) as found:
        yield found


def test_one_of_three_brokers_is_killed(three: Brokers) -> None:
    with closing(KafkaLog(settings_for(three.bootstrap, COPIES, 2))) as log:
        log.create_topic("events", partitions=COPIES)
        log.create_topic("state", partitions=COPIES, compacted=True)
        settings = log.topics.described("events")
        assert settings is not None
        assert (settings.replication_factor, settings.min_insync_replicas) == (COPIES, 2)
        acknowledged: list[list[bytes]] = [[], [], []]
        for number in range(30):
            if number == 10:
                three.nodes[1].kill()
            value = b"%d" % number
            for partition in range(COPIES):
                log.append("events", partition, new(value))
                acknowledged[partition].append(value)
            log.commit("g", "events", 0, number, appended=[("state", number % COPIES, new(value))])
        assert [values(log, "events", partition) for partition in range(COPIES)] == acknowledged
        assert log.committed("g", "events", 0) == 29
        three.start()
        assert [values(log, "events", partition) for partition in range(COPIES)] == acknowledged


def test_too_few_copies_in_step(three: Brokers) -> None:
    with closing(KafkaLog(settings_for(three.bootstrap, COPIES, COPIES, seconds=SHORT_SECONDS))) as log:
        log.create_topic("events")
        log.append("events", 0, new(b"a"))
        three.nodes[2].kill()
        with pytest.raises(LogUnavailable):
            log.append("events", 0, new(b"b"))
        three.start()
        until = time.monotonic() + HANGS_SECONDS
        while True:
            try:
                log.append("events", 0, new(b"c"))
                break
            except LogUnavailable:
                assert time.monotonic() < until
        assert [value for value in values(log, "events") if value != b"b"][0] == b"a"
        assert values(log, "events")[-1] == b"c"


def test_a_damaged_record_is_not_handed_out(mortal: Brokers, impatient: KafkaLog) -> None:
    impatient.create_topic("state", compacted=True)
    impatient.append("state", 0, [NewRecord(b"x", b"a value that nobody else has")])
    mortal.nodes[0].stop()
    (segment,) = mortal.directory.glob(f"node1/{impatient.settings.topic('state')}-0/*.log")
    held = segment.read_bytes()
    at = held.index(b"a value that nobody")
    segment.write_bytes(held[:at] + b"A" + held[at + 1 :])
    mortal.start()
    with closing(KafkaLog(impatient.settings)) as log:
        for attempt in (lambda: log.latest("state", 0), lambda: log.read("state", 0, 0, 10)):
            with pytest.raises(LogCorrupt, match="state"):
                attempt()
