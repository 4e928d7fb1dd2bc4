"""Where a partition begins and ends, among markers, aborted records and what was compacted or dropped."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.protocol import READ_BYTES_MAX, NewRecord
from tests.kafka.test_transactions import stranger
from tests.log.contract import new, values

pytestmark = pytest.mark.kafka

COMPACTED_SECONDS_MAX = 60


def test_the_end_is_behind_the_last_record(settings: KafkaSettings, log: KafkaLog) -> None:
    log.create_topic("events")
    for count in (1, 3, 1):
        log.append("events", 0, new(*[b"x"] * count))
    last = log.read("events", 0, 0, 10)[-1].offset
    # whoever did not write it sees the same, whether it has read or not
    with closing(KafkaLog(settings)) as other:
        assert other.end("events", 0) == last + 1
        log.append("events", 0, new(b"y"))
        (record,) = other.read("events", 0, last + 1, 10)
        assert other.read("events", 0, record.offset + 1, 10) == []
        assert other.end("events", 0) == record.offset + 1 == log.end("events", 0)
        other.commit("g", "events", 0, record.offset + 1)
        assert log.committed("g", "events", 0) == log.end("events", 0)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 400])
def test_aborted_records_before_the_end_are_looked_past(
    settings: KafkaSettings, log: KafkaLog, count: int
) -> None:
    log.create_topic("events")
    first = log.append("events", 0, new(b"a"))
    producer = stranger(settings)
    for _ in range(count):
        producer.produce(settings.topic("events"), b"never", partition=0)
    producer.abort_transaction(30)
    with closing(KafkaLog(settings)) as other:
        assert other.end("events", 0) == log.end("events", 0) == first + 1
        assert other.read("events", 0, first + 1, 10) == []
        assert values(other, "events") == [b"a"]


def test_a_partition_of_aborted_records_alone_is_empty(settings: KafkaSettings, log: KafkaLog) -> None:
    log.create_topic("events")
    producer = stranger(settings)
    producer.produce(settings.topic("events"), b"never", partition=0)
    producer.abort_transaction(30)
    assert log.begin("events", 0) == log.end("events", 0) == 0
    assert log.read("events", 0, 0, 10) == []
    assert log.trim("events", 0, 100) == 0


def test_an_open_transaction_holds_back_what_follows_it(settings: KafkaSettings, log: KafkaLog) -> None:
    log.create_topic("events")
    log.append("events", 0, new(b"a"))
    producer = stranger(settings)
    producer.produce(settings.topic("events"), b"b", partition=0)
    assert producer.flush(30) == 0
    with closing(KafkaLog(settings)) as other:
        other.append("events", 0, new(b"c"))
        assert values(log, "events") == [b"a"]
        producer.commit_transaction(30)
        assert values(other, "events") == [b"a", b"b", b"c"]
    assert values(log, "events") == [b"a", b"b", b"c"]


def test_many_records_come_in_full_batches(log: KafkaLog) -> None:
    log.create_topic("events", partitions=2)
    for start in range(0, 40_000, 8_000):
        log.append("events", 1, [NewRecord(b"k", b"%d" % number) for number in range(start, start + 8_000)])
    found, offset = [], 0
    while records := log.read("events", 1, offset, 15_000):
        assert len(records) <= 15_000
        offset = records[-1].offset + 1
        found += [int(record.value) for record in records]
    assert found == list(range(40_000))
    assert [int(value) for value in values(log, "events", 1, offset=5, limit=3)] == [5, 6, 7]


def test_what_was_fetched_and_not_handed_out_comes_next(log: KafkaLog) -> None:
    log.create_topic("events")
    large = READ_BYTES_MAX // 10
    log.append("events", 0, [NewRecord(b"%d" % number, bytes(large)) for number in range(14)])
    log.append("events", 0, [NewRecord(b"%d" % number, b"") for number in range(14, 20)])
    sizes, offset, keys = [], 0, []
    while records := log.read("events", 0, offset, 1_000):
        sizes.append(sum(len(record.value) for record in records))
        keys += [int(record.key) for record in records]
        offset = records[-1].offset + 1
    assert keys == list(range(20))
    assert all(size < READ_BYTES_MAX + large for size in sizes)
    assert len(sizes) >= 2


def test_what_somebody_else_trimmed_is_passed_over(settings: KafkaSettings, log: KafkaLog) -> None:
    log.create_topic("received")
    offsets = [log.append("received", 0, new(b"%d" % number)) for number in range(6)]
    assert values(log, "received", limit=1) == [b"0"]
    with closing(KafkaLog(settings)) as other:
        assert other.trim("received", 0, offsets[3]) == 3
    assert log.begin("received", 0) == offsets[3]
    assert values(log, "received", offset=1)[-3:] == [b"3", b"4", b"5"]
    assert values(log, "received", offset=0) == [b"3", b"4", b"5"]


def test_a_compacted_topic_keeps_the_newest_values_through_compaction(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    eager = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "100",
        "delete.retention.ms": "100",
        "max.message.bytes": str(50 << 20),
    }
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    for answer in admin.create_topics([NewTopic(settings.topic("state"), 3, 1, config=eager)]).values():
        answer.result(30)
    live = [
        NewRecord(b"x", b"1"),
        NewRecord(b"y", b"1"),
        NewRecord(b"x", b"2"),
        NewRecord(b"", b"no key is a key"),
        NewRecord(b"gone", b"1"),
        NewRecord(b"gone", b""),
    ]
    until = time.monotonic() + COMPACTED_SECONDS_MAX
    while not (found := log.read("state", 1, 0, 1)) or found[0].offset == 0:
        assert time.monotonic() < until, f"not compacted: {found}"
        for partition in (1, 2):
            log.append("state", partition, live if partition == 1 else live[:1])
        time.sleep(0.2)
    assert log.latest("state", 0) == {}
    assert log.latest("state", 1) == {b"x": b"2", b"y": b"1", b"": b"no key is a key"}
    assert log.latest("state", 2) == {b"x": b"1"}
    assert log.begin("state", 1) <= found[0].offset
    log.append("state", 1, [NewRecord(b"x", b""), NewRecord(b"y", b"2")])
    assert log.latest("state", 1) == {b"y": b"2", b"": b"no key is a key"}
