"""Topics have the settings that keep what is in them, and what differs is told."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from pipeline.log.kafka import KafkaLog, TopicSettings
from tests.kafka import servers

pytestmark = pytest.mark.kafka

ASK_SECONDS = 10


def test_a_topic_is_as_it_was_asked_for(log: KafkaLog) -> None:
    log.create_topic("events", partitions=3)
    log.create_topic("state", partitions=2, compacted=True)
    log.create_topic("received", retention_milliseconds=86_400_000)
    plain = TopicSettings(partitions=3, replication_factor=1, min_insync_replicas=1)
    assert log.topics.described("events") == plain
    assert log.topics.described("received") == TopicSettings(
        retention_milliseconds=86_400_000, replication_factor=1, min_insync_replicas=1
    )
    assert log.topics.described("never") is None
    state = log.topics.described("state")
    assert state is not None
    assert plain.differences(state) == ["partitions: 2, not 3", "compacted: True, not False"]
    assert plain.differences(plain) == []
    log.topics.delete("state")
    log.topics.delete("never")
    with pytest.raises(KeyError, match="state"):
        log.append("state", 0, [])


def test_more_copies_than_brokers_are_refused(log: KafkaLog) -> None:
    with pytest.raises(ValueError, match="fewer copies"):
        log.topics.create("events", TopicSettings(replication_factor=30))


def asked(path: str, body: object = None, method: str = "POST") -> int:
    request = urllib.request.Request(
        f"{servers.registry()}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_registry_refuses_what_is_not_compatible() -> None:
    def schema(kind: str) -> dict[str, str]:
        fields = [{"name": "a", "type": kind}]
        return {"schema": json.dumps({"type": "record", "name": "probe", "fields": fields})}

    assert asked("/subjects/probe/versions", schema("long")) == 200
    assert asked("/config/probe", {"compatibility": "FULL_TRANSITIVE"}, "PUT") == 200
    assert asked("/subjects/probe/versions", schema("long")) == 200
    assert asked("/subjects/probe/versions", schema("string")) == 409
