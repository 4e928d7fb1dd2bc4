"""Events to bytes and back: whole, by either library, by old schemas, and around poison."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import fastavro
import msgspec
import pyarrow as pa
import pyruhvro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codec import Codec, Decoded, load_schemas, parse_schema
from pipeline.codec.schemas import current_schemas
from pipeline.codec.sizes import shortest_bytes
from pipeline.core.events import RECORD_OF, RECORDS, ChangeMerged, ClockTicked, Event, InvalidEvent
from tests.codec.examples import EVENTS, GOLDEN, SCHEMAS, TIMES, as_written, events_of, filled

CODEC = Codec()
TICK = ClockTicked("tick", "clock", 1, 1, False, 0, 1, False, 0)


def by_position(decoded: Decoded) -> dict[int, Event]:
    found: dict[int, Event] = {}
    for columns in decoded.columns:
        assert columns.positions.tolist() == sorted(columns.positions.tolist())
        found.update(zip(columns.positions.tolist(), columns.events(), strict=True))
    return found


@given(st.lists(EVENTS, max_size=20))
def test_events_come_back_as_they_went(events: list[Event]) -> None:
    decoded = CODEC.decode(CODEC.encode(events))
    assert by_position(decoded) == dict(enumerate(events))
    assert (decoded.failures, decoded.unknown) == ([], [])
    assert len(decoded.columns) == len({type(event) for event in events})


@given(st.lists(EVENTS, min_size=1, max_size=8))
def test_both_libraries_write_the_same_bytes(events: list[Event]) -> None:
    current = current_schemas()
    assert CODEC.encode(events) == [as_written(event, current[RECORD_OF[type(event)]]) for event in events]


@given(st.data(), st.sampled_from(sorted(RECORDS)))
def test_both_libraries_read_the_same_values(data: st.DataObject, record: str) -> None:
    events = data.draw(st.lists(events_of(RECORDS[record]), min_size=1, max_size=6))
    values = CODEC.encode(events)
    schema = current_schemas()[record]
    rows = [fastavro.schemaless_reader(BytesIO(value[5:]), schema.rows, None) for value in values]
    assert [RECORDS[record](**row) for row in rows] == CODEC.decode(values).columns[0].events()  # type: ignore[arg-type]
    raw = pyruhvro.deserialize_array(values, schema.columnar)
    assert shortest_bytes(raw) == sum(map(len, values)), "a good batch would be read row by row"


def test_many_events_repeat_few_texts() -> None:
    """Columns of few distinct texts, of one value, and of none take other ways than others."""
    events: list[Event] = [
        msgspec.structs.replace(
            filled("change_merged"),
            id=f"event {number}",
            source=f"source {number % 7}",
            author="" if number % 2 else "p:1",
            title="",
            additions=None if number % 3 else number,
            retracted=number % 5 == 0,
            paths=[] if number % 4 else ["a", f"b{number}"],
            labels=[],
        )
        for number in range(1_000)
    ]
    (columns,) = CODEC.decode(CODEC.encode(events)).columns
    decoded = columns.events()
    assert decoded == events
    assert len({id(event.source) for event in decoded}) == 7
    sliced = columns._replace(table=columns.table.slice(500, 250))
    assert sliced.events() == events[500:750]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.bin")), ids=lambda path: path.stem)
def test_golden_bytes_are_still_read(path: Path) -> None:
    decoded = CODEC.decode([path.read_bytes()])
    assert (decoded.failures, decoded.unknown) == ([], [])
    (columns,) = decoded.columns
    (event,) = columns.events()
    assert columns.record == path.name.partition(".")[0]
    # fields that came after these bytes take their defaults
    assert event == RECORDS[columns.record](**json.loads(path.with_suffix(".json").read_bytes()))


@pytest.mark.parametrize("record", RECORDS)
def test_golden_bytes_are_still_written(record: str) -> None:
    path = GOLDEN / f"{record}.{current_schemas()[record].id:08x}.bin"
    assert CODEC.encode([filled(record)]) == [path.read_bytes()]


def test_old_and_new_writers_share_a_batch() -> None:
    new = filled("change_merged")
    schemas = sorted(
        (schema for schema in load_schemas(SCHEMAS / "history").values() if schema.record == "change_merged"),
        key=lambda schema: len(schema.fields),
    )
    oldest_value, older_value, old_value = (as_written(new, schema) for schema in schemas)
    new_value = CODEC.encode([new])[0]
    decoded = CODEC.decode([new_value, older_value, new_value, oldest_value, old_value])
    (columns,) = decoded.columns
    assert columns.positions.tolist() == [0, 1, 2, 3, 4]
    old = msgspec.structs.replace(
        new, first_commit_at=None, picked_from=[], generated_additions=None, generated_deletions=None
    )
    older = msgspec.structs.replace(old, emergency="", incidents=[], sections=[])
    oldest = msgspec.structs.replace(older, owners=[], labels=[], reverts=[])
    assert columns.events() == [new, older, new, oldest, old]


@pytest.mark.parametrize("record", RECORDS)
def test_a_table_is_ready_for_the_store(record: str) -> None:
    (columns,) = CODEC.decode(CODEC.encode([filled(record)])).columns
    assert columns.table.schema.names == list(RECORDS[record].__struct_fields__)
    assert columns.table.schema.field("time").type == pa.timestamp("us", "UTC")
    columns.table.validate(full=True)


def test_nothing_is_read_from_nothing() -> None:
    assert CODEC.decode([]) == Decoded([], [], [])
    assert CODEC.encode([]) == []


POISON = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda body: CODEC.encode([TICK])[0][:5] + body, st.binary(max_size=60)),
)


@given(st.lists(EVENTS, max_size=6), st.lists(POISON, max_size=4), st.randoms(use_true_random=False))
def test_poison_spares_its_neighbours(events: list[Event], poison: list[bytes], draw: object) -> None:
    batch: list[tuple[bytes, Event | None]] = list(zip(CODEC.encode(events), events, strict=True))
    batch += [(value, None) for value in poison]
    draw.shuffle(batch)  # type: ignore[attr-defined]
    decoded = CODEC.decode([value for value, _ in batch])
    found = by_position(decoded)
    everything = [*found, *decoded.unknown, *(failure.position for failure in decoded.failures)]
    assert sorted(everything) == list(range(len(batch)))
    for position, (_, event) in enumerate(batch):
        if event is not None:
            assert found[position] == event


@given(EVENTS, st.data())
def test_a_value_cut_short_or_too_long_is_refused(event: Event, data: st.DataObject) -> None:
    (value,) = CODEC.encode([event])
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    longer = value + data.draw(st.binary(min_size=1, max_size=9))
    decoded = CODEC.decode([cut, value, longer])
    assert [failure.position for failure in decoded.failures] == [0, 2]
    assert all(failure.reason for failure in decoded.failures)
    assert by_position(decoded) == {1: event}


def test_a_few_bad_values_in_a_large_batch() -> None:
    events: list[Event] = [msgspec.structs.replace(TICK, sequence=number) for number in range(3_000)]
    values = CODEC.encode(events)
    values[0] += b"!"
    values[1_500] = values[1_500][:-1]
    values[2_999] = values[2_999].replace(b"tick", b"\xff\xff\xff\xff")
    decoded = CODEC.decode(values)
    reasons = {failure.position: failure.reason for failure in decoded.failures}
    assert sorted(reasons) == [0, 1_500, 2_999]
    assert "1 bytes follow its end" in reasons[0]
    assert "too early" in reasons[1_500]
    assert "utf-8" in reasons[2_999]
    assert by_position(decoded) == {
        number: events[number] for number in range(3_000) if number not in reasons
    }


def test_misframed_values_say_why() -> None:
    decoded = CODEC.decode([b"", b"{}", b"\x00\x01"])
    reasons = [failure.reason for failure in decoded.failures]
    assert reasons[0] == "the value is empty"
    assert "7b" in reasons[1]
    assert "2 bytes" in reasons[2]


def test_unknown_schemas_are_parked() -> None:
    good = CODEC.encode([TICK])[0]
    decoded = CODEC.decode(
        [b"\x00\x00\x00\x00\x07abc", good, b"\x00\x00\x00\x00\x07", b"\x00\x00\x00\x00\x08"]
    )
    assert decoded.unknown == [0, 2, 3]
    assert decoded.failures == []
    assert by_position(decoded) == {1: TICK}


def test_unknown_records_are_parked() -> None:
    later = parse_schema('{"type": "record", "name": "moon_landed", "fields": []}')
    assert Codec({9: later}).decode([b"\x00\x00\x00\x00\x09"]).unknown == [0]


@given(st.one_of(st.integers(max_value=-2_208_988_800_000_001), st.integers(10_413_792_000_000_000)), TIMES)
def test_absurd_times_are_refused(absurd: int, sane: int) -> None:
    absurd = max(min(absurd, 2**63 - 1), -(2**63))
    schema = current_schemas()["change_merged"]
    good = ChangeMerged("a", "git", sane, sane, False, 0, 1, False, 0, "x", opened_at=sane)
    wrong = [
        msgspec.structs.replace(good, **{field: absurd}) for field in ("time", "received_at", "opened_at")
    ]
    decoded = CODEC.decode([as_written(event, schema) for event in [*wrong, good]])
    assert [failure.position for failure in decoded.failures] == [0, 1, 2]
    for failure, field in zip(decoded.failures, ("time", "received_at", "opened_at"), strict=True):
        assert failure.reason.startswith(f"{field} is {absurd}")
    assert by_position(decoded) == {3: good}
    with pytest.raises(InvalidEvent, match="opened_at"):
        CODEC.encode([good, wrong[2]])


def test_lists_in_blocks_are_read() -> None:
    """Avro lets a writer cut a list into blocks, each with its size in bytes."""
    event = msgspec.structs.replace(filled("service_declared"), aliases=["a", "bc"])
    (value,) = CODEC.encode([event])
    assert value.endswith(b"\x04\x02a\x04bc\x00")
    blocks = value.removesuffix(b"\x04\x02a\x04bc\x00") + b"\x01\x04\x02a" + b"\x02\x04bc" + b"\x00"
    assert by_position(CODEC.decode([blocks, value])) == {0: event, 1: event}


@given(st.integers(0, 2**32 - 1))
def test_a_registry_may_count_its_own_ids(number: int) -> None:
    current = current_schemas()
    registry = Codec({number: current["clock_ticked"]}, {"clock_ticked": number})
    (value,) = registry.encode([TICK])
    assert value[:5] == b"\x00" + number.to_bytes(4, "big")
    assert value[5:] == CODEC.encode([TICK])[0][5:]
    assert by_position(registry.decode([value])) == {0: TICK}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "\ud800"},
        {"time": 2**63},
        {"source": None},
        {"sequence": None},
        {"sequence": "1"},
        {"clock": 7},
    ],
    ids=str,
)
def test_an_event_that_does_not_fit_is_named(change: dict[str, object]) -> None:
    wrong = msgspec.structs.replace(TICK, source_version=3, **change)
    with pytest.raises(InvalidEvent, match="clock_ticked"):
        CODEC.encode([TICK, wrong, TICK])


def test_a_writer_without_a_required_field_is_refused() -> None:
    schema = parse_schema(
        '{"type": "record", "name": "clock_ticked", "fields": [{"name": "id", "type": "string"}]}'
    )
    (failure,) = Codec({1: schema}).decode([b"\x00\x00\x00\x00\x01\x02a"]).failures
    assert "no field 'source'" in failure.reason


def test_a_later_writers_fields_of_other_types_are_passed_over() -> None:
    known = current_schemas()["clock_ticked"]
    phase = {"name": "phase", "type": {"type": "enum", "name": "phases", "symbols": ["new", "full"]}}
    rate = {"name": "rate", "type": {"type": "map", "values": "int"}}
    later = parse_schema(json.dumps({**known.document, "fields": [phase, rate, *known.fields]}))
    body = CODEC.encode([TICK])[0][5:]
    good = b"\x00\x00\x00\x00\x01" + b"\x02" + b"\x02\x02x\x08\x00" + body
    bad = b"\x00\x00\x00\x00\x01" + b"\x09" + b"\x00" + body
    decoded = Codec({1: later}).decode([good, bad, good])
    assert by_position(decoded) == {0: TICK, 2: TICK}
    assert [failure.position for failure in decoded.failures] == [1]


def test_a_writers_other_types_of_our_fields() -> None:
    """An int widens to a long, as Avro says; a text can't become a time."""
    known = current_schemas()["clock_ticked"]
    narrow = [{**field, "type": "int"} if field["name"] == "sequence" else field for field in known.fields]
    texts = [{**field, "type": "string"} if field["name"] == "time" else field for field in known.fields]
    value = CODEC.encode([TICK])[0]
    schemas = [parse_schema(json.dumps({**known.document, "fields": fields})) for fields in (narrow, texts)]
    codec = Codec(dict(enumerate(schemas)))
    assert by_position(codec.decode([b"\x00\x00\x00\x00\x00" + value[5:]])) == {0: TICK}
    text = b"\x00\x00\x00\x00\x01" + value[5:].replace(b"clock\x02", b"clock\x04no", 1)
    assert [failure.position for failure in codec.decode([text]).failures] == [0]
