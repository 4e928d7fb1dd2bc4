"""The broker of docker-compose.yml as its image configures it, with the rights that acls.txt grants."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

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
from tests.deploy.composition import ROOT, filled, generated
from tests.kafka.artifacts import demand, kafka_jars
from tests.kafka.servers import START_SECONDS_MAX, Server
from tests.ports import free_ports

RULES = ROOT / "compose/kafka/acls.txt"
TIMEOUT_SECONDS = 15.0
REFUSED_SECONDS = 3.0
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


@contextmanager
def secured(directory: Path) -> Iterator[Cluster]:
    """A broker with the users of docker-compose.yml and the rights of acls.txt, without topics."""
    demand(kafka_jars())
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


def create_topics(cluster: Cluster) -> None:
    """All of a cluster, with a partition each."""
    with closing(KafkaLog(cluster.settings("broker"))) as log:
        for topic, compacted in CLUSTER_TOPICS.items():
            log.create_topic(topic, compacted=compacted)


def rules() -> list[AclBinding]:
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
    answers: dict[AclBinding, Future[None]] = admin.create_acls(rules())
    for answer in answers.values():
        answer.result(TIMEOUT_SECONDS)
