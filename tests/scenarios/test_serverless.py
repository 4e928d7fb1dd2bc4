"""More memory for a function: is it faster, and what does that cost?"""

from __future__ import annotations

from pipeline.core.events import Event
from tests.scenarios.conftest import Story
from tests.worlds import (
    counted,
    declared,
    deployed,
    measured,
    merged,
    objective,
    opened,
    reviewed,
    staged,
    ticked,
)

ADA, BOB = (f"p:{number:016x}" for number in (1, 2))
PLACE = {"service": "resize", "environment": "production"}


def benchmarked(hours: float, milliseconds: float, cost: float, tag: str) -> list[Event]:
    """What a job measured of a version, with production's load."""
    return [
        measured("p99_ms", hours, milliseconds, unit="ms", tag=tag, **PLACE),
        measured("cost_per_million", hours, cost, unit="USD", kind="cost", tag=tag, **PLACE),
    ]


def told(after_ms: float, after_cost: float, good: int) -> list[Event]:
    return [
        declared("resize", tier=2, team="media", repositories=["acme/resize"]),
        objective("latency", service="resize", environment="production", target_ppm=990_000, objective="r l"),
        deployed("resize", 1, tag="v1", key="v1"),
        *benchmarked(2, 900, 1.0, "v1"),
        *(counted("latency", 2 + number / 12, good=999, total=1000, **PLACE) for number in range(12)),
        opened("resize#7", 10, author=ADA, head_sha="f" * 40, sections=["impact", "metrics"]),
        reviewed("resize#7", 12, BOB, "approved", words=30, question=True),
        merged("resize#7", 13, author=ADA, paths=["functions/resize/serverless.yml"], additions=1,
               deletions=1, sections=["impact", "metrics"]),
        staged("v2", 14, stage="canary", fraction=0.1, **PLACE),
        deployed("resize", 16, tag="v2", key="v2", changes=["acme/resize#7"], started_at=None),
        *benchmarked(17, after_ms, after_cost, "v2"),
        *(counted("latency", 17 + number / 12, good=good, total=1000, **PLACE) for number in range(12)),
        ticked(20),
    ]  # fmt: skip


def test_the_trade_off_stands_beside_the_change(story: Story) -> None:
    story.tell(*told(after_ms=400, after_cost=1.2, good=999))
    kept = story.one("SELECT change_class, bypassed, approvals FROM compliance FINAL")
    assert kept == {"change_class": "serverless", "bypassed": [], "approvals": 1}
    effect = {row["metric"]: row for row in story.ask("SELECT * FROM metrics_by_deployment WHERE tag = 'v2'")}
    assert effect["p99_ms"]["ratio"] == 0.4444
    assert effect["cost_per_million"]["ratio"] == 1.2
    assert effect["cost_per_million"]["change_classes"] == ["serverless"]
    outcome = story.one(
        "SELECT * FROM class_outcomes WHERE dimension = 'all' AND change_class = 'serverless'"
    )
    assert (outcome["merged"], outcome["deployed"], outcome["reverted"]) == (1, 1, 0)
    # the canary was seen on its way, and nothing burnt
    assert story.one("SELECT live_at > started_at AS staged FROM deployments FINAL WHERE tag = 'v2'")
    assert story.ask("SELECT * FROM budget_burns FINAL") == []
    budget = story.one("SELECT state, consumed FROM budgets FINAL")
    assert budget["consumed"] < 0.1


def test_a_version_that_is_slower_spends_the_budget_and_is_named(story: Story) -> None:
    story.tell(*told(after_ms=1_400, after_cost=1.2, good=300))
    assert (
        story.one("SELECT ratio FROM metrics_by_deployment WHERE tag = 'v2' AND metric = 'p99_ms'")["ratio"]
        > 1
    )
    spent = {row["deployment"]: row["spent"] for row in story.ask("SELECT * FROM budget_spending FINAL")}
    assert spent["v2"] > 10 * spent["v1"]
    rules = {row["rule"] for row in story.ask("SELECT rule FROM budget_burns FINAL")}
    assert "fast burn" in rules
