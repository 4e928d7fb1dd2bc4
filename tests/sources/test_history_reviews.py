"""Comments of review histories: each is an event under an id of its own, with what its text amounts to."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.tellings import winner
from pipeline.sources.history_records import PARSER_VERSION, REVIEWS_PARSER_VERSION
from tests.sources.test_history import read

NOON = "2020-01-01T12:00:00Z"
CHANGE = "wg/draft#1"
TIME = 1_577_880_000_000_000


def comment(**more: Any) -> dict[str, Any]:
    return {
        "kind": "comment",
        "repo": "wg/draft",
        "number": 1,
        "at": NOON,
        "author": "a1",
        "words": 9,
        **more,
    }


def review(*comments: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"kind": "review", "repo": "wg/draft", "number": 1, "id": "R1", "at": NOON, "author": "b2"}
    return {**told, "state": "commented", "commit": "abc1234", "comments": list(comments), **more}


def comments_of(events: list[e.Event]) -> list[e.CommentPosted]:
    return [event for event in events if isinstance(event, e.CommentPosted)]


def test_the_comments_of_a_review_are_events() -> None:
    _, events = read(
        [
            review(
                {
                    "at": "2020-01-01T11:59:00Z",
                    "position": 10,
                    "words": 3,
                    "question": True,
                    "reference": True,
                },
                {"position": None, "words": 1, "filler": True, "suggestion": True, "code": True},
            )
        ]
    )
    told, first, second = events
    assert isinstance(told, e.ReviewSubmitted)
    assert told.comments == 2
    assert first == e.CommentPosted(
        id="github wg/draft#1 review R1 comment 1",
        source="github",
        time=TIME - 60_000_000,
        received_at=TIME - 60_000_000,
        imported=True,
        source_version=0,
        parser_version=REVIEWS_PARSER_VERSION,
        retracted=False,
        sequence=1,
        change=CHANGE,
        repository="wg/draft",
        number=1,
        author="p:b2",
        commit_sha="abc1234",
        question=True,
        line=True,
        words=3,
    )
    assert isinstance(second, e.CommentPosted)
    assert (second.id, second.time) == ("github wg/draft#1 review R1 comment 2", TIME)
    assert (second.line, second.words, second.filler) == (False, 1, True)
    assert (second.suggestion, second.code, second.question, second.request) == (True, True, False, False)


def test_the_own_text_of_a_review_is_told_with_it() -> None:
    body = {
        "words": 41,
        "code": True,
        "suggestion": False,
        "question": True,
        "reference": False,
        "filler": False,
    }
    _, (told, silent) = read([review(body=body), review(id="R2")])
    assert isinstance(told, e.ReviewSubmitted)
    assert (told.words, told.code, told.suggestion, told.question, told.filler) == (
        41,
        True,
        False,
        True,
        False,
    )
    assert isinstance(silent, e.ReviewSubmitted)
    assert (silent.words, silent.filler) == (None, False)


def test_a_comment_in_the_conversation_is_an_event() -> None:
    _, events = read([comment(code=True), comment(id="77", filler=True), comment(author="")])
    said, numbered, unsigned = comments_of(events)
    assert said.id == "github wg/draft#1 comment 2020-01-01T12:00:00Z p:a1"
    assert (said.change, said.time, said.author, said.path) == (CHANGE, TIME, "p:a1", "")
    assert (said.line, said.words, said.code, said.filler) == (False, 9, True, False)
    assert (numbered.id, numbered.filler) == ("github wg/draft#1 comment 77", True)
    assert unsigned.id == "github wg/draft#1 comment 2020-01-01T12:00:00Z"


SAID = st.fixed_dictionaries(
    {
        "author": st.sampled_from(["a1", "b2"]),
        "words": st.integers(0, 2),
        "at": st.sampled_from([NOON, "2020-01-01T13:00:00+01:00", "2020-01-02T12:00:00Z"]),
    },
    optional={"question": st.booleans(), "id": st.sampled_from(["7", "8"])},
)


@given(st.lists(SAID, max_size=8), st.data())
def test_different_comments_have_different_ids_in_any_order_and_however_often(
    told: list[dict[str, Any]], data: st.DataObject
) -> None:
    """What was said by whom and when tells comments apart; a line that is there twice tells one."""
    records = [comment(**said) for said in told]
    _, events = read(records)
    by_id = {event.id: event for event in events}
    plain = [record for record in records if "id" not in record]
    named = {record["id"] for record in records if "id" in record}
    instants = {NOON: 1, "2020-01-01T13:00:00+01:00": 1, "2020-01-02T12:00:00Z": 2}
    different = {
        (record["author"], instants[record["at"]], record["words"], record.get("question", False))
        for record in plain
    }
    assert len(by_id) == len(different) + len(named)
    again = data.draw(st.permutations([*records, *plain]))
    _, others = read(again)
    unnumbered = {event.id: event for event in others if not re.search(" comment [78]$", event.id)}
    assert unnumbered == {key: event for key, event in by_id.items() if not re.search(" comment [78]$", key)}
    assert {event.id for event in others} == by_id.keys()


def test_comments_of_one_author_and_second_keep_their_ids_in_a_later_archive() -> None:
    both = [comment(words=3), comment(words=30)]
    _, first = read(both)
    later = [comment(at="2019-12-31T00:00:00Z"), *reversed(both), comment(number=2), review({"words": 1})]
    _, second = read(later)
    ids = {event.id for event in first}
    assert ids == {
        "github wg/draft#1 comment 2020-01-01T12:00:00Z p:a1",
        "github wg/draft#1 comment 2020-01-01T12:00:00Z p:a1 2",
    }
    assert {event for event in second if event.id in ids} == set(first)


def test_what_is_told_now_takes_the_place_of_what_was_told_before() -> None:
    _, (now,) = read([review()])
    assert isinstance(now, e.ReviewSubmitted)
    fields = {name: getattr(now, name) for name in now.__struct_fields__}
    fields |= {"parser_version": PARSER_VERSION, "characters": 12}
    before = e.ReviewSubmitted(**fields)
    assert winner(before, now) == winner(now, before) == now


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (review({"words": -1}), r"review: .*words"),
        (review({"words": "three"}), r"review: .*words"),
        (review({"at": "now"}), r"review: .*at"),
        (review({"at": "1970-01-01T00:00:00Z"}), r"review\.comments\[0\]\.at: .*outside"),
        (review({"position": "10"}), r"review: .*position"),
        (review(body={"filler": 1}), r"review: .*filler"),
        (comment(code="yes"), r"comment: .*code"),
    ],
)
def test_a_bad_comment_is_buried_with_its_place(record: dict[str, Any], reason: str) -> None:
    history, events = read([record, comment()])
    assert len(events) == 1
    (bad,) = history.unreadable
    assert re.search(reason, bad.reason), bad.reason
