"""What scanners found: states, the change that brought it, and whether that was merged by then."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from pipeline.core import events as e
from pipeline.core.facts import FindingFact, ThresholdFact
from pipeline.core.measures.findings import OPEN
from tests.runs import oracle
from tests.strategies import histories
from tests.worlds import Told, at, back, declared, found, limited, merged, opened, sha, ticked

HEAD = "f" * 40


def row(told: Told, name: str = "code 1") -> FindingFact:
    return told.row(FindingFact, name)


@settings(max_examples=100)
@given(histories())
def test_each_finding_is_the_sum_of_what_was_told(history: list[e.Event]) -> None:
    rows = {key[0]: fact for (table, key), fact in oracle(history).items() if table == FindingFact.table}
    told: dict[str, list[e.FindingReported]] = {}
    for event in sorted(history, key=lambda event: event.time):
        if isinstance(event, e.FindingReported):
            told.setdefault(event.finding, []).append(event)
    assert set(rows) == set(told)
    for key, events in told.items():
        fact = rows[key]
        assert isinstance(fact, FindingFact)
        assert fact.found_at == events[0].time
        assert (fact.state == "open") == (events[-1].state in OPEN) == (fact.closed_at is None)
        sha = next((event.sha for event in reversed(events) if event.sha), "")
        repository = events[0].repository
        merges = [
            event for event in history
            if isinstance(event, e.ChangeMerged)
            and (event.repository, event.sha) == (repository, sha) and sha
        ]  # fmt: skip
        heads = [
            event.change for event in history
            if isinstance(event, e.ChangeOpened | e.ChangeUpdated)
            and (event.repository, event.head_sha) == (repository, sha) and sha
        ]  # fmt: skip
        assert (fact.change != "") == bool(merges or heads)
        if merges:
            assert (fact.change, fact.after_merge) == (merges[0].change, events[0].time >= merges[0].time)


def test_it_is_open_until_it_is_fixed_and_keeps_what_was_told_first() -> None:
    told = Told(found("code 1", 1, severity="high", rule="sql", path="a.py"))
    assert (row(told).state, row(told).closed_at, row(told).severity) == ("open", None, "high")
    told.then(found("code 1", 5, state="fixed"))
    assert (row(told).state, row(told).found_at, row(told).closed_at) == ("fixed", at(1), at(5))
    assert (row(told).severity, row(told).rule) == ("high", "sql")
    told.then(found("code 1", 6, state="reopened"))
    assert (row(told).state, row(told).closed_at) == ("open", None)
    told.then(back(found("code 1", 6, state="reopened")), back(found("code 1", 5, state="fixed")))
    assert row(told).state == "open"
    told.then(back(found("code 1", 1, severity="high", rule="sql", path="a.py")))
    assert told.rows(FindingFact) == []


def test_whether_its_change_was_merged_by_then() -> None:
    told = Told(opened("api#1", 1, head_sha=HEAD), found("code 1", 2, sha=HEAD))
    assert (row(told).change, row(told).after_merge) == ("acme/api#1", False)
    told.then(merged("api#1", 3), found("code 2", 4, sha=sha("api#1")))
    assert row(told).after_merge is False
    assert (row(told, "code 2").change, row(told, "code 2").after_merge) == ("acme/api#1", True)
    # the merge turns out to have been earlier than the first finding
    told.then(merged("api#1", 1.5, source_version=1))
    assert row(told).after_merge is True


def test_without_a_change_the_branch_says_it() -> None:
    branches: dict[str, Any] = {"": True, "main": True, "feature": False}
    for branch, expected in branches.items():
        assert row(Told(found("code 1", 1, branch=branch))).after_merge is expected, branch


def test_a_service_that_is_declared_later_owns_it() -> None:
    told = Told(found("code 1", 1), declared("pay", 2, repositories=["acme/api"], team="money"))
    assert (row(told).service, row(told).team) == ("pay", "money")


def test_an_open_finding_is_never_forgotten_and_a_closed_one_keeps_its_row() -> None:
    told = Told(found("code 1", 1), found("code 2", 1), found("code 2", 2, state="fixed"))
    told.then(ticked(24 * 500), ticked(24 * 1_000))
    held = told.run.workspace.entities["finding"]
    assert set(held) == {"code 1"}
    assert row(told, "code 2").state == "fixed"
    told.run.restart()
    told.then(found("code 1", 24 * 1_000, state="fixed"))
    assert row(told).found_at == at(1)


def test_the_newest_thresholds_hold() -> None:
    told = Told(limited("bypass-abuse", 1, opens_from=0.5), limited("bypass-abuse", 2, cases_min=3))
    (fact,) = told.rows(ThresholdFact)
    assert (fact.opens_from, fact.cases_min, fact.off) == (None, 3, False)
    told.then(back(limited("bypass-abuse", 2, cases_min=3)))
    assert told.row(ThresholdFact, "bypass-abuse").opens_from == 0.5
    told.then(back(limited("bypass-abuse", 1, opens_from=0.5)))
    assert told.rows(ThresholdFact) == []
