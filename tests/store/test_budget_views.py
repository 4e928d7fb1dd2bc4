"""The views of error budgets, on the small world with the answers known."""

from __future__ import annotations

from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, moment
from tests.store.world import ask


def test_slo_budgets(world: Store) -> None:
    columns = (
        "service, slo, team, target, period_days, good, total, allowed, consumed, remaining, state,"
        " fastest_burn, burning, silent_hours, as_of"
    )
    as_of = moment(MONDAY + 11 * DAY)
    assert ask(world, columns, "slo_budgets") == [
        (
            "api", "availability", "core", 99.9, 28.0, 998_500, 1_000_000, 1000.0, 1.5, -0.5, "spent",
            2.0, ["slow burn"], 9 * 24.0, as_of,
        ),
        ("web", "latency", "", None, 0.0, 0, 0, None, None, None, "uncounted", None, [], None, as_of),
    ]  # fmt: skip
    assert ask(world, "half_spent_at, spent_at", "slo_budgets", "WHERE service = 'api'") == [
        (moment(MONDAY + DAY), moment(MONDAY + DAY + HOUR))
    ]


def test_budget_by_deployment(world: Store) -> None:
    columns = (
        "service, slo, team, deployment, tag, transition, bad, total, spent, consumed, changes, incidents"
    )
    assert ask(world, columns, "budget_by_deployment") == [
        ("api", "availability", "core", "d2", "v2", "forward", 1_400, 600_000, 1.4, 1.5, 1, 1),
        ("api", "availability", "core", "d1", "v1", "forward", 100, 400_000, 0.1, 0.1, 1, 1),
    ]


def test_budget_alarms(world: Store) -> None:
    columns = (
        "toString(week), dimension, value, burns, objectives, pages, tickets, reviews, open, hours_median,"
        " detection_minutes_median"
    )
    both = (2, 1, 1, 0, 1, 1, 23.0, 120.0)
    assert ask(world, columns, "budget_alarms") == [
        ("2024-01-01", "all", "", *both),
        ("2024-01-01", "environment", "production", *both),
        ("2024-01-01", "objective", "availability", *both),
        ("2024-01-01", "rule", "fast burn", 1, 1, 1, 0, 0, 0, 23.0, 60.0),
        ("2024-01-01", "rule", "half of the budget", 1, 1, 0, 0, 1, 1, None, 120.0),
        ("2024-01-01", "service", "api", *both),
        ("2024-01-01", "team", "core", *both),
    ]
