"""The broker of docker-compose.yml as its image configures it, and what acls.txt lets each step do there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names no exports
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.log import KafkaLog
from pipeline.log.kafka.membership import Membership
from pipeline.log.protocol import LogUnavailable, NewRecord
from tests.deploy.composition import ROOT, filled, generated
from tests.kafka.artifacts import demand, kafka_jars
from tests.kafka.servers import START_SECONDS_MAX, Server, free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RULES = ROOT / "compose/kafka/acls.txt"
TIMEOUT_SECONDS = 15.0
REFUSED_SECONDS = 3.0
JOIN_SECONDS_MAX = 60.0
RECORD = [NewRecord(b"key", b"value")]
USERS = ("receive", "normalize", "correlate", "sink", "admin")


class Cluster:
    """Where the broker is, and a log of one of its users."""

    def __init__(self, bootstrap: str, passwords: dict[str, str]) -> None:
        self.bootstrap = bootstrap
        self.passwords = passwords

    def settings(self, user: str, password: str = "") -> KafkaSettings:
        return KafkaSettings(
            bootstrap=self.bootstrap,
            protocol="SASL_PLAINTEXT",
            mechanism="PLAIN",
            username=user,
            password=password or self.passwords[f"KAFKA_{user.upper()}_PASSWORD"],
            replication_factor=1,
            min_insync_replicas=1,
            timeout_seconds=REFUSED_SECONDS if password else TIMEOUT_SECONDS,
        )

    def admin(self, user: str) -> AdminClient:
        return AdminClient({**self.settings(user).client(), "log_level": 0})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    demand(kafka_jars())
    directory = tmp_path_factory.mktemp("broker")
    passwords = generated(directory)
    kafka = filled(passwords)["services"]["kafka"]
    port, host_port, controller = free_ports(3)
    moved = {
        "KAFKA_LISTENERS": f"CLIENT://127.0.0.1:{port},HOST://127.0.0.1:{host_port},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://127.0.0.1:{port},HOST://127.0.0.1:{host_port}",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{controller}",
        "KAFKA_LOG_DIRS": str(directory / "data"),
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    assert moved.keys() - kafka["environment"].keys() == {
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS",
    }
    server = _broker(directory, {**kafka["environment"], **moved})
    found = Cluster(f"127.0.0.1:{port}", passwords)
    try:
        server.launch()
        server.wait_for(lambda: _answers(found))
        _create_topics(found)
        _grant(found)
        yield found
    finally:
        server.kill()


def _broker(directory: Path, environment: dict[str, str]) -> Server:
    """A broker as the image's own program makes it of the variables: settings, and storage with an id."""
    (directory / "log4j2.yaml").write_text(
        "Configuration:\n  Loggers:\n    Root:\n      level: WARN\n      AppenderRef: []\n"
    )
    (directory / "tools-log4j2.yaml").write_text((directory / "log4j2.yaml").read_text())
    (directory / "server.properties").write_text("")
    final, mounted = directory / "final", directory / "mounted"
    final.mkdir()
    mounted.mkdir()
    java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_jars()}/*"]
    setup = ["kafka.docker.KafkaDockerWrapper", "setup", "-D", directory, "-M", mounted, "-F", final]
    subprocess.run(
        [*java, *map(str, setup)],
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        capture_output=True,
        timeout=START_SECONDS_MAX,
    )
    told = final / "server.properties"
    return Server("broker", directory, ["-Xmx512m", "-cp", f"{kafka_jars()}/*", "kafka.Kafka", str(told)])


def _answers(cluster: Cluster) -> bool:
    try:
        return len(cluster.admin("broker").list_topics(timeout=2).brokers) == 1
    except KafkaException:
        return False


def _create_topics(cluster: Cluster) -> None:
    with closing(KafkaLog(cluster.settings("broker"))) as log:
        for topic, compacted in CLUSTER_TOPICS.items():
            log.create_topic(topic, compacted=compacted)


def _rules() -> list[AclBinding]:
    """What acls.txt lists, as acls.sh grants it."""
    resources = {
        "topic": (ResourceType.TOPIC, ResourcePatternType.LITERAL),
        "topics": (ResourceType.TOPIC, ResourcePatternType.PREFIXED),
        "group": (ResourceType.GROUP, ResourcePatternType.LITERAL),
        "transaction": (ResourceType.TRANSACTIONAL_ID, ResourcePatternType.PREFIXED),
    }
    found = []
    for line in RULES.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        user, operations, resource, *names = line.split()
        kind, pattern = resources[resource]
        for name in names:
            how = ResourcePatternType.LITERAL if name == "*" else pattern
            for operation in operations.split(","):
                told = getattr(
                    AclOperation, {"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(operation, operation.upper())
                )
                allow = AclPermissionType.ALLOW
                found.append(AclBinding(kind, name, how, f"User:{user}", "*", told, allow))
    return found


def _grant(cluster: Cluster) -> None:
    # named, since it has to outlive its answers
    admin = cluster.admin("broker")
    answers: dict[AclBinding, Future[None]] = admin.create_acls(_rules())
    for answer in answers.values():
        answer.result(TIMEOUT_SECONDS)


def test_every_step_has_a_user_and_rules() -> None:
    assert {rule.principal.removeprefix("User:") for rule in _rules()} == set(USERS)


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
