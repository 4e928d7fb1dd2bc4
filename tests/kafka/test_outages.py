"""Brokers that are killed or do not answer: it is told soon, nothing is lost, and afterwards it goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from pipeline.log.kafka import KafkaLog
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.transactions import ENDING_SECONDS_MIN, Batch, Writer, _Open
from pipeline.log.protocol import LogCorrupt, LogFenced, LogUnavailable, LogUncertain, NewRecord
from tests.kafka import servers
from tests.kafka.conftest import SHORT_SECONDS, settings_for
from tests.kafka.servers import Brokers
from tests.log.contract import new, values

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

#: what hangs for longer is not bounded by its timeout, but by luck
HANGS_SECONDS = 60
COPIES = 3
BATCH = Batch(Place("events", 0), False, new(b"a", b"b"))


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


@pytest.fixture
def patient(impatient: KafkaLog) -> Iterator[KafkaLog]:
    """A second log on the mortal broker; one that has just come back may take its time to answer it."""
    with closing(KafkaLog(replace(impatient.settings, timeout_seconds=HANGS_SECONDS))) as log:
        yield log


def stalled(mortal: Brokers, impatient: KafkaLog, patient: KafkaLog) -> Stalled:
    """A writer of a batch whose commit was not answered: the broker froze, and has come back since."""
    writer = Stalled(impatient.settings, "writer", "append", patient._bounds.wrote)
    with ExitStack() as stack:
        writer.happens = lambda: stack.enter_context(mortal.nodes[0].frozen())  # type: ignore[method-assign]
        with pytest.raises(LogUncertain, match="read again"):
            writer.write([BATCH])
    writer.happens = lambda: None  # type: ignore[method-assign]
    writer._settings = patient.settings
    return writer


def test_an_answer_to_a_commit_that_is_lost(mortal: Brokers, impatient: KafkaLog, patient: KafkaLog) -> None:
    impatient.create_topic("events")
    writer = stalled(mortal, impatient, patient)
    writer.settle()
    assert values(patient, "events") == [b"a", b"b"]
    writer.write([BATCH])
    patient.append("events", 0, new(b"c"))
    assert values(patient, "events") == [b"a", b"b", b"a", b"b", b"c"]
    writer.close()


def test_an_answer_is_lost_and_the_writer_replaced(
    mortal: Brokers, impatient: KafkaLog, patient: KafkaLog
) -> None:
    impatient.create_topic("events")
    writer = stalled(mortal, impatient, patient)
    # whoever takes over finds it there as a whole, or not at all, and for good
    successor = Writer(patient.settings, "writer", "append", patient._bounds.wrote)
    found = values(patient, "events")
    with pytest.raises(LogFenced):
        writer.write([BATCH])
    assert values(patient, "events") == found
    assert found in ([], [b"a", b"b"])
    successor.close()
    writer.close()


def test_a_commit_is_never_asked_about_in_haste(log: KafkaLog) -> None:
    # librdkafka may end this process when it is given no time to resume a commit
    writer = Writer(log.settings, "writer", "append", log._bounds.wrote)
    given: list[float] = []

    def commit(seconds: float) -> None:
        given.append(seconds)
        time.sleep(seconds)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))

    patience = 1.5 * ENDING_SECONDS_MIN
    for timeout_seconds in (0.0001, patience):
        writer._settings = replace(log.settings, timeout_seconds=timeout_seconds)
        with pytest.raises(KafkaException):
            writer._until_deadline(commit)
    writer.close()
    assert given == [ENDING_SECONDS_MIN, pytest.approx(patience, abs=0.1)]


class Unending:
    """A producer whose transaction the broker has never seen, so that it refuses to end it, for ever."""

    def __init__(self, real: Producer) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def abort_transaction(self, seconds: float) -> None:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "invalid state", fatal=True))


def unending(writer: Writer | None) -> Writer:
    """The same writer after an outage in which its transaction did not get as far as the broker."""
    assert writer is not None
    writer._producer = Unending(writer._producer)  # type: ignore[assignment]
    writer._open = _Open.ABORT
    return writer


def test_a_transaction_that_the_broker_has_never_seen(log: KafkaLog) -> None:
    prepared(log)
    given_up = unending(log._appender)
    log.append("events", 0, new(b"c"))
    assert values(log, "events") == [b"a", b"b", b"c"]
    assert given_up.lost is not None
    claim = log._claim("correlate", Place("events", 0))
    given_up = unending(claim.writer)
    assert log.committed("correlate", "events", 0) == 1
    # whether somebody has taken over is not known: it has to be claimed
    with pytest.raises(LogUnavailable, match="claim the partition again"):
        log.commit("correlate", "events", 0, 2)
    assert log.claim("correlate", "events", 0) == 1
    log.commit("correlate", "events", 0, 2)
    assert log.committed("correlate", "events", 0) == 2


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
            appended = [("state", number % COPIES, new(value))]
            try:
                log.commit("g", "events", 0, number, appended=appended)
            except LogUnavailable:
                # the group's coordinator went with the broker, and its answer never came: do as a worker does
                log.claim("g", "events", 0)
                assert log.committed("g", "events", 0) in (number - 1, number)
                log.commit("g", "events", 0, number, appended=appended)
        assert [values(log, "events", partition) for partition in range(COPIES)] == acknowledged
        assert log.committed("g", "events", 0) == 29
        three.start()
        assert [values(log, "events", partition) for partition in range(COPIES)] == acknowledged


def test_a_partition_without_a_leader_is_asked_for_again(three: Brokers) -> None:
    # the client would keep for minutes that it had none
    with closing(KafkaLog(settings_for(three.bootstrap, seconds=20))) as log:
        log.create_topic("events", partitions=COPIES)
        for partition in range(COPIES):
            log.append("events", partition, new(b"a"))
        assert [log.end("events", partition) for partition in range(COPIES)] == [1] * COPIES
        name, client = log.settings.topic("events"), log._bounds._asking
        three.nodes[1].kill()
        until = time.monotonic() + HANGS_SECONDS
        while not (
            left := [
                partition
                for partition, seen in client.list_topics(name).topics[name].partitions.items()
                if seen.leader == -1
            ]
        ):
            assert time.monotonic() < until
        with pytest.raises(LogUnavailable, match="Unknown partition"):
            log.end("events", left[0])
        three.start()
        assert [log.end("events", partition) for partition in range(COPIES)] == [1] * COPIES


def test_a_leader_that_died_is_not_asked_for_ever(three: Brokers) -> None:
    with closing(KafkaLog(settings_for(three.bootstrap, COPIES, 2, seconds=HANGS_SECONDS))) as log:
        log.create_topic("events", partitions=COPIES)
        for partition in range(COPIES):
            log.append("events", partition, new(b"a"))
        name, client = log.settings.topic("events"), log._bounds._asking
        seen = client.list_topics(name).topics[name].partitions
        (led,) = [partition for partition, each in seen.items() if each.leader == 2]
        died = three.nodes[1]
        died.kill()
        try:
            assert log.end("events", led) == 1
        finally:
            three.start()


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
