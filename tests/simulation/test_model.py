"""The simulation's log passes the contract of logs, and its store is held against the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.core.facts import TABLES
from pipeline.log.protocol import LogFenced, LogUnavailable, NewRecord
from pipeline.store import Store
from tests.log.contract import LogContract, Opener, new, values
from tests.simulation.memory_log import Brokers, Doubt, MemoryLog, Place
from tests.simulation.seeds import simulate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TestMemoryLog(LogContract):
    @pytest.fixture
    def opener(self) -> Opener:
        brokers = Brokers()
        return lambda: MemoryLog(brokers)


class TestMemoryLogWithMarkers(LogContract):
    """As on brokers: each transaction takes an offset more."""

    @pytest.fixture
    def opener(self) -> Opener:
        brokers = Brokers(markers=1)
        return lambda: MemoryLog(brokers)


def two_logs(brokers: Brokers) -> tuple[MemoryLog, MemoryLog]:
    one = MemoryLog(brokers)
    one.create_topic("events")
    one.append("events", 0, new(b"a", b"b"))
    return one, MemoryLog(brokers)


def test_whoever_was_replaced_is_fenced_until_it_claims_again() -> None:
    one, other = two_logs(Brokers())
    assert one.claim("g", "events", 0) == 0
    one.commit("g", "events", 0, 1)
    assert other.claim("g", "events", 0) == 1
    with pytest.raises(LogFenced):
        one.commit("g", "events", 0, 2, appended=[("events", 0, new(b"void"))])
    assert values(one, "events") == [b"a", b"b"]
    other.commit("g", "events", 0, 2)
    assert one.claim("g", "events", 0) == 2
    one.commit("g", "events", 0, 1)
    one.release("g", "events", 0)
    with pytest.raises(LogFenced):
        one.commit("g", "events", 0, 2)


@pytest.mark.parametrize("happened", [False, True])
def test_a_doubt_is_settled_by_whoever_asks_where_to_go_on(happened: bool) -> None:
    brokers = Brokers(happened=lambda: happened, timed_out=lambda: False)
    one, other = two_logs(brokers)
    one.claim("g", "events", 0)
    place = Place("g", "events", 0)
    brokers.doubts[place] = Doubt(2, [("events", 0, new(b"c"))])
    assert values(other, "events") == [b"a", b"b"]
    with pytest.raises(LogUnavailable):
        other.committed("g", "events", 0)
    assert other.claim("g", "events", 0) == (2 if happened else 0)
    assert len(values(one, "events")) == (3 if happened else 2)


def test_what_was_overwritten_goes_at_some_moment() -> None:
    log = MemoryLog(Brokers())
    log.create_topic("state", compacted=True)
    log.append("state", 0, [NewRecord(b"x", b"1"), NewRecord(b"y", b"1"), NewRecord(b"x", b"2")])
    log.append("state", 0, [NewRecord(b"y", b""), NewRecord(b"z", b"")])
    before = log.latest("state", 0)
    log.brokers.partition("state", 0).compact()
    assert [(record.offset, record.value) for record in log.read("state", 0, 0, 9)] == [(2, b"2"), (4, b"")]
    assert log.latest("state", 0) == before


def plain(value: Any) -> Any:
    """A value as the model has it: times in microseconds, maps in order."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, list):
        return sorted(value) if value and isinstance(value[0], tuple) else list(value)
    return value.hex().upper() if isinstance(value, bytes) else value


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5, 11])
def test_the_same_blocks_leave_the_same_rows_in_the_real_store(dsn: str, seed: int) -> None:
    model = simulate(seed).store
    store = Store.open(dsn, f"simulated_{seed}")
    try:
        store.migrate()
        for table, blocks in model.blocks.items():
            for block in blocks:
                store.insert_block(table, block)
        held = model.held()
        assert len(held) > 5
        for table in model.blocks:
            without = " EXCEPT (version, is_deleted)" if table in TABLES else ""
            if table == "dead_letters":
                without = " REPLACE (hex(bytes) AS bytes)"  # the driver has only text
            result = store.query(f"SELECT *{without} FROM {table} FINAL")
            real = [dict(zip(result.columns, map(plain, row), strict=True)) for row in result.rows]
            mine = [
                {name: plain(row[name]) for name in result.columns} for row in held.get(table, {}).values()
            ]
            assert sorted(map(repr, real)) == sorted(map(repr, mine)), table
        assert sum(block.num_rows for blocks in model.blocks.values() for block in blocks) > sum(
            map(len, held.values())
        ), "nothing was overwritten: this shows little"
    finally:
        store.close()
