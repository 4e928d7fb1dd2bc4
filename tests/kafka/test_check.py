"""`aftermerge topics check` names every setting of a topic that is another one than is asked for."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names no exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.kafka import KafkaSettings
from pipeline.log.kafka.configuration import MESSAGE_BYTES_MAX

pytestmark = pytest.mark.kafka

ANSWER_SECONDS_MAX = 30
DAY_MILLISECONDS = 86_400_000
#: topic -> what somebody sets there, and what is said of it
ALTERED = {
    "events": ("retention.ms", "1000", "retention milliseconds: 1000, not -1"),
    "persons": ("cleanup.policy", "delete", "compacted: False, not True"),
    "dead_letters": ("cleanup.policy", "compact", "compacted: True, not False"),
    "state": ("min.insync.replicas", "2", "min insync replicas: 2, not 1"),
    "received": (
        "retention.ms",
        "-1",
        f"retention milliseconds: -1, not {30 * DAY_MILLISECONDS}",
    ),
    "parked": ("max.message.bytes", "1000", f"message bytes max: 1000, not {MESSAGE_BYTES_MAX}"),
    "truths": ("retention.bytes", "1000", "retention bytes: 1000, not -1"),
}


@pytest.fixture(autouse=True)
def told(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    environment = {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "KAFKA_PREFIX": settings.prefix,
        "KAFKA_REPLICAS": "1",
        "KAFKA_REPLICAS_IN_SYNC_MIN": "1",
        "KAFKA_PARTITIONS": "2",
        "RECEIVED_DAYS": "30",
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"AFTERMERGE_{name}", value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["topics", *arguments])


def found(code: int) -> dict[str, list[str]]:
    """By topic: what differs."""
    said = run("check", "--format", "json")
    assert said.exit_code == code, said.output
    differing: dict[str, list[str]] = {}
    for row in json.loads(said.stdout):
        differing.setdefault(row["topic"], []).append(row["difference"])
    return differing


def test_every_kind_of_difference_is_named(settings: KafkaSettings) -> None:
    assert found(Exit.PARTLY) == {topic: ["it is missing"] for topic in CLUSTER_TOPICS}
    assert run("create").exit_code == Exit.OK
    assert found(Exit.OK) == {}
    admin = AdminClient(settings.client())
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            settings.topic(topic),
            incremental_configs=[ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)],
        )
        for topic, (name, value, _) in ALTERED.items()
    ]
    answers = list(admin.incremental_alter_configs(resources).values())
    answers += admin.create_partitions([NewPartitions(settings.topic("unused"), 3)]).values()
    answers += admin.delete_topics([settings.topic("facts.changes")]).values()
    for answer in answers:
        answer.result(ANSWER_SECONDS_MAX)
    expected = {topic: [difference] for topic, (_, _, difference) in ALTERED.items()}
    expected |= {"unused": ["partitions: 3, not 2"], "facts.changes": ["it is missing"]}
    assert found(Exit.PARTLY) == expected


def test_what_create_finds_and_leaves_as_it_is_is_told(settings: KafkaSettings) -> None:
    assert run("create").exit_code == Exit.OK
    said = CliRunner().invoke(main, ["topics", "create"], env={"AFTERMERGE_KAFKA_PARTITIONS": "5"})
    assert said.exit_code == Exit.DATA
    assert "events: partitions: 2, not 5" in said.stderr
    assert "dead_letters" not in said.stderr
