"""Classes of changes and review policies in catalogue files: what is read, and what is refused how."""

from __future__ import annotations

import pytest

from pipeline.core.events import ClassDeclared, PolicyDeclared, ThresholdSet
from pipeline.resources import examples
from pipeline.sources.catalogue_events import PARSER_VERSION
from pipeline.sources.catalogue_file import (
    SECTIONS,
    CatalogueRefused,
    parse_catalogue,
    read_catalogue,
    refuse_contradictions,
)

HEAD = ("", "catalogue", 0, 0, True, 0, PARSER_VERSION, False, 0)


def test_a_policy_is_what_its_entry_says() -> None:
    (entry,) = parse_catalogue(
        "policies:\n  money: {classes: [iam, api-contract], tiers: [2, 1], approvals: 2, roles: [security],"
        " sections: [runbook, metrics], owners: true, retro_review_within: 24h}",
        "c.yaml",
    ).entries
    assert (entry.kind, entry.name, entry.removed) == ("policy", "money", False)
    assert entry.event == PolicyDeclared(
        *HEAD, policy="money", classes=["api-contract", "iam"], tiers=[1, 2], approvals=2,
        roles=["security"], sections=["metrics", "runbook"], owner_approval=True, retro_review_minutes=1_440,
    )  # fmt: skip


def test_a_class_is_what_its_entry_says() -> None:
    (entry,) = parse_catalogue(
        "classes:\n  pricing: {paths: [rates/, '**/vat*.py'], labels: [pricing]}", "c.yaml"
    ).entries
    assert entry.kind == "class"
    assert entry.event == ClassDeclared(
        *HEAD, change_class="pricing", paths=["**/vat*.py", "rates/"], labels=["pricing"]
    )


def test_thresholds_are_what_their_entry_says() -> None:
    (entry,) = parse_catalogue(
        "signals: {missing-context: {opens_from: 0.5, closes_below: 0.25, cases_min: 9, within: 3h,"
        " bad_from: 30, off: true}}",
        "c.yaml",
    ).entries
    assert (entry.kind, entry.name) == ("signal", "missing-context")
    assert entry.event == ThresholdSet(*HEAD, "missing-context", 0.5, 0.25, 9, 180, True, 30)


def test_a_policy_that_asks_for_nothing_is_one() -> None:
    (entry,) = parse_catalogue("policies: {free: {}}", "c.yaml").entries
    assert entry.event == PolicyDeclared(*HEAD, policy="free")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policies: {a: {approvals: -1}}", "policies.a.approvals: 0 or more is meant"),
        ("policies: {a: {approvals: two}}", "policies.a.approvals: write a whole number"),
        ("policies: {a: {tiers: [0]}}", "policies.a.tiers.0: 1 or more is meant"),
        ("policies: {a: {retro_review_within: soon}}", "policies.a.retro_review_within: 'soon': write"),
        ("policies: {a: {role: [x]}}", "policies.a.role: unknown: did you mean 'roles'?"),
        ("policies: {a: {removed: true, approvals: 1}}", "policies.a: removed: true takes the entry back"),
        ("classes: {a: {}}", "classes.a: nothing belongs to it: write paths or labels"),
        ("classes: {a: {paths: ['!x']}}", "classes.a.paths.0: '!x': a pattern can't take paths back"),
        ("classes: {a: {paths: ['/']}}", "classes.a.paths.0: '/': write a path"),
        ("classes: {a: {paths: ['a[b]']}}", "classes.a.paths.0: 'a[b]': write a path"),
        (
            "signals: {bypas-abuse: {}}",
            "signals.bypas-abuse: 'bypas-abuse' is no signal: did you mean 'bypass-abuse'",
        ),
        ("signals: {bypass-abuse: {opens_from: 2}}", "signals.bypass-abuse.opens_from: 1.0 or less is meant"),
        ("signals: {bypass-abuse: {opens_from: .nan}}", "signals.bypass-abuse.opens_from: "),
        ("signals: {bypass-abuse: {cases_min: 0}}", "signals.bypass-abuse.cases_min: 1 or more is meant"),
        ("signals: {large-changes: {bad_from: 0}}", "signals.large-changes.bad_from: 1 or more is meant"),
        (
            "signals: {bypass-abuse: {opens_from: 0.1, closes_below: 0.2}}",
            "signals.bypass-abuse: closes_below: at most opens_from",
        ),
        ("polices: {a: {}}", "polices: unknown: did you mean 'policies'?"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(CatalogueRefused) as refused:
        parse_catalogue(text, "c.yaml")
    (mistake,) = refused.value.mistakes
    assert mistake.startswith(f"c.yaml:1: {told}"), mistake


def test_one_policy_twice_is_refused_and_a_class_may_have_its_name() -> None:
    entries = parse_catalogue("policies: {iam: {approvals: 1}}\nclasses: {iam: {labels: [x]}}", "c").entries
    refuse_contradictions(entries)
    again = parse_catalogue("policies: {iam: {approvals: 2}}", "d.yaml").entries
    with pytest.raises(CatalogueRefused, match="the policy iam stands at c:1 already"):
        refuse_contradictions([*entries, *again])


def test_the_shipped_example_has_all_there_is() -> None:
    entries = read_catalogue(examples() / "catalogue.yaml").entries
    assert {entry.kind for entry in entries} == set(SECTIONS)
