"""What comments amount to, and which approvals are rubber stamps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.facts import ReviewFact
from pipeline.core.limits import Remarks
from pipeline.core.measures.substance import is_rubber_stamp, points_of
from tests.worlds import Told, asked, change_key, commented, merged, opened, reviewed, rewritten

WEIGHTS = Remarks()
ME, OTHER = "p:1", "p:2"
HEAD, NEXT = "f" * 40, "e" * 40


def points(changed_after: bool = False, **features: Any) -> int:
    return points_of(commented("api#1", 1, OTHER, **features), changed_after=changed_after, weights=WEIGHTS)


@pytest.mark.parametrize(
    ("features", "changed_after", "worth"),
    [
        ({}, False, 0),
        ({"words": 2, "filler": True}, False, 0),
        ({"words": 2, "filler": True, "path": "app", "line": True, "question": True}, True, 0),
        ({"words": 0, "path": "app", "line": True}, True, 0),
        ({"words": 3}, False, 0),
        # a source that tells no words
        ({"characters": 400, "path": "app", "question": True}, True, 3),
        ({"characters": 0, "path": "app"}, True, 0),
        ({"characters": 3, "path": "app", "filler": True}, True, 0),
        ({"words": 3}, True, 0),
        ({"words": 7, "question": True}, False, 1),
        ({"words": 8, "question": True}, False, 2),
        ({"words": 8, "request": True}, False, 2),
        ({"words": 3, "path": "app"}, False, 1),
        ({"words": 3, "line": True}, True, 2),
        ({"words": 8, "line": True}, False, 2),
        # a slip of the pen is marked
        ({"words": 1, "line": True, "path": "app"}, True, 1),
        ({"words": 2, "line": True, "request": True}, True, 1),
        ({"words": 2, "line": True, "question": True}, True, 3),
        ({"words": 1}, False, 0),
        ({"words": 2, "code": True}, False, 2),
        ({"words": 0, "suggestion": True, "line": True}, False, 3),
        ({"words": 9, "suggestion": True, "code": True, "question": True, "line": True}, True, 6),
    ],
)  # fmt: skip
def test_points(features: dict[str, Any], changed_after: bool, worth: int) -> None:
    assert points(changed_after, **features) == worth


def review(told: Told) -> ReviewFact:
    return told.row(ReviewFact, change_key("api#1"))


SAID = {"words": 9, "line": True, "path": "app"}


def test_only_what_others_say_before_the_end_counts() -> None:
    told = Told(
        opened("api#1", 1, author=ME, head_sha=HEAD),
        commented("api#1", 2, OTHER, **SAID),
        commented("api#1", 2.1, ME, **SAID),
        commented("api#1", 2.2, "p:9", bot=True, **SAID),
        reviewed("api#1", 2.3, OTHER, "commented", words=12, question=True),
        reviewed("api#1", 2.4, OTHER, "approved"),
        reviewed("api#1", 2.5, OTHER, "dismissed", words=12, question=True),
        reviewed("api#1", 2.6, OTHER, "approved", words=1, filler=True),
        merged("api#1", 3, author=ME, additions=60, deletions=0),
        commented("api#1", 4, OTHER, **SAID),
    )
    row = review(told)
    assert (row.comments, row.substantive_comments) == (3, 0)
    told.then(rewritten("api#1", 2.9, head_sha=NEXT))
    row = review(told)
    assert (row.comments, row.substantive_comments) == (3, 1)


def test_a_push_after_a_comment_says_that_it_was_heard() -> None:
    told = Told(
        opened("api#1", 1, author=ME, head_sha=HEAD), commented("api#1", 2, OTHER, words=8, line=True)
    )
    assert review(told).substantive_comments == 0
    told.then(rewritten("api#1", 3, head_sha=NEXT))
    assert review(told).substantive_comments == 1
    told.then(commented("api#1", 4, OTHER, words=8, line=True))
    assert (review(told).comments, review(told).substantive_comments) == (2, 1)


@pytest.mark.parametrize(
    ("approved_at", "lines", "stamp"),
    [
        (1.05, 200, True), (1.2, 200, False), (1.02, 49, False), (1.02, 50, True), (1.03, 50, False),
        (1.05, None, False),
    ],
)  # fmt: skip
def test_who_approves_faster_than_anybody_reads(approved_at: float, lines: int | None, stamp: bool) -> None:
    sizes = {} if lines is None else {"additions": lines, "deletions": 0}
    told = Told(
        opened("api#1", 1, author=ME, head_sha=HEAD),
        reviewed("api#1", approved_at, OTHER, "approved"),
        merged("api#1", 2, author=ME, **sizes),
    )
    row = review(told)
    assert row.rubber_stamp is stamp
    assert row.approval_seconds == round((approved_at - 1) * 3600)
    told.then(commented("api#1", 1.01, OTHER, **SAID))
    assert review(told).rubber_stamp is False


@pytest.mark.parametrize(
    ("later", "seconds"),
    [
        ([], 3600),
        ([rewritten("api#1", 1.5, head_sha=NEXT)], 1800),
        ([asked("api#1", 1.75, OTHER)], 3600),
        # who approved with care, and again after another push
        ([reviewed("api#1", 1.75, OTHER, "approved"), rewritten("api#1", 1.9, head_sha=NEXT)], 2700),
    ],
)
def test_the_time_before_an_approval_begins_with_the_opening_or_the_last_push(
    later: list[Any], seconds: int
) -> None:
    told = Told(opened("api#1", 1, author=ME, head_sha=HEAD), *later, reviewed("api#1", 2, OTHER, "approved"))
    assert review(told).approval_seconds == seconds


def test_what_was_approved_as_a_draft_took_from_its_opening() -> None:
    told = Told(opened("api#1", 1, author=ME, draft=True), reviewed("api#1", 2, OTHER, "approved"))
    assert review(told).approval_seconds == 3600


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 3))
def test_longer_or_with_a_word_is_never_more_of_a_stamp(limit: int, seconds: int, said: int) -> None:
    stamp = is_rubber_stamp([0, said], seconds, limit, WEIGHTS)
    assert stamp or not is_rubber_stamp([0, said], seconds + 1, limit, WEIGHTS)
    assert not is_rubber_stamp([0, said + WEIGHTS.looked_from], seconds, limit, WEIGHTS)
    assert not is_rubber_stamp([0, said], seconds, None, WEIGHTS)
    assert not is_rubber_stamp([0, said], None, limit, WEIGHTS)
    if stamp:
        assert is_rubber_stamp([said], seconds, limit + 1, WEIGHTS)
