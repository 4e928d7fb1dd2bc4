"""What becomes of changes by their class, and what deployments do to reported numbers."""

from __future__ import annotations

from pipeline.core.facts import (
    ChangeAttributionFact,
    ChangeFact,
    ComplianceFact,
    DeploymentChangeFact,
    DeploymentFact,
    Fact,
    FindingFact,
)
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, moment, row
from tests.store.world import ask

PLACE = {"service": "resize", "environment": "production"}


def insert(store: Store, *facts: Fact) -> None:
    for fact in facts:
        store.insert_facts(fact.table, WORKSPACE, 2, [fact])


def merged(number: int, **told: object) -> tuple[Fact, Fact]:
    key = f"acme/api#{number}"
    rules = {name: told.pop(name) for name in ("bypassed", "violations", "approvals", "bot") if name in told}
    change_class = told.pop("change_class", "iam")
    place = {"repository": "acme/api", "service": "api", "team": told.pop("team", "")}
    return (
        row(
            ComplianceFact, change=key, state="merged", merged_at=MONDAY, opened_at=MONDAY - HOUR,
            change_class=change_class, classes=[change_class], **place, **rules,
        ),
        row(ChangeFact, change=key, state="merged", merged_at=MONDAY, **told),
    )  # fmt: skip


def test_outcomes_by_class(store: Store) -> None:
    insert(
        store,
        *merged(1, deployed_at=MONDAY + HOUR, checks=4, failed_checks=1, approvals=2),
        *merged(2, deployed_at=MONDAY + 5 * HOUR, checks=6, bypassed=["label"], reverted_by=["acme/api#9"]),
        *merged(3, checks=0, violations=["approvals", "check opa"], approvals=1, team="core"),
        *merged(4, bot=True),
        *merged(5, change_class="docs"),
        row(ChangeAttributionFact, incident="i", change="acme/api#1", probability=0.25),
        row(ChangeAttributionFact, incident="j", change="acme/api#2", probability=0.5),
        row(FindingFact, finding="a", change="acme/api#1", after_merge=True),
        row(FindingFact, finding="b", change="acme/api#1"),
    )
    columns = (
        "toString(week), change_class, dimension, value, merged, deployed, hours_to_production, approvals,"
        " checks, failed_checks, check_pass_rate, policy_failures, findings, incidents, reverted, bypassed,"
        " by_bots"
    )
    week, everywhere = "2024-01-01", (("all", ""), ("repository", "acme/api"), ("service", "api"))
    docs, iam = (
        (1, 0, None, 0.0, 0, 0, None, 0, 0, 0.0, 0, 0, 0),
        (3, 2, 6.0, 1.0, 10, 1, 0.9, 1, 1, 0.75, 1, 1, 1),
    )
    assert ask(store, columns, "class_outcomes") == [
        *((week, "docs", *place, *docs) for place in everywhere),
        *((week, "iam", *place, *iam) for place in everywhere),
        (week, "iam", "team", "core", 1, 0, None, 1.0, 0, 0, None, 1, 0, 0.0, 0, 0, 0),
    ]


def measured(store: Store, *told: dict[str, object]) -> None:
    events = [
        event(
            "measurement_reported",
            **{
                "id": f"m{number}", "measurement": "m", "kind": "metric", "name": "p99_ms", "unit": "ms",
                "service": "resize", "environment": "production", **fields,
            },
        )
        for number, fields in enumerate(told)
    ]  # fmt: skip
    store.insert_events("measurement_reported", WORKSPACE, batch("measurement_reported", events))


def test_metrics_by_deployment(store: Store) -> None:
    insert(
        store,
        row(DeploymentFact, deployment="d1", tag="v1", live_at=MONDAY, outcome="success", **PLACE),
        row(DeploymentFact, deployment="d2", tag="v2", live_at=MONDAY + DAY, outcome="success", **PLACE),
        row(DeploymentFact, deployment="bad", tag="v3", live_at=MONDAY + DAY + 1, outcome="failure", **PLACE),
        row(DeploymentChangeFact, deployment="d2", change="acme/api#1", **PLACE),
        row(ComplianceFact, change="acme/api#1", classes=["serverless", "code"]),
    )
    measured(
        store,
        {"time": MONDAY + HOUR, "value": 100.0},
        {"time": MONDAY + 2 * HOUR, "value": 300.0},
        {"time": MONDAY + 3 * HOUR, "value": 200.0, "environment": ""},
        # reported late, of the version before
        {"time": MONDAY + 2 * DAY, "value": 90.0, "tag": "v1"},
        {"time": MONDAY + 2 * DAY, "value": 50.0},
        {"time": MONDAY + 2 * DAY, "value": 60.0, "name": "cost", "kind": "cost", "unit": "USD"},
        {"time": MONDAY - HOUR, "value": 1.0},  # before anything was live
        {"time": MONDAY + HOUR, "value": None},
        {"time": MONDAY + HOUR, "value": 1.0, "service": ""},
        {"time": MONDAY + HOUR, "value": 7.0, "retracted": True},
        # corrected by its source
        {"id": "m4", "time": MONDAY + 2 * DAY, "value": 75.0, "source_version": 1},
    )
    columns = (
        "metric, deployment, tag, live_at, change_classes, measurements, median, least, most, before_median,"
        " before_measurements, ratio"
    )
    classes = ["code", "serverless"]
    assert ask(store, columns, "metrics_by_deployment") == [
        ("cost", "d2", "v2", moment(MONDAY + DAY), classes, 1, 60.0, 60.0, 60.0, None, None, None),
        ("p99_ms", "d2", "v2", moment(MONDAY + DAY), classes, 1, 75.0, 75.0, 75.0, 200.0, 4, 0.375),
        ("p99_ms", "d1", "v1", moment(MONDAY), [], 4, 200.0, 90.0, 300.0, None, None, None),
    ]  # fmt: skip
