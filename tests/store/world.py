"""A small world whose every number can be checked by hand.

One repository deploys to one service: d1, then d2, which breaks it and is rolled back by d3; d4
fails. A second service has one deployment that nothing could be linked to.
"""

from __future__ import annotations

import msgspec

from pipeline.codec.blocks import is_time
from pipeline.core.facts import (
    ArtifactFact,
    AttributionFact,
    BudgetBurnFact,
    BudgetFact,
    BudgetSpendingFact,
    ChangeAttributionFact,
    ChangeFact,
    CheckFlakinessFact,
    ComplianceFact,
    DeploymentFact,
    DriftFact,
    Fact,
    FindingFact,
    FlakyRunFact,
    IncidentFact,
    OutcomeFact,
    ReviewFact,
    ServiceFact,
    WeeklyCountFact,
)
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, row
from tests.store.told import tell


def facts() -> list[Fact]:
    return [
        *changes(), *deployments(), *incidents(), *others(), *reviews(), *checks(), *outcomes(),
        *weekly_counts(), *budgets(), *governed(),
    ]  # fmt: skip


def fill(store: Store) -> None:
    """Write the world, each row in an old version and in the one that holds."""
    for fact in facts():
        store.insert_facts(fact.table, WORKSPACE, 2, [fact])
    # an older version that must not count, and a row that no longer holds
    store.insert_facts("deployments", WORKSPACE, 1, [deployment("d2", MONDAY, service="nobody", changes=77)])
    store.insert_facts("deployments", WORKSPACE, 1, [deployment("gone", MONDAY + DAY, service="api")])
    store.insert_facts("deployments", WORKSPACE, 2, [], [("gone",)])
    tell(store)


def fill_superseded(store: Store) -> None:
    """Write what the world replaces: each of its rows with other contents, and rows that were deleted."""
    for fact in facts():
        old = {name: _otherwise(name, value) for name, value in msgspec.structs.asdict(fact).items()}
        old |= {key: getattr(fact, key) for key in fact.keys}
        gone = old | {fact.keys[0]: f"gone {getattr(fact, fact.keys[0])}"}
        store.insert_facts(fact.table, WORKSPACE, 1, [type(fact)(**old), type(fact)(**gone)])
        store.insert_facts(fact.table, WORKSPACE, 2, [], [tuple(gone[key] for key in fact.keys)])


def _otherwise(name: str, value: object) -> object:
    if isinstance(value, bool):
        return not value
    if is_time(name):
        return MONDAY + 99 * DAY
    if isinstance(value, int | float):
        return value - 3
    # what the views look for and join by
    words = {
        "state": "merged", "transition": "rollback", "kind": "deployment", "cause_kind": "deployment",
        "cause": "d1", "deployment": "d1", "service": "api", "repository": "acme/api",
    }  # fmt: skip
    return words.get(name, "other") if isinstance(value, str) else value


def change(key: str, **told: object) -> ChangeFact:
    return row(ChangeFact, change=key, repository=key.partition("#")[0], **told)


def changes() -> list[Fact]:
    return [
        change(
            "acme/api#1", title="Add a thing", author="p:1", state="merged", opened_at=MONDAY - 20 * HOUR,
            first_review_at=MONDAY - 10 * HOUR, merged_at=MONDAY, deployment="d1",
            deployed_at=MONDAY + 2 * HOUR, additions=10, deletions=5, first_commit_at=MONDAY - 22 * HOUR,
        ),
        change(
            "acme/api#2", title="Break it", author="p:2", state="merged", opened_at=MONDAY - 9 * HOUR,
            merged_at=MONDAY + HOUR, deployment="d2", deployed_at=MONDAY + DAY,
        ),
        change("acme/api#3", state="merged", merged_at=MONDAY + HOUR // 2),
        change("acme/api#4", state="merged", merged_at=MONDAY + 2 * DAY),
        change("acme/api#5", state="open", opened_at=MONDAY),
        change("acme/library#1", state="merged", merged_at=MONDAY),
    ]  # fmt: skip


def deployment(key: str, live_at: int, **told: object) -> DeploymentFact:
    told = {"service": "api", "environment": "production", "kind": "service", "outcome": "success",
            "transition": "forward", "link_rule": "branch", **told}  # fmt: skip
    told.setdefault("repository", f"acme/{told['service']}" if told["service"] == "api" else "")
    return row(DeploymentFact, deployment=key, live_at=live_at, **told)


def deployments() -> list[Fact]:
    return [
        deployment("d1", MONDAY + 2 * HOUR, tag="v1", changes=1, additions=10, replaced_at=MONDAY + DAY),
        deployment(
            "d2", MONDAY + DAY, tag="v2", changes=1, previous="d1", replaced_at=MONDAY + DAY + 6 * HOUR
        ),
        deployment(
            "d3", MONDAY + DAY + 6 * HOUR, tag="v1", transition="rollback", previous="d2", rolls_back="d2"
        ),
        deployment("d4", MONDAY + 8 * DAY, tag="v4", transition="failed", outcome="failure", previous="d3"),
        deployment("d5", MONDAY + HOUR, service="web", link_rule="unlinked"),
    ]


def incidents() -> list[Fact]:
    opened = MONDAY + DAY + HOUR
    rows: list[Fact] = [
        row(
            IncidentFact, incident="i1", service="api", environment="production", severity="SEV1",
            title="Down", opened_at=opened, onset_at=opened, none_probability=0.07, unseen_probability=0.03,
            resolved_at=opened + HOUR, verdict="likely", cause="d2",
            cause_kind="deployment", probability=0.8, change_probability=0.9, state="final",
            basis="defaults", model="intensity", candidates=4, rollback_target="v1",
            silent_sources=["ci/acme"],
        ),
        row(
            IncidentFact, incident="i2", service="api", opened_at=opened + HOUR, onset_at=opened,
            none_probability=0.6, unseen_probability=0.2, verdict="none", cause="none",
            cause_kind="none", probability=0.6, change_probability=0.2, state="final", model="intensity",
            basis="12 labels", candidates=2,
        ),
        row(
            IncidentFact, incident="i3", opened_at=MONDAY + 3 * HOUR, onset_at=MONDAY + 8 * DAY,
            none_probability=0.5, verdict="undecided", cause="d1", cause_kind="deployment", probability=0.3,
            change_probability=0.5, state="provisional",
            model="intensity", basis="defaults",
        ),
    ]  # fmt: skip
    for incident, candidate, kind, rank, probability in (
        ("i1", "d2", "deployment", 1, 0.8),
        ("i1", "d1", "deployment", 2, 0.1),
        ("i1", "none", "none", 0, 0.07),
        ("i1", "unseen", "unseen", 0, 0.03),
        ("i3", "d1", "deployment", 1, 0.3),
        ("i3", "none", "none", 0, 0.7),
    ):
        factors = {"lag": 0.5, "rollback": 2.0, "size": -0.25} if candidate == "d2" else {}
        rows.append(
            row(
                AttributionFact, incident=incident, candidate=candidate, kind=kind, rank=rank,
                probability=probability, onset_at=opened, factors=factors, model="intensity",
                lag_seconds=5400.0 if kind == "deployment" else None,
            )
        )  # fmt: skip
    shares = (
        ("i1", "acme/api#2", "d2", 1, 0.8),
        ("i1", "acme/api#1", "d1", 2, 0.1),
        ("i3", "acme/api#1", "d1", 1, 0.3),
    )
    for incident, key, through, rank, probability in shares:
        rows.append(
            row(
                ChangeAttributionFact, incident=incident, change=key, deployment=through, rank=rank,
                probability=probability,
            )
        )  # fmt: skip
    return rows


def others() -> list[Fact]:
    return [
        row(ServiceFact, service="api", declared=True, team="core", tier=1, depends_on=["db"]),
        row(ServiceFact, service="web"),
        row(ArtifactFact, artifact="api:v1", tag="v1", packaged_at=MONDAY, deployed=True),
        row(ArtifactFact, artifact="api:v3", tag="v3", packaged_at=MONDAY),
        *drifts(),
    ]


def drifts() -> list[Fact]:
    """One that a deployment explains, one that is corrected after ten hours, one that lasts."""
    return [
        row(
            DriftFact, resource="app/api", detected_at=MONDAY + DAY - 10 * HOUR // 60, service="api",
            environment="production", corrected_at=MONDAY + DAY,
        ),
        row(
            DriftFact, resource="app/api", detected_at=MONDAY + 2 * DAY, service="api",
            environment="production", corrected_at=MONDAY + 2 * DAY + 10 * HOUR,
        ),
        row(DriftFact, resource="bucket", detected_at=MONDAY + 10 * DAY, environment="production"),
    ]  # fmt: skip


def weekly_counts() -> list[Fact]:
    """Drift of a service that alarms in the second, third and fifth week, in the fifth for everybody."""

    def counted(week: int, k: int, alarm: str = "", dimension: str = "service", **told: object) -> Fact:
        known = {
            "value": "api" if dimension == "service" else "", "n": 7, "history_weeks": 10, "history_k": 3,
            "history_n": 70, "expected": 0.318182, "low": 0, "high": 2, "p": 0.004, "q": 0.008,
        }  # fmt: skip
        return row(
            WeeklyCountFact, series="drift", week_at=MONDAY + week * 7 * DAY, k=k, alarm=alarm,
            dimension=dimension, **known | told,
        )  # fmt: skip

    return [
        counted(0, 1, expected=None, low=None, high=None, p=None, q=None),
        counted(1, 3, "spike"),
        counted(2, 4, "spike and shift", cusum=4.6, smallest_multiple=9.0),
        counted(3, 0, p=1.0),
        counted(4, 2, "shift"),
        counted(4, 5, "spike", dimension="all", p=0.001),
    ]


def ask(store: Store, columns: str, view: str, where: str = "") -> list[tuple[object, ...]]:
    """Columns of a view in its own order; floats are compared as they are shown."""
    return store.query(f"SELECT {columns} FROM {view} {where}").rows


def reviewed(change: str, opened_at: int, **told: object) -> ReviewFact:
    known = {
        "repository": change.partition("#")[0], "ready_at": opened_at, "state": "open", "service": "api",
        "team": "core", "size": "small", "change_class": "code", "response_target_seconds": 4 * 3600,
        "review_target_seconds": 4 * 3600 if told.get("turn") == "reviewers" else None,
    }  # fmt: skip
    return row(ReviewFact, change=change, opened_at=opened_at, **known | told)


def waiting(change: str, opened_at: int, **told: object) -> ReviewFact:
    """One that its reviewers have left alone; working hours are from 9 to 17."""
    midnight = opened_at // DAY * DAY
    days = range(midnight, midnight + 3 * DAY, DAY)
    return reviewed(
        change, opened_at, turn="reviewers", turn_since_at=opened_at, unanswered_since_at=opened_at,
        working_from=[max(opened_at, day + 9 * HOUR) for day in days if opened_at < day + 17 * HOUR],
        working_until=[day + 17 * HOUR for day in days if opened_at < day + 17 * HOUR], **told,
    )  # fmt: skip


def reviews() -> list[Fact]:
    """Two that were merged, one of them unseen; four that are open at the end of the eleventh day."""
    return [
        reviewed(
            "acme/api#1", MONDAY - 20 * HOUR, ready_at=MONDAY - 12 * HOUR, merged_at=MONDAY, closed_at=MONDAY,
            state="merged", first_response_at=MONDAY - 10 * HOUR, response_seconds=2 * 3600,
            response_working_seconds=3600, waiting_seconds=3 * 3600, waiting_working_seconds=2 * 3600,
            author_seconds=8 * 3600, merging_seconds=9 * 3600, rounds=1, comments=3, substantive_comments=2,
            approval_seconds=600,
        ),
        reviewed(
            "acme/library#1", MONDAY - 4 * HOUR, merged_at=MONDAY, closed_at=MONDAY, state="merged",
            waiting_seconds=4 * 3600, rounds=1, service="library", team="", size="huge", lines=5_000,
            change_class="iac", approval_seconds=60, stamp_seconds=9_000, rubber_stamp=True,
        ),
        waiting(
            "acme/api#5", MONDAY + 10 * DAY + 10 * HOUR, review_due_at=MONDAY + 10 * DAY + 14 * HOUR,
            waited_on=["p:7", "core"], asked=["p:7", "core"],
        ),
        waiting("acme/api#8", MONDAY + 10 * DAY + 16 * HOUR, review_due_at=MONDAY + 11 * DAY + 12 * HOUR),
        waiting("acme/api#7", MONDAY + 8 * DAY, review_due_at=MONDAY + 8 * DAY + 13 * HOUR, bot=True),
        reviewed(
            "acme/api#6", MONDAY + 9 * DAY, turn="author", turn_since_at=MONDAY + 9 * DAY + HOUR,
            first_response_at=MONDAY + 9 * DAY + HOUR, response_seconds=3600, response_working_seconds=20_000,
        ),
    ]  # fmt: skip


def week_of_check(name: str, week: int, **told: object) -> CheckFlakinessFact:
    known = {"repository": "acme/api", "workflow": "ci", "window_weeks": 8, "commits": 10, "runs": 10}
    return row(CheckFlakinessFact, name=name, week_at=MONDAY + week * 7 * DAY, **known | told)


def checks() -> list[Fact]:
    """Two weeks of a flaky check, one of a quiet one and of a library's; three certain flakes."""
    waits = [(600, 1), (7200, 2), (0, 0)]
    return [
        week_of_check("unit", 0, flake_probability=0.02, flaky=True, flaky_probability=0.4),
        week_of_check(
            "unit", 1, runs=14, failed=4, flaked=2, reruns=3, waited_seconds=7800, flake_probability=0.1,
            flake_low=0.05, flake_high=0.2, flaky_probability=0.99, flaky=True, quarantine=True,
            window_commits=20, window_runs=24, window_failed=4, window_flaked=2,
        ),
        week_of_check("lint", 1, runs=6, errors=2, error_reruns=2, error_waited_seconds=1800),
        week_of_check("unit", 1, repository="acme/library", flake_probability=0.01, failed=1),
        *(
            row(
                FlakyRunFact, repository="acme/api", sha=str(place), name="unit", workflow="ci", runs=2,
                failed=1, first_at=MONDAY + 8 * DAY, failed_at=MONDAY + 8 * DAY, reruns=reruns,
                waited_seconds=seconds, passed_at=MONDAY + 9 * DAY, changes=["acme/api#1"],
            )
            for place, (seconds, reruns) in enumerate(waits)
        ),
    ]  # fmt: skip


def became(change: str, merged_at: int | None = None, **told: object) -> OutcomeFact:
    known = {
        "repository": change.partition("#")[0], "service": "api", "team": "core", "branch": "main",
        "change_class": "code", "state": "open" if merged_at is None else "merged",
    }  # fmt: skip
    return row(OutcomeFact, change=change, merged_at=merged_at, **known | told)


def outcomes() -> list[Fact]:
    """One that broke a check and is repaired by the next, one that is taken back and comes back again."""
    return [
        became(
            "acme/api#1", MONDAY, checks=2, red_checks=["unit"], red_at=MONDAY + HOUR,
            green_at=MONDAY + 3 * HOUR, green_by="acme/api#2", size="tiny",
            lines=15, generated_lines=9,
            ejections=[MONDAY - HOUR], ejected_for=["ci_failure"],
        ),
        became(
            "acme/api#2", MONDAY + HOUR, checks=2, reverted_at=MONDAY + DAY + HOUR, reverted_by="acme/api#3",
            restored_at=MONDAY + 2 * DAY, restored_by="acme/api#4", flaky_checks=["lint"],
        ),
        became("acme/api#3", MONDAY + DAY + HOUR, undoes=True, reverted_at=MONDAY + 2 * DAY),
        became("acme/api#4", MONDAY + 2 * DAY, undoes=True),
        became("acme/api#5", ejections=[MONDAY + HOUR, MONDAY + 2 * HOUR], ejected_for=["ci_failure", ""]),
        became("acme/api#9", MONDAY, branch="release", reverted_at=MONDAY + DAY),
        became("acme/library#1", MONDAY, service="library", team="", change_class="iac"),
    ]  # fmt: skip


def budgets() -> list[Fact]:
    """One that d2 spent, one that nothing was counted of; its page went on in the next stretch of time."""
    api = {"slo": "availability", "service": "api", "environment": "production"}
    burn = {"rule": "fast burn", "severity": "page", "target_ppm": 999_000, **api}
    return [
        row(
            BudgetFact, target_ppm=999_000, period_seconds=28 * 86_400, good=998_500, total=1_000_000,
            counted_until_at=MONDAY + 2 * DAY, consumed=1.5, remaining=-0.5, state="spent",
            burn_rates={"5m": 0.5, "1h": 2.0}, burning=["slow burn"], half_spent_at=MONDAY + DAY,
            spent_at=MONDAY + DAY + HOUR, **api,
        ),
        row(BudgetFact, slo="latency", service="web", environment="production", state="uncounted"),
        row(
            BudgetBurnFact, began_at=MONDAY + DAY + HOUR, onset_at=MONDAY + DAY, ended_at=MONDAY + 2 * DAY,
            **burn,
        ),
        row(BudgetBurnFact, began_at=MONDAY + 2 * DAY, onset_at=MONDAY + 2 * DAY, continues=True, **burn),
        row(
            BudgetBurnFact, began_at=MONDAY + DAY + 2 * HOUR, onset_at=MONDAY + DAY,
            **burn | {"rule": "half of the budget", "severity": "review"},
        ),
        row(
            BudgetSpendingFact, deployment="d1", live_at=MONDAY + 2 * HOUR, until_at=MONDAY + DAY,
            counted_until_at=MONDAY + DAY, good=399_900, total=400_000, spent=0.1, consumed=0.1, **api,
        ),
        row(
            BudgetSpendingFact, deployment="d2", live_at=MONDAY + DAY, until_at=MONDAY + DAY + 6 * HOUR,
            counted_until_at=MONDAY + DAY + 6 * HOUR, good=598_600, total=600_000, spent=1.4, consumed=1.5,
            **api,
        ),
    ]  # fmt: skip


def governed() -> list[Fact]:
    """One that went past review, and whose owners did not approve; what a scanner found in it afterwards."""
    found = row(FindingFact, finding="injection", change="acme/api#1", found_at=MONDAY, after_merge=True)
    went = row(
        ComplianceFact, change="acme/api#1", repository="acme/api", service="api", team="core",
        state="merged", change_class="code", classes=["code"], opened_at=MONDAY - 20 * HOUR, merged_at=MONDAY,
        approvals_needed=1, bypassed=["label"], retro_review_due_at=MONDAY + 3 * DAY, owners_told=True,
        owners_needed=1, violations=["approvals"], violation_states=["waived"],
    )  # fmt: skip
    return [went, found]
