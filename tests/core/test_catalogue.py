"""What the organisation declares: names, owners of repositories, and how far apart services are."""

from __future__ import annotations

from pipeline.core.facts import ServiceFact
from pipeline.core.parameters import Reach
from tests.worlds import Told, back, declared, deployed, incident

REACH = Reach()


def nearness(told: Told, one: str, other: str) -> float:
    return told.run.workspace.catalogue.nearness(one, other, REACH, 3)


def test_the_newest_declaration_holds_for_all_history() -> None:
    told = Told(declared("api", 5, team="new"), declared("api", 1, team="old"))
    assert told.row(ServiceFact, "api").team == "new"
    told.then(back(declared("api", 5, team="new")))
    assert told.row(ServiceFact, "api").team == "old"
    told.then(back(declared("api", 1, team="old")))
    assert told.keys("services") == []


def test_each_hop_down_counts_half() -> None:
    told = Told(declared("web", depends_on=["api"]), declared("api", depends_on=["db"]), declared("db"))
    assert nearness(told, "web", "web") == 1
    assert nearness(told, "web", "api") == REACH.per_hop
    assert nearness(told, "web", "db") == REACH.per_hop**2
    assert nearness(told, "api", "web") == REACH.caller
    assert nearness(told, "db", "web") == REACH.unrelated


def test_without_a_catalogue_other_services_are_unknown() -> None:
    told = Told()
    assert nearness(told, "web", "web") == 1
    assert nearness(told, "web", "api") == REACH.unknown
    assert nearness(told, "", "api") == REACH.no_service


def test_cycles_are_told_and_do_no_harm() -> None:
    told = Told(
        declared("web", depends_on=["api"]),
        declared("api", depends_on=["web", "ghost"]),
        declared("lone", depends_on=["lone"]),
        deployed("api", 1, tag="v1"),
        incident("i1", 2, service="web"),
    )
    assert told.row(ServiceFact, "web").problems == ["depends on itself: web -> api -> web"]
    assert told.row(ServiceFact, "api").problems == [
        "depends on itself: api -> web -> api",
        "depends on ghost, which nobody declared",
    ]
    assert told.row(ServiceFact, "lone").problems == []
    assert nearness(told, "web", "api") == nearness(told, "api", "web") == REACH.per_hop


def test_a_late_alias_moves_deployments_and_brings_them_together() -> None:
    told = Told(
        deployed("api", 1, tag="v1"), deployed("api-prod", 1.2, tag="v1", source="gitops", key="sync")
    )
    assert told.keys("deployments") == ["api v1", "sync"]
    told.then(declared("api", aliases=["api-prod"]))
    assert told.keys("deployments") == ["api v1"]
    told.then(back(declared("api", aliases=["api-prod"])))
    assert told.keys("deployments") == ["api v1", "sync"]
    assert told.deployment("sync").service == "api-prod"


def test_a_report_without_a_service_belongs_to_its_repository() -> None:
    report = deployed("", 1, tag="v1", key="d1", repository="acme/shop")
    assert Told(report).deployment("d1").service == "shop"
    told = Told(report, declared("storefront", repositories=["acme/shop"]))
    assert told.deployment("d1").service == "storefront"
    told.then(declared("billing", repositories=["acme/shop"]))
    assert told.deployment("d1").service == "shop", "two services share the repository"


def test_a_declared_service_is_no_alias_of_another() -> None:
    told = Told(declared("api"), declared("web", aliases=["api"]), deployed("api", 1, tag="v1"))
    assert told.deployment("api v1").service == "api"
