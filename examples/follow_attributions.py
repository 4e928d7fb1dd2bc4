"""Follow who is suspected of what: the rows of the topic `facts.attributions`, as they come and go.

It needs nothing of Aftermerge, only its brokers and its schema registry:

    pip install 'confluent-kafka[avro,schemaregistry]'
    python follow_attributions.py --bootstrap broker:9092 --registry http://registry:8080/apis/ccompat/v7

Each line is a change, parted by tabs: `+` (a row holds) or `-` (it no longer does), the workspace, the
incident, the candidate, and its probability. docs/topics.md describes all fields.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

POLL_SECONDS = 1.0


class Follower:
    """The rows that hold, by key: of each key the value of the highest version."""

    def __init__(self) -> None:
        self.rows: dict[bytes, dict[str, Any]] = {}
        self._versions: dict[bytes, int] = {}

    def take(self, key: bytes, row: dict[str, Any]) -> bool:
        """Take in one record; whether it says something new."""
        if row["version"] <= self._versions.get(key, -1):
            return False
        self._versions[key] = row["version"]
        before = self.rows.pop(key, None)
        if row["is_deleted"]:
            return before is not None
        self.rows[key] = row
        return before is None or said(before) != said(row)


def said(row: dict[str, Any]) -> str:
    return f"{row['workspace']}\t{row['incident']}\t{row['candidate']}\t{row['probability']:.4f}"


def properties(path: str) -> dict[str, str]:
    """A file of `name=value` lines for the consumer: security.protocol, sasl.username, ssl.ca.location ..."""
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()] if path else []
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def from_the_beginning(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """What holds is kept in memory, so every start reads all of it; the topic is compacted, and short."""
    for partition in partitions:
        partition.offset = OFFSET_BEGINNING
    consumer.assign(partitions)


def follow(consumer: Consumer, topic: str, deserialize: AvroDeserializer, until_end: bool) -> None:
    """Print every change; with `until_end`, return when everything that is there was read."""
    follower, at_end = Follower(), set()
    consumer.subscribe([topic], on_assign=from_the_beginning)
    while True:
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            continue
        if error := message.error():
            if error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            at_end.add(message.partition())
            if until_end and at_end == {partition.partition for partition in consumer.assignment()}:
                return
            continue
        row: Any = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
        if follower.take(message.key() or b"", row):
            sign = "-" if row["is_deleted"] else "+"
            sys.stdout.write(f"{sign}\t{said(row)}\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Follow the rows of facts.attributions.")
    parser.add_argument("--bootstrap", required=True, help="brokers, host:port, parted by commas")
    parser.add_argument("--registry", required=True, help="address of the schema registry")
    parser.add_argument("--prefix", default="", help="what stands before all topics of the installation")
    parser.add_argument("--group", default="follow-attributions", help="group of this consumer")
    parser.add_argument("--properties", default="", help="file of name=value lines for the consumer")
    parser.add_argument("--until-end", action="store_true", help="end when all that is there was read")
    told = parser.parse_args()
    consumer = Consumer(
        {
            "bootstrap.servers": told.bootstrap,
            "group.id": told.group,
            # rows of a batch that was taken back are never seen
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            **properties(told.properties),
        }
    )
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": told.registry}))
    try:
        follow(consumer, f"{told.prefix}facts.attributions", deserialize, told.until_end)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
