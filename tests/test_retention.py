"""Dead letters expire, in the log and in the table; what is passed over stays passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline import retention
from pipeline.codec import Codec
from pipeline.core.parameters import DAY
from pipeline.correlate import Correlator
from pipeline.dead_letters import (
    DeadLetter,
    as_record,
    bury,
    mark_looked_at,
    settle,
    unsettled,
    waiting,
)
from pipeline.embedded import Embedded
from pipeline.log.protocol import NewRecord, Record
from pipeline.log.topics import DEAD_LETTERS, PARTITION, RECEIVED, UNUSED
from pipeline.normalize import Normalizer
from pipeline.poison import UNFOLDABLE, letter_of, unfoldable
from pipeline.retention import expire_letters
from pipeline.sink import Sink
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.texts import Patterns
from tests.places import ACME, NOW, Place, history
from tests.runs import PARAMETERS

KEPT = 30 * DAY


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened_place:
        yield opened_place


def refused(days: int) -> DeadLetter:
    """A line that was refused so many days ago."""
    return DeadLetter(
        ACME, "", -1, days, f"in.jsonl:{days}", "it can't be read", b"Grace wrote it", NOW - days * DAY
    )


def passed_over(offset: int) -> DeadLetter:
    """The letter of an event that can't be folded; it says no time."""
    return letter_of(Record(offset, ACME.encode(), b"an event"), f"{UNFOLDABLE}OverflowError: too large")


def expired(place: Place, now: int = NOW) -> int:
    return expire_letters(place.log, now - KEPT, now, copied=place.log.end(DEAD_LETTERS, PARTITION))


def kept(place: Place) -> list[int]:
    return sorted(letter.number for _, letter in unsettled(place.log).values())


def test_letters_expire_by_age_but_never_before_the_table_has_them(place: Place) -> None:
    bury(place.log, map(refused, (40, 35, 10, 1)))
    assert expire_letters(place.log, NOW - KEPT, NOW, copied=1) == 1
    assert kept(place) == [1, 10, 35]
    assert expired(place) == 1
    assert expired(place) == 0
    assert kept(place) == [1, 10]
    settle(place.log, [refused(1)], NOW)
    assert [letter.number for letter in waiting(place.log)] == [10]
    assert expired(place, NOW + 29 * DAY) == 1, "the note stays until it is old, too"
    assert unsettled(place.log) == {}
    assert expired(place, NOW + 31 * DAY) == 2
    assert place.log.read(DEAD_LETTERS, PARTITION, 0, 10) == []


def test_what_was_looked_at_is_not_told_again_by_what_expires(place: Place) -> None:
    bury(place.log, [refused(40), passed_over(7), refused(1)])
    mark_looked_at(place.log)
    assert waiting(place.log) == []
    assert expired(place, NOW + 60 * DAY) == 3
    assert waiting(place.log) == []
    bury(place.log, [refused(1)])
    assert [letter.number for letter in waiting(place.log)] == [1], "who imports it again is told again"


def test_an_event_that_is_passed_over_is_so_for_good(place: Place) -> None:
    bury(place.log, [refused(40), passed_over(7), passed_over(3), refused(35), passed_over(9)])
    assert unfoldable(place.log) == {3, 7, 9}
    now = NOW
    for _ in range(4):
        expired(place, now)
        assert unfoldable(place.log) == {3, 7, 9}
        now += 31 * DAY
    assert kept(place) == [], "nobody is told for ever"
    values = [record.value for record in place.log.read(DEAD_LETTERS, PARTITION, 0, 10)]
    assert len(values) == 3, "one note of each"
    assert not any(b"Grace" in value for value in values)


def test_a_crash_before_they_are_dropped_is_made_good(place: Place) -> None:
    bury(place.log, [passed_over(7), refused(40), passed_over(9)])
    settle(place.log, [passed_over(7)], NOW)
    assert expired(place) == 2
    assert unfoldable(place.log) == {7, 9}
    assert expired(place, NOW + 31 * DAY) == 3
    assert unfoldable(place.log) == {7, 9}
    assert place.log.end(DEAD_LETTERS, PARTITION) - place.log.begin(DEAD_LETTERS, PARTITION) == 2


def test_there_are_never_too_many_to_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LETTERS_MAX", 4)
    letters = [refused(days) for days in (9, 8, 7, 6, 5, 4)]
    place.log.append(DEAD_LETTERS, PARTITION, [as_record(letter) for letter in letters])
    assert expired(place) == 2
    assert kept(place) == [4, 5, 6, 7]
    assert expired(place) == 0


def test_what_expires_leaves_the_table(place: Place) -> None:
    bury(place.log, [refused(40), passed_over(7), refused(1)])
    step = Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 100)
    step.run()
    assert len(place.letters()) == 3
    assert expired(place) == 1
    step.renew_dead_letters()
    assert [row[2] for row in place.letters()] == [1, 7]
    step.run()
    assert len(place.letters()) == 2


def test_the_loop_of_up_lets_expire_what_its_settings_say(place: Place) -> None:
    place.log.create_topic(RECEIVED)
    place.log.create_topic(UNUSED, compacted=True)
    bury(place.log, map(refused, (40, 10)))
    for days in (40, 10):
        delivery = Delivery(ACME, "github", NOW - days * DAY, {"x-github-event": "ping"}, b"{}")
        place.log.append(RECEIVED, PARTITION, [NewRecord(ACME.encode(), msgspec.msgpack.encode(delivery))])
    place.append(history()[:3])
    moment = NOW
    unseal = msgspec.msgpack.Decoder(Delivery).decode
    loop = Embedded(
        place.log,
        Codec(),
        Normalizer(place.log, Codec(), Reader(str, Patterns()), unseal, lambda: moment),
        Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 100),
        workspaces=[],
        unseal=unseal,
        kept_days=30,
        letters_days=20,
        now=lambda: moment,
    )
    loop.turn()
    assert loop.condition.expired == 1
    assert kept(place) == [10]
    assert len(place.letters()) == 1
    moment += 15 * DAY
    loop.turn()
    assert loop.condition.expired == 1
    assert kept(place) == []
    moment += 10 * DAY
    loop.turn()
    assert loop.condition.expired == 2
    assert place.log.read(RECEIVED, PARTITION, 0, 10) == []
