"""The views of what review changes needed and got, on a few changes whose answers are known."""

from __future__ import annotations

import pytest

from pipeline.core.facts import ComplianceFact, Fact
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, moment, row
from tests.store.told import tell
from tests.store.world import ask

WEEK = "2024-01-01"


def change(key: str, **told: object) -> ComplianceFact:
    known = {
        "repository": key.partition("#")[0].partition("@")[0], "service": "api", "team": "core",
        "change_class": "code", "classes": ["code"], "state": "merged", "merged_at": MONDAY + DAY,
        "opened_at": MONDAY, "approvals_needed": 1, "approvals": 1, "direct": "@" in key,
    }  # fmt: skip
    return row(ComplianceFact, change=key, **known | told)


def past(key: str, *ways: str, due: int, done: int | None = None, **told: object) -> ComplianceFact:
    return change(
        key, bypassed=list(ways), retro_review_due_at=due, retro_reviewed_at=done, approvals=0, **told
    )


def facts() -> list[Fact]:
    """Told until the end of the eleventh day."""
    return [
        change(
            "acme/api#1", owners_told=True, owners_needed=2, owners_approved=2, unowned_files=0,
            violations=["check opa"], violation_states=["caught"],
        ),
        change(
            "acme/api#2", owners_told=True, owners_needed=2, owners_approved=1, unowned_files=3,
            owners_gone=["p:9"], stale_entries=["a", "b"],
        ),
        past(
            "acme/api#3", "label", "approvals", due=MONDAY + 4 * DAY, done=MONDAY + 3 * DAY,
            emergency="hotfix", violations=["approvals", "role security"],
            violation_states=["waived", "waived"],
        ),
        past(
            "acme/api#4", "approvals", due=MONDAY + 4 * DAY, done=MONDAY + 5 * DAY, change_class="iam",
            violations=["approvals", "check opa"], violation_states=["merged", "merged"],
        ),
        past("acme/api@5", "push", due=MONDAY + 4 * DAY, opened_at=None),
        past("acme/api#6", "rule", due=MONDAY + 12 * DAY, merged_at=MONDAY + 9 * DAY),
        past("acme/api#7", "approvals", due=MONDAY + 4 * DAY, bot=True),
        change(
            "acme/web#8", state="open", merged_at=None, opened_at=MONDAY + HOUR, service="web", team="",
            violations=["check opa"], violation_states=["caught"],
        ),
    ]  # fmt: skip


@pytest.fixture
def governed(store: Store) -> Store:
    for fact in facts():
        store.insert_facts(fact.table, WORKSPACE, 2, [fact])
    # an older version, and a row that no longer holds
    store.insert_facts("compliance", WORKSPACE, 1, [past("acme/api#1", "label", due=MONDAY)])
    store.insert_facts("compliance", WORKSPACE, 1, [past("acme/api#0", "label", due=MONDAY)])
    store.insert_facts("compliance", WORKSPACE, 2, [], [("acme/api#0",)])
    tell(store)
    return store


def test_bypasses(governed: Store) -> None:
    columns = (
        "toString(week), value, merged, bypassed, bypass_rate, by_label, by_push, by_approvals, by_rule,"
        " retro_reviewed, retro_late, retro_due, retro_overdue, by_bots"
    )
    assert ask(governed, columns, "bypasses", "WHERE dimension = 'all'") == [
        ("2024-01-08", "", 1, 1, 1.0, 0, 0, 0, 1, 0, 0, 1, 0, 0),
        (WEEK, "", 5, 3, 0.6, 1, 1, 2, 0, 1, 1, 0, 1, 1),
    ]
    of_classes = f"WHERE dimension = 'change_class' AND toString(week) = '{WEEK}'"
    assert ask(governed, "value, merged, bypassed", "bypasses", of_classes) == [
        ("code", 4, 2),
        ("iam", 1, 1),
    ]
    kinds = {name for (name,) in ask(governed, "dimension", "bypasses")}
    assert kinds == {"all", "team", "service", "repository", "change_class"}


def test_retro_reviews(governed: Store) -> None:
    columns = "change, bypassed, retro, due_hours, done_hours, emergency, as_of"
    as_of = moment(MONDAY + 11 * DAY)
    assert ask(governed, columns, "retro_reviews") == [
        ("acme/api@5", ["push"], "overdue", -168.0, None, "", as_of),
        ("acme/api#6", ["rule"], "due", 24.0, None, "", as_of),
        ("acme/api#3", ["label", "approvals"], "done", None, 48.0, "hotfix", as_of),
        ("acme/api#4", ["approvals"], "late", None, 96.0, "", as_of),
    ]


def test_owner_coverage(governed: Store) -> None:
    columns = (
        "merged, owned, covered, coverage, groups, groups_approved, unowned, unowned_files_touched,"
        " with_owners_gone, stale_entries_most, not_told, by_bots"
    )
    where = f"WHERE dimension = 'all' AND toString(week) = '{WEEK}'"
    assert ask(governed, columns, "owner_coverage", where) == [(2, 2, 1, 0.5, 4, 3, 1, 3, 1, 2, 3, 1)]
    # nobody told the owners of the others
    assert ask(governed, "merged, coverage", "owner_coverage", "WHERE value = 'iam'") == [(0, None)]


def test_policy_violations(governed: Store) -> None:
    columns = "dimension, value, changes, violations, caught, waived, after_merge, changes_violating, by_bots"
    where = f"WHERE dimension IN ('all', 'rule', 'change_class') AND toString(week) = '{WEEK}'"
    assert ask(governed, columns, "policy_violations", where) == [
        ("all", "", 6, 6, 2, 2, 2, 1, 1),
        ("change_class", "code", 5, 4, 2, 2, 0, 0, 1),
        ("change_class", "iam", 1, 2, 0, 0, 2, 1, 0),
        ("rule", "approvals", 2, 2, 0, 1, 1, 1, 0),
        ("rule", "check", 3, 3, 2, 0, 1, 1, 0),
        ("rule", "role", 1, 1, 0, 1, 0, 0, 0),
    ]
    assert ask(governed, "value, changes", "policy_violations", "WHERE dimension = 'service'") == [
        ("api", 1),
        ("api", 5),
        ("web", 1),
    ]
