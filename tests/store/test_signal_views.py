"""The signals of the ways in which review fails, on weeks and things whose answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.facts import (
    BurnFact,
    ChangeFact,
    ComplianceFact,
    DeploymentChangeFact,
    DeploymentFact,
    DriftFact,
    Fact,
    FindingFact,
    ReviewFact,
    ServiceFact,
    ThresholdFact,
)
from pipeline.core.signals import FAILURE_MODES, SIGNALS
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, moment, row
from tests.store.world import ask

WEEK = 7 * DAY
#: everything is shown as of here: the end of the sixth week, and a day
NOW = MONDAY + 6 * WEEK + DAY
ROOT = Path(__file__).resolve().parents[2]


def merges(week: int, bypassed: int, of: int, team: str = "core") -> list[Fact]:
    return [
        row(
            ComplianceFact, change=f"acme/{team}#{week}.{number}", repository=f"acme/{team}", team=team,
            state="merged", merged_at=MONDAY + week * WEEK + number,
            bypassed=["label"] if number < bypassed else [],
        )
        for number in range(of)
    ]  # fmt: skip


def reviews(week: int, of: int, **told: object) -> list[Fact]:
    at = MONDAY + week * WEEK
    known = {
        "repository": "acme/core", "team": "core", "state": "merged", "merged_at": at, "ready_at": at,
        "first_response_at": at, "response_working_seconds": 60, "response_target_seconds": 3_600,
    }  # fmt: skip
    return [
        row(ReviewFact, change=f"acme/core#{told}{week}.{number}", **known | told) for number in range(of)
    ]


def fill(store: Store, *facts: Fact) -> Store:
    for fact in facts:
        store.insert_facts(fact.table, WORKSPACE, 2, [fact])
    told = event("change_merged", id="last", source="git/acme", time=NOW, received_at=NOW, imported=True)
    store.insert_events("change_merged", WORKSPACE, batch("change_merged", [told]))
    return store


def signals(store: Store, signal: str, columns: str = "subject, open, opened_at, closed_at") -> list[object]:
    return list(ask(store, columns, "signals", f"WHERE signal = '{signal}' ORDER BY subject, opened_at"))


def end_of(week: int) -> object:
    return moment(MONDAY + (week + 1) * WEEK)


def test_a_signal_opens_stays_and_closes_by_weeks_with_cases_enough(store: Store) -> None:
    shares = [(0, 20), (4, 20), (5, 5), (3, 25), (1, 20), (20, 20)]
    facts = [fact for week, share in enumerate(shares) for fact in merges(week, *share)]
    # of another team it opened in the last week, which is not over
    facts += merges(6, 20, 20, "other")
    fill(store, *facts)
    # opened by 20 %; five cases say nothing, and neither do 12 %, which are between; closed by 5 %
    assert signals(store, "bypass-abuse") == [
        ("core", 0, end_of(1), end_of(4)),
        ("core", 1, end_of(5), None),
    ]
    told = signals(store, "bypass-abuse", "measured, evidence, severity, failure_mode, mitigation, as_of")
    assert told[0] == (
        0.2,
        [
            "4 of 20 merged changes went past review, week of 2024-01-08",
            "3 of 25 merged changes went past review, week of 2024-01-22",
        ],
        "ticket", "F4", "Have every bypass reviewed afterwards, and limit them", moment(NOW),
    )  # fmt: skip


def test_declared_thresholds_take_the_place_of_those_that_are_built_in(store: Store) -> None:
    fill(store, *merges(0, 4, 20), *merges(1, 6, 20), *reviews(0, 9, lines=400, size="large"))
    threshold = {"signal": "bypass-abuse", "opens_from": 0.3, "cases_min": 5}
    store.insert_facts("thresholds", WORKSPACE, 3, [row(ThresholdFact, **threshold)])
    store.insert_facts("thresholds", WORKSPACE, 3, [row(ThresholdFact, signal="large-changes", off=True)])
    columns = "subject, open, opened_at, opens_from, closes_below, cases_min"
    assert signals(store, "bypass-abuse", columns) == [("core", 1, end_of(1), 0.3, 0.1, 5)]
    assert signals(store, "large-changes") == []
    # what opens from little closes below no more than that
    low = row(ThresholdFact, signal="bypass-abuse", opens_from=0.05)
    store.insert_facts("thresholds", WORKSPACE, 4, [low])
    assert signals(store, "bypass-abuse", columns) == [("core", 1, end_of(0), 0.05, 0.05, 10)]


def test_rubber_stamps_and_large_changes(store: Store) -> None:
    stamped = reviews(0, 2, lines=80, stamp_seconds=144, rubber_stamp=True, approval_seconds=9)
    read = reviews(
        0, 4, lines=80, stamp_seconds=144, approval_seconds=9_000, waiting_seconds=3_600, size="medium"
    )
    large = reviews(0, 3, lines=900, size="large", waiting_seconds=36_000)
    fill(store, *stamped, *read, *large)
    assert signals(store, "rubber-stamping", "subject, measured, open") == [("core", 0.3333, 1)]
    (told,) = signals(store, "large-changes", "measured, evidence[1]")
    assert told == (
        0.3333,
        (
            "3 of 9 merged requests were large; hours in review, medians of these and of the"
            " others: 10 and 1, week of 2024-01-01"
        ),
    )


def test_a_bottleneck_is_one_person_whom_all_ask_and_nobody_is_named(store: Store) -> None:
    asked = [*reviews(0, 7, asked=["p:1", "core"]), *reviews(0, 3, asked=["p:1", "p:2"])]
    late = reviews(0, 5, asked=["p:2"], response_working_seconds=9_000)
    fill(store, *asked, *late, *reviews(0, 30, asked=["core"]))
    (told,) = signals(store, "reviewer-bottleneck", "subject, measured, evidence[1]")
    assert told == (
        "core",
        0.6667,
        (
            "10 of 15 requests to review were made to one of 2 persons; 33 % of them were answered too late,"
            " or never, week of 2024-01-01"
        ),
    )


def test_findings_after_the_merge(store: Store) -> None:
    found = {"repository": "acme/api", "found_at": MONDAY, "tool": "sast", "rule": "sql", "path": "a.py"}
    fill(
        store,
        row(FindingFact, finding="late", **found, change="acme/api#1", after_merge=True, severity="high"),
        row(FindingFact, finding="fixed", **found, after_merge=True, closed_at=MONDAY + DAY, kind="secret"),
        row(FindingFact, finding="early", **found, change="acme/api#2"),
        row(FindingFact, finding="known hole", **found, after_merge=True, kind="dependency"),
        row(
            FindingFact, finding="new hole", **found, after_merge=True, kind="dependency", change="acme/api#3"
        ),
    )
    columns = "subject, open, closed_at, severity, evidence[1]"
    end, kind = moment(MONDAY + DAY), "security"
    assert signals(store, "late-findings", columns) == [
        ("fixed", 0, end, kind, "sast found sql in a.py, on the main branch"),
        ("late", 1, None, kind, "sast found sql (high) in a.py, after acme/api#1 was merged"),
        ("new hole", 1, None, kind, "sast found sql in a.py, after acme/api#3 was merged"),
    ]  # fmt: skip


def test_drift_that_lasts_and_that_no_deployment_explains(store: Store) -> None:
    place = {"service": "api", "environment": "production"}
    fill(
        store,
        row(DriftFact, resource="short", detected_at=MONDAY, corrected_at=MONDAY + HOUR, **place),
        row(DriftFact, resource="long", detected_at=MONDAY, corrected_at=MONDAY + 2 * HOUR, **place),
        row(DriftFact, resource="lasts", detected_at=NOW - 3 * HOUR, **place),
        row(DriftFact, resource="began just now", detected_at=NOW - HOUR // 2, **place),
        row(DriftFact, resource="planned", detected_at=MONDAY + 50 * HOUR, **place),
        row(
            DeploymentFact, deployment="d", started_at=MONDAY + 49 * HOUR, live_at=MONDAY + 51 * HOUR,
            outcome="success", **place,
        ),
    )  # fmt: skip
    assert signals(store, "environment-drift", "subject, open, opened_at, closed_at, measured") == [
        ("lasts", 1, moment(NOW - 2 * HOUR), None, 3.0),
        ("long", 0, moment(MONDAY + HOUR), moment(MONDAY + 2 * HOUR), 2.0),
    ]


def test_a_burn_after_changes_without_context(store: Store) -> None:
    place = {"service": "api", "environment": "production"}
    brought = {"live_at": MONDAY, **place}
    fill(
        store,
        *(row(ChangeFact, change=f"acme/api#{n}", repository="acme/api", sections=s) for n, s in (
            (1, []), (2, ["impact"]), (3, ["runbook"]))),
        row(ChangeFact, change="acme/api#4", repository="acme/api", bot=True),
        row(ChangeFact, change="acme/web#1", repository="acme/web"),
        *(row(DeploymentChangeFact, deployment="d1", change=f"acme/api#{n}", **brought) for n in (1, 2, 4)),
        row(DeploymentChangeFact, deployment="d2", change="acme/api#3", **brought),
        # nobody writes sections in that repository
        row(DeploymentChangeFact, deployment="d3", change="acme/web#1", **brought),
        row(BurnFact, slo="latency", started_at=MONDAY + HOUR, ended_at=MONDAY + 5 * HOUR, **place),
        row(BurnFact, slo="too late", started_at=MONDAY + 3 * HOUR, **place),
        row(BurnFact, slo="elsewhere", started_at=MONDAY + HOUR, service="web", environment="production"),
    )  # fmt: skip
    columns = "subject, open, opened_at, closed_at, measured, evidence"
    burns = "latency burns since 2024-01-01 01:00:00 UTC"
    assert signals(store, "missing-context", columns) == [
        (
            "d1", 0, moment(MONDAY + HOUR), moment(MONDAY + 5 * HOUR), 2.0,
            [f"acme/api#{n} has no runbook and no metrics; {burns}" for n in (1, 2)],
        ),
    ]  # fmt: skip
    store.insert_facts(
        "thresholds", WORKSPACE, 3, [row(ThresholdFact, signal="missing-context", within_minutes=240)]
    )
    # the other objective burns still
    assert signals(store, "missing-context", "subject, open") == [("d1", 1)]


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_view_and_the_documentation_know_every_signal(signal: str) -> None:
    mode = f"F{FAILURE_MODES.index(signal) + 1}" if signal in FAILURE_MODES else ""
    assert f"('{signal}', '{mode}', " in (ROOT / "sql/views/signal_limits.sql").read_text("utf-8")
    assert f"`{signal}`" in (ROOT / "docs/measures.md").read_text("utf-8")


def test_the_thresholds_of_all_signals_are_shown(store: Store) -> None:
    threshold = {"signal": "bypass-abuse", "opens_from": 0.05, "within_minutes": 30, "off": True}
    fill(store, row(ThresholdFact, **threshold))
    found = ask(store, "signal, opens_from, closes_below, within_hours, off, declared", "signal_limits")
    assert sorted(str(name) for name, *_ in found) == sorted(SIGNALS)
    assert [one for one in found if one[-1]] == [("bypass-abuse", 0.05, 0.05, 0.5, 1, 1)]


def test_a_team_is_looked_at_where_one_is_declared_else_the_repository(store: Store) -> None:
    fill(store, *merges(0, 20, 20, ""), row(ServiceFact, service="api", team="core"))
    assert signals(store, "bypass-abuse", "subject_kind, subject") == [("repository", "acme/")]


def test_weeks_and_things_are_shown_also_where_nothing_opens(store: Store) -> None:
    place = {"service": "api", "environment": "production"}
    fill(
        store,
        *merges(6, 1, 4),
        row(DriftFact, resource="r", detected_at=MONDAY + HOUR, corrected_at=MONDAY + 3 * HOUR, **place),
        row(DeploymentFact, deployment="d", live_at=MONDAY, outcome="success", tag="v1", **place),
        row(ThresholdFact, signal="environment-drift", off=True),
    )
    columns = "signal, subject_kind, subject, toString(week), cases, bad, measured, evidence"
    # a week that is not over, with few cases
    assert ask(store, columns, "signal_weeks_review", "WHERE signal = 'bypass-abuse'") == [
        (
            "bypass-abuse", "team", "core", "2024-02-12", 4, 1, 0.25,
            "1 of 4 merged changes went past review",
        )
    ]  # fmt: skip
    assert ask(store, columns, "signal_weeks_production", "WHERE signal = 'untagged-deployments'") == [
        (
            "untagged-deployments", "service", "api", "2024-01-01", 1, 0, 0.0,
            "0 of 1 deployments to production had no tag",
        )
    ]  # fmt: skip
    assert ask(store, "signal, subject, opened_at, closed_at, measured", "signal_things") == [
        ("environment-drift", "r", moment(MONDAY + 2 * HOUR), moment(MONDAY + 3 * HOUR), 2.0)
    ]
    assert ask(store, "signal", "signals") == []


def test_what_is_always_known_is_never_null(store: Store) -> None:
    found = store.query("SELECT * FROM signals")
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert (types["measured"], types["evidence"]) == ("Float64", "Array(String)")
