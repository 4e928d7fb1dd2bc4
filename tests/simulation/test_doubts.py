"""What seeds have found once: answers that are lost, and partitions that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

import pipeline.worker
from pipeline.codec import Codec
from pipeline.core import events as e
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.protocol import LogFenced, LogUncertain, NewRecord
from pipeline.log.topics import EVENTS, RECEIVED, UNUSED, fact_topic
from pipeline.worker import Step, Worker
from tests import worlds as w
from tests.simulation import steps
from tests.simulation.histories import UNUSED as NOTHING
from tests.simulation.histories import packed
from tests.simulation.memory_log import Appended, Brokers, Doubt, MemoryLog
from tests.simulation.rows_store import RowsStore
from tests.simulation.scheduling import Stop


class DoubtfulLog(MemoryLog):
    """Its first commit gets no answer."""

    asked = False

    def commit(self, group: str, topic: str, partition: int, offset: int, *, appended: Appended = ()) -> None:
        if self.asked:
            super().commit(group, topic, partition, offset, appended=appended)
            return
        self.asked = True
        place = self.prepared(group, topic, partition, offset, appended)
        self.brokers.doubts[place] = Doubt(offset, [(name, at, list(told)) for name, at, told in appended])
        raise LogUncertain("no answer")


class OnePartition:
    """Partition 0 is this process's, until so many questions for it were answered; then it has to stop."""

    def __init__(self, questions: int, stop: Stop, meanwhile: Callable[[int], None]) -> None:
        self._left, self._stop, self._meanwhile = questions, stop, meanwhile

    def poll(self, seconds: float) -> frozenset[int]:
        self._left -= 1
        self._meanwhile(self._left)
        if not self._left:
            self._stop.set()
        return frozenset({0})

    def close(self) -> None:
        """Nothing is held here."""


def work(
    patch: pytest.MonkeyPatch, opened: Callable[[int], Step], meanwhile: Callable[[int], None]
) -> pipeline.worker.Condition:
    """A real worker takes four turns, without pauses; ``meanwhile`` is told how many are left."""
    patch.setattr(pipeline.worker, "RETRY_WAIT_SECONDS", 0.0)
    patch.setattr(pipeline.worker, "FENCED_WAIT_SECONDS", 0.0)
    stop = Stop(lambda seconds: None)
    worker = Worker(OnePartition(5, stop, meanwhile), lambda partition, progress: opened(partition))
    worker.run(stop)
    return worker.condition


def brokers_with(happened: bool) -> Brokers:
    brokers = Brokers(happened=lambda: happened)
    for topic, compacted in CLUSTER_TOPICS.items():
        MemoryLog(brokers).create_topic(topic, compacted=compacted)
    return brokers


def append(brokers: Brokers, events: Sequence[e.Event]) -> None:
    records = [NewRecord(b"acme", value) for value in steps.codec().encode(events)]
    MemoryLog(brokers).append(EVENTS, 0, records)


@pytest.mark.parametrize("happened", [False, True])
def test_the_fold_goes_on_from_what_a_commit_in_doubt_became(
    monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    """It is settled when the offset is asked for: state that was read before that is not of that offset."""
    brokers = brokers_with(happened)
    log = DoubtfulLog(brokers)
    append(brokers, [w.opened("api#1", 1), w.deployed("api", 2, tag="v1")])

    def meanwhile(left: int) -> None:
        if left == 2:
            append(brokers, [w.merged("api#1", 3), w.deployed("api", 4, tag="v2")])

    work(monkeypatch, lambda number: steps.correlating(log, number, steps.release(), 10), meanwhile)
    assert log.asked
    found = {
        rows.table: rows.block.to_pylist()
        for table in ("changes", "deployments")
        for rows in steps.fact_codec().decode(list(log.latest(fact_topic(table), 0).values())).tables
    }
    (change,) = found["changes"]
    assert change["events"] == ["github acme/api#1 opened", "github acme/api#1 merged"]
    assert sorted(row["previous"] for row in found["deployments"]) == ["", "api v1"]


@pytest.mark.parametrize("happened", [False, True])
def test_what_is_unused_is_counted_once_whatever_became_of_a_commit_in_doubt(
    monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    brokers = brokers_with(happened)
    log = DoubtfulLog(brokers)

    def meanwhile(left: int) -> None:
        if left in (4, 2):
            log.append(RECEIVED, 0, [NewRecord(b"acme", packed("acme", w.at(left), NOTHING))])

    work(monkeypatch, lambda number: steps.normalizing(log, number, [], lambda: w.at(9)), meanwhile)
    assert log.asked
    (value,) = log.latest(UNUSED, 0).values()
    assert msgspec.json.decode(value)["count"] == 2


class ReplacedLog(MemoryLog):
    """Before its first rows are written, another process takes the partition over."""

    def __init__(self, brokers: Brokers, successor: Callable[[], None]) -> None:
        super().__init__(brokers)
        self._successor: Callable[[], None] | None = successor

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        self._before(topic)
        return super().append(topic, partition, records)

    def commit(self, group: str, topic: str, partition: int, offset: int, *, appended: Appended = ()) -> None:
        for name, _, _ in appended:
            self._before(name)
        super().commit(group, topic, partition, offset, appended=appended)

    def _before(self, topic: str) -> None:
        successor = self._successor
        if successor is not None and topic.startswith(fact_topic("")):
            self._successor = None
            successor()


def test_a_rebuild_whose_partition_was_taken_over_writes_nothing_more() -> None:
    """Its rows have lower versions, but would stand last in topics that are compacted."""
    brokers = brokers_with(True)
    append(brokers, [w.opened("api#1", 1)])
    former = steps.Release(steps.codec(), steps.FORMER_PARAMETERS)
    steps.correlating(MemoryLog(brokers), 0, former, 10).turn()

    def successor() -> None:
        step = steps.correlating(MemoryLog(brokers), 0, steps.release(), 10)
        append(brokers, [w.merged("api#1", 3)])
        step.turn()

    with pytest.raises(LogFenced):
        steps.correlating(ReplacedLog(brokers, successor), 0, steps.release(), 10)
    values = list(MemoryLog(brokers).latest(fact_topic("changes"), 0).values())
    (rows,) = steps.fact_codec().decode(values).tables
    assert rows.block.column("state").to_pylist() == ["merged"]


@pytest.mark.parametrize(
    "codec",
    [
        steps.codec(),
        steps.former_codec(),
    ],
    ids=["knows everything", "keeps what it does not know"],
)
def test_a_partition_that_comes_back_to_a_sink_is_followed_on(
    monkeypatch: pytest.MonkeyPatch, codec: Codec
) -> None:
    """Also by one that keeps records which it does not know: it writes in the same step as it commits."""
    brokers, store = brokers_with(True), RowsStore()
    version = steps.Release(codec, steps.PARAMETERS)
    one, other = MemoryLog(brokers), MemoryLog(brokers)
    for hour, log in enumerate((one, other, one)):
        append(brokers, [w.opened(f"api#{hour + 1}", hour), w.deployed("api", hour, tag=f"v{hour}")])

        def opened(number: int, log: MemoryLog = log) -> Step:
            return steps.sinking(log, number, version, store)

        condition = work(monkeypatch, opened, lambda left: None)
        assert condition.fenced == 0
        assert condition.records == 2
    assert len(store.held()["events_change_opened"]) == 3
