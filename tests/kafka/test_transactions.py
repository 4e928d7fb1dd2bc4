"""One writer for each group's partition, and nothing half-written is ever read."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.kafka.configuration import RECORD_BYTES_MAX
from pipeline.log.protocol import LogFenced, NewRecord
from tests.log.contract import new, values

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).resolve().parents[2]
CHILD_SECONDS_MAX = 60
LATER = [("state", 0, [NewRecord(b"x", b"2")])]


@pytest.fixture
def topics(log: KafkaLog) -> KafkaLog:
    log.create_topic("events", partitions=2)
    log.create_topic("state", compacted=True)
    log.append("events", 0, new(b"a", b"b", b"c"))
    return log


def stranger(settings: KafkaSettings, name: str = "stranger") -> Producer:
    """A producer with a transaction that has not ended."""
    producer = Producer(settings.producer(name) | {"log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    return producer


def test_a_zombie_changes_nothing(settings: KafkaSettings, topics: KafkaLog) -> None:
    zombie = topics
    assert zombie.claim("correlate", "events", 0) == 0
    zombie.commit("correlate", "events", 0, 1, appended=[("state", 0, [NewRecord(b"x", b"1")])])
    with closing(KafkaLog(settings)) as successor:
        assert successor.claim("correlate", "events", 0) == 1
        for _ in range(2):  # it stays out
            with pytest.raises(LogFenced, match="events"):
                zombie.commit("correlate", "events", 0, 3, appended=LATER)
        assert successor.committed("correlate", "events", 0) == 1
        assert successor.latest("state", 0) == {b"x": b"1"}
        successor.commit("correlate", "events", 0, 2, appended=LATER)
        assert zombie.committed("correlate", "events", 0) == 2
        # other partitions and groups, and what belongs to no group, go on
        zombie.commit("correlate", "events", 1, 0)
        zombie.commit("sink", "events", 0, 3)
        zombie.append("events", 0, new(b"d"))
        # taken back on purpose
        assert zombie.claim("correlate", "events", 0) == 2
        zombie.commit("correlate", "events", 0, 3)
        with pytest.raises(LogFenced):
            successor.commit("correlate", "events", 0, 1)
    assert zombie.committed("correlate", "events", 0) == 3


def test_a_partition_that_was_given_back_is_free(settings: KafkaSettings, topics: KafkaLog) -> None:
    topics.commit("correlate", "events", 0, 1)
    topics.release("correlate", "events", 0)
    topics.release("correlate", "events", 0)
    with closing(KafkaLog(settings)) as other:
        assert other.claim("correlate", "events", 0) == 1
        other.commit("correlate", "events", 0, 2)
    with pytest.raises(LogFenced, match="claim it"):
        topics.commit("correlate", "events", 0, 1)
    assert topics.committed("correlate", "events", 0) == 2


def test_an_aborted_transaction_is_never_read(settings: KafkaSettings, topics: KafkaLog) -> None:
    end = topics.end("events", 0)
    producer = stranger(settings)
    for topic in ("events", "state"):
        producer.produce(settings.topic(topic), b"never", b"x", partition=0)
    assert producer.flush(30) == 0
    assert values(topics, "events") == [b"a", b"b", b"c"]
    assert topics.read("events", 0, end, 10) == []
    assert topics.end("events", 0) == end
    assert topics.latest("state", 0) == {}
    producer.abort_transaction(30)
    assert topics.end("events", 0) == end
    assert topics.read("events", 0, end, 10) == []
    assert topics.append("events", 0, new(b"d")) > end
    assert values(topics, "events", offset=end) == [b"d"]
    assert values(topics, "events") == [b"a", b"b", b"c", b"d"]
    assert topics.latest("state", 0) == {}


def test_a_worker_that_dies_in_the_middle_leaves_nothing(settings: KafkaSettings, topics: KafkaLog) -> None:
    child = """
import os, sys
from confluent_kafka import Consumer, Producer, TopicPartition
from pipeline.log.kafka import KafkaSettings
settings = KafkaSettings(sys.argv[1], prefix=sys.argv[2])
producer = Producer(settings.producer("correlate-events-0"))
producer.init_transactions(30)
producer.begin_transaction()
producer.produce(settings.topic("state"), b"never", b"x", partition=0)
metadata = Consumer(settings.consumer("correlate")).consumer_group_metadata()
producer.flush(30)
producer.send_offsets_to_transaction([TopicPartition(settings.topic("events"), 0, 3)], metadata, 30)
os._exit(9)
"""
    done = subprocess.run(
        [sys.executable, "-c", child, settings.bootstrap, settings.prefix],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=CHILD_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 9
    # without waiting for the transaction to time out
    assert topics.claim("correlate", "events", 0) == 0
    assert topics.latest("state", 0) == {}
    topics.commit("correlate", "events", 0, 3, appended=LATER)
    assert topics.latest("state", 0) == {b"x": b"2"}


def test_a_failing_batch_leaves_nothing_and_the_next_one_works(topics: KafkaLog) -> None:
    broken = [NewRecord(b"x", b"1"), NewRecord(b"y", [1])]  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        topics.append("state", 0, broken)
    with pytest.raises(TypeError):
        topics.commit("correlate", "events", 0, 1, appended=[("events", 0, new(b"d")), ("state", 0, broken)])
    with pytest.raises(ValueError, match="at most"):
        topics.append("state", 0, [NewRecord(b"x", bytes(RECORD_BYTES_MAX))])
    assert topics.latest("state", 0) == {}
    assert topics.committed("correlate", "events", 0) == 0
    topics.commit("correlate", "events", 0, 1, appended=LATER)
    assert topics.append("state", 0, [NewRecord(b"z", b"1")]) > 0
    assert topics.latest("state", 0) == {b"x": b"2", b"z": b"1"}
    assert values(topics, "events") == [b"a", b"b", b"c"]
