"""Review beside risk, and the last four weeks beside the four before them."""

from __future__ import annotations

from pipeline.core.facts import (
    ChangeAttributionFact,
    ChangeFact,
    ComplianceFact,
    DeploymentFact,
    Fact,
    OutcomeFact,
    ReviewFact,
    ServiceFact,
)
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, row
from tests.store.world import ask

WEEK = 7 * DAY


def insert(store: Store, *facts: Fact) -> None:
    for fact in facts:
        store.insert_facts(fact.table, WORKSPACE, 2, [fact])


def merged(number: int, risk: float, at: int = MONDAY, **told: object) -> tuple[Fact, ...]:
    key = f"acme/api#{number}"
    bot, stamped = bool(told.pop("bot", False)), bool(told.pop("rubber_stamp", False))
    place = {"service": "api", "team": "core"}
    times = {name: told.pop(name) for name in ("first_commit_at", "deployed_at") if name in told}
    return (
        row(
            ComplianceFact, change=key, state="merged", merged_at=at, opened_at=at - HOUR, bot=bot,
            repository="acme/api", **place, **told,
        ),
        row(ChangeFact, change=key, state="merged", merged_at=at, risk=risk, bot=bot, **times),
        row(ReviewFact, change=key, state="merged", merged_at=at, rubber_stamp=stamped, bot=bot, **place),
        row(OutcomeFact, change=key, state="merged", merged_at=at, bot=bot, **place),
    )  # fmt: skip


def test_change_risk(store: Store) -> None:
    insert(
        store,
        *merged(1, 0.05, approvals=1, approvals_needed=2, rubber_stamp=True),
        *merged(2, 0.04, approvals=2, approvals_needed=2),
        *merged(3, 0.03, approvals=0, approvals_needed=1, bypassed=["label"]),
        *merged(4, 0.01, approvals=1, approvals_needed=1),
        *merged(5, 0.0099, approvals=0),
        *merged(6, 0.04, bot=True),
        row(ChangeAttributionFact, incident="i", change="acme/api#1", probability=0.5),
        row(ChangeAttributionFact, incident="j", change="acme/api#1", probability=0.25),
        row(ChangeAttributionFact, incident="j", change="acme/api#6", probability=0.25),
    )
    columns = (
        "risk, merged, approvals, unapproved, under_reviewed, rubber_stamps, bypassed, expected, incidents,"
        " by_bots"
    )
    for dimension, value in (("all", ""), ("team", "core"), ("service", "api"), ("repository", "acme/api")):
        where = f"WHERE dimension = '{dimension}' AND value = '{value}'"
        assert ask(store, columns, "change_risk", where) == [
            ("high", 2, 1.5, 0, 1, 1, 0, 0.09, 0.75, 1),
            ("low", 1, 0.0, 1, 0, 0, 0, 0.0099, 0.0, 0),
            ("usual", 2, 0.5, 1, 1, 0, 1, 0.04, 0.0, 0),
        ]


def test_what_changed(store: Store) -> None:
    """As of the Wednesday of the tenth week: weeks six to nine beside weeks two to five."""
    now = MONDAY + 9 * WEEK + 2 * DAY
    told = event("change_merged", id="newest", source="git/acme", time=now, received_at=now, imported=True)
    store.insert_events("change_merged", WORKSPACE, batch("change_merged", [told]))
    recent, before = MONDAY + 5 * WEEK, MONDAY + 5 * WEEK - HOUR
    insert(
        store,
        row(ServiceFact, service="api", declared=True, team="core"),
        # the last four weeks: the first and the last moment of them
        *merged(1, 0.02, recent, bypassed=["push"], first_commit_at=recent - DAY, deployed_at=recent + HOUR),
        *merged(2, 0.02, MONDAY + 9 * WEEK - HOUR),
        # the four before, from their first to their last moment
        *merged(3, 0.02, before, first_commit_at=before - 2 * DAY, deployed_at=before),
        *merged(4, 0.02, MONDAY + WEEK),
        # and what is neither: too old, and of a week that is not over
        *merged(5, 0.02, MONDAY + WEEK - HOUR, bypassed=["push"]),
        *merged(6, 0.02, MONDAY + 9 * WEEK, bypassed=["push"]),
        row(DeploymentFact, deployment="d1", service="api", environment="production", transition="forward",
            outcome="success", live_at=recent),
        row(DeploymentFact, deployment="d2", service="api", environment="production", transition="rollback",
            outcome="success", live_at=recent + HOUR, rolls_back="d1"),
    )  # fmt: skip
    columns = "kind, good, now, before, now_n, before_n, toString(since), toString(until)"
    period = ("2024-02-05", "2024-03-04")

    def figure(measure: str, dimension: str = "all", value: str = "") -> tuple[object, ...]:
        where = f"WHERE measure = '{measure}' AND dimension = '{dimension}' AND value = '{value}'"
        (found,) = ask(store, columns, "what_changed", where)
        return found

    for cut in (("all", ""), ("team", "core"), ("service", "api")):
        assert figure("changes", *cut) == ("sum", 0, 2.0, 2.0, 2, 2, *period)
        assert figure("changes that went past review", *cut) == ("rate", -1, 0.5, 0.0, 2, 2, *period)
        lead = figure("median hours from first commit to production", *cut)
        assert lead == ("hours", -1, 25.0, 48.0, 1, 1, *period)
        assert figure("deployments", *cut) == ("sum", 0, 2.0, 0.0, 2, 0, *period)
        assert figure("deployments nobody had planned", *cut) == ("rate", -1, 0.5, None, 2, 0, *period)
    assert not ask(store, "1", "what_changed", "WHERE dimension NOT IN ('all', 'team', 'service')")
