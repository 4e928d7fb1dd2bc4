"""A database gets replicas in other regions: reads are faster, what is the lag, and what does it cost?"""

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
    policy,
    reviewed,
    sha,
    staged,
    team,
    ticked,
)

ADA, DBA, SRE = (f"p:{number:016x}" for number in (1, 2, 3))
PLACE = {"service": "store", "environment": "production"}
PLAN = ["impact", "testing", "runbook", "metrics"]


def measurements(hours: float, read_ms: float, lag: float, cost: float) -> list[Event]:
    return [
        measured("read_ms_eu", hours, read_ms, unit="ms", **PLACE),
        measured("replication_lag_s", hours, lag, unit="s", **PLACE),
        measured("database_cost", hours, cost, unit="USD", kind="cost", **PLACE),
    ]


def told(*reviews: Event, sections: list[str]) -> list[Event]:
    return [
        declared("store", tier=1, team="data", repositories=["acme/store"]),
        team("dba", members=[DBA]),
        team("sre", members=[SRE]),
        policy("moves", classes=["database-migration"], tiers=[1], approvals=2, roles=["dba", "sre"],
               sections=["runbook", "testing"], retro_review_minutes=24 * 60),
        deployed("store", 1, tag="v1", key="v1"),
        *measurements(2, 180, 0.1, 100),
        opened("store#4", 24, author=ADA, sections=sections),
        checked("acme/store", sha("store#4"), 47, "success", name="failover rehearsal", kind="test"),
        *reviews,
        merged("store#4", 48, author=ADA, paths=["migrations/0042_replicas.sql", "docs/runbooks/failover.md"],
               additions=240, deletions=12, sections=sections),
        staged("v2", 50, stage="eu", fraction=0.5, **PLACE),
        deployed("store", 54, tag="v2", key="v2", changes=["acme/store#4"]),
        *measurements(60, 40, 0.8, 130),
        ticked(80),
    ]  # fmt: skip


def test_a_move_with_a_plan_its_reviewers_and_its_figures(story: Story) -> None:
    story.tell(
        *told(reviewed("store#4", 30, DBA, "approved", words=40), reviewed("store#4", 40, SRE, "approved"),
              sections=PLAN)
    )  # fmt: skip
    kept = story.one("SELECT * FROM compliance FINAL")
    assert (kept["change_class"], kept["classes"]) == (
        "database-migration",
        ["database-migration", "runbook"],
    )
    assert (kept["policies"], kept["bypassed"], kept["violations"]) == (["moves"], [], [])
    effect = {row["metric"]: row["ratio"] for row in story.ask(
        "SELECT metric, ratio FROM metrics_by_deployment WHERE deployment = 'v2'")}  # fmt: skip
    assert effect == {"read_ms_eu": 0.2222, "replication_lag_s": 8, "database_cost": 1.3}
    outcome = story.one(
        "SELECT * FROM class_outcomes WHERE dimension = 'all' AND change_class = 'database-migration'"
    )
    assert (outcome["merged"], outcome["deployed"], outcome["incidents"]) == (1, 1, 0)
    assert outcome["check_pass_rate"] == 1
    lead = story.one("SELECT * FROM changes FINAL WHERE change = 'acme/store#4'")
    assert lead["deployment"] == "v2"


def test_a_move_without_a_plan_or_a_database_administrator_is_seen(story: Story) -> None:
    story.tell(*told(reviewed("store#4", 40, SRE, "approved"), sections=["impact"]))
    kept = story.one("SELECT * FROM compliance FINAL")
    assert kept["sections_missing"] == ["runbook", "testing"]
    assert kept["roles_missing"] == ["dba"]
    assert kept["violations"] == ["approvals", "role dba", "section runbook", "section testing"]
    # due within the day that the policy says, and nobody has come back to it
    assert story.one("SELECT retro, due_hours FROM retro_reviews") == {"retro": "overdue", "due_hours": -8}
