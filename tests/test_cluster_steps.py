"""Rows by way of topics are the rows of one process: the steps of a cluster, on the embedded log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.codec.schemas import shipped_schemas
from pipeline.core.facts import TABLES
from pipeline.correlate import Correlator
from pipeline.inserting import Inserter
from pipeline.letter_limit import LetterLimit, TooManyLetters
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import EVENTS, PARKED, fact_topic
from pipeline.publish import Publisher
from pipeline.store import Store
from tests.places import ACME, OTHER, Crash, CrashingLog, CrashingStore, Place, held_undisturbed, history
from tests.runs import PARAMETERS
from tests.store.rows import row
from tests.worlds import ticked


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn, CLUSTER_TOPICS) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> dict[str, Any]:
    return held_undisturbed(tmp_path_factory.mktemp("undisturbed"), dsn)


def correlator(log: Log, batch_events: int = 40) -> Correlator:
    return Correlator(log, Codec(), Publisher(log, FactCodec()), PARAMETERS, batch_events)


def insert(place: Place, log: Log | None = None, store: Any = None) -> int:
    step = Inserter(log or place.log, Codec(), FactCodec(), store or place.store, 0)
    count = 0
    while done := step.turn():
        count += done
    assert step.standing().behind == 0
    return count


@pytest.mark.parametrize("batch_events", [7, 10_000])
def test_rows_by_way_of_topics_are_the_same(
    place: Place, undisturbed: dict[str, Any], batch_events: int
) -> None:
    place.append(history())
    correlator(place.log, batch_events).run()
    assert insert(place) > len(history())
    assert place.held() == undisturbed
    assert insert(place) == 0


def test_crashes_between_all_steps_change_nothing(place: Place, undisturbed: dict[str, Any]) -> None:
    events = history()
    for start in range(0, len(events), 30):
        place.append(events[start : start + 30])
        for after in (False, True):
            with pytest.raises(Crash):
                correlator(CrashingLog(place.log, 1, after=after)).run()
        correlator(place.log).run()
        with pytest.raises(Crash):
            insert(place, store=CrashingStore(place.store, 2))
        with pytest.raises(Crash):
            insert(place, CrashingLog(place.log, 2, after=True))
    correlator(place.log).run()
    insert(place)
    assert place.held() == undisturbed


def test_a_rebuild_restates_and_deletes_by_way_of_topics(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    correlator(place.log).run()
    insert(place)
    # a row that no event gives any more
    stray = place.store.live_rows("services", ACME)
    ((key, value),) = FactCodec().encode(
        "deployment_changes", ACME, 1, [row(TABLES["deployment_changes"], change="nothing#1")]
    )
    place.log.append(fact_topic("deployment_changes"), 0, [NewRecord(key, value)])
    insert(place)
    assert place.held() != undisturbed
    correlator(place.log).rebuild(ACME)
    insert(place)
    assert place.held() == undisturbed
    assert place.store.live_rows("services", ACME) == stray


def emptied(place: Place) -> None:
    """Somebody drops the database, and has it made anew."""
    place.store._session.command(f"DROP DATABASE {place.database} SYNC", "drop")
    place.store.close()
    place.store = Store.open(place.dsn, place.database)
    place.store.migrate()


def test_a_store_that_lost_its_rows_gets_them_again(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    correlator(place.log).run()
    insert(place)
    emptied(place)
    # it is interrupted as soon as the first rows are there, and goes on
    with pytest.raises(Crash):
        insert(place, store=CrashingStore(place.store, 3))
    insert(place)
    assert place.held() == undisturbed
    assert insert(place) == 0


def test_a_store_with_rows_of_another_partition_has_lost_those_of_this_one(
    place: Place, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.append(history())
    correlator(place.log).run()
    insert(place)
    emptied(place)
    # of two partitions, the other workspace is in the second one, which has its rows again already
    monkeypatch.setattr("pipeline.inserting.partition_of", lambda name, count: int(name == OTHER))
    for column in Codec().decode(Codec().encode([ticked(1)])).columns:
        place.store.insert_events(column.record, OTHER, column.table)
    insert(place)
    assert place.held() == undisturbed
    assert place.store.workspaces() == {ACME, OTHER}


def test_every_table_has_its_topic(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    correlator(place.log).run()
    for table in TABLES:
        assert len(place.log.latest(fact_topic(table), 0)) >= undisturbed[table][0] > 0


def test_an_event_of_a_newer_type_waits_for_a_newer_sink(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    correlator(place.log).run()
    known = shipped_schemas()
    older = Codec({number: schema for number, schema in known.items() if schema.record != "drift_detected"})
    step = Inserter(place.log, older, FactCodec(), place.store, 0)
    while step.turn():
        pass
    assert place.held()["events_drift_detected"] != undisturbed["events_drift_detected"]
    assert place.log.latest(PARKED, 0)
    insert(place)
    assert place.held() == undisturbed
    assert place.log.latest(PARKED, 0) == {}


def test_a_topic_that_can_not_be_read_stops_the_step(place: Place) -> None:
    place.append(history())
    place.log.append(EVENTS, 0, [NewRecord(ACME.encode(), b"no event %d" % n) for n in range(500)])
    limit = LetterLimit(EVENTS, 0.2)
    step = Correlator(
        place.log, Codec(), Publisher(place.log, FactCodec()), PARAMETERS, 10_000, judge=limit.judge
    )
    with pytest.raises(TooManyLetters, match="events"):
        step.run()
    assert place.log.committed("correlate", EVENTS, 0) == 0
