"""received -> events: what each delivery becomes, and that none is lost or told twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from pipeline.codec import Codec
from pipeline.core.events import InvalidEvent
from pipeline.core.parameters import DAY
from pipeline.dead_letters import read_letters, unsettled, waiting
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.normalize import Normalizer
from pipeline.persons import BLOCKED, KEY_BYTES, KnownPersons, Persons
from pipeline.retention import expire
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.mapping import load_mapping
from pipeline.sources.texts import Patterns
from pipeline.unused import KINDS_MAX
from tests.places import Crash, CrashingLog

NOW = 1_790_000_000_000_000
MAPPING = """
source: jenkins
rules:
  - name: deployed
    event: deployment_finished
    id: "join(' ', ['jenkins', body.job, to_string(body.number)])"
    time: {iso: body.at}
    fields: {deployment: body.job, service: body.service}
"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Delivery).decode


def opened(path: Path) -> SqliteLog:
    log = SqliteLog(path)
    for topic, compacted in TOPICS.items():
        log.create_topic(topic, compacted=compacted)
    return log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(opened(tmp_path / "log.sqlite")) as log:
        yield log


def reader(**mappings: str) -> Reader:
    told = {name: load_mapping(text, f"{name}.yaml") for name, text in mappings.items()}
    return Reader(lambda login: "p:" + login.encode().hex()[:16].ljust(16, "0"), Patterns(), mappings=told)


def normalizer(log: SqliteLog, told: Reader | None = None) -> Normalizer:
    return Normalizer(log, Codec(), told or reader(), _decode, lambda: NOW)


def delivered(
    log: SqliteLog, body: object, kind: str = "pull_request", source: str = "github", at: int = NOW
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    delivery = Delivery("acme", source, at, {"x-github-event": kind}, raw)
    log.append("received", 0, [NewRecord(b"acme", _encode(delivery))])


def pull_request(number: int) -> dict[str, object]:
    person = {"login": "grace", "type": "User"}
    place = {"ref": "main", "sha": "a" * 40}
    request = {
        "number": number,
        "title": "A change",
        "body": "",
        "user": person,
        "draft": False,
        "state": "open",
        "merged": False,
        "created_at": "2026-09-01T10:00:00Z",
        "updated_at": "2026-09-01T10:00:00Z",
        "head": place,
        "base": place,
        "labels": [],
    }
    repository = {"full_name": "acme/api", "name": "api"}
    return {
        "action": "opened",
        "number": number,
        "pull_request": request,
        "repository": repository,
        "sender": person,
    }


def ids(log: SqliteLog) -> list[str]:
    codec = Codec()
    decoded = codec.decode([record.value for record in log.read("events", 0, 0, 1_000)])
    return sorted(event.id for column in decoded.columns for event in column.events())


def test_a_delivery_becomes_events_of_its_workspace(log: SqliteLog) -> None:
    delivered(log, pull_request(1))
    done = normalizer(log).run()
    assert (done.deliveries, done.events, done.dead_letters) == (1, 1, 0)
    assert ids(log) == ["github acme/api#1 opened"]
    assert [record.key for record in log.read("events", 0, 0, 10)] == [b"acme"]
    assert normalizer(log).run().deliveries == 0, "what was committed is not read again"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"action": "opened", "num', "truncated"),
        (b'{"action": "\xff\xfe"}', "tf-8"),
        (b"[" * 100_000, ""),
        (b"", ""),
        ({"action": "opened", "number": "one"}, ""),
    ],
)
def test_what_can_not_be_read_is_kept_with_its_reason_and_place(
    log: SqliteLog, body: object, reason: str
) -> None:
    delivered(log, pull_request(1))
    delivered(log, body)
    delivered(log, pull_request(2))
    assert normalizer(log).run().dead_letters == 1
    ((_, letter),) = read_letters(log)
    assert letter.place == "received/0@1"
    assert reason.lower() in letter.reason.lower()
    assert letter.value == b"", "the bytes may name persons: they stay where they expire"
    assert ids(log) == ["github acme/api#1 opened", "github acme/api#2 opened"]


def test_a_fault_of_a_parser_stops_nothing(log: SqliteLog, caplog: pytest.LogCaptureFixture) -> None:
    def token(login: str) -> str:
        if login == "grace":
            raise ZeroDivisionError("a fault")
        return "p:0000000000000000"

    delivered(log, pull_request(1))
    other = pull_request(2)
    other["sender"] = other["pull_request"]["user"] = {"login": "ada", "type": "User"}  # type: ignore[index]
    delivered(log, other)
    faulty = reader()._replace(person_token=token)
    assert normalizer(log, faulty).run().dead_letters == 1
    assert ids(log) == ["github acme/api#2 opened"]
    ((_, letter),) = read_letters(log)
    assert "parser itself" in letter.reason
    assert "received/0@0" in caplog.text


def test_a_source_that_is_no_more_and_a_record_that_is_none(log: SqliteLog) -> None:
    delivered(log, {}, source="elsewhere")
    log.append("received", 0, [NewRecord(b"acme", b"\xc1")])

    def unseal(record: bytes) -> Delivery:
        if record == b"\xc1":
            raise InvalidEvent("sealed with a key that is gone")
        return _decode(record)

    step = Normalizer(log, Codec(), reader(), unseal, lambda: NOW)
    assert step.run().dead_letters == 2
    assert [letter.reason for _, letter in read_letters(log)] == [
        "the source 'elsewhere' is not known any more",
        "sealed with a key that is gone",
    ]


def test_what_nothing_is_made_of_is_counted_by_kind_and_survives_a_restart(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "log.sqlite")) as log:
        for _ in range(3):
            delivered(log, {"zen": "x", "hook_id": 1}, kind="ping")
        assert normalizer(log).run().unused == 3
    with closing(opened(tmp_path / "log.sqlite")) as log:
        delivered(log, {"zen": "x", "hook_id": 1}, kind="ping")
        step = normalizer(log)
        step.run()
        assert {key: told.count for key, told in step.unused().items()} == {("github", "ping"): 4}
        assert not list(read_letters(log))


def test_a_sender_can_not_invent_kinds_without_end(log: SqliteLog) -> None:
    for number in range(KINDS_MAX + 20):
        delivered(log, {"action": "x"}, kind=f"kind{number}")
    step = normalizer(log)
    assert step.run().unused == KINDS_MAX + 20
    assert len(step.unused()) == KINDS_MAX + 1
    assert step.unused()["github", "(other)"].count == 20


def test_what_claims_to_come_from_the_future_is_refused(log: SqliteLog) -> None:
    told = pull_request(1)
    told["pull_request"]["created_at"] = "2031-01-01T00:00:00Z"  # type: ignore[index]
    delivered(log, told)
    assert normalizer(log).run().dead_letters == 1
    assert ids(log) == []


def test_a_mended_parser_takes_in_what_is_kept(log: SqliteLog) -> None:
    broken = MAPPING.replace("body.at", "body.when")
    good = {"job": "api", "number": 7, "at": "2026-09-01T10:00:00Z", "service": "api"}
    delivered(log, good, source="jenkins")
    delivered(log, good, source="jenkins", at=NOW - 2 * DAY)
    delivered(log, pull_request(1))
    assert normalizer(log, reader(jenkins=broken)).run().dead_letters == 2
    assert len(waiting(log)) == 2
    mended = normalizer(log, reader(jenkins=MAPPING))
    first = mended.again("jenkins", NOW - DAY)
    assert (first.deliveries, first.events, first.dead_letters) == (1, 1, 0)
    assert [letter.place for _, letter in unsettled(log).values()] == ["received/0@1"]
    second = mended.again("jenkins", 0)
    assert (second.deliveries, second.dead_letters) == (2, 0)
    assert ids(log).count("jenkins api 7") == 2, "the two tellings differ in their time of receipt"
    assert not waiting(log)
    assert mended.again("jenkins", 0).events == 0, "a telling that the log holds is not appended again"


def test_every_letter_of_a_delivery_is_settled_and_a_new_reason_takes_its_place(log: SqliteLog) -> None:
    two = MAPPING + MAPPING.partition("rules:\n")[2].replace("number", "build")
    broken = two.replace("body.at", "body.when")
    partly = MAPPING + MAPPING.partition("rules:\n")[2].replace("'jenkins'", "'other'").replace(
        "body.at", "body.then"
    )
    told = {"job": "api", "number": 7, "build": 8, "at": "2026-09-01T10:00:00Z", "service": "api"}
    delivered(log, told, source="jenkins")
    assert normalizer(log, reader(jenkins=broken)).run().dead_letters == 1
    before = [letter.reason for letter in waiting(log)]
    found = normalizer(log, reader(jenkins=partly)).again("jenkins", 0)
    assert (found.events, found.dead_letters, found.settled) == (1, 1, 1)
    (letter,) = waiting(log)
    assert letter.reason not in before
    assert "deployed" in letter.reason
    found = normalizer(log, reader(jenkins=two)).again("jenkins", 0)
    assert (found.events, found.known, found.settled) == (1, 1, 1)
    assert waiting(log) == []
    found = normalizer(log, reader(jenkins=broken)).again("jenkins", 0)
    assert (found.events, found.dead_letters) == (0, 1)
    assert len(waiting(log)) == 1, "what can't be read any more is told, too"


def test_names_are_in_the_transaction_of_their_events(log: SqliteLog) -> None:
    known = KnownPersons(Persons(bytes(KEY_BYTES)), log)
    told = Reader(known.person_token, Patterns())
    delivered(log, pull_request(1))
    step = Normalizer(log, Codec(), told, _decode, lambda: NOW, known)
    with pytest.raises(Crash):
        Normalizer(CrashingLog(log, 1, after=False), Codec(), told, _decode, lambda: NOW, known).run()
    assert log.latest("persons", 0) == {}
    assert step.run().events == 1
    assert list(log.latest("persons", 0).values()) == [b"grace"]
    known.block("grace")
    delivered(log, pull_request(2))
    assert step.run().events == 1
    assert list(log.latest("persons", 0).values()) == [BLOCKED]


def test_deliveries_expire_by_age_but_never_before_they_were_read(log: SqliteLog) -> None:
    for days in (40, 35, 10, 1):
        delivered(log, pull_request(days), at=NOW - days * DAY)
    assert expire(log, _decode, NOW - 30 * DAY) == 0, "nobody has read them yet"
    normalizer(log).run()
    assert expire(log, _decode, NOW - 30 * DAY) == 2
    assert [record.offset for record in log.read("received", 0, 0, 10)] == [2, 3]
    assert len(ids(log)) == 4, "what was made of them stays"
    assert expire(log, _decode, NOW) == 2
    assert expire(log, _decode, NOW) == 0
