"""Letters with what became of each: who has looked, what was settled, what nobody wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.core.parameters import DAY
from pipeline.dead_letters import (
    DeadLetter,
    bury,
    mark_looked_at,
    of_line,
    settle,
    unsettled,
    waiting,
)
from pipeline.letters import Entry, Number, State, drop, entries, letter_at, with_reason
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS

NOW = 1_790_000_000_000_000
ACME, OTHER = "acme", "other"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        yield log


def prepared(log: SqliteLog) -> None:
    """One letter of each kind."""
    bury(
        log,
        [
            DeadLetter(ACME, "received", 0, 0, "received/0@0", "nothing found", b"", NOW),
            DeadLetter(ACME, "events", 0, 0, "events/0@0", "it can't be folded: X", b"\0value", 0),
            of_line(OTHER, "told.jsonl", 7, "its time is ahead", b"{}", NOW),
            DeadLetter(ACME, "", -1, -1, "event x", "its time is ahead", b"[]", NOW),
        ],
    )


def numbers(log: SqliteLog) -> list[Number]:
    return [entry.number for entry in entries(log)]


def test_what_was_taken_in_since_is_settled_until_it_fails_again(log: SqliteLog) -> None:
    letter = of_line(ACME, "told.jsonl", 7, "not good", b"x", NOW)
    bury(log, [letter, letter])
    (first,) = entries(log)
    settle(log, [letter], NOW + DAY)
    assert entries(log) == []
    assert entries(log, everything=True) == [first._replace(state=State.SETTLED, changed_at=NOW + DAY)]
    bury(log, [letter])
    (second,) = entries(log)
    assert second.number > first.number
    assert [entry.state for entry in entries(log, everything=True)] == [State.SETTLED, State.WAITING]


def test_several_partitions_are_one_list(tmp_path: Path) -> None:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        log.create_topic("dead_letters", partitions=2)
        prepared(log)
        for record in log.read("dead_letters", 0, 0, 2):
            log.append("dead_letters", 1, [NewRecord(record.key, record.value)])
        assert [str(number) for number in numbers(log)] == ["0", "1", "2", "3", "1:0", "1:1"]
        drop(log, [Number(1, 0), Number(0, 1)], because="x", by="", now=NOW)
        assert [str(number) for number in numbers(log)] == ["0", "2", "3", "1:1"]


def test_a_letter_that_is_dropped_says_why_and_who(log: SqliteLog) -> None:
    prepared(log)
    mark_looked_at(log)
    bury(log, [of_line(ACME, "told.jsonl", 8, "not good", b"x", NOW)])
    found = entries(log)
    assert [entry.state for entry in found] == [State.ACKNOWLEDGED] * 4 + [State.WAITING]
    last = found[-1]
    assert drop(log, [last.number], because=" a test  ", by="p:1", now=NOW + DAY) == 1
    assert not waiting(log)
    assert len(unsettled(log)) == 4
    dropped = entries(log, everything=True)[-1]
    assert dropped == last._replace(state=State.DROPPED, changed_at=NOW + DAY, because="a test", by="p:1")
    assert letter_at(log, last.number).value == b"x", "nothing is deleted"


def test_dropping_needs_a_reason_and_a_letter(log: SqliteLog) -> None:
    prepared(log)
    with pytest.raises(ValueError, match="why"):
        drop(log, numbers(log), because=" ", by="", now=NOW)
    for wrong in (Number(0, 77), Number(5, 0)):
        with pytest.raises(KeyError, match="no dead letter has the number"):
            drop(log, [wrong], because="x", by="", now=NOW)
    assert len(numbers(log)) == 4


def test_letters_are_chosen_by_reason_and_workspace(log: SqliteLog) -> None:
    prepared(log)

    def places(found: list[Entry]) -> list[str]:
        return [entry.letter.place for entry in found]

    found = entries(log)
    assert places(with_reason(found, "CAN'T be folded")) == ["events/0@0"]
    assert len(with_reason(found, "AHEAD")) == 2
    assert places(with_reason(found, "ahead", [OTHER])) == ["told.jsonl:7"]
    assert all(entry.bytes_count == len(letter_at(log, entry.number).value) for entry in found)


@pytest.mark.parametrize(("text", "number"), [("17", Number(0, 17)), ("1:17", Number(1, 17))])
def test_a_number_is_written_as_it_is_read(text: str, number: Number) -> None:
    assert Number.of(text) == number
    assert str(number) == text


@pytest.mark.parametrize("text", ["", "x", "-1", "1:", ":1", "1:x", "x:1", "1:2:3", "\u00b2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dlq list"):
        Number.of(text)
