"""The views of what became of changes in production, on the small world with the answers known."""

from __future__ import annotations

import pytest

from pipeline.core.facts import ChangeFact, DeploymentFact, DriftFact, IncidentFact
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, moment, row
from tests.store.world import ask, became, fill, reviewed


def test_incidents_by_cause(world: Store) -> None:
    columns = (
        "toString(week), dimension, value, incidents, by_changes, by_none, by_unseen, confirmed, likely,"
        " undecided, not_by_changes, final"
    )
    later = (1, 0.5, 0.5, 0.0, 0, 0, 1, 0, 0)
    both = (2, 1.1, 0.67, 0.23, 0, 1, 0, 1, 2)
    severe = (1, 0.9, 0.07, 0.03, 0, 1, 0, 0, 1)
    assert ask(world, columns, "incidents_by_cause") == [
        ("2024-01-08", "all", "", *later),
        ("2024-01-01", "all", "", *both),
        ("2024-01-01", "environment", "production", *severe),
        ("2024-01-01", "service", "api", *both),
        ("2024-01-01", "service in environment", "api in production", *severe),
        ("2024-01-01", "severity", "SEV1", *severe),
        ("2024-01-01", "team", "core", *both),
    ]


def test_drift_time(world: Store) -> None:
    columns = "toString(week), dimension, value, drifts, open, hours_median, hours_p90, explained"
    first, last = (1, 0, 10.0, 10.0, 1), (1, 1, 24.0, 24.0, 0)
    assert ask(world, columns, "drift_time") == [
        ("2024-01-08", "all", "", *last),
        ("2024-01-08", "environment", "production", *last),
        ("2024-01-08", "resource", "bucket", *last),
        ("2024-01-01", "all", "", *first),
        ("2024-01-01", "environment", "production", *first),
        ("2024-01-01", "resource", "app/api", *first),
        ("2024-01-01", "service", "api", *first),
        ("2024-01-01", "team", "core", *first),
    ]


def test_drift_periods(world: Store) -> None:
    columns = "toString(toDate(detected_at)), resource, isNull(corrected_at), team, service, hours, explained"
    assert ask(world, columns, "drift_periods") == [
        ("2024-01-11", "bucket", 1, "", "", 24.0, 0),
        ("2024-01-03", "app/api", 0, "core", "api", 10.0, 0),
        ("2024-01-01", "app/api", 0, "core", "api", 600 / 3600, 1),
    ]


@pytest.mark.parametrize(
    ("started_at", "live_at", "service", "explained"),
    [
        (None, HOUR // 4, "api", 1),
        (None, HOUR // 4 + HOUR // 60, "api", 0),
        (-HOUR, HOUR, "api", 1),
        (HOUR // 60, HOUR, "api", 0),
        (-HOUR, -HOUR // 60, "api", 0),
        (-HOUR, HOUR, "web", 0),
    ],
)
def test_a_deployment_that_was_under_way_explains_a_drift(
    store: Store, started_at: int | None, live_at: int, service: str, explained: int
) -> None:
    fill(store)
    seen = MONDAY + 5 * DAY
    place = {"environment": "production"}
    drift = row(DriftFact, resource="app/other", detected_at=seen, service="api", **place)
    started = None if started_at is None else seen + started_at
    deployed = row(
        DeploymentFact, deployment="d9", service=service, started_at=started, live_at=seen + live_at, **place
    )
    store.insert_facts("drifts", WORKSPACE, 3, [drift])
    store.insert_facts("deployments", WORKSPACE, 3, [deployed])
    found = ask(store, "drifts, explained", "drift_time", "WHERE value = 'app/other'")
    assert found == [(1 - explained, explained)]


def test_a_drift_while_several_are_under_way_is_explained_by_any_of_them(store: Store) -> None:
    fill(store)
    seen, place = MONDAY + 5 * DAY, {"environment": "production", "service": "api"}
    store.insert_facts(
        "drifts", WORKSPACE, 3, [row(DriftFact, resource="app/other", detected_at=seen, **place)]
    )
    for name, began, live in (("long", -HOUR // 2, HOUR // 2), ("short", HOUR // 6, HOUR // 3)):
        told = {"deployment": name, "started_at": seen + began, "live_at": seen + live}
        store.insert_facts("deployments", WORKSPACE, 3, [row(DeploymentFact, **told, **place)])
    found = ask(store, "drifts, explained, hours_median", "drift_time", "WHERE value = 'app/other'")
    assert found == [(0, 1, None)]


def test_failed_deployments(world: Store) -> None:
    columns = (
        "deployment, service, team, repository, environment, incidents, likely_incidents, rolled_back_at,"
        " resolved_at, recovered_at, recovery_hours, failed_by"
    )
    back, resolved = moment(MONDAY + DAY + 6 * HOUR), moment(MONDAY + DAY + 2 * HOUR)
    assert ask(world, columns, "failed_deployments") == [
        ("d2", "api", "core", "acme/api", "production", 0.8, 1, back, resolved, resolved, 2.0, "both")
    ]


def test_nobody_has_recovered_while_an_incident_is_open(store: Store) -> None:
    fill(store)
    told = {"verdict": "confirmed", "cause_kind": "deployment", "opened_at": MONDAY, "onset_at": MONDAY}
    store.insert_facts("incidents", WORKSPACE, 3, [row(IncidentFact, incident="i9", cause="d1", **told)])
    columns = "deployment, recovered_at, recovery_hours, failed_by"
    assert ask(store, columns, "failed_deployments", "WHERE deployment = 'd1'") == [
        ("d1", None, None, "incident")
    ]
    # the second incident of a deployment that was rolled back: the rollback ends it
    store.insert_facts("incidents", WORKSPACE, 3, [row(IncidentFact, incident="i8", cause="d2", **told)])
    ((_, recovered_at, hours, by),) = ask(store, columns, "failed_deployments", "WHERE deployment = 'd2'")
    assert (recovered_at, hours, by) == (moment(MONDAY + DAY + 6 * HOUR), 6.0, "both")


FAILURES = (
    "merged, reverted, restored, out, days_in_median, tested, red, rolled_forward, red_hours_median, fixed,"
    " failed, failure_rate, flaky, undoing"
)


def test_main_line_failures(world: Store) -> None:
    columns = f"toString(week), dimension, value, {FAILURES}"
    api = (2, 1, 1, 0, 1.0, 2, 1, 1, 2.0, 0, 2, 1.0, 1, 2)
    assert ask(world, columns, "main_line_failures") == [
        ("2024-01-01", "all", "", 3, 1, 1, 0, 1.0, 2, 1, 1, 2.0, 0, 2, 0.6667, 1, 2),
        ("2024-01-01", "change_class", "code", *api),
        ("2024-01-01", "change_class", "iac", 1, 0, 0, 0, None, 0, 0, 0, None, 0, 0, 0.0, 0, 0),
        ("2024-01-01", "repository", "acme/api", *api),
        ("2024-01-01", "repository", "acme/library", 1, 0, 0, 0, None, 0, 0, 0, None, 0, 0, 0.0, 0, 0),
        ("2024-01-01", "service", "api", *api),
        ("2024-01-01", "service", "library", 1, 0, 0, 0, None, 0, 0, 0, None, 0, 0, 0.0, 0, 0),
        ("2024-01-01", "size", "tiny", 1, 0, 0, 0, None, 1, 1, 1, 2.0, 0, 1, 1.0, 0, 0),
        ("2024-01-01", "team", "core", *api),
    ]


def test_a_branch_that_is_repaired_by_a_revert_is_not_rolled_forward(store: Store) -> None:
    fill(store)
    told = {"checks": 1, "red_checks": ["unit"], "red_at": MONDAY, "green_at": MONDAY + DAY}
    store.insert_facts(
        "outcomes", WORKSPACE, 3, [became("acme/api#1", MONDAY, green_by="acme/api#3", **told)]
    )
    found = ask(store, "red, rolled_forward", "main_line_failures", "WHERE dimension = 'all'")
    assert found == [(1, 0)]


@pytest.mark.parametrize(
    ("names", "repository", "merged_at", "fixed"),
    [
        ("i1", "acme/api", 2 * DAY, 1),
        ("i2", "acme/api", 2 * DAY, 0),
        ("i1", "acme/library", 2 * DAY, 0),
        ("i1", "acme/api", -DAY, 0),
    ],
)
def test_a_later_change_that_names_the_incident_is_a_fix(
    store: Store, names: str, repository: str, merged_at: int, fixed: int
) -> None:
    fill(store)
    told = {"state": "merged", "merged_at": MONDAY + merged_at, "incidents": [names]}
    fix = row(ChangeFact, change=f"{repository}#8", repository=repository, **told)
    store.insert_facts("changes", WORKSPACE, 3, [fix])
    (found,) = ask(store, "fixed, failed", "main_line_failures", "WHERE dimension = 'all'")
    assert found == (fixed, 2)


def test_queue_ejections(world: Store) -> None:
    columns = "toString(week), dimension, value, reason, ejections, requests, merged"
    week = "2024-01-01"
    core = (("change_class", "code"), ("repository", "acme/api"), ("service", "api"), ("team", "core"))
    assert ask(world, columns, "queue_ejections") == [
        *(
            (week, dimension, value, reason, 1, 1, 0)
            for dimension, value in (("all", ""), *core)
            for reason in ("", "ci_failure")
        ),
        *(
            ("2023-12-25", dimension, value, "ci_failure", 1, 1, 1)
            for dimension, value in (("all", ""), *core)
        ),
    ]  # fmt: skip


def test_change_size(world: Store) -> None:
    columns = "merged, sized, lines_median, tiny, small, huge, told, generated_share, shrunk, by_bots"
    everything = "WHERE dimension = 'all'"
    assert ask(world, columns, "change_size", everything) == [(6, 1, 6, 1, 0, 0, 1, 0.6, 1, 0)]
    assert ask(world, "value, merged, sized", "change_size", "WHERE dimension = 'repository'") == [
        ("acme/api", 5, 1),
        ("acme/library", 1, 0),
    ]
    assert ask(world, "value, merged, sized", "change_size", "WHERE dimension = 'change_class'") == [
        ("code", 5, 1),
        ("iac", 1, 0),
    ]


def test_only_an_approval_with_a_limit_can_be_a_rubber_stamp(store: Store) -> None:
    told = {"state": "merged", "merged_at": MONDAY, "lines": 60}
    reviews = [
        reviewed("acme/api#1", MONDAY, stamp_seconds=108, approval_seconds=30, rubber_stamp=True, **told),
        reviewed("acme/api#2", MONDAY, stamp_seconds=108, approval_seconds=300, **told),
        reviewed("acme/api#3", MONDAY, stamp_seconds=108, **told),
        # of its lines too few were written by people
        reviewed("acme/api#4", MONDAY, approval_seconds=30, generated_lines=11, **told),
    ]
    store.insert_facts("reviews", WORKSPACE, 10, reviews)
    found = ask(store, "stampable, rubber_stamps", "review_quality", "WHERE dimension = 'all'")
    assert found == [(2, 1)]


LEAD = (
    "merged, opened, opened_to_merged_median, deployed, timed, committed_to_deployed_median,"
    " merged_to_deployed_median, merged_to_deployed_p90, picked, elsewhere, by_bots"
)


def test_change_lead_time(store: Store) -> None:
    fill(store)
    everything = "WHERE dimension = 'all'"
    assert ask(store, LEAD, "change_lead_time", everything) == [(5, 2, 20.0, 2, 1, 24.0, 23.0, 23.0, 0, 1, 0)]
    assert ask(store, LEAD, "change_lead_time", "WHERE dimension = 'size'") == [
        (1, 1, 20.0, 1, 1, 24.0, 2.0, 2.0, 0, 0, 0)
    ]
    of_classes = "WHERE dimension = 'change_class'"
    assert ask(store, "value, merged, deployed", "change_lead_time", of_classes) == [
        ("code", 4, 2),
        ("iac", 1, 0),
    ]
    picked = row(
        ChangeFact, change="acme/api#2", repository="acme/api", state="merged", merged_at=MONDAY + HOUR,
        picked_from=["a" * 40],
    )  # fmt: skip
    store.insert_facts("changes", WORKSPACE, 3, [picked])
    store.insert_facts("outcomes", WORKSPACE, 3, [became("acme/library#1", MONDAY, bot=True)])
    assert ask(store, LEAD, "change_lead_time", everything) == [(3, 1, 20.0, 1, 1, 24.0, 2.0, 2.0, 1, 1, 1)]
