"""The signals of known mistakes on the way of a change, on weeks and things whose answers are known."""

from __future__ import annotations

import pytest

from pipeline.core.events import Event
from pipeline.core.facts import (
    BudgetSpendingFact,
    ChangeFact,
    ComplianceFact,
    DeploymentChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
    ServiceFact,
    ThresholdFact,
)
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, moment, row
from tests.store.test_signal_views import NOW, WEEK, end_of, fill, reviews, signals
from tests.store.world import ask

LIVE = {"service": "api", "environment": "production", "outcome": "success", "tag": "v1"}
OF_WEEK = "subject_kind, subject, open, measured, evidence[1]"


def deployed(key: str, at: int, **told: object) -> Fact:
    return row(DeploymentFact, deployment=key, live_at=at, **LIVE | told)


def broken(key: str, at: int, **told: object) -> Fact:
    known = {"service": "api", "environment": "production", "state": "final", "verdict": "none"}
    return row(IncidentFact, incident=key, opened_at=at, **known | told)


def test_slow_reviews_are_late_ones_and_those_that_wait_for_too_long(store: Store) -> None:
    open_since = {"state": "open", "first_response_at": None, "response_working_seconds": None}
    fill(
        store,
        *reviews(0, 3),
        *reviews(0, 2, response_working_seconds=9_000),
        *reviews(0, 2, review_due_at=MONDAY + DAY, **open_since),
        # not due yet, and merged without anybody's word
        *reviews(0, 1, review_due_at=NOW + DAY, **open_since),
        *reviews(0, 9, first_response_at=None, response_working_seconds=None),
    )
    assert signals(store, "slow-reviews", OF_WEEK) == [
        (
            "team", "core", 1, 0.5,
            (
                "4 of 8 requests were answered later than the target says, or wait for longer,"
                " week of 2024-01-01"
            ),
        )
    ]  # fmt: skip


def test_reviewers_who_are_asked_too_often(store: Store) -> None:
    fill(store, *reviews(0, 16, asked=["p:1", "p:1", "core"]), *reviews(0, 14, asked=["p:2"]), *reviews(1, 5))
    assert signals(store, "reviewer-load", OF_WEEK) == [
        (
            "team", "core", 1, 0.5333,
            (
                "16 of 30 times that a person was asked, it was one of 1 of 2 persons who were asked 15 times"
                " or more, week of 2024-01-01"
            ),
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("asked", "lines", "shift"), [(14, 900, 2), (15, 901, 3), (17, 40, 1)])
def test_what_makes_a_case_bad_can_be_declared(store: Store, asked: int, lines: int, shift: int) -> None:
    limits = {"reviewer-load": asked, "large-changes": lines, "on-call-overload": shift}
    fill(
        store,
        *reviews(0, 16, asked=["p:1"], lines=900, generated_lines=40, state="merged"),
        *reviews(0, 14, asked=["p:2"], lines=1_000, generated_lines=100, state="merged"),
        *(broken(f"i{number}", MONDAY + number * HOUR) for number in range(2)),
        *(row(ThresholdFact, signal=name, bad_from=bad_from) for name, bad_from in limits.items()),
    )
    often = 30 * (asked <= 14) or 16 * (asked <= 16)
    large = 30 * (lines <= 860) or 14 * (lines <= 900)
    found = ask(store, "signal, bad", "signal_weeks_review", f"WHERE signal IN {tuple(limits)}")
    assert sorted(found) == [("large-changes", large), ("reviewer-load", often)]
    found = ask(store, "subject, cases, bad", "signal_weeks_production", "WHERE signal = 'on-call-overload'")
    assert [told[1:] for told in found] == [(14, int(shift <= 2))]


def test_designs_that_nobody_decides(store: Store) -> None:
    design = {"change_class": "design"}
    fill(
        store,
        *reviews(0, 2, closed_at=MONDAY + DAY, **design),
        *reviews(0, 1, closed_at=MONDAY + 11 * DAY, **design),
        *reviews(0, 2, closed_at=None, state="open", **design),
        *reviews(0, 5, closed_at=None, state="open", change_class="iac"),
        # its time is not up
        *reviews(5, 9, closed_at=None, state="open", **design),
    )
    # of the week in which ten days were over
    assert signals(store, "slow-designs", "opened_at, measured") == [(end_of(1), 0.6)]
    within = row(ThresholdFact, signal="slow-designs", within_minutes=12 * 24 * 60)
    store.insert_facts("thresholds", WORKSPACE, 3, [within])
    assert signals(store, "slow-designs") == []


def test_branches_that_live_for_long(store: Store) -> None:
    def merged(key: int, days: int, **told: object) -> Fact:
        known = {"repository": "acme/api", "number": key, "state": "merged", "merged_at": MONDAY + DAY}
        return row(
            ChangeFact, change=f"acme/api#{key}", first_commit_at=MONDAY + (1 - days) * DAY, **known | told
        )

    fill(
        store,
        *(merged(number, 15) for number in range(4)),
        *(merged(number, 14) for number in range(4, 8)),
        merged(8, 90, bot=True),
        merged(9, 90, number=None),
    )
    assert signals(store, "long-lived-branches", "subject_kind, subject, measured") == [
        ("repository", "acme/api", 0.5)
    ]


def test_policies_that_are_mostly_waived_and_owners_who_are_gone(store: Store) -> None:
    def merged(number: int, **told: object) -> Fact:
        known = {"repository": "acme/api", "state": "merged", "merged_at": MONDAY}
        return row(ComplianceFact, change=f"acme/api#{number}", **known | told)

    fill(
        store,
        *(merged(n, violations=["owners"], violation_states=["waived"]) for n in range(3)),
        *(merged(n, violations=["owners"], violation_states=["caught"]) for n in range(3, 5)),
        *(merged(n) for n in range(5, 40)),
        merged(40, owners_told=True, stale_entries=["/old/"]),
        merged(41, owners_told=True, owners_gone=["p:1"]),
        merged(42, owners_told=True, unowned_files=2),
        *(merged(n, owners_told=True, unowned_files=0) for n in range(43, 48)),
    )
    assert signals(store, "rigid-policies", "measured, evidence[1]") == [
        (
            0.6,
            "3 of 5 merged changes that a policy had caught were merged with leave, week of 2024-01-01",
        )
    ]
    assert signals(store, "stale-owners", "measured") == [(0.375,)]


def test_a_retro_review_that_is_overdue(store: Store) -> None:
    def bypassed(key: str, due_at: int, reviewed_at: int | None) -> Fact:
        return row(
            ComplianceFact, change=key, bypassed=["push"], retro_review_due_at=due_at,
            retro_reviewed_at=reviewed_at,
        )  # fmt: skip

    fill(
        store,
        bypassed("in time", MONDAY + DAY, MONDAY),
        bypassed("late", MONDAY + DAY, MONDAY + 2 * DAY),
        bypassed("never", NOW - 2 * HOUR, None),
        bypassed("not due", NOW + HOUR, None),
    )
    columns = "subject, open, opened_at, closed_at, measured, evidence"
    due = "went past review by push; a review afterwards was due "
    assert signals(store, "overdue-retro-reviews", columns) == [
        ("late", 0, moment(MONDAY + DAY), moment(MONDAY + 2 * DAY), 24.0, [due + "2024-01-02 00:00:00 UTC"]),
        ("never", 1, moment(NOW - 2 * HOUR), None, 2.0, [due + "2024-02-12 22:00:00 UTC"]),
    ]


def test_deployments_without_tags_and_those_that_fail(store: Store) -> None:
    fill(
        store,
        row(ServiceFact, service="api", team="core"),
        *(deployed(f"d{n}", MONDAY + n * HOUR, fraction=1.0 if n == 1 else None) for n in range(4)),
        deployed("nameless", MONDAY + 5 * HOUR, tag=""),
        deployed("staging", MONDAY, environment="staging", tag=""),
        deployed("back", MONDAY + 6 * HOUR, transition="rollback", rolls_back="d2"),
        broken("i1", MONDAY + 2 * HOUR, cause="d1", cause_kind="deployment", verdict="likely"),
        broken("i2", MONDAY + 3 * HOUR, cause="d3", cause_kind="deployment", verdict="leading"),
    )
    assert signals(store, "untagged-deployments", OF_WEEK) == [
        ("team", "core", 1, 0.1667, "1 of 6 deployments to production had no tag, week of 2024-01-01")
    ]
    assert signals(store, "failing-deployments", "measured, evidence[1]") == [
        (
            0.3333,
            (
                "2 of 6 deployments to production caused an incident, or were rolled back; 1 of them without"
                " stages, week of 2024-01-01"
            ),
        )
    ]


def test_changes_that_wait_for_a_deployment(store: Store) -> None:
    def merged(key: str, at: int, deployed_at: int | None, **told: object) -> Fact:
        known = {"repository": "acme/api", "branch": "main", "state": "merged"}
        return row(
            ChangeFact, change=key, merged_at=at, deployed_at=deployed_at,
            deployment="d" if deployed_at else "", **known | told,
        )  # fmt: skip

    fill(
        store,
        merged("soon", MONDAY, MONDAY + DAY),
        # two that waited at the same time are one, the third waits by itself
        merged("a", MONDAY + DAY, MONDAY + 9 * DAY),
        merged("b", MONDAY + 2 * DAY, MONDAY + 10 * DAY),
        merged("passed over", MONDAY + 3 * DAY, None),
        merged("newest that is live", MONDAY + 12 * DAY, MONDAY + 13 * DAY),
        merged("c", MONDAY + 14 * DAY, None),
        merged("of a branch that is never deployed", MONDAY + 20 * DAY, None, branch="v1"),
        merged("of a library", MONDAY, None, repository="acme/library"),
    )
    columns = "subject, open, opened_at, closed_at, measured, evidence"
    assert signals(store, "undeployed-changes", columns) == [
        (
            "acme/api", 0, moment(MONDAY + 8 * DAY), moment(MONDAY + 10 * DAY), 192.0,
            ["a, merged 2024-01-02 00:00:00 UTC", "b, merged 2024-01-03 00:00:00 UTC"],
        ),
        (
            "acme/api", 1, moment(MONDAY + 21 * DAY), None, 29 * 24.0,
            ["c, merged 2024-01-15 00:00:00 UTC"],
        ),
    ]  # fmt: skip


def test_a_rollback_after_which_it_goes_on(store: Store) -> None:
    fill(
        store,
        deployed("helped", MONDAY + HOUR, transition="rollback"),
        deployed("did not", MONDAY + 10 * DAY, transition="rollback"),
        broken("i1", MONDAY, resolved_at=MONDAY + HOUR + 60_000_000),
        broken("i2", MONDAY + 10 * DAY - HOUR, resolved_at=MONDAY + 10 * DAY + 3 * HOUR),
        broken("long before", MONDAY - 10 * DAY),
        broken("elsewhere", MONDAY + 10 * DAY - HOUR, service="web"),
    )
    assert signals(store, "failed-rollbacks", "subject, open, opened_at, measured, evidence, severity") == [
        (
            "did not", 0, moment(MONDAY + 10 * DAY + HOUR), 3.0, ["rolled back, and i2 went on"], "page",
        )
    ]  # fmt: skip


def test_incidents_that_nobody_explains_or_that_pass_and_shifts_with_too_many(store: Store) -> None:
    minutes = 60_000_000
    fill(
        store,
        *(broken(f"short {n}", MONDAY + n, resolved_at=MONDAY + n + 9 * minutes) for n in range(3)),
        broken("of a change", MONDAY, resolved_at=MONDAY + minutes, cause_kind="deployment"),
        broken("long", MONDAY + 13 * HOUR, resolved_at=MONDAY + 15 * HOUR, verdict="undecided"),
        *(broken(f"u{n}", MONDAY + 30 * HOUR, verdict="unseen") for n in range(4)),
        *(broken(f"v{n}", MONDAY + 60 * HOUR, verdict="unseen") for n in range(3)),
        broken("said", MONDAY + 90 * HOUR, verdict="undecided", basis="a person's verdict"),
        broken("young", MONDAY + 90 * HOUR, verdict="undecided", state="provisional"),
    )
    assert signals(store, "alert-noise", "measured, evidence[1]") == [
        (
            0.6,
            ("3 of 5 incidents were over within 15 minutes, and no change caused them, week of 2024-01-01"),
        )
    ]
    assert signals(store, "unexplained-incidents", "measured") == [(0.6154,)]
    assert signals(store, "on-call-overload", "measured, evidence[1]") == [
        (
            0.2143,
            "3 of 14 shifts of twelve hours had 3 incidents or more; 4 in the worst, week of 2024-01-01",
        )
    ]


def test_a_service_that_is_not_counted_after_its_contract_changed(store: Store) -> None:
    contract = {"classes": ["api-contract"], "state": "merged", "merged_at": MONDAY}
    brought = {"environment": "production", "live_at": MONDAY}

    def counted(deployment: str, service: str = "api") -> Fact:
        return row(
            BudgetSpendingFact, slo="s", service=service, environment="production", deployment=deployment,
            live_at=MONDAY, counted_until_at=MONDAY + DAY, good=1, total=1,
        )  # fmt: skip

    fill(
        store,
        *(row(ComplianceFact, change=f"acme/api#{n}", **contract) for n in range(4)),
        *(row(DeploymentChangeFact, deployment=f"d{n}", change=f"acme/api#{n}", **brought) for n in range(4)),
        deployed("d0", MONDAY),
        counted("d0"),
        deployed("d1", MONDAY + 1 * DAY),
        deployed("later", MONDAY + 20 * DAY),
        counted("later"),
        deployed("d2", MONDAY + 21 * DAY, service="web"),
        deployed("d3", MONDAY + 30 * DAY, service="new"),
        deployed("plain", MONDAY, service="plain"),
    )
    columns = "subject, open, opened_at, closed_at, evidence"
    told = "changed what the service offers, and nothing was counted of it since"
    assert signals(store, "missing-telemetry", columns) == [
        ("api", 0, moment(MONDAY + 8 * DAY), moment(MONDAY + 20 * DAY), [f"acme/api#1 {told}"]),
        ("new", 1, moment(MONDAY + 37 * DAY), None, [f"acme/api#3 {told}"]),
        ("web", 1, moment(MONDAY + 28 * DAY), None, [f"acme/api#2 {told}"]),
    ]


def test_an_objective_whose_traffic_became_another_since_it_was_declared(store: Store) -> None:
    told = {"slo": "latency", "service": "api", "environment": "", "received_at": NOW, "source": "slos"}
    buckets = [
        event(
            "objective_counted", id=f"{week} {day}", time=MONDAY + week * WEEK + (day + 1) * DAY,
            seconds=86_400, good=happened, total=happened, **told,
        )
        for week, happened in enumerate((100, 120, 260, 260, 250))
        for day in range(6)
    ]  # fmt: skip
    declared = [
        event("objective_declared", id=f"v{at}", time=at, objective="o", target_ppm=999_000, **told)
        for at in (MONDAY - DAY, MONDAY + 4 * WEEK + HOUR)
    ]
    for record, events in (("objective_counted", buckets), ("objective_declared", declared)):
        store.insert_events(record, WORKSPACE, batch(record, events))
    fill(store)
    columns = "subject_kind, subject, open, opened_at, closed_at, evidence[1]"
    assert signals(store, "stale-objectives", columns) == [
        (
            "objective", "latency of api", 0, end_of(2), end_of(4),
            (
                "960 of 1560 events are new or gone since the objective was last declared, 2023-12-31:"
                " 1560 in the week, and 600 then, week of 2024-01-15"
            ),
        )
    ]  # fmt: skip


def test_a_deployment_that_made_it_dearer(store: Store) -> None:
    def reported(day: int, value: float, name: str = "invocations", kind: str = "cost") -> Event:
        return event(
            "measurement_reported", id=f"{name} {day} {value}", time=MONDAY + day * DAY, name=name, kind=kind,
            unit="USD", value=value, service="api", environment="", tag="", received_at=NOW, source="jobs",
        )  # fmt: skip

    costs = [
        (1, 10.0),
        (2, 10.0),
        (3, 10.1),
        (11, 13.0),
        (12, 13.0),
        (13, 12.0),
        (21, 13.1),
        (22, 13.1),
        (23, 13.2),
    ]
    reports = [reported(*cost) for cost in costs]
    reports += [reported(day, value * 9, "duration", "metric") for day, value in costs]
    store.insert_events("measurement_reported", WORKSPACE, batch("measurement_reported", reports))
    fill(
        store,
        *(deployed(f"d{n}", MONDAY + n * 10 * DAY, tag=f"v{n}") for n in range(3)),
    )
    assert signals(store, "cost-overrun", "subject, open, opened_at, closed_at, measured, evidence") == [
        (
            "d1", 0, moment(MONDAY + 10 * DAY), moment(MONDAY + 20 * DAY), 0.3,
            ["invocations of api: 13 USD after 10, of 3 and 3 reports"],
        )
    ]  # fmt: skip
