"""How requests are reviewed: by hand, and against a reference that looks at every ten minutes of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings

from pipeline.core import events as e
from pipeline.core.entities import position
from pipeline.core.facts import ReviewFact
from tests.core.measures.step_by_step import reviews
from tests.runs import PARAMETERS, Run, oracle
from tests.strategies import DAY, HOUR, histories
from tests.worlds import (
    Told,
    abandoned,
    asked,
    at,
    back,
    change_key,
    checked,
    commented,
    declared,
    merged,
    opened,
    reviewed,
    rewritten,
    team,
    ticked,
)

ME, OTHER, THIRD = "p:1", "p:2", "p:3"
HEAD, NEXT = "f" * 40, "e" * 40
#: hours from the beginning (a Monday, 0:00) to Monday, 9:00, when the default hours begin
NINE = 9


def review(told: Told, name: str = "api#1") -> ReviewFact:
    return told.row(ReviewFact, change_key(name))


def requested(hours: float = NINE, **fields: object) -> e.ChangeOpened:
    return opened("api#1", hours, **{"author": ME, "head_sha": HEAD, **fields})


@settings(max_examples=150)
@given(histories())
def test_a_reference_that_looks_at_every_step_finds_the_same(history: list[e.Event]) -> None:
    rows = {key[0]: row for (table, key), row in oracle(history).items() if table == ReviewFact.table}
    expected = reviews(history)
    assert set(rows) == set(expected)
    for change, told in expected.items():
        found = {name: getattr(rows[change], name) for name in told}
        assert found == told, change


def test_the_reference_meets_all_that_can_happen() -> None:
    """The histories that are compared have every turn, rounds, working hours and responses."""
    seen: set[str] = set()

    @settings(max_examples=700, database=None, derandomize=True)
    @given(histories())
    def look(history: list[e.Event]) -> None:
        for row in reviews(history).values():
            seen.update(name for name, value in row.items() if value)
            seen.add(f"turn {row['turn']}")
            if 0 < row["waiting_working_seconds"] < row["waiting_seconds"]:
                seen.add("a part of it is working time")

    look()
    assert seen >= {
        "turn ", "turn author", "turn reviewers", "waiting_seconds", "author_seconds",
        "merging_seconds", "response_seconds", "response_working_seconds", "a part of it is working time",
    }  # fmt: skip


def test_each_turn_counts_for_whose_it_is() -> None:
    told = Told(
        requested(NINE, draft=True),
        rewritten("api#1", NINE + 1, head_sha=HEAD),
        reviewed("api#1", NINE + 3, OTHER, "changes_requested"),
        rewritten("api#1", NINE + 4, head_sha=NEXT),
        checked("acme/api", NEXT, NINE + 4.5, "failure"),
        checked("acme/api", NEXT, NINE + 5, "success", attempt=2),
        reviewed("api#1", NINE + 5.5, OTHER, "approved"),
        merged("api#1", NINE + 7.5, author=ME),
    )
    row = review(told)
    assert (row.ready_at, row.first_response_at, row.closed_at) == (
        at(NINE + 1),
        at(NINE + 3),
        at(NINE + 7.5),
    )
    assert (row.rounds, row.pushes) == (3, 1)
    # 10:00 to 12:00, 13:00 to 13:30, 14:00 to 14:30
    assert row.waiting_seconds == row.waiting_working_seconds == 3 * 3600
    assert (row.response_seconds, row.response_working_seconds) == (2 * 3600, 2 * 3600)
    # the draft, the requested change, the red check
    assert row.author_seconds == round((1 + 1 + 0.5) * 3600)
    assert row.merging_seconds == 2 * 3600
    assert (row.turn, row.turn_since_at, row.review_due_at, row.working_from) == ("", None, None, [])


def test_what_waits_over_a_weekend_waits_for_nobody() -> None:
    friday = 4 * 24 + 16
    told = Told(requested(friday), reviewed("api#1", friday + 3 * 24, OTHER, "commented"))
    row = review(told)
    assert row.response_seconds == 3 * 24 * 3600
    assert row.response_working_seconds == 8 * 3600, "an hour on Friday, seven on Monday"


def test_bots_and_the_author_give_no_response() -> None:
    told = Told(
        requested(),
        commented("api#1", NINE + 1, ME),
        commented("api#1", NINE + 2, "p:9", bot=True),
        reviewed("api#1", NINE + 3, "p:9", "approved", bot=True),
        reviewed("api#1", NINE + 3, ME, "approved"),
    )
    assert review(told).first_response_at is None
    assert review(told).turn == "reviewers"
    told.then(commented("api#1", NINE + 4, OTHER))
    assert review(told).first_response_at == at(NINE + 4)


def test_what_is_said_of_a_draft_is_no_response() -> None:
    told = Told(requested(draft=True), commented("api#1", NINE + 1, OTHER))
    row = review(told)
    assert (row.ready_at, row.first_response_at, row.turn) == (None, None, "author")
    told.then(rewritten("api#1", NINE + 2), commented("api#1", NINE + 3, OTHER))
    row = review(told)
    assert (row.ready_at, row.first_response_at, row.response_seconds) == (at(NINE + 2), at(NINE + 3), 3600)


def test_a_check_that_was_red_before_the_push_does_not_count_after_it() -> None:
    told = Told(
        requested(),
        checked("acme/api", HEAD, NINE + 1, "failure"),
        rewritten("api#1", NINE + 2, head_sha=NEXT),
    )
    row = review(told)
    assert (row.turn, row.author_seconds, row.waiting_seconds) == ("reviewers", 3600, 3600)
    told.then(checked("acme/api", HEAD, NINE + 3, "failure", attempt=2))
    assert review(told).turn == "reviewers"


def test_a_check_that_is_told_before_the_push_counts_from_the_push_on() -> None:
    """Deliveries overtake each other: CI may be faster than the forge."""
    told = Told(
        checked("acme/api", NEXT, NINE + 1, "failure"),
        requested(),
        rewritten("api#1", NINE + 2, head_sha=NEXT),
    )
    assert (review(told).turn, review(told).turn_since_at) == ("author", at(NINE + 2))


def test_an_approval_that_is_dismissed_makes_it_the_reviewers_turn_again() -> None:
    told = Told(requested(), reviewed("api#1", NINE + 1, OTHER, "approved"))
    assert (review(told).turn, review(told).turn_since_at) == ("merge", at(NINE + 1))
    told.then(reviewed("api#1", NINE + 2, OTHER, "dismissed"))
    row = review(told)
    assert (row.turn, row.turn_since_at, row.rounds) == ("reviewers", at(NINE + 2), 2)
    assert row.merging_seconds == 3600


def test_asking_again_takes_a_request_for_changes_off() -> None:
    told = Told(requested(), reviewed("api#1", NINE + 1, OTHER, "changes_requested"))
    assert review(told).turn == "author"
    told.then(asked("api#1", NINE + 2, THIRD))
    assert review(told).turn == "author", "another one was asked"
    told.then(asked("api#1", NINE + 3, OTHER))
    row = review(told)
    assert (row.turn, row.waited_on, row.asked) == ("reviewers", [THIRD, OTHER], [THIRD, OTHER])


def test_who_answered_or_is_no_longer_asked_is_not_waited_on() -> None:
    told = Told(
        requested(),
        team("money", members=[OTHER]),
        asked("api#1", NINE, THIRD),
        asked("api#1", NINE, "", team="money"),
    )
    assert set(review(told).waited_on) == {THIRD, "money"}
    told.then(commented("api#1", NINE + 1, OTHER))
    assert review(told).waited_on == [THIRD], "a member answers for the team"
    told.then(asked("api#1", NINE + 2, THIRD, withdrawn=True))
    assert review(told).waited_on == []
    assert review(told).asked == [THIRD, "money"] or review(told).asked == ["money", THIRD]


def test_the_hours_of_whoever_is_waited_on_count() -> None:
    """Nine hours from 9:00 UTC on: all of them at work in one place, but the last one at night in another."""
    told = Told(
        requested(),
        team("night", members=[OTHER], opens_minute=0, closes_minute=1440, days=[1, 2, 3, 4, 5, 6, 7]),
        team("west", members=[THIRD], offsets_seconds=[-8 * 3600]),
        asked("api#1", NINE, THIRD),
        reviewed("api#1", NINE + 9, THIRD, "approved"),
    )
    row = review(told)
    assert (row.response_seconds, row.response_working_seconds) == (9 * 3600, 3600), "9:00 there is 17:00"
    assert row.hours_of == ["west"]
    told.then(asked("api#1", NINE, OTHER))
    assert review(told).response_working_seconds == 9 * 3600
    assert review(told).hours_of == ["night", "west"]


def test_where_nobody_is_asked_the_hours_of_the_service_s_team_count() -> None:
    told = Told(
        requested(0),
        team("shop", opens_minute=0, closes_minute=60),
        declared("checkout", repositories=["acme/api"], team="shop"),
        reviewed("api#1", 2, OTHER, "approved"),
    )
    row = review(told)
    assert (row.service, row.team, row.hours_of) == ("checkout", "shop", ["shop"])
    assert row.response_working_seconds == 3600
    told.then(declared("checkout", 1, repositories=["acme/api"]))
    assert (review(told).team, review(told).hours_of) == ("", ["default"])
    assert review(told).response_working_seconds == 0


def test_a_team_that_is_declared_later_restates_what_it_was_waited_on_for() -> None:
    told = Told(requested(0), asked("api#1", 0, "", team="shop"), reviewed("api#1", 2, OTHER, "approved"))
    assert review(told).response_working_seconds == 0
    told.then(team("shop", 500, opens_minute=0, closes_minute=1440))
    assert review(told).response_working_seconds == 2 * 3600, "the first version holds from the beginning"
    told.then(team("shop", 400, opens_minute=0, closes_minute=60))
    assert review(told).response_working_seconds == 3600
    told.then(team("shop", 1, opens_minute=60, closes_minute=120))
    assert review(told).response_working_seconds == 3600


def test_the_review_of_a_request_falls_due() -> None:
    """Nobody knows what time it is: the row says when, and the windows to count by."""
    friday = 4 * 24 + 15
    told = Told(requested(friday))
    row = review(told)
    assert (row.turn, row.turn_since_at, row.unanswered_since_at) == ("reviewers", at(friday), at(friday))
    assert row.review_due_at == at(7 * 24 + 11), "two hours on Friday, two on Monday"
    assert (row.working_from[0], row.working_until[0]) == (at(friday), at(friday + 2))
    assert (row.working_from[1], row.working_until[1]) == (at(7 * 24 + 9), at(7 * 24 + 17))
    assert len(row.working_from) == len(row.working_until) == 60
    told.then(commented("api#1", 7 * 24 + 10, OTHER))
    row = review(told)
    assert (row.turn_since_at, row.unanswered_since_at) == (at(friday), at(7 * 24 + 10))
    assert row.review_due_at == at(7 * 24 + 14)
    assert row.response_working_seconds == 3 * 3600


def test_a_team_may_promise_to_answer_sooner() -> None:
    told = Told(requested(), team("shop", members=[OTHER], response_minutes=30), asked("api#1", NINE, OTHER))
    row = review(told)
    assert (row.response_target_seconds, row.review_due_at) == (1800, at(NINE + 0.5))


def test_who_never_works_has_nothing_due() -> None:
    told = Told(
        requested(),
        team("shop", days=[1], holidays=list(range(19_723, 19_723 + 7 * 300, 7))),
        asked("api#1", NINE, "", team="shop"),
    )
    row = review(told)
    assert (row.turn, row.review_due_at, row.working_from) == ("reviewers", None, [])


def test_a_request_that_was_closed_and_opened_again() -> None:
    told = Told(requested(), abandoned("api#1", NINE + 1))
    assert (review(told).state, review(told).turn, review(told).waiting_seconds) == ("abandoned", "", 3600)
    told.then(rewritten("api#1", NINE + 3), reviewed("api#1", NINE + 4, OTHER, "approved"))
    row = review(told)
    assert (row.state, row.turn) == ("open", "merge")
    assert row.waiting_seconds == 2 * 3600, "nobody waited while it was closed"


def test_a_merge_alone_says_nothing_about_its_review() -> None:
    told = Told(merged("api#1", 5, opened_at=at(1)))
    assert told.rows(ReviewFact) == []
    told.then(reviewed("api#1", 3, OTHER, "approved"))
    row = review(told)
    assert (row.opened_at, row.ready_at, row.response_seconds) == (at(1), at(1), 2 * 3600)


def test_two_tellings_of_a_merge_say_nothing_about_its_review_either() -> None:
    clone = merged("api#1", 5, source_version=1)
    clone = msgspec.structs.replace(clone, id="git acme/api#1 merged", source="git/acme/api")
    told = Told(merged("api#1", 5, opened_at=at(1)), clone)
    assert told.change("api#1").opened_at == at(1)
    assert told.rows(ReviewFact) == []


def test_the_first_response_is_measured_by_the_promise_of_those_who_gave_it() -> None:
    told = Told(
        requested(),
        team("slow", members=[OTHER], response_minutes=480),
        team("quick", members=[THIRD], response_minutes=60),
        asked("api#1", NINE, OTHER),
        reviewed("api#1", NINE + 3, OTHER, "commented"),
        asked("api#1", NINE + 4, THIRD),
    )
    row = review(told)
    assert (row.response_target_seconds, row.review_target_seconds) == (8 * 3600, 3600)
    assert row.review_due_at == at(NINE + 5)
    told.then(reviewed("api#1", NINE + 5, THIRD, "approved"))
    row = review(told)
    assert (row.response_target_seconds, row.review_target_seconds) == (8 * 3600, None)


def test_the_red_check_of_an_open_request_is_never_forgotten() -> None:
    """However long it lies there, and whatever has it looked at again."""
    told = Told(requested(), checked("acme/api", HEAD, NINE + 1, "failure"))
    for day in range(0, 40 * 7, 7):
        told.then(ticked(24 * day))
    told.then(declared("api", 24 * 280))
    assert (review(told).turn, review(told).turn_since_at) == ("author", at(NINE + 1))


def test_commits_that_were_looked_at_rest_again() -> None:
    told = Told(requested(), checked("acme/api", HEAD, NINE + 1, "failure"), ticked(20), ticked(21))
    commit = told.run.workspace.entities["commit"][f"acme/api@{HEAD}"]
    assert commit._tellings is None
    told.then(declared("checkout", 22, repositories=["acme/api"]))
    assert review(told).service == "checkout"
    assert commit._tellings is None


def test_a_rebuild_applies_a_catalogue_to_what_was_forgotten_before_it() -> None:
    """The first version of a team holds from the beginning; a rebuild reads what is declared first."""
    short = replace(PARAMETERS, horizon=20 * DAY)
    history: list[e.Event] = []
    for day in range(0, 200, 5):
        name, hours = f"api#{day + 1}", 24 * day + NINE
        history += [opened(name, hours, author=ME), reviewed(name, hours + 1, OTHER, "approved")]
        history += [merged(name, hours + 2, author=ME)]
    catalogue = [team("shop", 24 * 200), declared("api", 24 * 200, repositories=["acme/api"], team="shop")]
    live = Run(short)
    for event in [*history, *catalogue]:
        live.take([event])
    late = {row.team for row in live.table(ReviewFact.table).values() if isinstance(row, ReviewFact)}
    assert late == {"", "shop"}, "what was forgotten is not looked at again"
    rebuilt = Run(short, rebuilding=True)
    for event in sorted([*history, *catalogue], key=lambda event: (position(event), event.time)):
        rebuilt.take([event])
    rows = rebuilt.table(ReviewFact.table)
    assert len(rows) == len(live.table(ReviewFact.table)) == 40
    assert {row.team for row in rows.values() if isinstance(row, ReviewFact)} == {"shop"}
    assert rebuilt.workspace.clock.now == at(24 * 195 + NINE + 2), "what is declared makes nothing old"


def test_a_request_that_was_never_opened_has_no_row() -> None:
    told = Told(requested())
    assert review(told).turn == "reviewers"
    told.then(back(requested()))
    assert told.rows(ReviewFact) == []


def test_a_merge_before_the_opening_by_clocks_that_disagree() -> None:
    told = Told(requested(NINE), merged("api#1", NINE - 1, author=ME))
    row = review(told)
    assert (row.closed_at, row.merged_at, row.waiting_seconds) == (at(NINE), at(NINE - 1), 0)


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        ((0, 0), "tiny"), ((9, 0), "tiny"), ((5, 5), "small"), ((299, 0), "medium"), ((300, 0), "large"),
        ((1000, 0), "huge"), (None, ""),
    ],
)  # fmt: skip
def test_sizes(lines: tuple[int, int] | None, size: str) -> None:
    sizes = {} if lines is None else {"additions": lines[0], "deletions": lines[1]}
    told = Told(requested(), merged("api#1", NINE + 1, author=ME, **sizes))
    assert review(told).size == size
    assert review(told).lines == (None if lines is None else sum(lines))


def test_nothing_depends_on_what_time_it_is() -> None:
    run = Run()
    run.take([requested()])
    before = run.table(ReviewFact.table)
    run.until(at(NINE) + 30 * DAY + HOUR)
    assert run.table(ReviewFact.table) == before
