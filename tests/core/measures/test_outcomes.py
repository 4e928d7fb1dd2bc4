"""What becomes of changes on their branch: by hand, and against a reference that looks after every merge."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.facts import OutcomeFact, ReviewFact
from pipeline.core.limits import OutcomeLimits
from tests.core.measures.merge_by_merge import outcomes
from tests.runs import PARAMETERS, Run, differences, oracle
from tests.strategies import DAY, batches, duplicated, histories, lines, permuted
from tests.worlds import (
    Told,
    at,
    back,
    change_key,
    checked,
    declared,
    deployed,
    merged,
    opened,
    queued,
    reviewed,
    sha,
)


def outcome(told: Told, name: str) -> OutcomeFact:
    return told.row(OutcomeFact, change_key(name))


def check(change: str, hours: float, result: str, **fields: object) -> e.CheckFinished:
    """A check of the commit as which a change was merged."""
    return checked("acme/api", sha(change), hours, result, **fields)


def compare(history: list[e.Event]) -> None:
    rows = {key[0]: row for (table, key), row in oracle(history).items() if table == OutcomeFact.table}
    expected = outcomes(history)
    assert set(rows) == set(expected)
    for change, told in expected.items():
        found = {name: getattr(rows[change], name) for name in told}
        assert found == told, change


@settings(max_examples=400)
@given(lines())
def test_a_reference_that_looks_after_every_merge_finds_the_same(history: list[e.Event]) -> None:
    compare(history)


@settings(max_examples=100)
@given(histories(20))
def test_it_finds_the_same_in_whole_worlds(history: list[e.Event]) -> None:
    compare(history)


def test_the_reference_meets_all_that_can_happen() -> None:
    seen: set[str] = set()

    @settings(max_examples=400, database=None, derandomize=True)
    @given(lines())
    def look(history: list[e.Event]) -> None:
        for row in outcomes(history).values():
            seen.update(name for name, value in row.items() if value)

    look()
    assert seen >= {
        "reverted_at", "restored_at", "undoes", "red_checks", "flaky_checks", "green_by", "ejected_for"
    }  # fmt: skip


@settings(max_examples=200)
@given(lines(), st.data())
def test_a_branch_told_in_any_order_late_twice_and_across_restarts(
    history: list[e.Event], data: st.DataObject
) -> None:
    told = data.draw(duplicated(data.draw(permuted(history))))
    run = Run()
    for batch in data.draw(batches(told)):
        run.take(batch)
        if data.draw(st.booleans()):
            run.restart()
    assert differences(run.live, oracle(history)) == []


@settings(max_examples=100)
@given(lines(), st.data())
def test_what_is_taken_back_was_never_there(history: list[e.Event], data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(history), unique_by=lambda event: event.id))
    run = Run()
    for event in data.draw(st.permutations([*history, *map(back, gone)])):
        run.take([event])
    left = [event for event in history if event not in gone]
    rows = {place: row for place, row in run.live.items() if place[0] == OutcomeFact.table}
    expected = {place: row for place, row in oracle(left).items() if place[0] == OutcomeFact.table}
    assert differences(rows, expected) == []


# -- size and first commit ------------------------------------------------------------------------------


def test_what_a_clone_knows_completes_what_a_forge_tells() -> None:
    clone = {"source": "git/acme/api", "id": "git acme/api#1 merged"}
    known = {
        "first_commit_at": at(0),
        "picked_from": ["a" * 40],
        "generated_additions": 40,
        "generated_deletions": 5,
    }
    forge = merged("api#1", 2, additions=50, deletions=4)
    cloned = msgspec.structs.replace(merged("api#1", 2, additions=52, deletions=5, **known), **clone)
    for told in (Told(forge, cloned), Told(cloned, forge)):
        change, row = told.change("api#1"), outcome(told, "api#1")
        assert (change.additions, change.deletions, change.generated_lines) == (50, 4, 45)
        assert (change.first_commit_at, change.picked_from) == (at(0), ["a" * 40])
        assert (row.lines, row.generated_lines, row.size) == (54, 45, "tiny")


def test_reviews_are_sized_without_what_machines_wrote() -> None:
    told = Told(
        opened("api#1", 0, author="p:1"),
        reviewed("api#1", 0.01, "p:2", "approved"),
        merged("api#1", 2, additions=60, generated_additions=20),
    )
    row = told.row(ReviewFact, "acme/api#1")
    assert (row.lines, row.generated_lines, row.size, row.rubber_stamp) == (60, 20, "small", False)
    told.then(merged("api#1", 2, additions=60, generated_additions=5, source_version=1))
    row = told.row(ReviewFact, "acme/api#1")
    assert (row.size, row.rubber_stamp) == ("medium", True)


def test_more_generated_lines_than_lines_leave_none() -> None:
    told = Told(merged("api#1", 1, additions=3, generated_additions=4, generated_deletions=1))
    assert (outcome(told, "api#1").lines, outcome(told, "api#1").size) == (3, "tiny")


# -- reverts --------------------------------------------------------------------------------------------


def test_a_revert_of_a_revert_brings_a_change_back() -> None:
    told = Told(merged("api#1", 1), merged("api#2", 2, reverts=["acme/api#1"]))
    row = outcome(told, "api#1")
    assert (row.reverted_at, row.reverted_by, row.restored_at) == (at(2), "acme/api#2", None)
    told.then(merged("api#3", 3, reverts=[sha("api#2")]))
    row = outcome(told, "api#1")
    assert (row.reverted_at, row.restored_at, row.restored_by) == (at(2), at(3), "acme/api#3")
    assert outcome(told, "api#2").reverted_by == "acme/api#3"
    assert (row.undoes, outcome(told, "api#2").undoes) == (False, True)
    # and out once more, by a revert of its own: it was first taken back by another one
    told.then(merged("api#4", 4, reverts=["acme/api#1"]))
    row = outcome(told, "api#1")
    assert (row.reverted_at, row.reverted_by, row.restored_at) == (at(2), "acme/api#2", None)


def test_a_revert_on_a_release_branch_leaves_the_main_line_as_it_is() -> None:
    told = Told(merged("api#1", 1), merged("api#2", 2, branch="release", reverts=["acme/api#1"]))
    assert outcome(told, "api#1").reverted_at is None
    told.then(merged("web#2", 2, reverts=["acme/api#1"]))
    assert outcome(told, "api#1").reverted_at is None


def test_so_many_reverts_are_followed() -> None:
    limits = replace(PARAMETERS, outcomes=OutcomeLimits(undoings_max=1))
    chain = [merged("api#1", 1), *(merged(f"api#{n}", n, reverts=[f"acme/api#{n - 1}"]) for n in (2, 3))]
    assert outcome(Told(*chain), "api#1").restored_by == "acme/api#3"
    assert outcome(Told(*chain, parameters=limits), "api#1").restored_by == ""


def test_a_revert_that_comes_when_a_change_may_be_forgotten_does_not_count() -> None:
    days = (PARAMETERS.horizon - 14 * DAY) // DAY
    told = Told(merged("api#1", 0), merged("api#2", 24 * days + 0.1, reverts=["acme/api#1"]))
    assert outcome(told, "api#1").reverted_at is None
    told = Told(merged("api#1", 0), merged("api#2", 24 * days, reverts=["acme/api#1"]))
    assert outcome(told, "api#1").reverted_by == "acme/api#2"


# -- checks ---------------------------------------------------------------------------------------------


def test_the_first_red_commit_is_to_blame_and_those_after_it_are_not() -> None:
    told = Told(
        *(merged(f"api#{number}", number) for number in (1, 2, 3, 4)),
        check("api#1", 1.5, "success"),
        check("api#3", 3.5, "failure"),
        check("api#4", 4.5, "success"),
    )
    # nothing is known of the second: the third is the first that is red
    assert outcome(told, "api#3").red_checks == ["unit"]
    told.then(check("api#2", 2.5, "failure"))
    row = outcome(told, "api#2")
    assert (row.red_checks, row.red_at, row.green_at, row.green_by) == (
        ["unit"],
        at(2.5),
        at(4.5),
        "acme/api#4",
    )
    assert outcome(told, "api#3").red_checks == []
    # another check fails on the third only
    told.then(check("api#3", 3.6, "failure", name="lint"))
    assert outcome(told, "api#3").red_checks == ["lint"]
    assert outcome(told, "api#3").green_by == ""


def test_a_flake_breaks_nothing_and_repairs_nothing() -> None:
    told = Told(merged("api#1", 1), check("api#1", 1.5, "failure"))
    assert outcome(told, "api#1").red_checks == ["unit"]
    told.then(check("api#1", 1.7, "success", attempt=2))
    row = outcome(told, "api#1")
    assert (row.red_checks, row.flaky_checks, row.checks) == ([], ["unit"], 1)


def test_checks_of_the_request_say_nothing_about_the_branch() -> None:
    told = Told(
        opened("api#1", 0, head_sha="f" * 40),
        merged("api#1", 1),
        checked("acme/api", "f" * 40, 0.5, "failure"),
    )
    assert (outcome(told, "api#1").checks, outcome(told, "api#1").red_checks) == (0, [])


def test_a_failure_that_an_attempt_of_long_ago_outranks_is_still_one_that_neighbours_can_explain() -> None:
    own = [merged("api#2", 500), check("api#2", 1, "success", attempt=2), check("api#2", 501, "failure")]
    before = [merged("api#1", 490), check("api#1", 491, "failure")]
    assert outcome(Told(*own), "api#2").red_checks == ["unit"]
    assert outcome(Told(*own, *before), "api#2").red_checks == []
    assert outcome(Told(*before, *own), "api#2").red_checks == []


def test_a_check_that_did_not_run_for_a_week_is_new() -> None:
    week = 7 * 24
    told = Told(
        merged("api#1", 0),
        check("api#1", 0, "failure"),
        merged("api#2", week),
        check("api#2", week, "failure"),
    )
    assert outcome(told, "api#2").red_checks == []
    told.then(merged("api#3", 2 * week + 1), check("api#3", 2 * week + 1, "failure"))
    assert outcome(told, "api#3").red_checks == ["unit"]


# -- the merge queue ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "counts"),
    [("ci_failure", True), ("merge_conflict", True), ("", True), ("manual", False), ("invalidated", False)],
)
def test_what_the_queue_threw_out(reason: str, counts: bool) -> None:
    told = Told(
        opened("api#1", 0), queued("api#1", 1, "entered"), queued("api#1", 2, "removed", reason=reason)
    )
    assert (told.keys("outcomes") == ["acme/api#1"]) == counts
    told.then(merged("api#1", 3))
    row = outcome(told, "api#1")
    assert (row.ejections, row.ejected_for) == (([at(2)], [reason]) if counts else ([], []))


# -- who owns it, and what is forgotten -----------------------------------------------------------------


def test_a_declaration_names_the_service_and_the_team() -> None:
    told = Told(merged("api#1", 1))
    assert (outcome(told, "api#1").service, outcome(told, "api#1").team) == ("api", "")
    told.then(declared("orders", 2, team="money", repositories=["acme/api"]))
    assert (outcome(told, "api#1").service, outcome(told, "api#1").team) == ("orders", "money")


def test_a_row_does_not_change_because_its_neighbours_were_forgotten() -> None:
    short = replace(PARAMETERS, horizon=20 * DAY)
    for restarted in (False, True):
        told = Told(
            merged("api#1", 0),
            check("api#1", 0, "failure"),
            merged("api#2", 48),
            check("api#2", 48, "failure"),
            parameters=short,
        )
        written = outcome(told, "api#2")
        told.then(*(deployed("web", 24 * day, tag=f"w{day}") for day in range(2, 43)))
        assert "acme/api#1" not in told.run.workspace.entities["change"]
        assert "acme/api#2" in told.run.workspace.entities["change"]
        if restarted:
            told.run.restart()
        told.then(
            declared("other", 24 * 42, team="money"),
            check("api#2", 24 * 23, "success", attempt=2, received=24 * 42),
        )
        assert outcome(told, "api#2") == written
