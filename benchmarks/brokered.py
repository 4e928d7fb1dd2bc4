"""A Kafka broker to measure with: a process of its own on loopback, and what it and others cost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import EVENTS, UNDIVIDED
from tests.kafka.artifacts import HOW, kafka_jars
from tests.kafka.servers import brokers

COPIED_AT_ONCE_RECORDS = 20_000
#: caches of the benchmarks are kept outside of the checkout
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aftermerge"


class Broker:
    """A running broker."""

    def __init__(self, bootstrap: str, process: int) -> None:
        self.bootstrap = bootstrap
        self.process = process

    def cpu_seconds(self) -> float:
        """What it has used so far; 0.0 where the system does not tell."""
        return cpu_seconds(self.process)

    def part(self, name: str) -> KafkaSettings:
        """A part of the cluster of one's own: ``name`` stands before everything in it."""
        return KafkaSettings(self.bootstrap, prefix=f"{name}.", replication_factor=1, min_insync_replicas=1)


@contextmanager
def broker() -> Iterator[Broker]:
    """Start one, and end it with the block; ``SystemExit`` with what to do where none can run."""
    if shutil.which("java") is None or not kafka_jars().is_dir():
        raise SystemExit(f"no broker can be started here: {HOW}")
    before = _children()
    with brokers() as found:
        (process,) = _children() - before or {0}
        yield Broker(found.bootstrap, process)


def create_topics(settings: KafkaSettings, partitions: int = 1) -> None:
    """The topics of a cluster."""
    with closing(KafkaLog(settings)) as log:
        for topic, compacted in CLUSTER_TOPICS.items():
            count = 1 if topic in UNDIVIDED else partitions
            log.create_topic(topic, partitions=count, compacted=compacted)


def append(log: KafkaLog, topic: str, partition: int, records: Sequence[NewRecord]) -> None:
    """Append many records, some thousands a transaction."""
    for start in range(0, len(records), COPIED_AT_ONCE_RECORDS):
        log.append(topic, partition, records[start : start + COPIED_AT_ONCE_RECORDS])


def copy_events(path: Path, log: KafkaLog, partition: int = 0, workspace: str = "") -> int:
    """The events of an embedded log, or of another workspace's name; returns how many those are."""
    with closing(SqliteLog(path)) as source:
        offset = 0
        while records := source.read(EVENTS, 0, offset, COPIED_AT_ONCE_RECORDS):
            offset = records[-1].offset + 1
            told = [NewRecord(workspace.encode() or record.key, record.value) for record in records]
            log.append(EVENTS, partition, told)
    return offset


def cpu_seconds(process: int) -> float:
    """User and system time of a process, all threads."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    # behind the name, which may hold anything, come the state and then the numbers
    numbers = text.rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _children() -> set[int]:
    """Processes that this one has started and that run."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == os.getpid():
            found.add(int(path.parent.name))
    return found
