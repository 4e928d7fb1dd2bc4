"""A deployment sets off a storm of retries; the fix is reviewed by whoever is on call before it goes out."""

from __future__ import annotations

from pipeline.core.events import Event
from tests.scenarios.conftest import Story
from tests.worlds import (
    burning,
    classed,
    declared,
    deployed,
    incident,
    merged,
    opened,
    policy,
    resolved,
    reviewed,
    team,
    ticked,
    updated,
)

ADA, SRE, QA = (f"p:{number:016x}" for number in (1, 2, 3))


def told() -> list[Event]:
    return [
        declared("api", tier=1, team="core", repositories=["acme/api"], depends_on=["ledger"]),
        declared("ledger", tier=1, team="money", repositories=["acme/ledger"]),
        team("oncall", members=[SRE]),
        classed("fix", labels=["fix"]),
        policy("everything", approvals=1),
        policy("fixes", classes=["fix"], approvals=2, roles=["oncall"]),
        deployed("api", 1, tag="v1", key="v1"),
        deployed("ledger", 2, tag="l1", key="l1"),
        # retries without a pause between them
        opened("api#1", 24, author=ADA, sections=["impact"]),
        reviewed("api#1", 25, QA, "approved"),
        merged("api#1", 26, author=ADA, paths=["src/client.py"], additions=120, deletions=3),
        deployed("api", 30, tag="v2", key="v2", changes=["acme/api#1"]),
        *burning("api", 30.2, until=31.5),
        incident("INC-1", 30.3, service="api", severity="critical", title="Retries pile up"),
        incident("INC-2", 30.4, service="ledger", severity="major", title="Too many connections"),
        # rolled back, then mended
        deployed("api", 31, tag="v1", key="v1 again"),
        resolved("INC-1", 31.5, service="api"),
        resolved("INC-2", 31.6, service="ledger"),
        opened("api#2", 48, author=ADA, incidents=["INC-1"], sections=["impact", "testing", "runbook"]),
        reviewed("api#2", 49, QA, "approved"),
        reviewed("api#2", 50, SRE, "approved"),
        merged("api#2", 51, author=ADA, incidents=["INC-1"], paths=["src/client.py"], labels=["fix"],
               additions=20, deletions=2, sections=["impact", "testing", "runbook"]),
        deployed("api", 53, tag="v3", key="v3", changes=["acme/api#2"]),
        updated("INC-1", 60, causes=["acme/api#1"], postmortem="retries without a pause"),
        ticked(24 * 8),
    ]  # fmt: skip


def test_the_storm_is_traced_to_its_change_and_the_fix_is_reviewed_as_it_should(story: Story) -> None:
    story.tell(*told())
    cause = story.one("SELECT cause, probability FROM incidents FINAL WHERE title = 'Retries pile up'")
    assert cause["cause"] == "v2"
    assert cause["probability"] > 0.9
    blamed = story.ask("SELECT change, probability FROM change_attributions FINAL ORDER BY probability DESC")
    assert blamed[0]["change"] == "acme/api#1"
    failed = story.one("SELECT * FROM failed_deployments WHERE deployment = 'v2'")
    assert failed["rolled_back_at"] is not None
    assert (
        story.one("SELECT rolls_back FROM deployments FINAL WHERE deployment = 'v1 again'")["rolls_back"]
        == "v2"
    )
    fix = story.one("SELECT * FROM compliance FINAL WHERE change = 'acme/api#2'")
    assert (fix["change_class"], fix["approvals_needed"], fix["roles_missing"]) == ("fix", 2, [])
    assert fix["bypassed"] == []
    outcome = story.one(
        "SELECT sum(incidents) AS incidents FROM class_outcomes"
        " WHERE dimension = 'all' AND change_class = 'code'"
    )
    assert outcome["incidents"] > 0.9


def test_a_fix_that_nobody_on_call_saw_is_a_violation(story: Story) -> None:
    without = [event for event in told() if getattr(event, "reviewer", "") != SRE]
    story.tell(*without)
    fix = story.one("SELECT * FROM compliance FINAL WHERE change = 'acme/api#2'")
    assert fix["roles_missing"] == ["oncall"]
    assert (fix["bypassed"], fix["violations"]) == (["approvals"], ["approvals", "role oncall"])
    assert fix["violation_states"] == ["merged", "merged"]
