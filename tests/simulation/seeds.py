"""One seed: what is left of a disturbed cluster is held against an undisturbed run of the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

import msgspec
import pytest

import pipeline.assigned
import pipeline.correlate
import pipeline.inserting
import pipeline.normalize
import pipeline.standby
import pipeline.worker
from pipeline.core.changelog import CLOCK, Clock
from pipeline.core.facts import TABLES
from pipeline.correlate import Correlator
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.topics import EVENTS, RECEIVED, STATE, UNUSED, fact_topic
from pipeline.sink import Sink
from tests.simulation import steps
from tests.simulation.cluster import Cluster, Machine
from tests.simulation.disturbed import Executor
from tests.simulation.histories import History, history
from tests.simulation.knobs import Knobs, drawn
from tests.simulation.memory_log import Brokers, MemoryLog
from tests.simulation.rows_store import RowsStore, differences

#: on the simulated clock, on which little time passes
STANDBY_AFTER_SECONDS = 0.1

#: puts a mistake into the pipeline, for as long as one seed is run
Bug = Callable[[pytest.MonkeyPatch, Machine], None]


class Outcome(NamedTuple):
    """What a seed has shown: no differences, when all is well."""

    differences: list[str]
    trace: list[str]
    checkpoints: int
    store: RowsStore


def simulate(seed: int, bug: Bug | None = None) -> Outcome:
    """Run one seed, and compare what is left with an undisturbed run of the same events in order."""
    random = Random(seed)
    knobs, machine = drawn(random), Machine()
    told = history(random, knobs.workspaces, knobs.actions)
    with _simulated(random, knobs) as patch:
        if bug is not None:
            bug(patch, machine)
        expected, brokers = _undisturbed(told, machine)
        cluster = Cluster(random, knobs, told, machine)
        patch.setattr(pipeline.worker, "time", cluster.scheduler)
        patch.setattr(pipeline.assigned, "time", cluster.scheduler)
        cluster.run()
    scheduler = cluster.scheduler
    found = list(scheduler.failures)
    if not found:
        held = cluster.store.held()
        found += [f"table {line}" for line in differences(held, expected.held())]
        topics = _followed(cluster.brokers).held()
        facts = {table: rows for table, rows in expected.held().items() if table in TABLES}
        found += [f"topic {line}" for line in differences(topics, facts)]
        found += _state_differences(_state(cluster.brokers), _state(brokers))
        counted = _unused(cluster.brokers), _unused(brokers)
        if counted[0] != counted[1]:
            found.append(f"counts of what nothing was made of: {counted[0]} != {counted[1]}")
    return Outcome(found, [f"{knobs}", *scheduler.trace], scheduler.checkpoints, cluster.store)


@contextmanager
def _simulated(random: Random, knobs: Knobs) -> Iterator[pytest.MonkeyPatch]:
    """Threads and batches as the seed wants them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.correlate, "ThreadPoolExecutor", Executor(random))
        patch.setattr(pipeline.inserting, "BATCH_RECORDS_MAX", knobs.batch_records)
        patch.setattr(pipeline.normalize, "BATCH_DELIVERIES_MAX", knobs.batch_records)
        patch.setattr(pipeline.standby, "BEGUN_AFTER_SECONDS", STANDBY_AFTER_SECONDS)
        for module in (pipeline.worker, pipeline.standby, pipeline.inserting):
            patch.setattr(module._log, "disabled", True)
        yield patch


def _undisturbed(told: History, machine: Machine) -> tuple[RowsStore, Brokers]:
    """One process, one partition, one batch, in order, and rows into the store at once."""
    brokers, store = Brokers(), RowsStore()
    log = MemoryLog(brokers)
    for topic, compacted in CLUSTER_TOPICS.items():
        log.create_topic(topic, compacted=compacted)
    for posted in told.in_order:
        log.append(EVENTS if posted.foreign else RECEIVED, 0, [posted.record()])
    last = told.in_order[-1].at
    machine.wall, machine.hash_seed = (lambda: last), int
    steps.normalizer(log, told.events, machine.wall).run()
    release = steps.release()
    Correlator(log, release.codec, Sink(store), release.parameters, len(told.in_order)).run()
    return store, brokers


def _followed(brokers: Brokers) -> RowsStore:
    """The rows that somebody finds who reads the topics of the facts only now."""
    found = RowsStore()
    for table in TABLES:
        for partition in brokers.topics[fact_topic(table)].partitions:
            for rows in steps.fact_codec().decode(list(partition.latest().values())).tables:
                found.insert_block(rows.table, rows.block)
    return found


def _state(brokers: Brokers) -> dict[bytes, object]:
    """What a process goes on from, by workspace and entity; the same events give the same bytes."""
    found: dict[bytes, object] = {}
    for partition in brokers.topics[STATE].partitions:
        for key, value in partition.latest().items():
            entry = key.partition(b"\0")[2]
            if entry == CLOCK:
                found[key] = msgspec.msgpack.decode(value, type=Clock).now
            elif entry.startswith(b"week/") and not any(_numbers(value)[1:]):
                continue  # what was counted in it belongs to another one since
            elif not entry.startswith((b"epoch", b"parked/")):  # a rebuild leaves those for the next refold
                found[key] = value
    return found


def _numbers(counts: bytes) -> list[object]:
    """What is in a record of a week, whose start is the first number."""
    found: list[object] = []
    for value in msgspec.msgpack.decode(counts):
        found += value if isinstance(value, list) else [value]
    return found


def _state_differences(one: dict[bytes, object], other: dict[bytes, object]) -> list[str]:
    keys = sorted(one.keys() | other.keys())
    return [
        f"state {key!r}: {one.get(key)!r} != {other.get(key)!r}"
        for key in keys
        if one.get(key) != other.get(key)
    ]


def _unused(brokers: Brokers) -> int:
    partitions = brokers.topics[UNUSED].partitions
    return sum(
        msgspec.json.decode(value)["count"]
        for partition in partitions
        for value in partition.latest().values()
    )
