"""Dead letters that are brought back or dropped: each kind, crashes, and that twice is once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.correlate import Correlator
from pipeline.dead_letters import (
    VALUE_BYTES_MAX,
    DeadLetter,
    bury,
    of_line,
)
from pipeline.letters import Number, State, drop, entries
from pipeline.log.protocol import NewRecord
from pipeline.normalize import Normalizer
from pipeline.persons import KEY_BYTES, KnownPersons, Persons
from pipeline.redriving import Outcome, Redriver, Result, failed_again
from pipeline.sink import Sink
from pipeline.sources.cloudevents import render
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.mapping import load_mapping
from pipeline.sources.texts import Patterns
from tests.places import ACME, NOW, OTHER, Crash, CrashingLog, Place, history
from tests.runs import PARAMETERS
from tests.worlds import at, deployed, incident, merged

MENDED = """
source: jenkins
rules:
  - name: deployed
    when: "!(body.ping)"
    event: deployment_finished
    id: "join(' ', ['jenkins', body.job, to_string(body.number)])"
    time: {iso: body.at}
    fields: {deployment: body.job, service: body.service, actor: body.by}
"""
BROKEN = MENDED.replace("body.at}", "body.when}")
_unseal = msgspec.msgpack.Decoder(Delivery).decode


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened:
        yield opened


def reader(mapping: str, persons: KnownPersons) -> Reader:
    return Reader(persons.person_token, Patterns(), mappings={"jenkins": load_mapping(mapping, "j.yaml")})


def known_persons(place: Place) -> KnownPersons:
    return KnownPersons(Persons(b"k" * KEY_BYTES), place.log)


def normalize(place: Place, mapping: str) -> None:
    persons = known_persons(place)
    Normalizer(place.log, Codec(), reader(mapping, persons), _unseal, lambda: NOW, persons).run()


def redriver(place: Place, mapping: str = MENDED, *, log: object = None, now: int = NOW) -> Redriver:
    persons = known_persons(place)
    return Redriver(
        log or place.log,  # type: ignore[arg-type]
        Codec(),
        reader(mapping, persons),
        _unseal,
        lambda: now,
        persons,
    )


def delivered(place: Place, body: object) -> None:
    delivery = Delivery(ACME, "jenkins", NOW, {}, json.dumps(body).encode())
    place.log.append("received", 0, [NewRecord(ACME.encode(), msgspec.msgpack.encode(delivery))])


def job(number: int) -> dict[str, object]:
    return {
        "job": f"api-{number}",
        "number": number,
        "at": "2024-06-01T10:00:00Z",
        "service": "api",
        "by": "Grace",
    }


def everything(place: Place) -> list[Number]:
    return [entry.number for entry in entries(place.log)]


def outcomes(result: Result) -> list[Outcome]:
    return [letter.outcome for letter in result.letters]


def values(place: Place, topic: str) -> list[bytes]:
    return [record.value for record in place.log.read(topic, 0, 0, 10_000)]


def ids(place: Place) -> list[str]:
    decoded = Codec().decode(values(place, "events"))
    return sorted(event.id for column in decoded.columns for event in column.events())


# -- deliveries


def test_a_delivery_is_parsed_again_by_the_parser_of_today(place: Place) -> None:
    for number in (1, 2):
        delivered(place, job(number))
    normalize(place, BROKEN)
    assert len(everything(place)) == 2
    first, second = everything(place)
    told = redriver(place).redrive([second])
    assert (outcomes(told), told.events) == ([Outcome.TAKEN_IN], 1)
    assert ids(place) == ["jenkins api-2 2"]
    assert everything(place) == [first]
    assert list(place.log.latest("persons", 0).values()) == [b"Grace"], "whose the token is"
    assert redriver(place).redrive([second]).letters == [], "it is settled"
    assert outcomes(redriver(place).redrive([first])) == [Outcome.TAKEN_IN]
    assert everything(place) == []
    assert [entry.state for entry in entries(place.log, everything=True)] == [State.SETTLED] * 2


def test_a_delivery_that_fails_again_stays_with_the_reason_of_today(place: Place) -> None:
    delivered(place, job(1))
    normalize(place, BROKEN)
    (before,) = entries(place.log)
    same = redriver(place, BROKEN).redrive([before.number])
    assert outcomes(same) == [Outcome.REFUSED]
    assert entries(place.log) == [before], "the letter stands, once, and since when it did"
    other = redriver(place, BROKEN.replace("name: deployed", "name: finished")).redrive([before.number])
    assert outcomes(other) == [Outcome.REFUSED]
    (after,) = entries(place.log)
    assert after.letter.reason != before.letter.reason
    assert other.letters[0].remark == after.letter.reason


def test_what_the_log_holds_already_is_not_told_twice(place: Place) -> None:
    delivered(place, job(1))
    delivered(place, job(1))
    normalize(place, BROKEN)
    told = redriver(place).redrive(everything(place))
    assert sorted(outcomes(told)) == sorted([Outcome.TAKEN_IN, Outcome.KNOWN])
    assert ids(place) == ["jenkins api-1 1"]
    assert everything(place) == []


def test_a_kind_of_which_nothing_is_made_is_settled(place: Place) -> None:
    delivered(place, {"ping": True})
    normalize(place, BROKEN.replace('    when: "!(body.ping)"\n', ""))
    told = redriver(place).redrive(everything(place))
    assert outcomes(told) == [Outcome.UNUSED]
    assert everything(place) == []


def test_a_delivery_that_is_gone_is_left_alone(place: Place) -> None:
    delivered(place, job(1))
    normalize(place, BROKEN)
    place.log.trim("received", 0, 1)
    before = entries(place.log)
    (told,) = redriver(place).redrive(everything(place)).letters
    assert (told.outcome, told.place) == (Outcome.LEFT, "received/0@0")
    assert "not kept any more" in told.remark
    assert entries(place.log) == before


# -- events


def unfoldable(place: Place) -> None:
    """Two changes whose lines no column can sum, told around the edge, which would not let them in."""
    huge = [merged(f"api#{number}", 24 * 7, additions=2**62) for number in (91, 92)]
    both = deployed("api", 24 * 7 + 1, tag="v91", changes=[event.change for event in huge])
    told = [*history(), *huge, both, incident("after", 24 * 7 + 2)]
    place.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in Codec().encode(told)])
    assert place.correlate().dead_letters == 1


def test_an_event_that_can_be_folded_now_is_told_again(place: Place, tmp_path: Path, dsn: str) -> None:
    (value,) = Codec().encode([merged("api#99", 24 * 7)])
    place.append(history())
    place.log.append("events", 0, [NewRecord(ACME.encode(), value)])
    offset = place.log.end("events", 0) - 1
    # as an older version left it, which could not fold it
    bury(
        place.log,
        [DeadLetter(ACME, "events", 0, offset, f"events/0@{offset}", "it can't be folded: X", value, 0)],
    )
    place.correlate()
    with Place(tmp_path / "other", dsn) as other:
        other.append(history())
        other.correlate()
        assert place.held() == other.held()
        other.append([merged("api#99", 24 * 7)])
        other.correlate()
        expected = other.held()
    told = redriver(place).redrive(everything(place))
    assert outcomes(told) == [Outcome.TAKEN_IN]
    assert everything(place) == []
    place.correlate()
    assert place.held() == expected
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert place.held() == expected
    assert everything(place) == []


def test_an_event_that_can_still_not_be_folded_harms_nothing(place: Place) -> None:
    unfoldable(place)
    before = place.held()
    (old,) = everything(place)
    end = [place.log.end("dead_letters", 0)]
    told = redriver(place).redrive([old])
    assert place.correlate().dead_letters == 1
    (new,) = entries(place.log)
    (again,) = failed_again(place.log, told, end)
    assert (again.number, again.outcome) == (str(old), Outcome.REFUSED)
    assert again.remark.startswith(f"now number {new.number}: it can't be folded")
    assert place.held() == before
    # every offset of it is passed over, also by who reads all of it again
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert place.held() == before
    assert entries(place.log) == [new]


def test_an_event_that_was_dropped_is_still_passed_over(place: Place) -> None:
    unfoldable(place)
    before = place.held()
    assert drop(place.log, everything(place), because="a broken importer", by="p:1", now=NOW) == 1
    assert everything(place) == []
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert place.held() == before
    assert everything(place) == [], "nobody is asked again"


def test_bytes_that_are_still_no_event_stay(place: Place) -> None:
    place.log.append("events", 0, [NewRecord(ACME.encode(), b"no avro at all")])
    place.correlate()
    before = entries(place.log)
    assert len(before) == 1
    assert outcomes(redriver(place).redrive(everything(place))) == [Outcome.REFUSED]
    assert entries(place.log) == before
    assert place.log.end("events", 0) == 1


# -- lines and imported events


def test_a_line_from_a_broken_clock_is_taken_in_when_its_time_has_come(place: Place) -> None:
    event = deployed("api", 24)
    line = render(event, OTHER)
    bury(place.log, [of_line(ACME, "told.jsonl", 7, "its time is ahead", line, at(0))])
    early = redriver(place, now=at(1)).redrive(everything(place))
    assert outcomes(early) == [Outcome.REFUSED]
    assert "ahead of this machine" in early.letters[0].remark
    told = redriver(place, now=at(24)).redrive(everything(place))
    assert outcomes(told) == [Outcome.TAKEN_IN]
    assert ids(place) == [event.id]
    assert [record.key for record in place.log.read("events", 0, 0, 9)] == [ACME.encode()], "as it was read"
    assert everything(place) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"kind": "change", "repo": "a/b"}', "no CloudEvent"),
        (b'{"specversion": "1.0", "id": "cut o', "no CloudEvent"),
        (b"\xff\xfe\x00", "no CloudEvent"),
        (b"", "erased"),
        (b'{"specversion": "1.0", "more": "' + b"x" * VALUE_BYTES_MAX, "more bytes than"),
    ],
)
def test_a_line_that_can_not_be_tried_is_left_alone(place: Place, line: bytes, why: str) -> None:
    bury(place.log, [of_line(ACME, "told.jsonl", 7, "not good", line, NOW)])
    before = entries(place.log)
    (told,) = redriver(place).redrive(everything(place)).letters
    assert told.outcome == Outcome.LEFT
    assert why in told.remark
    assert entries(place.log) == before


def test_an_imported_event_is_taken_in_when_its_time_has_come(place: Place) -> None:
    event = deployed("api", 24)
    append_events(place.log, Codec(), ACME, [event], machine_now=at(1))
    assert len(everything(place)) == 1
    assert outcomes(redriver(place, now=at(2)).redrive(everything(place))) == [Outcome.REFUSED]
    assert outcomes(redriver(place, now=at(24)).redrive(everything(place))) == [Outcome.TAKEN_IN]
    assert ids(place) == [event.id]
    assert everything(place) == []


def test_a_line_settles_the_letters_of_its_event(place: Place) -> None:
    event = deployed("api", 24)
    append_events(place.log, Codec(), ACME, [event], machine_now=at(1))
    bury(place.log, [of_line(ACME, "told.jsonl", 7, "its time is ahead", render(event, ACME), at(0))])
    line = next(entry.number for entry in entries(place.log) if entry.letter.number == 7)
    redriver(place).redrive([line])
    assert everything(place) == []


# -- all of them


def prepared(place: Place) -> None:
    """One letter of each kind, all of which can be taken in."""
    delivered(place, job(1))
    normalize(place, BROKEN)
    (value,) = Codec().encode([merged("api#99", 24)])
    place.log.append("events", 0, [NewRecord(ACME.encode(), value)])
    bury(
        place.log,
        [
            DeadLetter(ACME, "events", 0, 0, "events/0@0", "it can't be folded: X", value, 0),
            of_line(OTHER, "told.jsonl", 7, "ahead", render(deployed("api", 24), ACME), at(0)),
        ],
    )
    append_events(place.log, Codec(), ACME, [deployed("web", 24)], machine_now=at(1))


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_leaves_all_or_nothing_and_the_next_one_goes_on(
    place: Place, tmp_path: Path, dsn: str, after: bool
) -> None:
    prepared(place)
    numbers = everything(place)
    crashing = redriver(place, log=CrashingLog(place.log, 1, after=after))
    with pytest.raises(Crash):
        crashing.redrive(numbers)
    assert len(everything(place)) == (0 if after else 4)
    told = redriver(place).redrive(numbers)
    assert outcomes(told) == ([] if after else [Outcome.TAKEN_IN] * 4)
    with Place(tmp_path / "undisturbed", dsn) as other:
        prepared(other)
        redriver(other).redrive(everything(other))
        for topic in ("events", "dead_letters"):
            assert values(place, topic) == values(other, topic)
        assert place.log.latest("persons", 0) == other.log.latest("persons", 0)


def test_a_trial_writes_nothing(place: Place) -> None:
    prepared(place)
    ends = [place.log.end(topic, 0) for topic in ("events", "dead_letters", "persons")]
    told = redriver(place).redrive(everything(place), dry_run=True)
    assert outcomes(told) == [Outcome.TAKEN_IN] * 4
    assert [place.log.end(topic, 0) for topic in ("events", "dead_letters", "persons")] == ends
    assert outcomes(redriver(place).redrive(everything(place))) == outcomes(told)


def test_many_letters_are_several_transactions(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.redriving.BATCH_LETTERS_MAX", 2)
    for number in range(5):
        delivered(place, job(number))
    normalize(place, BROKEN)
    with pytest.raises(Crash):
        redriver(place, log=CrashingLog(place.log, 2, after=False)).redrive(everything(place))
    assert len(everything(place)) == 3
    redriver(place).redrive(everything(place))
    assert (everything(place), len(ids(place))) == ([], 5)
