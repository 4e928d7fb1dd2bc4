"""Rows as upserts, events as tellings, dead letters, and what a query gives back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.codec.blocks import facts_to_arrow
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES, AttributionFact, BurnFact, ChangeFact, Fact, IncidentFact, ServiceFact
from pipeline.store import BATCH_ROWS_MAX, DeadLetterRow, InvalidQuery, Store
from tests.store.rows import HOUR, MONDAY, WORKSPACE, batch, event, moment, row
from tests.strategies.events import wild_events

TEAMS = "SELECT team FROM services FINAL WHERE workspace = {w:String} ORDER BY service"


def service(name: str, team: str = "core") -> ServiceFact:
    return row(ServiceFact, service=name, team=team)


def names(store: Store) -> list[object]:
    return [fact["service"] for fact in store.live_rows("services", WORKSPACE)]


def test_a_row_comes_back_as_it_was(store: Store) -> None:
    fact = row(
        IncidentFact, incident="pd 1", members=["pd 1", "pd 2"], title="it's \\ \t\n\0 ünïcode 💥",
        severity="SEV1", opened_at=MONDAY + 1, onset_at=MONDAY - 1, final_at=MONDAY, probability=0.123456,
        excluded={"too old": 3, "other environment": 1}, events=["a", "b"],
    )  # fmt: skip
    store.insert_facts("incidents", WORKSPACE, 7, [fact])
    ((found),) = store.live_rows("incidents", WORKSPACE)
    assert found.pop("workspace") == WORKSPACE
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if name.endswith("_at") and value is not None:
            came = found[name]
            assert isinstance(came, datetime)
            assert came.tzinfo is not None
            assert came == moment(value)
        else:
            assert found[name] == value, name


def test_factors_come_back(store: Store) -> None:
    factors = {"lag": -1.5, "same service": 2.25}
    some = row(AttributionFact, incident="i", candidate="d", factors=factors, live_at=None)
    store.insert_facts(
        "attributions", WORKSPACE, 1, [some, row(AttributionFact, incident="i", candidate="none")]
    )
    assert [fact["factors"] for fact in store.live_rows("attributions", WORKSPACE)] == [factors, {}]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_takes_a_row_and_its_deletion(store: Store, table: str) -> None:
    struct: type[Fact] = TABLES[table]
    store.insert_facts(table, WORKSPACE, 1, [row(struct)])
    assert len(store.live_rows(table, WORKSPACE)) == 1
    (key,) = store.live_keys(table, WORKSPACE)
    assert key == tuple(getattr(row(struct), name) for name in struct.keys)
    store.insert_facts(table, WORKSPACE, 2, [], [key])
    assert store.live_rows(table, WORKSPACE) == []
    assert store.live_keys(table, WORKSPACE) == set()


def test_duplicates_collapse(store: Store) -> None:
    for _ in range(3):
        store.insert_facts("services", WORKSPACE, 1, [service("api"), service("web")])
    assert names(store) == ["api", "web"]
    store.settle(["services"])
    assert store.query("SELECT count() FROM services").rows == [(2,)]


def test_the_highest_version_wins_in_any_order(store: Store) -> None:
    for version in (2, 3, 1):
        store.insert_facts("services", WORKSPACE, version, [service("api", f"team {version}")])
    assert store.query(TEAMS, {"w": WORKSPACE}).rows == [("team 3",)]
    store.settle(["services"])
    store.insert_facts("services", WORKSPACE, 2, [service("api", "late")])
    assert store.query(TEAMS, {"w": WORKSPACE}).rows == [("team 3",)]


def test_a_deleted_row_disappears_and_can_come_back(store: Store) -> None:
    store.insert_facts("services", WORKSPACE, 1, [service("api"), service("web")])
    store.insert_facts("services", WORKSPACE, 2, [], [("api",)])
    assert names(store) == ["web"]
    store.insert_facts("services", WORKSPACE, 1, [service("api", "late")])
    assert names(store) == ["web"], "a lower version never wins over a deletion"
    store.insert_facts("services", WORKSPACE, 3, [service("api")])
    assert names(store) == ["api", "web"]


def test_workspaces_are_apart(store: Store) -> None:
    store.insert_facts("services", WORKSPACE, 1, [service("api")])
    store.insert_facts("services", "other", 2, [], [("api",)])
    assert names(store) == ["api"]
    assert store.live_rows("services", "other") == []


def test_what_a_rebuild_did_not_write_is_found(store: Store) -> None:
    old, new = 1 << 40, 2 << 40
    burns = [row(BurnFact, slo="api", started_at=MONDAY + hour * HOUR) for hour in range(3)]
    store.insert_facts("burns", WORKSPACE, old, burns)
    store.insert_facts("burns", WORKSPACE, new + 5, burns[:1])
    stale = store.live_keys("burns", WORKSPACE, new)
    assert stale == {("api", MONDAY + HOUR), ("api", MONDAY + 2 * HOUR)}
    store.insert_facts("burns", WORKSPACE, new + 9, [], sorted(stale, key=repr))
    assert [fact["started_at"] for fact in store.live_rows("burns", WORKSPACE)] == [moment(MONDAY)]
    assert store.live_keys("burns", WORKSPACE, new) == set()


def test_equal_facts_have_equal_fingerprints(store: Store) -> None:
    store.insert_facts("services", WORKSPACE, 1, [service("api"), service("web")])
    first = store.fingerprints(WORKSPACE)
    store.insert_facts("services", WORKSPACE, 2, [service("web"), service("api")])
    assert store.fingerprints(WORKSPACE) == first
    store.insert_facts("services", WORKSPACE, 3, [service("api", "other team")])
    assert store.fingerprints(WORKSPACE) != first
    assert first["services"][0] == 2
    assert first["changes"][0] == 0


def test_more_rows_than_a_block_holds() -> None:
    rows = [service("api")] * (BATCH_ROWS_MAX + 1)
    sizes = [block.num_rows for block in facts_to_arrow("services", WORKSPACE, 1, rows)]
    assert sum(sizes) == len(rows)
    assert max(sizes) <= BATCH_ROWS_MAX


def rows_of(store: Store, record: str) -> list[tuple[object, ...]]:
    return store.query(f"SELECT id, received_at, imported FROM events_{record} FINAL ORDER BY ALL").rows


def told(text: str = "", **receipt: object) -> pa.RecordBatch:
    opened = {"id": "pd 1 opened", "source": "pd", "time": MONDAY, "incident": "pd 1", "title": text}
    return batch("incident_detected", [event("incident_detected", **opened, **receipt)])


def test_different_tellings_are_kept_and_equal_ones_collapse(store: Store) -> None:
    for text in ("down", "down again", "down"):
        store.insert_events("incident_detected", WORKSPACE, told(text, received_at=MONDAY + HOUR))
    assert len(rows_of(store, "incident_detected")) == 2
    distinct = "SELECT count(), uniqExact(telling), uniqExact(id) FROM events FINAL"
    assert store.query(distinct).rows == [(2, 2, 1)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
@pytest.mark.parametrize("settled", [False, True])
def test_the_earliest_live_receipt_is_kept(store: Store, order: Sequence[int], settled: bool) -> None:
    receipts = [(MONDAY, True), (MONDAY + HOUR, False), (MONDAY + 2 * HOUR, False), (MONDAY - HOUR, True)]
    for index in order:
        at, imported = receipts[index]
        store.insert_events("incident_detected", WORKSPACE, told(received_at=at, imported=imported))
    if settled:
        store.settle(["events_incident_detected"])
    assert rows_of(store, "incident_detected") == [("pd 1 opened", moment(MONDAY + HOUR), False)]


def test_nothing_and_zero_are_different_tellings(store: Store) -> None:
    shared: dict[str, object] = {"id": "x", "change": "a#1", "time": MONDAY, "received_at": MONDAY}
    variants: list[dict[str, object]] = [
        {"additions": None}, {"additions": 0}, {"deletions": 0}, {"paths": ["a"]}, {"owners": ["a"]},
        {"paths": ["a", ""]}, {"paths": ["", "a"]}, {"opened_at": 0},
    ]  # fmt: skip
    for variant in variants:
        store.insert_events(
            "change_merged", WORKSPACE, batch("change_merged", [event("change_merged", **shared, **variant)])
        )
    assert len(rows_of(store, "change_merged")) == len(variants)


def test_events_names_the_record(store: Store) -> None:
    for record in RECORDS:
        store.insert_events(record, WORKSPACE, batch(record, [event(record, id=record)]))
    counted = store.query("SELECT record, count() FROM events GROUP BY record ORDER BY record")
    assert counted.columns == ["record", "count()"]
    assert counted.rows == [(record, 1) for record in sorted(RECORDS)]
    assert len(store.query("SELECT record FROM event_counts").rows) == len(RECORDS)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_event_is_kept_whole(store: Store, data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(sorted(RECORDS)))
    drawn = data.draw(wild_events(record))
    store._command(f"TRUNCATE TABLE events_{record}", "forget the example before")
    store.insert_events(record, WORKSPACE, batch(record, [drawn]))
    result = store.query(f"SELECT * EXCEPT workspace FROM events_{record} FINAL")
    (found,) = result.rows
    for name, value in zip(result.columns, found, strict=True):
        expected = getattr(drawn, name)
        if (name == "time" or name.endswith("_at")) and expected is not None:
            expected = moment(expected)
        assert value == expected, name


def test_times_may_be_plain_numbers_and_columns_may_be_missing(store: Store) -> None:
    plain = pa.RecordBatch.from_pydict(
        {"id": ["a"], "time": [MONDAY], "received_at": [MONDAY], "change": ["x#1"]}
    )
    store.insert_events("change_merged", WORKSPACE, plain)
    assert store.query("SELECT time, number, labels FROM events_change_merged").rows == [
        (moment(MONDAY), None, [])
    ]


def test_a_column_without_a_place_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="has no column 'nonsense'"):
        store.insert_events("change_merged", WORKSPACE, pa.RecordBatch.from_pydict({"nonsense": ["a"]}))


def test_dead_letters_keep_every_byte_once(store: Store) -> None:
    letter = DeadLetterRow(WORKSPACE, "events", 0, 12, "events/0@12", "not Avro", b"\x00\xff'\\ \n", MONDAY)
    store.insert_dead_letters([letter, letter._replace(offset=13, reason="unknown record")])
    store.insert_dead_letters([letter])
    store.insert_dead_letters([])
    found = store.query("SELECT workspace, topic, partition, offset, place, reason, hex(bytes), failed_at"
                        " FROM dead_letters FINAL ORDER BY offset").rows  # fmt: skip
    assert found[0] == (*letter[:6], letter.bytes.hex().upper(), moment(MONDAY))
    assert len(found) == 2


def test_a_query_takes_parameters_and_gives_aware_times(store: Store) -> None:
    result = store.query(
        "SELECT {a:String} AS a, {b:DateTime64(6, 'UTC')} AS b;", {"a": "it's", "b": moment(MONDAY)}
    )
    assert result.columns == ["a", "b"]
    assert result.types == ["String", "DateTime64(6, 'UTC')"]
    assert result.rows == [("it's", datetime(2024, 1, 1, tzinfo=UTC))]


def test_columns_are_named_without_rows(store: Store) -> None:
    result = store.query(
        "SELECT service, tier FROM services WHERE workspace = {w:String} -- none", {"w": "x"}
    )
    assert result == (["service", "tier"], ["String", "Nullable(Int64)"], [])


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nope FROM changes", "Unknown expression identifier `nope`"),
        ("SELEC 1", "only statements that read"),
        ("SELECT FROM WHERE", "Syntax error"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1 + 'a'", "Illegal types"),
        ("", "the query is empty"),
        ("-- nothing", "the query is empty"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1 FORMAT JSON", "leave the FORMAT clause away"),
        ("DROP TABLE changes", "only statements that read"),
        ("INSERT INTO changes (change) VALUES ('a')", "only statements that read"),
        ("SET readonly = 0", "only statements that read"),
        ("INSERT INTO FUNCTION file('x.csv') SELECT 1", "only statements that read"),
        ("SELECT 1 INTO OUTFILE 'x.csv' TRUNCATE", "nothing can be written"),
        ("/* SELECT */ INSERT INTO FUNCTION file('x.csv') SELECT 1", "only statements that read"),
        ("(SELECT 1) INTO/**/OUTFILE 'x.csv'", "nothing can be written"),
        ("EXPLAIN INSERT INTO changes SELECT 1", "nothing can be written"),
    ],
)
def test_a_wrong_query_is_told_in_one_line(store: Store, sql: str, message: str) -> None:
    with pytest.raises(InvalidQuery, match=message) as caught:
        store.query(sql)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) <= 500
    for noise in ("Stack trace", "DB::Exception", "Code:", "(version", "FORMAT Native"):
        assert noise not in text
    assert store.query("SELECT 1").rows == [(1,)]


def test_another_thread_may_write_while_this_one_reads(store: Store) -> None:
    def write() -> None:
        for number in range(20):
            store.insert_facts("changes", WORKSPACE, number, [row(ChangeFact, change=f"a#{number}")])

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        seen = [len(store.live_rows("changes", WORKSPACE)) for _ in range(20)]
        written.result()
    assert seen == sorted(seen)
    assert len(store.live_rows("changes", WORKSPACE)) == 20


def test_a_statement_that_failed_leaves_nothing_for_the_next_one(store: Store) -> None:
    failing = "SELECT number, throwIf(number = 1500000) FROM numbers(2000000)"
    for _ in range(3):
        with pytest.raises(InvalidQuery):
            store.query(failing)
        assert store.query("SELECT 7").rows == [(7,)]
