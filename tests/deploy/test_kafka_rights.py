"""What acls.txt lets each step do, on a broker that refuses everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.kafka.log import KafkaLog
from pipeline.log.kafka.membership import Membership
from pipeline.log.protocol import LogUnavailable, NewRecord
from tests.deploy.secured import USERS, Cluster, create_topics, rules, secured

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

JOIN_SECONDS_MAX = 60.0
RECORD = [NewRecord(b"key", b"value")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with secured(tmp_path_factory.mktemp("broker")) as found:
        create_topics(found)
        yield found


def test_every_step_has_a_user_andrules() -> None:
    assert {rule.principal.removeprefix("User:") for rule in rules()} == set(USERS)


def test_a_wrong_password_and_an_unknown_user_are_refused(cluster: Cluster) -> None:
    for user, password in (
        ("sink", "wrong"),
        ("sink", cluster.passwords["KAFKA_RECEIVE_PASSWORD"]),
        ("who", "x"),
    ):
        with pytest.raises(LogUnavailable):
            KafkaLog(cluster.settings(user, password)).close()


def test_receive_appends_deliveries_and_events_and_reads_none(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("receive"))) as log:
        for topic in ("received", "events", "persons"):
            log.append(topic, 0, RECORD)
        log.commit("probe", "received", 0, 0)
        assert log.latest("persons", 0) == {b"key": b"value"}
        with pytest.raises(LogUnavailable):
            log.read("events", 0, 0, 1)
        _refused(log, "state", "dead_letters", "facts.incidents")


def test_normalize_turns_deliveries_into_events(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("receive"))) as receive:
        receive.append("received", 0, RECORD)
    with closing(KafkaLog(cluster.settings("normalize"))) as log:
        assert log.read("received", 0, 0, 10)
        for compacted in ("unused", "persons"):
            log.latest(compacted, 0)
        written = ("events", "dead_letters", "unused", "persons")
        end = log.end("received", 0)
        log.claim("normalize", "received", 0)
        log.commit("normalize", "received", 0, end, appended=[(topic, 0, RECORD) for topic in written])
        assert log.committed("normalize", "received", 0) == end
        _joins(cluster, "normalize", "received")
        _refused(log, "received", "state", "facts.incidents")
        _no_group(log, "correlate", "received")


def test_correlate_turns_events_into_facts(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("receive"))) as receive:
        receive.append("events", 0, RECORD)
    with closing(KafkaLog(cluster.settings("correlate"))) as log:
        assert log.read("events", 0, 0, 10)
        written = ("state", "dead_letters", "facts.incidents", "facts.attributions")
        end = log.end("events", 0)
        log.claim("correlate", "events", 0)
        log.commit("correlate", "events", 0, end, appended=[(topic, 0, RECORD) for topic in written])
        assert log.latest("facts.incidents", 0) == log.latest("state", 0) == {b"key": b"value"}
        log.append("facts.incidents", 0, RECORD)
        _joins(cluster, "correlate", "events")
        _refused(log, "events", "received", "persons")
        _no_group(log, "sink", "events")


def test_sink_reads_what_was_committed_and_writes_no_fact(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("receive"))) as receive:
        receive.append("events", 0, RECORD)
    with closing(KafkaLog(cluster.settings("sink"))) as log:
        for topic in ("events", "dead_letters", "facts.incidents"):
            log.read(topic, 0, 0, 10)
            log.claim("sink", topic, 0)
            log.commit("sink", topic, 0, log.end(topic, 0), appended=[("parked", 0, RECORD)])
        assert log.latest("parked", 0) == {b"key": b"value"}
        log.append("parked", 0, RECORD)
        _joins(cluster, "sink", "events")
        _refused(log, "events", "facts.incidents", "state", "dead_letters")
        _no_group(log, "correlate", "events")


def test_the_admin_creates_topics_and_nobody_else_does(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("admin"))) as log:
        for topic, compacted in CLUSTER_TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        log.create_topic("one-more")
        log.append("one-more", 0, RECORD)
        assert log.trim("one-more", 0, log.end("one-more", 0)) == 1
        log.claim("redrive", "dead_letters", 0)
    for user in set(USERS) - {"admin"}:
        with closing(KafkaLog(cluster.settings(user))) as log, pytest.raises((LogUnavailable, ValueError)):
            log.create_topic(f"of-{user}")


def _refused(log: KafkaLog, *topics: str) -> None:
    """Nothing can be appended there."""
    for topic in topics:
        with pytest.raises((LogUnavailable, KeyError)):
            log.append(topic, 0, RECORD)


def _no_group(log: KafkaLog, group: str, topic: str) -> None:
    """The offsets of another step can't be moved."""
    with pytest.raises(LogUnavailable):
        log.claim(group, topic, 0)


def _joins(cluster: Cluster, step: str, topic: str) -> None:
    members = Membership(cluster.settings(step), step, topic)
    try:
        until = time.monotonic() + JOIN_SECONDS_MAX
        while not members.poll(0.1):
            assert time.monotonic() < until, f"{step} was given no partition"
        assert members.assigned == {0}
    finally:
        members.close()
