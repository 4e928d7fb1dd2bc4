"""Runs of checks and where their logs are; smoke tests and what they tested."""

from __future__ import annotations

from pipeline.core.facts import DeploymentFact
from pipeline.store import Store
from tests.store.rows import DAY, HOUR, MONDAY, WORKSPACE, batch, event, row
from tests.store.world import ask

SHA, OTHER = "a" * 40, "b" * 40


def run(store: Store, name: str, at: int, **told: object) -> None:
    """One run of a check on a commit, as its source tells it."""
    sha = str(told.pop("sha", SHA))
    fields = {
        "id": f"{name} {sha} {told.get('attempt', 1)}", "source": "ci/acme", "time": at, "received_at": at,
        "commit": f"acme/api@{sha}", "repository": "acme/api", "sha": sha, "name": name, "outcome": "success",
        "attempt": 1,
    }  # fmt: skip
    finished = event("check_finished", **(fields | told))
    store.insert_events("check_finished", WORKSPACE, batch("check_finished", [finished]))


def test_check_runs(store: Store) -> None:
    run(store, "unit", MONDAY + HOUR, outcome="failure", started_at=MONDAY, url="https://ci.example/1")
    run(store, "unit", MONDAY + 2 * HOUR, attempt=2)
    run(store, "lint", MONDAY, sha=OTHER)
    # told again, with another outcome; the higher version of the source holds
    run(store, "flip", MONDAY, outcome="failure", source_version=1)
    run(store, "flip", MONDAY, source_version=2)
    # and one that the source took back
    run(store, "gone", MONDAY)
    run(store, "gone", MONDAY, retracted=True, source_version=1)
    columns = "name, attempt, outcome, minutes, url"
    assert ask(store, columns, "check_runs", f"WHERE commit = 'acme/api@{SHA}'") == [
        ("unit", 2, "success", None, ""),
        ("unit", 1, "failure", 60.0, "https://ci.example/1"),
        ("flip", 1, "success", None, ""),
    ]
    assert ask(store, "name", "check_runs", f"WHERE sha = '{OTHER}'") == [("lint",)]


def test_smoke_tests(store: Store) -> None:
    def deployed(key: str, at: int, sha: str, service: str = "api") -> None:
        told = row(
            DeploymentFact, deployment=key, service=service, environment="production", tag=f"v-{key}",
            repository="acme/api", sha=sha, live_at=at,
        )  # fmt: skip
        store.insert_facts("deployments", WORKSPACE, 1, [told])

    deployed("d1", MONDAY, SHA)
    deployed("d2", MONDAY + DAY, SHA)
    deployed("d3", MONDAY + DAY, OTHER)
    run(store, "login", MONDAY + HOUR, kind="smoke")
    run(
        store,
        "login",
        MONDAY + DAY + HOUR,
        kind="smoke",
        attempt=2,
        outcome="failure",
        url="https://ci.example/2",
    )
    # before anything of its commit was live, of a commit that nobody deployed, and no smoke test
    run(store, "early", MONDAY - HOUR, kind="smoke")
    run(store, "nowhere", MONDAY, kind="smoke", sha="c" * 40)
    run(store, "unit", MONDAY + HOUR)
    columns = "name, attempt, outcome, service, environment, tag, deployment, url, toString(live_at)"
    nothing = ("", "", "", "", "", None)
    found = ask(store, columns, "smoke_tests")
    assert found == [
        (
            "login",
            2,
            "failure",
            "api",
            "production",
            "v-d2",
            "d2",
            "https://ci.example/2",
            "2024-01-02 00:00:00.000000",
        ),
        ("login", 1, "success", "api", "production", "v-d1", "d1", "", "2024-01-01 00:00:00.000000"),
        ("nowhere", 1, "success", *nothing),
        ("early", 1, "success", *nothing),
    ]
