"""A step stops when too much of its topic can't be read, and says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codec import Codec
from pipeline.dead_letters import unsettled
from pipeline.letter_limit import LetterLimit, TooManyLetters
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.normalize import GROUP, Normalizer
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.texts import Patterns

WINDOW, MIN, ROW = 20, 4, 8
NOW = 1_790_000_000_000_000


def limit(ratio: float = 0.5) -> LetterLimit:
    return LetterLimit("received", ratio, window_records=WINDOW, letters_min=MIN, consecutive_max=ROW)


def stops_at(bad: list[bool], ratio: float, sizes: list[int]) -> int | None:
    """The position at which the limit stops, when the records come in batches of these sizes."""
    one, position = limit(ratio), 0
    while position < len(bad):
        size = sizes[position % len(sizes)] if sizes else 1
        offsets = list(range(position, min(position + size, len(bad))))
        try:
            one.judge(offsets, {at: "bad" for at in offsets if bad[at]})
        except TooManyLetters as error:
            return int(str(error).split("offset ")[1].split()[0].rstrip(","))
        position += size
    return None


def plainly(bad: list[bool], ratio: float) -> int | None:
    """The same, computed from the whole list at every position."""
    if ratio == 1:
        return None
    for at, is_bad in enumerate(bad):
        if not is_bad:
            continue
        window = bad[max(0, at + 1 - WINDOW) : at + 1]
        row = bad[max(0, at - ROW) : at + 1]
        if (len(row) > ROW and all(row)) or (sum(window) >= MIN and sum(window) / len(window) > ratio):
            return at
    return None


@given(
    st.lists(st.booleans(), max_size=80),
    st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    st.lists(st.integers(1, 30), max_size=5),
)
def test_it_stops_where_the_window_says_whatever_the_batches_are(
    bad: list[bool], ratio: float, sizes: list[int]
) -> None:
    assert stops_at(bad, ratio, sizes) == plainly(bad, ratio)


def test_the_message_says_what_how_many_why_and_what_to_do() -> None:
    reasons = dict.fromkeys(range(40, 43), "the JSON is cut off") | {43: "no key", 44: "a", 45: "b"}
    with pytest.raises(TooManyLetters) as stopped:
        limit().judge(range(38, 46), reasons)
    said = str(stopped.value)
    assert said.startswith(
        "topic received: 4 of 6 records up to offset 43 (66.7%; at most 50.0% are let pass)"
    )
    assert "3 times: the JSON is cut off; 1 times: no key." in said
    assert "AFTERMERGE_DEAD_LETTER_RATIO_MAX" in said


def test_a_row_of_bad_ones_is_told_as_such() -> None:
    with pytest.raises(TooManyLetters, match="9 records in a row, up to offset 28,"):
        limit(0.95).judge(range(40), dict.fromkeys(range(20, 40), "no key"))


def test_a_batch_that_is_repeated_is_not_counted_twice() -> None:
    one = limit()
    for _ in range(5):
        one.judge(range(10, 20), dict.fromkeys(range(10, 13), "bad"))
    with pytest.raises(TooManyLetters):
        one.judge(range(20, 30), dict.fromkeys(range(20, 30), "bad"))


@pytest.mark.parametrize(
    "wrong",
    [{"ratio_max": 1.1}, {"ratio_max": -0.1}, {"letters_min": 0}, {"letters_min": WINDOW + 1}],
)
def test_a_limit_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    given_: dict[str, float] = {"ratio_max": 0.5, "letters_min": MIN} | wrong
    with pytest.raises(ValueError, match="share|window"):
        LetterLimit(
            "received", given_["ratio_max"], window_records=WINDOW, letters_min=int(given_["letters_min"])
        )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        yield log


def test_normalize_stops_before_it_commits_and_does_the_same_again(log: SqliteLog) -> None:
    def step(ratio: float) -> Normalizer:
        unseal = msgspec.msgpack.Decoder(Delivery).decode
        told = Reader(lambda login: "p:0000000000000000", Patterns())
        return Normalizer(log, Codec(), told, unseal, lambda: NOW, judge=limit(ratio).judge)

    bodies = [json.dumps({"zen": "all good"}).encode(), b"{", b"[", b"nothing", b"{]", b"x"]
    for body in bodies:
        delivery = Delivery("acme", "github", NOW, {"x-github-event": "pull_request"}, body)
        log.append("received", 0, [NewRecord(b"acme", msgspec.msgpack.encode(delivery))])
    for _ in range(2):
        with pytest.raises(TooManyLetters, match="received"):
            step(0.5).run()
        assert not unsettled(log)
        assert log.committed(GROUP, "received", 0) == 0
    assert step(1.0).run().deliveries == len(bodies)
    assert unsettled(log)
