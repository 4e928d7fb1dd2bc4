"""Every shipped view: on nothing, and on a small world with the answers known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.core.facts import TABLES, ChangeFact, DeploymentFact, IncidentFact
from pipeline.store import Result, Store
from pipeline.store.migrations import read_views
from tests.store.conftest import fresh
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, moment, row
from tests.store.world import ask, fill, fill_superseded

#: what the deployments of the world have in common that have a repository
API = (
    ("all", ""),
    ("environment", "production"),
    ("repository", "acme/api"),
    ("service", "api"),
    ("service in environment", "api in production"),
    ("team", "core"),
)
VIEWS = sorted((resources.sql() / "views").glob("*.sql"))
#: the other is about views themselves: tests/store/test_ahead.py
OF_WORKSPACES = [path for path in VIEWS if path.stem != "freshness"]


@pytest.fixture(scope="module")
def superseded(dsn: str) -> Iterator[Store]:
    """The small world with an older row of each key that says something else, and with deleted rows."""
    for store in fresh(dsn):
        store.migrate()
        for table in TABLES:
            # merged rows would answer without FINAL too
            store._command(f"SYSTEM STOP MERGES {table}", "keep what was superseded")
        fill_superseded(store)
        fill(store)
        yield store


@pytest.mark.parametrize("path", OF_WORKSPACES, ids=lambda path: path.stem)
def test_nothing_gives_no_rows_and_all_columns(store: Store, path: Path) -> None:
    result: Result = store.query(f"SELECT * FROM {path.stem}")
    assert result.rows == []
    assert result.columns[0] == "workspace"
    assert len(set(result.columns)) == len(result.columns)


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_the_head_of_a_file_explains_it(store: Store, path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("WITH\n")[0].split("SELECT\n")[0]
    lines = [line for line in head.splitlines() if line.startswith("--")]
    assert lines[0].endswith("?"), "the first line is the question"
    assert any(line.startswith("-- One row per ") for line in lines)
    assert any(line.startswith("-- Left out: ") for line in lines)
    ((comment,),) = store.query(
        "SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = {n:String}",
        {"n": path.stem},
    ).rows
    assert str(comment).startswith(lines[0].removeprefix("-- "))


def test_every_view_is_asked_about_here(world: Store) -> None:
    files = Path(__file__).parent.glob("test_*view*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [path.stem for path in VIEWS if f'"{path.stem}"' not in text] == []
    assert [view.name for view in read_views(resources.sql() / "views")] == [path.stem for path in VIEWS]


def test_which_change_broke_it(world: Store) -> None:
    columns = "incident, verdict, answer, probability, deployment, tag, lag_hours, change, change_title"
    rows = ask(world, columns, "which_change_broke_it")
    leading = "this deployment is the likely cause"
    unclear = "undecided: no candidate stands out"
    assert rows == [
        ("i2", "none", "probably no deployment caused it", 0.6, "", "", None, "", ""),
        ("i1", "likely", leading, 0.8, "d2", "v2", 1.5, "acme/api#2", "Break it"),
        ("i3", "undecided", unclear, 0.3, "d1", "v1", 1.5, "acme/api#1", "Add a thing"),
    ]  # fmt: skip
    found = ask(
        world, "deployment_probability, change_probability, live_at, rollback_target", "which_change_broke_it"
    )
    assert found[1] == (0.8, 0.8, moment(MONDAY + DAY), "v1")
    assert found[0] == (0.0, 0.0, None, "")


@pytest.mark.parametrize(
    ("verdict", "kind", "change"),
    [
        ("none", "none", ""),
        ("unseen", "unseen", ""),
        ("confirmed", "none", ""),
        ("confirmed", "unseen", ""),
        ("confirmed", "deployment", "acme/api#2"),
        ("undecided", "none", "acme/api#2"),
    ],
)
def test_no_change_is_named_when_no_known_deployment_did_it(
    store: Store, verdict: str, kind: str, change: str
) -> None:
    """The likeliest deployment stays, as the one to look at; its change would read as the answer."""
    fill(store)
    told = {"opened_at": MONDAY + 2 * DAY, "verdict": verdict, "cause_kind": kind, "probability": 0.9}
    store.insert_facts("incidents", WORKSPACE, 3, [row(IncidentFact, incident="i1", **told)])
    columns = "answer, deployment, change, change_probability, change_title, author"
    ((answer, *found),) = ask(store, columns, "which_change_broke_it", "WHERE incident = 'i1'")
    assert found == [
        "d2",
        change,
        0.8 if change else 0.0,
        "Break it" if change else "",
        "p:2" if change else "",
    ]
    assert ("person" in str(answer)) == (verdict == "confirmed")
    assert ("named the cause" in str(answer)) == (verdict == "confirmed" and kind == "deployment")


def test_incident_candidates(world: Store) -> None:
    columns = "rank, candidate, probability, tag, lag_hours, changes, speaks_for, speaks_against"
    assert ask(world, columns, "incident_candidates", "WHERE incident = 'i1'") == [
        (1, "d2", 0.8, "v2", 1.5, 1, ["rollback", "lag"], ["size"]),
        (2, "d1", 0.1, "v1", 1.5, 1, [], []),
        (0, "none", 0.07, "", None, None, [], []),
        (0, "unseen", 0.03, "", None, None, [], []),
    ]


def test_open_incidents_are_those_that_are_not_resolved(world: Store) -> None:
    told = ask(world, "*", "which_change_broke_it", "WHERE isNull(resolved_at)")
    assert [line[1] for line in told] == ["i2", "i3"]
    assert ask(world, "*", "open_incidents") == told


def test_answers_are_those_of_their_incidents(world: Store) -> None:
    columns = (
        "incident, opened_at, service, severity, title, verdict, answer, probability, state, rollback_target,"
        " resolved_at"
    )
    assert ask(world, columns, "incident_answers") == ask(world, columns, "which_change_broke_it")


def test_what_is_asked_at_night_says_the_same(world: Store) -> None:
    evidence = "incident, rank, candidate, probability, lag_hours, speaks_for, speaks_against, factors, model"
    assert ask(world, evidence, "candidate_evidence") == ask(world, evidence, "incident_candidates")
    impact = (
        "deployment, team, transition, changes, hours_live, incidents, fraction, previous, sha, link_rule"
    )
    assert ask(world, impact, "deployment_impact") == ask(world, impact, "recent_deployments")


def test_recent_deployments(world: Store) -> None:
    columns = "deployment, team, transition, changes, hours_since_previous, hours_live, incidents"
    assert ask(world, columns, "recent_deployments") == [
        ("d4", "core", "failed", 0, 162.0, None, 0.0),
        ("d3", "core", "rollback", 0, 6.0, None, 0.0),
        ("d2", "core", "forward", 1, 22.0, 6.0, 0.8),
        ("d1", "core", "forward", 1, None, 22.0, 0.4),
        ("d5", "", "forward", 0, None, None, 0.0),
    ]


def test_change_history(world: Store) -> None:
    columns = (
        "change, hours_to_first_review, hours_to_merge, hours_to_production, hours_in_all, lines, incidents"
    )
    assert ask(world, columns, "change_history", "WHERE repository = 'acme/api'") == [
        ("acme/api#4", None, None, None, None, None, 0.0),
        ("acme/api#2", None, 10.0, 23.0, 33.0, None, 0.8),
        ("acme/api#3", None, None, None, None, None, 0.0),
        ("acme/api#1", 10.0, 20.0, 2.0, 22.0, 15, 0.4),
        ("acme/api#5", None, None, None, None, None, 0.0),
    ]


def test_unlinked(world: Store) -> None:
    assert ask(world, "kind, detail, n, of, samples", "unlinked") == [
        ("tag without an artifact", "", 4, 4, ["d4", "d3", "d2"]),
        ("artifact that no deployment used", "", 1, 2, ["api:v3"]),
        ("deployment without a tag", "", 1, 5, ["d5"]),
        ("deployment without changes", "unlinked", 1, 3, ["d5"]),
        ("incident without a service", "", 1, 3, ["i3"]),
        ("merged change that was never deployed", "", 1, 4, ["acme/api#3"]),
        ("service that nobody declared", "", 1, 2, ["web"]),
    ]


def test_unlinked_environments_and_late_events(store: Store) -> None:
    fill(store)
    for name, place in (("x1", "eu-1"), ("x2", "eu-1"), ("x3", "staging")):
        told = row(DeploymentFact, deployment=name, environment=place, live_at=MONDAY, sha="a" * 40, tag="v1")
        store.insert_facts("deployments", WORKSPACE, 3, [told])
    late = [
        event("check_finished", id=f"c{n}", time=MONDAY, received_at=MONDAY + hours * HOUR, imported=imported)
        for n, (hours, imported) in enumerate(
            [(25, False), (24, False), (99, True), (30, False), (99, False)]
        )
    ]
    store.insert_events("check_finished", WORKSPACE, batch("check_finished", late))
    found = {line[:2]: line[2:] for line in ask(store, "kind, detail, n, of, samples", "unlinked")}
    assert found["environment without a place", "eu-1"] == (2, 8, ["x1", "x2"])
    assert found["event that came late", "check_finished"] == (3, 5, ["c4", "c3", "c0"])
    assert not any(kind == "environment without a place" and detail != "eu-1" for kind, detail in found)


def test_nobody_misses_declarations_where_there_are_none(store: Store) -> None:
    told = row(DeploymentFact, deployment="d1", service="web", environment="production", live_at=MONDAY)
    store.insert_facts("deployments", WORKSPACE, 1, [told])
    assert "service that nobody declared" not in {kind for (kind,) in ask(store, "kind", "unlinked")}


def test_deployment_frequency(world: Store) -> None:
    columns = "toString(week), dimension, value, deployments, rollbacks, failed, changes, days"
    late, early = "2024-01-08", "2024-01-01"
    api = (3, 1, 0, 2, 2)
    assert ask(world, columns, "deployment_frequency") == [
        *((late, *place, 0, 0, 1, 0, 0) for place in API),
        (early, "all", "", 4, 1, 0, 2, 2),
        (early, "environment", "production", 4, 1, 0, 2, 2),
        (early, "repository", "acme/api", *api),
        (early, "service", "api", *api),
        (early, "service", "web", 1, 0, 0, 0, 1),
        (early, "service in environment", "api in production", *api),
        (early, "service in environment", "web in production", 1, 0, 0, 0, 1),
        (early, "team", "core", *api),
    ]


def test_only_production_is_measured_where_environments_are_added_up(store: Store) -> None:
    fill(store)
    told = {"service": "api", "repository": "acme/api", "environment": "staging", "transition": "forward"}
    tried = row(DeploymentFact, deployment="s1", live_at=MONDAY + 15 * DAY, **told)
    store.insert_facts("deployments", WORKSPACE, 3, [tried])
    for view in ("deployment_frequency", "change_fail_rate"):
        ((places,),) = ask(
            store, "arraySort(groupArray((dimension, value)))", view, "WHERE value LIKE '%staging'"
        )
        assert places == [("environment", "staging"), ("service in environment", "api in staging")]
    ((deployments,),) = ask(store, "deployments", "change_fail_rate", "WHERE dimension = 'team'")
    assert deployments == 3


def test_lead_time(world: Store) -> None:
    columns = (
        "dimension, value, merged, timed, opened_to_merged_median, opened_to_merged_p90,"
        " deployed, merged_to_deployed_median, merged_to_deployed_p75"
    )
    # quantileExact takes the upper of two
    api, library = (4, 2, 20.0, 20.0, 2, 23.0, 23.0), (1, 0, None, None, 0, None, None)
    assert ask(world, columns, "lead_time", "WHERE toString(week) = '2024-01-01'") == [
        ("all", "", 5, 2, 20.0, 20.0, 2, 23.0, 23.0),
        ("change_class", "code", *api),
        ("change_class", "iac", *library),
        ("repository", "acme/api", *api),
        ("repository", "acme/library", *library),
        ("service", "api", *api),
        ("service", "library", *library),
        ("size", "tiny", 1, 1, 20.0, 20.0, 1, 2.0, 2.0),
        ("team", "core", *api),
    ]


def test_lead_time_of_a_change_of_which_nothing_else_is_known(store: Store) -> None:
    told = {"change": "acme/api#1", "repository": "acme/api", "state": "merged", "merged_at": MONDAY}
    store.insert_facts("changes", WORKSPACE, 1, [row(ChangeFact, **told)])
    assert ask(store, "dimension, value, merged", "lead_time") == [
        ("all", "", 1),
        ("repository", "acme/api", 1),
    ]


def test_change_fail_rate(world: Store) -> None:
    columns = "dimension, value, deployments, incidents, failures, rate"
    api = (3, 2, 1.4, 0.4667)
    assert ask(world, columns, "change_fail_rate", "WHERE toString(month) = '2024-01-01'") == [
        ("all", "", 4, 2, 1.4, 0.35),
        ("environment", "production", 4, 2, 1.4, 0.35),
        ("repository", "acme/api", *api),
        ("service", "api", *api),
        ("service", "web", 1, 0, 0.0, 0.0),
        ("service in environment", "api in production", *api),
        ("service in environment", "web in production", 1, 0, 0.0, 0.0),
        ("team", "core", *api),
    ]


def test_rollbacks(world: Store) -> None:
    columns = (
        "team, rollback, restored_tag, bad_deployment, bad_tag, bad_live_at, bad_hours, bad_changes,"
        " incidents"
    )
    assert ask(world, columns, "rollbacks") == [
        ("core", "d3", "v1", "d2", "v2", moment(MONDAY + DAY), 6.0, 1, 0.8)
    ]


def test_attribution_quality(world: Store) -> None:
    columns = (
        "state, incidents, mean_probability, mean_change_probability, likely, undecided, none, on_labels"
    )
    assert ask(world, columns, "attribution_quality") == [
        ("final", 2, 0.7, 0.55, 0.5, 0.0, 0.5, 0.5),
        ("provisional", 1, 0.3, 0.5, 0.0, 1.0, 0.0, 0.0),
    ]


def test_services_overview(world: Store) -> None:
    columns = (
        "service, declared, team, tier, deployments, rollbacks, last_deployment_at,"
        " incidents, open_incidents, last_incident_at"
    )
    opened = MONDAY + DAY + HOUR
    assert ask(world, columns, "services_overview") == [
        ("api", True, "core", 1, 3, 1, moment(MONDAY + DAY + 6 * HOUR), 2, 1, moment(opened + HOUR)),
        ("web", False, "", None, 1, 0, moment(MONDAY + HOUR), 0, 0, None),
    ]


def test_event_counts(world: Store) -> None:
    assert ask(world, "record, toString(month), events, tellings, imported, sources", "event_counts") == [
        ("artifact_packaged", "2024-01-01", 3, 3, 0, 1),
        # thirteen tellings: one was corrected; of the twelve imported ones one came live too
        ("change_merged", "2024-01-01", 12, 13, 11, 1),
        ("check_finished", "2024-01-01", 1, 1, 0, 1),
        ("measurement_reported", "2024-01-01", 1, 1, 0, 1),
    ]


def test_silent_sources(world: Store) -> None:
    columns = "source, events, usual_gap_hours, silent_hours, silence, incidents"
    assert ask(world, columns, "silent_sources") == [
        ("ci/acme", 5, 0.75, 261.0, 348.0, 1),
        ("git/acme", 12, 24.0, 0.0, 0.0, 0),
    ]


@pytest.mark.parametrize("path", VIEWS, ids=lambda path: path.stem)
def test_what_no_longer_holds_changes_nothing(world: Store, superseded: Store, path: Path) -> None:
    question = f"SELECT * FROM {path.stem}"
    assert superseded.query(question) == world.query(question)


def test_another_workspace_changes_nothing(world: Store) -> None:
    before = {
        path.stem: ask(world, "count()", path.stem, f"WHERE workspace = '{WORKSPACE}'")
        for path in OF_WORKSPACES
    }
    world.insert_facts("deployments", "other", 9, [], [("d2",), ("d1",)])
    world.insert_facts("incidents", "other", 9, [], [("i1",)])
    after = {
        path.stem: ask(world, "count()", path.stem, f"WHERE workspace = '{WORKSPACE}'")
        for path in OF_WORKSPACES
    }
    assert before == after
    assert [name for name, rows in before.items() if rows == [(0,)]] == [], "every view had something to say"
