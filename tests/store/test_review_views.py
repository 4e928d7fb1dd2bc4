"""The views of how requests are reviewed, on the small world with the answers known."""

from __future__ import annotations

import time

from pipeline.core.facts import Fact, ReviewFact
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, moment
from tests.store.world import ask, fill, reviewed


def test_time_to_merge(world: Store) -> None:
    columns = (
        "toString(week), dimension, value, merged, opened_to_merged_median, ready_to_merged_median,"
        " authors_median, reviewers_median, mergers_median, by_bots"
    )
    monday = "2024-01-01"
    one, other = (1, 20.0, 12.0, 8.0, 3.0, 9.0, 0), (1, 4.0, 4.0, 0.0, 4.0, 0.0, 0)
    assert ask(world, columns, "time_to_merge") == [
        # of two the median is the greater one
        (monday, "all", "", 2, 20.0, 12.0, 8.0, 4.0, 9.0, 0),
        (monday, "change_class", "code", *one),
        (monday, "change_class", "iac", *other),
        (monday, "repository", "acme/api", *one),
        (monday, "repository", "acme/library", *other),
        (monday, "service", "api", *one),
        (monday, "service", "library", *other),
        (monday, "size", "huge", *other),
        (monday, "size", "small", *one),
        (monday, "team", "core", *one),
    ]


def test_review_response(world: Store) -> None:
    columns = (
        "toString(week), value, requests, responses, no_response, awaited, response_median,"
        " response_working_median, within_target, closed, waiting_median, waiting_working_median,"
        " rounds_median, by_bots"
    )
    assert ask(world, columns, "review_response", "WHERE dimension = 'all'") == [
        # the week of the eleventh day: of three one has an answer, and that one came late
        ("2024-01-08", "", 3, 1, 0, 2, 1.0, 5.56, 0.0, 0, None, None, None, 1),
        ("2023-12-25", "", 2, 1, 1, 0, 2.0, 1.0, 1.0, 2, 4.0, 2.0, 1, 0),
    ]
    of_classes = "WHERE dimension = 'change_class'"
    assert ask(world, "value, requests, waiting_median", "review_response", of_classes) == [
        ("code", 3, None),
        ("code", 1, 3.0),
        ("iac", 1, 4.0),
    ]
    sizes = "WHERE dimension = 'size'"
    assert ask(world, "value, requests, waiting_median", "review_response", sizes) == [
        ("small", 3, None),
        ("huge", 1, 4.0),
        ("small", 1, 3.0),
    ]
    assert ask(world, "value", "review_response", "WHERE dimension = 'team'") == [("core",), ("core",)]


def test_reviewer_load_is_spread_among_those_who_were_asked(store: Store) -> None:
    def asked(number: int, *names: str, **told: object) -> Fact:
        return reviewed(f"acme/api#{number}", MONDAY, asked=list(names), **told)

    twice = [asked(0, "p:1", "p:1", "core"), asked(1, "p:1"), asked(2, "p:1", "p:2"), asked(3, "p:1", "p:3")]
    nobody = [asked(4, "core"), asked(5), asked(6, "p:9", bot=True)]
    other = [asked(7, "p:4", service="web", team="", change_class="iac"), asked(8, "p:4", ready_at=None)]
    store.insert_facts(ReviewFact.table, WORKSPACE, 2, [*twice, *nobody, *other])
    columns = (
        "dimension, value, requests, persons, asked, asked_median, asked_p90, asked_most, top_share, gini"
    )
    core, one = (4, 3, 6, 1, 4, 4, 0.6667, 0.3333), (1, 1, 1, 1, 1, 1, 1.0, 0.0)
    assert ask(store, f"toString(week), {columns}", "reviewer_load", "WHERE dimension = 'team'") == [
        ("2024-01-01", "team", "core", *core)
    ]
    assert ask(store, columns, "reviewer_load", "WHERE dimension != 'team'") == [
        ("all", "", 5, 4, 7, 1, 4, 4, 0.5714, 0.3214),
        ("change_class", "code", *core),
        ("change_class", "iac", *one),
        ("repository", "acme/api", 5, 4, 7, 1, 4, 4, 0.5714, 0.3214),
        ("service", "api", *core),
        ("service", "web", *one),
    ]


def test_nothing_is_measured_of_bots(store: Store) -> None:
    fill(store)
    told = {"merged_at": MONDAY + 8 * DAY, "closed_at": MONDAY + 8 * DAY, "state": "merged", "bot": True}
    store.insert_facts("reviews", WORKSPACE, 3, [reviewed("acme/bots#1", MONDAY, **told)])
    columns = "merged, opened_to_merged_median, ready_to_merged_p90, authors_median, mergers_median, by_bots"
    found = ask(store, columns, "time_to_merge", "WHERE value = 'acme/bots'")
    assert found == [(0, None, None, None, None, 1)]


def test_review_quality(world: Store) -> None:
    columns = (
        "value, merged, commented, with_substance, substance_rate, comments_median, stampable, rubber_stamps,"
        " rubber_stamp_rate, without_size, by_bots"
    )
    assert ask(world, columns, "review_quality", "WHERE dimension IN ('all', 'change_class', 'size')") == [
        ("", 2, 1, 1, 0.5, 3, 1, 1, 1.0, 1, 0),
        ("code", 1, 1, 1, 1.0, 3, 0, 0, None, 1, 0),
        ("iac", 1, 0, 0, 0.0, 0, 1, 1, 1.0, 0, 0),
        ("huge", 1, 0, 0, 0.0, 0, 1, 1, 1.0, 0, 0),
        ("small", 1, 1, 1, 1.0, 3, 0, 0, None, 1, 0),
    ]


def test_open_reviews(world: Store) -> None:
    columns = "change, turn, turn_hours, waited_on, working_hours, target_hours, overdue, open_hours, as_of"
    as_of = moment(MONDAY + 11 * DAY)
    assert ask(world, columns, "open_reviews") == [
        ("acme/api#7", "reviewers", 72.0, [], 24.0, 4.0, 1, 72.0, as_of),
        ("acme/api#5", "reviewers", 14.0, ["p:7", "core"], 7.0, 4.0, 1, 14.0, as_of),
        ("acme/api#8", "reviewers", 8.0, [], 1.0, 4.0, 0, 8.0, as_of),
        ("acme/api#6", "author", 47.0, [], None, None, 0, 48.0, as_of),
    ]
    assert ask(world, "DISTINCT team, service, repository, change_class", "open_reviews") == [
        ("core", "api", "acme/api", "code")
    ]


def test_review_backlog(world: Store) -> None:
    columns = (
        "dimension, value, open, waiting, overdue, at_author, at_merge, working_hours_median,"
        " working_hours_max, oldest, by_bots"
    )
    all_of_them = (3, 2, 1, 1, 0, 7.0, 7.0, "acme/api#5", 1)
    named = (1, 1, 1, 0, 0, 7.0, 7.0, "acme/api#5", 0)
    assert ask(world, columns, "review_backlog") == [
        ("all", "", *all_of_them),
        ("change_class", "code", *all_of_them),
        ("repository", "acme/api", *all_of_them),
        ("service", "api", *all_of_them),
        ("size", "small", *all_of_them),
        ("team", "core", *all_of_them),
        ("waited_on", "core", *named),
        ("waited_on", "p:7", *named),
    ]


def test_what_is_received_now_is_shown_as_of_now(store: Store) -> None:
    """An import is shown as of its newest event; what lives, as of this moment."""
    fill(store)
    question = (
        "SELECT count(), countIf(abs(dateDiff('second', as_of, now())) < 60), sum(overdue) FROM open_reviews"
    )
    assert store.query(question).rows == [(4, 0, 2)]
    ((now,),) = store.query("SELECT toUnixTimestamp64Micro(now64(6))").rows
    assert isinstance(now, int)
    tick = event("clock_ticked", id="t1", source="clock", time=now, received_at=now, clock="clock")
    store.insert_events("clock_ticked", WORKSPACE, batch("clock_ticked", [tick]))
    assert store.query(question).rows == [(4, 4, 3)]


def test_as_of(store: Store) -> None:
    hour_ago = time.time_ns() // 1_000 - HOUR
    for workspace, received_at in (("live", hour_ago), ("imported", MONDAY)):
        told = event("change_merged", id="a", source="git", time=received_at, received_at=received_at)
        store.insert_events("change_merged", workspace, batch("change_merged", [told]))
    columns = "workspace, newest_at, as_of = newest_at, as_of > now64(6) - INTERVAL 1 MINUTE"
    assert ask(store, columns, "as_of") == [
        ("imported", moment(MONDAY), 1, 0),
        ("live", moment(hour_ago), 0, 1),
    ]
