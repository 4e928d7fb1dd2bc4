"""What every log promises: a class of tests that each implementation inherits.

Nothing here counts on more than the protocol says: offsets rise, but may have holes (markers of
transactions, compaction), and an overwritten record of a compacted topic may still be readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.log.protocol import READ_BYTES_MAX, Log, NewRecord

Opener = Callable[[], Log]


def new(*values: bytes, key: bytes = b"acme") -> list[NewRecord]:
    return [NewRecord(key, value) for value in values]


def values(log: Log, topic: str, partition: int = 0, offset: int = 0, limit: int = 1_000) -> list[bytes]:
    return [record.value for record in log.read(topic, partition, offset, limit)]


class LogContract:
    """Inherit it, and override ``opener``."""

    @pytest.fixture
    def opener(self, tmp_path: Path) -> Opener:
        """A function that opens the same log at every call, empty at the beginning of a test."""
        raise NotImplementedError

    @pytest.fixture
    def log(self, opener: Opener) -> Iterator[Log]:
        with closing(opener()) as log:
            yield log

    def test_what_was_appended_is_read_in_order(self, log: Log) -> None:
        log.create_topic("events")
        first = log.append("events", 0, new(b"a", b"b"))
        second = log.append(
            "events", 0, [NewRecord(b"", b""), NewRecord(bytes(range(256)), b"\x00" * 70_000)]
        )
        read = log.read("events", 0, 0, 10)
        assert [(record.key, record.value) for record in read] == [
            (b"acme", b"a"),
            (b"acme", b"b"),
            (b"", b""),
            (bytes(range(256)), b"\x00" * 70_000),
        ]
        offsets = [record.offset for record in read]
        assert offsets == sorted(set(offsets))
        assert (offsets[0], offsets[2]) == (first, second)
        assert log.end("events", 0) > offsets[-1]

    def test_reading_goes_on_where_it_stopped(self, log: Log) -> None:
        log.create_topic("events")
        for number in range(7):
            log.append("events", 0, new(b"%d" % number, b"%d'" % number))
        found, offset = [], 0
        while batch := log.read("events", 0, offset, 4):
            assert len(batch) <= 4
            assert batch[0].offset >= offset
            found += [record.value for record in batch]
            offset = batch[-1].offset + 1
        assert found == [value for number in range(7) for value in (b"%d" % number, b"%d'" % number)]

    def test_a_read_ends_when_it_holds_enough_bytes(self, log: Log) -> None:
        log.create_topic("received")
        half = bytes(READ_BYTES_MAX // 2)
        for number in range(3):
            log.append("received", 0, new(half + b"%d" % number))
        records = log.read("received", 0, 0, 1_000)
        assert [record.value[-1:] for record in records] == [b"0", b"1"]
        rest = values(log, "received", offset=records[-1].offset + 1)
        assert [value[-1:] for value in rest] == [b"2"]

    def test_reading_nothing_does_not_wait(self, log: Log) -> None:
        log.create_topic("events")
        assert log.read("events", 0, 0, 10) == []
        assert log.end("events", 0) == 0
        log.append("events", 0, new(b"a"))
        assert log.read("events", 0, log.end("events", 0), 10) == []
        assert log.read("events", 0, 10**15, 10) == []
        assert log.read("events", 0, 0, 0) == []

    def test_what_was_trimmed_is_gone_and_offsets_go_on(self, opener: Opener) -> None:
        with closing(opener()) as log:
            log.create_topic("received")
            assert log.begin("received", 0) == log.end("received", 0) == 0
            offsets = [log.append("received", 0, new(b"%d" % number)) for number in range(6)]
            log.commit("normalize", "received", 0, offsets[2])
            assert log.trim("received", 0, offsets[4]) == 4
            assert log.begin("received", 0) == offsets[4]
            assert log.trim("received", 0, offsets[4]) == 0
            assert log.trim("received", 0, -5) == 0
        with closing(opener()) as log:
            assert values(log, "received") == [b"4", b"5"]
            assert values(log, "received", offset=offsets[2]) == [b"4", b"5"]
            assert log.committed("normalize", "received", 0) == offsets[2]
            end = log.end("received", 0)
            assert log.trim("received", 0, 10**11) == 2
            assert (log.begin("received", 0), log.end("received", 0)) == (end, end)
            assert log.append("received", 0, new(b"6")) >= end
            assert values(log, "received") == [b"6"]

    def test_trimming_touches_no_other_partition_and_no_compacted_topic(self, log: Log) -> None:
        log.create_topic("received", partitions=2)
        log.create_topic("state", compacted=True)
        log.append("received", 0, new(b"a"))
        log.append("received", 1, new(b"b"))
        log.append("state", 0, new(b"c"))
        assert log.trim("received", 1, log.end("received", 1)) == 1
        assert values(log, "received", 0) == [b"a"]
        with pytest.raises(ValueError, match="state"):
            log.trim("state", 0, 1)
        assert values(log, "state") == [b"c"]

    def test_an_empty_batch_changes_nothing(self, log: Log) -> None:
        log.create_topic("events")
        log.append("events", 0, new(b"a"))
        end = log.end("events", 0)
        assert log.append("events", 0, []) == end
        assert log.end("events", 0) == end

    def test_partitions_are_apart(self, log: Log) -> None:
        log.create_topic("events", partitions=3)
        log.create_topic("other", partitions=3)
        assert log.partitions("events") == 3
        log.append("events", 0, new(b"zero"))
        log.append("events", 2, new(b"two", b"two'"))
        log.append("other", 0, new(b"other"))
        assert [values(log, "events", partition) for partition in range(3)] == [
            [b"zero"],
            [],
            [b"two", b"two'"],
        ]
        assert values(log, "other") == [b"other"]
        assert log.end("events", 1) == 0

    def test_a_group_goes_on_from_its_commit(self, log: Log) -> None:
        log.create_topic("events", partitions=2)
        log.append("events", 0, new(b"a", b"b", b"c"))
        assert log.committed("correlate", "events", 0) == 0
        offset = log.read("events", 0, 0, 2)[-1].offset + 1
        log.commit("correlate", "events", 0, offset)
        assert log.committed("correlate", "events", 0) == offset
        assert log.committed("correlate", "events", 1) == 0
        assert log.committed("sink", "events", 0) == 0
        assert values(log, "events", offset=offset) == [b"c"]
        log.commit("correlate", "events", 0, 0)
        assert log.committed("correlate", "events", 0) == 0

    def test_a_commit_appends_in_the_same_step(self, log: Log) -> None:
        log.create_topic("events")
        log.create_topic("dead_letters")
        log.create_topic("state", compacted=True)
        log.append("events", 0, new(b"a"))
        log.commit(
            "correlate",
            "events",
            0,
            1,
            appended=[
                ("state", 0, [NewRecord(b"x", b"1"), NewRecord(b"y", b"2")]),
                ("dead_letters", 0, new(b"bad")),
            ],
        )
        assert log.committed("correlate", "events", 0) == 1
        assert log.latest("state", 0) == {b"x": b"1", b"y": b"2"}
        assert values(log, "dead_letters") == [b"bad"]

    def test_a_failed_commit_does_nothing(self, log: Log) -> None:
        log.create_topic("events")
        log.create_topic("state", compacted=True)
        log.append("events", 0, new(b"a"))
        with pytest.raises(KeyError, match="nowhere"):
            log.commit(
                "correlate", "events", 0, 1, appended=[("state", 0, new(b"1")), ("nowhere", 0, new(b"2"))]
            )
        assert log.committed("correlate", "events", 0) == 0
        assert log.latest("state", 0) == {}

    def test_compaction_keeps_the_newest_value_of_each_key(self, log: Log) -> None:
        log.create_topic("state", partitions=2, compacted=True)
        log.append("state", 0, [NewRecord(b"x", b"1"), NewRecord(b"y", b"1"), NewRecord(b"x", b"2")])
        log.append("state", 1, [NewRecord(b"x", b"elsewhere")])
        newest = log.append("state", 0, [NewRecord(b"y", b"3")])
        assert log.latest("state", 0) == {b"x": b"2", b"y": b"3"}
        assert log.latest("state", 1) == {b"x": b"elsewhere"}
        read = log.read("state", 0, 0, 100)
        assert {record.key: record.value for record in read} == {b"x": b"2", b"y": b"3"}
        assert read[-1].offset == newest
        assert log.end("state", 0) > newest

    def test_an_empty_value_deletes_its_key(self, log: Log) -> None:
        log.create_topic("state", compacted=True)
        log.append("state", 0, [NewRecord(b"x", b"1"), NewRecord(b"y", b"1")])
        log.append("state", 0, [NewRecord(b"x", b""), NewRecord(b"never", b"")])
        assert log.latest("state", 0) == {b"y": b"1"}
        log.append("state", 0, [NewRecord(b"y", b""), NewRecord(b"y", b"2")])
        log.append("state", 0, [NewRecord(b"x", b"3"), NewRecord(b"x", b"")])
        assert log.latest("state", 0) == {b"y": b"2"}
        assert {r.key: r.value for r in log.read("state", 0, 0, 100) if r.value}[b"y"] == b"2"

    def test_reopening_finds_everything(self, opener: Opener) -> None:
        with closing(opener()) as log:
            log.create_topic("events", partitions=2)
            log.create_topic("state", compacted=True)
            log.append("events", 1, new(b"a", b"b"))
            log.commit("correlate", "events", 1, 1, appended=[("state", 0, new(b"s", key=b"k"))])
            end = log.end("events", 1)
        with closing(opener()) as log:
            assert log.partitions("events") == 2
            assert values(log, "events", 1) == [b"a", b"b"]
            assert log.end("events", 1) == end
            assert log.committed("correlate", "events", 1) == 1
            assert log.latest("state", 0) == {b"k": b"s"}
            assert log.append("events", 1, new(b"c")) >= end
            assert values(log, "events", 1) == [b"a", b"b", b"c"]

    def test_a_topic_keeps_its_settings(self, log: Log) -> None:
        log.create_topic("events", partitions=2)
        log.append("events", 0, new(b"a"))
        log.create_topic("events", partitions=2)
        assert values(log, "events") == [b"a"]
        with pytest.raises(ValueError, match="events"):
            log.create_topic("events", partitions=3)
        with pytest.raises(ValueError, match="events"):
            log.create_topic("events", partitions=2, compacted=True)
        with pytest.raises(ValueError, match="none"):
            log.create_topic("none", partitions=0)

    def test_an_unknown_topic_is_named(self, log: Log) -> None:
        with pytest.raises(KeyError, match="nowhere"):
            log.partitions("nowhere")
        with pytest.raises(KeyError, match="nowhere"):
            log.append("nowhere", 0, new(b"a"))
        with pytest.raises(KeyError, match="nowhere"):
            log.read("nowhere", 0, 0, 1)
        log.create_topic("events")
        with pytest.raises(KeyError, match="events"):
            log.append("events", 1, new(b"a"))
