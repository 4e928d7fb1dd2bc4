"""A RoleBinding for a new operator: whoever asks for too much is caught before the merge."""

from __future__ import annotations

from pipeline.core.events import Event
from tests.scenarios.conftest import Story
from tests.worlds import (
    checked,
    declared,
    deployed,
    measured,
    merged,
    opened,
    owned,
    policy,
    reviewed,
    rewritten,
    team,
    ticked,
)

ADA, SEC, PLAT = (f"p:{number:016x}" for number in (1, 2, 3))
FIRST, SECOND = "f" * 40, "e" * 40
MANIFEST = "k8s/operator/role-binding.yaml"
CHANGE = "acme/cluster#1"


def organisation() -> list[Event]:
    return [
        declared("cluster", tier=1, team="platform", repositories=["acme/cluster"]),
        team("security", members=[SEC], aliases=["acme/security"]),
        team("platform", members=[ADA, PLAT], aliases=["acme/platform"]),
        policy("permissions", classes=["iam"], approvals=2, roles=["security"],
               sections=["impact", "testing"], owner_approval=True),
    ]  # fmt: skip


def proposed() -> list[Event]:
    """The request asks for cluster-admin first; the policy check finds it, and the next push narrows it."""
    request = {
        "author": ADA,
        "title": "Let the backup operator read volumes",
        "sections": ["impact", "testing"],
    }
    return [
        opened("cluster#1", 9, head_sha=FIRST, **request),
        checked("acme/cluster", FIRST, 9.2, "failure", name="least-privilege", kind="policy"),
        rewritten("cluster#1", 10, head_sha=SECOND, **request),
        checked("acme/cluster", SECOND, 10.2, "success", name="least-privilege", kind="policy"),
    ]


def landed(**fields: object) -> list[Event]:
    return [
        merged("cluster#1", 14, author=ADA, paths=[MANIFEST], additions=18, deletions=0,
               sections=["impact", "testing"], **fields),
        owned("cluster#1", 14, groups=["@acme/security", "@acme/platform"], unowned_files=0),
        deployed("cluster", 14.5, key="staging", environment="staging", tag="m1", changes=[CHANGE]),
        deployed("cluster", 16, key="production", tag="m1", changes=[CHANGE]),
        measured("access_denials", 17, 3, service="cluster", environment="production", unit="requests"),
    ]  # fmt: skip


def test_least_privilege_is_seen_to_by_a_check_and_by_those_who_own_it(story: Story) -> None:
    approvals = [reviewed("cluster#1", 11, SEC, "approved"), reviewed("cluster#1", 12, PLAT, "approved")]
    story.tell(*organisation(), *proposed(), *approvals, *landed(), ticked(20))
    kept = story.one("SELECT * FROM compliance FINAL")
    assert (kept["change_class"], kept["policies"], kept["approvals"]) == ("iam", ["permissions"], 2)
    assert kept["bypassed"] == kept["roles_missing"] == kept["sections_missing"] == []
    assert (kept["owners_needed"], kept["owners_approved"]) == (2, 2)
    # what the check found was mended before the merge
    assert (kept["violations"], kept["violation_states"]) == (["check least-privilege"], ["caught"])
    assert story.one("SELECT * FROM policy_violations WHERE dimension = 'all'")["after_merge"] == 0
    assert story.one("SELECT coverage FROM owner_coverage WHERE dimension = 'all'")["coverage"] == 1
    time = story.one("SELECT * FROM time_to_merge WHERE dimension = 'all'")
    assert time["opened_to_merged_median"] == 5
    lived = story.one(f"SELECT deployed_at, merged_at FROM changes FINAL WHERE change = '{CHANGE}'")
    assert lived["deployed_at"] > lived["merged_at"]
    denials = story.one("SELECT * FROM metrics_by_deployment WHERE metric = 'access_denials'")
    assert (denials["deployment"], denials["median"], denials["change_classes"]) == ("production", 3, ["iam"])
    assert story.ask("SELECT * FROM signals WHERE signal IN ('bypass-abuse', 'rubber-stamping')") == []


def test_what_went_past_the_security_reviewer_is_found_and_has_to_be_reviewed(story: Story) -> None:
    story.tell(
        *organisation(), *proposed(), reviewed("cluster#1", 12, PLAT, "approved"),
        *landed(emergency="hotfix", labels=["hotfix"]), ticked(14 + 80),
    )  # fmt: skip
    kept = story.one("SELECT * FROM compliance FINAL")
    assert kept["bypassed"] == ["label", "approvals"]
    assert kept["roles_missing"] == ["security"]
    assert kept["owners_missing"] == ["@acme/security"]
    rules = dict(zip(kept["violations"], kept["violation_states"], strict=True))
    assert rules == {
        "approvals": "waived", "check least-privilege": "caught", "owners @acme/security": "waived",
        "role security": "waived",
    }  # fmt: skip
    assert story.one("SELECT retro FROM retro_reviews")["retro"] == "overdue"
    # the security reviewer looks at it after the fact, too late
    story.tell(reviewed("cluster#1", 14 + 81, SEC, "approved"), ticked(14 + 82))
    assert story.one("SELECT retro, done_hours FROM retro_reviews") == {"retro": "late", "done_hours": 81}
    assert story.one("SELECT bypass_rate FROM bypasses WHERE dimension = 'all'")["bypass_rate"] == 1
