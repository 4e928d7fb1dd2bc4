"""What steps tell of their work: stages, batches, refusals by kind, and how old the oldest record is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import assigned
from pipeline.assigned import AGES_MAX, Correlating, _Age
from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.core.events import InvalidEvent
from pipeline.core.parameters import Parameters
from pipeline.correlate import Correlator
from pipeline.dead_letters import kind_of
from pipeline.health import StepMeters
from pipeline.inserting import Inserter
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS
from pipeline.poison import UNFOLDABLE
from pipeline.publish import Publisher
from pipeline.reached import CORRELATE, SINK, Standing
from pipeline.sources.cloudevents import parse_line
from pipeline.sources.lines import LINE_BYTES_MAX
from tests.places import ACME, Place, history
from tests.runs import PARAMETERS


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn, CLUSTER_TOPICS) as opened:
        yield opened


def numbers(meters: StepMeters, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by the values of their labels but for the buckets."""
    return {
        tuple(value for label, value in sorted(sample.labels.items()) if label != "le"): sample.value
        for metric in meters.registry.collect()
        for sample in metric.samples
        if sample.name == name
    }


def test_stages_batches_and_refusals_are_told_of_the_steps_of_a_cluster(place: Place) -> None:
    place.append(history())
    place.log.append(
        EVENTS, 0, [NewRecord(ACME.encode(), b"no event"), NewRecord(ACME.encode(), b"nor this")]
    )
    meters = StepMeters()

    def make(partition: int) -> Correlator:
        publisher = Publisher(place.log, FactCodec(), partition)
        return Correlator(
            place.log, Codec(), publisher, PARAMETERS, 40, partition=partition, meter=meters.of(CORRELATE)
        )

    step = Correlating(place.log, 0, make, 40)
    taken = 0
    while records := step.turn():
        taken += records
    sink = Inserter(place.log, Codec(), FactCodec(), place.store, 0, meters.of(SINK))
    inserted = 0
    while records := sink.turn():
        inserted += records

    batches = numbers(meters, "aftermerge_batch_records_sum")
    assert batches == {(CORRELATE,): taken, (SINK,): inserted}
    assert taken == place.log.end(EVENTS, 0)
    stages = numbers(meters, "aftermerge_stage_seconds_count")
    folded = [stages["fold", CORRELATE], stages["commit", CORRELATE], stages["prepare", CORRELATE]]
    assert folded == [numbers(meters, "aftermerge_batch_records_count")[CORRELATE,]] * 3
    assert {stage for stage, name in stages if name == SINK} == {"read", "insert", "commit"}
    assert numbers(meters, "aftermerge_dead_lettered_total") == {("content", CORRELATE): 2.0}


def opened(place: Place, parameters: Parameters, told: list[tuple[str, int, int | None]]) -> Correlating:
    """The partition as a worker opens it, and every turn of it."""

    def make(partition: int) -> Correlator:
        return Correlator(place.log, Codec(), Publisher(place.log, FactCodec()), parameters, 40)

    step = Correlating(place.log, 0, make, 40, progress=lambda *one: told.append(one))
    while step.turn():
        pass
    return step


def test_an_opening_tells_how_far_it_is(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.folding.TOLD_EVERY_RECORDS", 10)
    place.append(history())
    told: list[tuple[str, int, int | None]] = []
    opened(place, PARAMETERS, told)
    assert told == []  # nothing was there to be read back

    opened(place, PARAMETERS, told)
    assert {phase for phase, _, _ in told} == {"restoring"}
    by_total: dict[int | None, list[int]] = {}
    for _, done, total in told:
        by_total.setdefault(total, []).append(done)
    assert all(done == list(range(0, total or 0, 10)) for total, done in by_total.items())
    assert max(map(len, by_total.values())) > 3

    told.clear()
    opened(place, replace(PARAMETERS, horizon=PARAMETERS.horizon + 1), told)
    phases = [phase for phase, _, _ in told]
    assert phases.index("reading events") < phases.index("rebuilding") < phases.index("restoring")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0.1, 9)), min_size=1))
def test_an_age_is_that_of_the_oldest_record(turns: list[tuple[int, int, float]]) -> None:
    """Records come and are taken in: what is told is when the first of those that are left was seen first."""
    with pytest.MonkeyPatch.context() as patch:
        now = end = reached = 0.0
        clock = Clock()
        patch.setattr(assigned, "time", clock)
        age, seen = _Age(), list[float]()
        for come, taken, seconds in turns:
            clock.now = now = now + seconds
            end += come
            seen += [now] * come
            reached = min(end, reached + taken)
            lag = age.lag(Standing(int(end), int(end - reached)))
            assert lag.records == end - reached
            assert lag.seconds == (now - seen[int(reached)] if reached < end else 0.0)


def test_a_backlog_of_days_costs_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(assigned, "time", clock)
    age = _Age()
    for number in range(10 * AGES_MAX):
        clock.now = 2.0 * number
        lag = age.lag(Standing(number + 1, number + 1))
        assert lag.seconds == clock.now
    assert len(age._seen) <= AGES_MAX


class Clock:
    """The machine's, for who is told to use it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (f"{UNFOLDABLE}KeyError: 'unknown JSON is longer than at most'", "unfoldable"),
        ("the parser itself failed: ValueError", "parser"),
        ("ping JSON is malformed: unexpected character (byte 3)", "json"),
        ("it is odd", "content"),
    ],
)
def test_a_reason_is_counted_by_its_kind(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


ENVELOPE = b'{"specversion":"1.0","id":"1","source":"a","subject":"b","type":"%s","time":"%s","data":{}}'


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"\xff{}", "json"),
        (b"{", "json"),
        (ENVELOPE % (b"dev.aftermerge.nothing.such", b"2024-05-01T10:00:00Z"), "type"),
        (ENVELOPE % (b"dev.aftermerge.tick", b"never"), "time"),
        (b" " * (LINE_BYTES_MAX + 1), "size"),
        (b'{"a":' * 5_000, "json"),
        (b"[]", "content"),
    ],
)
def test_what_lines_are_refused_for_has_a_kind(line: bytes, kind: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse_line(line, person_token=str)
    assert kind_of(str(caught.value)) == kind
