"""The class of a change is the same wherever it is measured: by hand, and against the plain reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from pipeline.core import events as e
from pipeline.core.change_classes import Classes
from pipeline.core.facts import ComplianceFact, OutcomeFact, ReviewFact
from tests.core.measures.by_the_book import classes
from tests.runs import oracle
from tests.strategies import histories
from tests.worlds import Told, back, change_key, classed, commented, merged, opened, queued, reviewed, sha

ME, OTHER = "p:1", "p:2"
TABLES = (ReviewFact, ComplianceFact, OutcomeFact)


def request(hours: float = 1, **fields: Any) -> e.ChangeOpened:
    return opened("api#1", hours, **{"author": ME, "head_sha": "f" * 40, **fields})


def merge(hours: float = 9, **fields: Any) -> e.ChangeMerged:
    return merged("api#1", hours, **{"author": ME, "paths": ["ledger/a.py"], **fields})


def told_everywhere(told: Told) -> set[str]:
    """What the rows of the change say; they agree."""
    key = change_key("api#1")
    return {
        told.row(ReviewFact, key).change_class,
        told.row(ComplianceFact, key).change_class,
        told.row(OutcomeFact, key).change_class,
    }


@settings(max_examples=150)
@given(histories())
def test_every_table_says_the_class_that_the_reference_finds(history: list[e.Event]) -> None:
    expected = classes(history)
    names = {struct.table for struct in TABLES}
    for (table, key), row in oracle(history).items():
        if table in names:
            assert getattr(row, "change_class", None) == expected[str(key[0])][0], (table, key)


def test_the_reference_meets_several_classes_in_every_table() -> None:
    seen: set[tuple[str, str]] = set()

    @settings(max_examples=400, database=None, derandomize=True)
    @given(histories())
    def look(history: list[e.Event]) -> None:
        for (table, _), row in oracle(history).items():
            seen.add((table, getattr(row, "change_class", "")))

    look()
    assert seen >= {(struct.table, name) for struct in TABLES for name in ("code", "money", "docs")}


def test_what_is_declared_later_restates_every_row() -> None:
    told = Told(request(), merge())
    assert told_everywhere(told) == {"code"}
    told.then(classed("money", 20, paths=["ledger/"]))
    assert told_everywhere(told) == {"money"}, "a first version holds from the beginning"
    told.then(back(classed("money", 20, paths=["ledger/"])))
    assert told_everywhere(told) == {"code"}


def test_paths_that_are_told_later_restate_every_row() -> None:
    told = Told(request(), merge(paths=[]))
    assert told_everywhere(told) == {"code"}
    told.then(merge(paths=["iam/a.tf"], source_version=2))
    assert told_everywhere(told) == {"iam"}


def test_the_version_of_the_day_of_the_merge_counts() -> None:
    told = Told(classed("money", 0, paths=["ledger/"]), request(), merge(9))
    told.then(classed("money", 10, paths=["other/"]))
    assert told_everywhere(told) == {"money"}
    told.then(classed("money", 8, paths=["another/"]))
    assert told_everywhere(told) == {"code"}


def test_of_an_open_request_the_version_of_its_newest_event_counts() -> None:
    told = Told(
        classed("money", 0, labels=["ledger"]),
        classed("money", 5, labels=["other"]),
        request(labels=["ledger"]),
        queued("api#1", 2, "entered"),
        queued("api#1", 3, "removed", reason="ci_failure"),
    )
    assert told_everywhere(told) == {"money"}
    told.then(commented("api#1", 6, OTHER))
    assert told_everywhere(told) == {"code"}


def test_a_merge_that_only_a_clone_told_has_a_class_too() -> None:
    told = Told(merged("api#1", 9, author=ME, number=1, paths=["docs/a.md"]))
    assert told.rows(ComplianceFact) == []
    assert told.row(OutcomeFact, change_key("api#1")).change_class == "docs"


def test_classes_are_worked_out_once_for_all_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    found = Classes.of

    def counting(self: Classes, paths: Any, labels: Any) -> list[str]:
        asked.append(list(paths))
        return found(self, paths, labels)

    monkeypatch.setattr(Classes, "of", counting)
    told = Told(request(), reviewed("api#1", 2, OTHER, "approved"), merge())
    assert asked == [[], [], ["ledger/a.py"]], "once for each of three batches"
    told.then(merged("api#2", 12, author=ME, sha=sha("api#2"), paths=["web/b.py"]))
    assert asked[3:] == [["web/b.py"]], "rows that are not stale are not made again"
    assert told.run.workspace.measured._classing._known == {}
