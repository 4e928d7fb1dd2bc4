"""What review changes needed and got: by hand, and against a reference that looks at each change alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from pipeline.core import events as e
from pipeline.core.facts import ComplianceFact
from tests.core.measures.by_the_book import compliance
from tests.runs import oracle
from tests.strategies import DAY, HOUR, histories
from tests.worlds import (
    Told,
    abandoned,
    at,
    back,
    change_key,
    checked,
    classed,
    commented,
    declared,
    merged,
    opened,
    overridden,
    owned,
    policy,
    reviewed,
    rewritten,
    sha,
    team,
)

ME, OTHER, THIRD = "p:1", "p:2", "p:3"
HEAD, NEXT = "f" * 40, "e" * 40
MINUTES_A_DAY = 24 * 60


def row(told: Told, name: str = "api#1") -> ComplianceFact:
    return told.row(ComplianceFact, change_key(name))


def request(hours: float = 1, **fields: Any) -> e.ChangeOpened:
    return opened("api#1", hours, **{"author": ME, "head_sha": HEAD, **fields})


def merge(hours: float = 9, **fields: Any) -> e.ChangeMerged:
    return merged("api#1", hours, **{"author": ME, **fields})


@settings(max_examples=200)
@given(histories())
def test_a_reference_that_looks_at_each_change_finds_the_same(history: list[e.Event]) -> None:
    rows = {key[0]: row for (table, key), row in oracle(history).items() if table == ComplianceFact.table}
    expected = compliance(history)
    assert set(rows) == set(expected)
    for change, told in expected.items():
        assert {name: getattr(rows[change], name) for name in told} == told, change


def test_the_reference_meets_all_that_can_happen() -> None:
    """The histories that are compared go past review in every way, and break every kind of rule."""
    seen: set[str] = set()

    @settings(max_examples=600, database=None, derandomize=True)
    @given(histories())
    def look(history: list[e.Event]) -> None:
        for told in compliance(history).values():
            seen.update(told["bypassed"], told["violation_states"], told["policies"], told["classes"])
            seen.update(rule.partition(" ")[0] for rule in told["violations"])
            seen.update(name for name in ("approvals", "owners_needed", "retro_reviewed_at") if told[name])

    look()
    assert seen >= {
        "label", "push", "approvals", "rule", "caught", "waived", "merged", "role", "section", "owners",
        "check", "everything", "strict", "default", "money", "code", "docs", "owners_needed",
        "retro_reviewed_at",
    }  # fmt: skip


def test_one_approval_is_enough_where_nobody_declared_more() -> None:
    told = Told(request(), reviewed("api#1", 2, OTHER, "approved"), merge())
    assert row(told).bypassed == row(told).violations == []
    assert (row(told).approvals_needed, row(told).approvals, row(told).policies) == (1, 1, ["default"])
    assert row(told).retro_review_due_at is None


def test_an_approval_of_its_own_author_or_one_that_was_taken_back_is_none() -> None:
    told = Told(
        request(),
        reviewed("api#1", 2, ME, "approved"),
        reviewed("api#1", 3, OTHER, "approved"),
        reviewed("api#1", 4, OTHER, "dismissed"),
        reviewed("api#1", 5, THIRD, "approved", bot=True),
        merge(),
        reviewed("api#1", 10, THIRD, "approved"),
    )
    assert (row(told).approvals, row(told).bypassed) == (0, ["approvals"])
    assert (row(told).violations, row(told).violation_states) == (["approvals"], ["merged"])
    assert row(told).retro_review_due_at == at(9) + 3 * DAY
    assert row(told).retro_reviewed_at == at(10)


def test_documentation_needs_nobody_and_a_critical_change_two() -> None:
    paths = {"docs": ["docs/a.md"], "code": ["docs/a.md", "src/a.py"], "iam": ["infra/iam/a.tf"]}
    needed = {}
    for name, touched in paths.items():
        told = Told(declared("api", tier=1), request(), merge(paths=touched))
        needed[name] = (row(told).change_class, row(told).approvals_needed)
    assert needed == {"docs": ("docs", 0), "code": ("code", 1), "iam": ("iam", 2)}
    assert row(Told(request(), merge(paths=paths["iam"]))).approvals_needed == 1  # of no tier


def test_a_change_is_held_against_the_policies_of_its_day() -> None:
    told = Told(
        policy("all", 0, approvals=2),
        request(),
        reviewed("api#1", 2, OTHER, "approved"),
        merge(9),
        policy("all", 8, approvals=1),
    )
    assert row(told).bypassed == []
    told.then(policy("all", 8.5, approvals=2))
    assert row(told).bypassed == ["approvals"]
    told.then(policy("all", 10, approvals=1))
    assert row(told).bypassed == ["approvals"]


def test_who_is_of_a_team_on_the_day_of_the_approval_speaks_for_it() -> None:
    told = Told(
        team("security", 0, members=[OTHER]),
        policy("all", approvals=1, roles=["security"]),
        request(),
        reviewed("api#1", 2, OTHER, "approved"),
        merge(),
    )
    assert row(told).roles_missing == []
    told.then(team("security", 1.5, members=[THIRD]))
    assert row(told).roles_missing == ["security"]
    assert row(told).violations == ["role security"]
    assert row(told).bypassed == ["approvals"]


def test_an_emergency_is_a_bypass_with_leave() -> None:
    told = Told(policy("all", approvals=2, sections=["runbook"]), request(), merge(emergency="hotfix"))
    assert row(told).bypassed == ["label", "approvals"]
    assert row(told).violations == ["approvals", "section runbook"]
    assert row(told).violation_states == ["waived", "waived"]


def test_a_push_is_a_bypass_and_a_comment_its_review() -> None:
    name = f"api@{sha('api@1')}"
    told = Told(merged(name, 5, number=None, sha=sha("api@1"), author=ME))
    assert (row(told, name).bypassed, row(told, name).direct) == (["push"], True)
    told.then(commented(name, 6, ME), commented(name, 7, OTHER))
    assert row(told, name).retro_reviewed_at == at(7)


def test_what_only_a_clone_told_is_not_judged() -> None:
    cloned = merged("api#1", 9, author=ME)
    assert Told(cloned).rows(ComplianceFact) == []  # a request, and nothing but its merge
    git = merged("api@1", 9, author=ME, number=None)
    from_clone = type(git)(
        **{**{f: getattr(git, f) for f in git.__struct_fields__}, "source": "git/acme/api"}
    )
    assert Told(from_clone).rows(ComplianceFact) == []
    told = Told(request(), merge())
    told.then(back(request()))
    assert told.rows(ComplianceFact) == []


def test_a_rule_of_the_branch_that_somebody_overrode() -> None:
    told = Told(request(), reviewed("api#1", 2, OTHER, "approved"), merge(sha=HEAD))
    told.then(overridden("acme/api", HEAD, 9, rule="two reviews"))
    assert (row(told).bypassed, row(told).rules_bypassed) == (["rule"], ["two reviews"])
    told.then(back(overridden("acme/api", HEAD, 9, rule="two reviews")))
    assert row(told).bypassed == []


def test_each_group_of_owners_has_to_have_somebody_who_approved() -> None:
    told = Told(
        team("money", 0, members=[OTHER]),
        request(),
        reviewed("api#1", 2, OTHER, "approved"),
        merge(),
        owned("api#1", 9, groups=["@acme/money p:3", "p:3"], unowned_files=2, stale_entries=["old/"]),
    )
    told.then(team("money", 0.5, members=[OTHER], aliases=["acme/money"]))
    found = row(told)
    assert (found.owners_needed, found.owners_approved, found.owners_missing) == (2, 1, ["p:3"])
    # of no team on that day, where teams are declared
    assert found.owners_gone == ["p:3"]
    assert (found.unowned_files, found.stale_entries) == (2, ["old/"])
    # nobody asks for them
    assert found.bypassed == []
    told.then(policy("all", approvals=1, owner_approval=True))
    assert row(told).violations == ["owners p:3"]
    assert row(told).bypassed == ["approvals"]


def test_without_groups_any_owner_will_do() -> None:
    told = Told(request(), reviewed("api#1", 2, OTHER, "approved"), merge(owners=["p:2", "@acme/x"]))
    assert (row(told).owners_needed, row(told).owners_approved) == (1, 1)


def test_policy_checks_are_caught_waived_or_found_too_late() -> None:
    failed = checked("acme/api", HEAD, 2, "failure", name="opa", kind="policy")
    passed = checked("acme/api", HEAD, 3, "success", name="opa", kind="policy", attempt=2)
    late = checked("acme/api", sha("api#1"), 10, "failure", name="opa", kind="policy")
    unit = checked("acme/api", HEAD, 2, "failure", name="unit", kind="test")
    pushed = rewritten("api#1", 4, author=ME, head_sha=NEXT)
    narrowed = checked("acme/api", NEXT, 5, "success", name="opa", kind="policy")
    states = {}
    runs_of: dict[str, list[e.Event]] = {
        "open": [failed], "abandoned": [failed, abandoned("api#1", 9)], "mended": [failed, passed, merge()],
        "left": [failed, merge()], "late": [merge(), late], "mended, late": [failed, passed, merge(), late],
        "unit": [unit, merge()], "mended by a push": [failed, pushed, narrowed, merge()],
    }  # fmt: skip
    for name, runs in runs_of.items():
        told = Told(policy("all", approvals=0), request(), *runs)
        states[name] = row(told).violation_states
    assert states == {
        "open": ["caught"], "abandoned": ["caught"], "mended": ["caught"], "left": ["waived"],
        "late": ["merged"], "mended, late": ["merged"], "unit": [],
        "mended by a push": ["caught"],
    }  # fmt: skip


def test_the_exactest_policy_counts_and_what_several_ask_for_adds_up() -> None:
    told = Told(
        classed("money", paths=["ledger/"], labels=["Money"]),
        policy("all", approvals=1),
        policy("ledger", classes=["money"], approvals=3),
        policy("ledger, too", classes=["money"], roles=["audit"], retro_review_minutes=MINUTES_A_DAY),
        policy("first tier", tiers=[1], approvals=2),
        declared("api", tier=1),
        request(),
        merge(paths=["ledger/a.py", "web/b.py"]),
    )
    found = row(told)
    assert found.classes == ["money", "code"]
    assert found.policies == ["first tier", "ledger", "ledger, too"]
    assert (found.approvals_needed, found.roles_needed) == (3, ["audit"])
    assert found.retro_review_due_at == at(9) + 24 * HOUR
    by_label = row(Told(classed("money", labels=["Money"]), request(), merge(labels=["money"])))
    assert by_label.classes == ["money"]
