"""The views of flaky checks, on the small world with the answers known."""

from __future__ import annotations

from pipeline.core.facts import ServiceFact
from pipeline.store import Store
from tests.store.rows import WORKSPACE, row
from tests.store.world import ask, fill

FIRST, SECOND = "2024-01-01", "2024-01-08"


def test_flaky_checks(world: Store) -> None:
    columns = (
        "toString(week), service, repository, name, flake_probability, flake_low, flaky, quarantine, runs,"
        " flaked, reruns, waited_hours, errors, error_waited_hours"
    )
    assert ask(world, columns, "flaky_checks") == [
        (SECOND, "api", "acme/api", "unit", 0.1, 0.05, True, True, 14, 2, 3, 2.17, 0, 0.0),
        (SECOND, "library", "acme/library", "unit", 0.01, 0.0, False, False, 10, 0, 0, 0.0, 0, 0.0),
        (SECOND, "api", "acme/api", "lint", 0.0, 0.0, False, False, 6, 0, 0, 0.0, 2, 0.5),
        (FIRST, "api", "acme/api", "unit", 0.02, 0.0, True, False, 10, 0, 0, 0.0, 0, 0.0),
    ]
    assert ask(world, "DISTINCT team", "flaky_checks", "WHERE service = 'api'") == [("core",)]


def test_flake_cost(world: Store) -> None:
    columns = (
        "toString(week), dimension, value, checks, flaky, quarantine, runs, failed, flaked, flake_rate,"
        " reruns, waited_hours, waited_hours_median, waited_hours_p90, errors, error_reruns,"
        " error_waited_hours"
    )
    # of the three certain flakes one was never waited for
    ours = (2, 1, 1, 20, 4, 2, 0.07, 3, 2.17, 2.0, 2.0, 2, 2, 0.5)
    library = (1, 0, 0, 10, 1, 0, 0.01, 0, 0.0, None, None, 0, 0, 0.0)
    before = (1, 1, 0, 10, 0, 0, 0.02, 0, 0.0, None, None, 0, 0, 0.0)
    assert ask(world, columns, "flake_cost") == [
        (SECOND, "all", "", 3, 1, 1, 30, 5, 2, 0.05, 3, 2.17, 2.0, 2.0, 2, 2, 0.5),
        (SECOND, "repository", "acme/api", *ours),
        (SECOND, "repository", "acme/library", *library),
        (SECOND, "service", "api", *ours),
        (SECOND, "service", "library", *library),
        (SECOND, "team", "core", *ours),
        (FIRST, "all", "", *before),
        (FIRST, "repository", "acme/api", *before),
        (FIRST, "service", "api", *before),
        (FIRST, "team", "core", *before),
    ]


def test_a_repository_belongs_to_the_one_service_that_declares_it(store: Store) -> None:
    fill(store)
    told = {"declared": True, "repositories": ["acme/library"]}
    books = row(ServiceFact, service="books", team="readers", **told)
    store.insert_facts("services", WORKSPACE, 3, [books])
    question = "SELECT DISTINCT service, team FROM flaky_checks WHERE repository = 'acme/library'"
    assert store.query(question).rows == [("books", "readers")]
    store.insert_facts("services", WORKSPACE, 3, [row(ServiceFact, service="shelf", **told)])
    assert store.query(question).rows == [("library", "")], "two do: it is a service of its own"
