"""The rules to beat: four of them, on one world, with different answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core import events as e
from pipeline.core.facts import AttributionFact
from tests.runs import PARAMETERS
from tests.worlds import Told, declared, deployed, incident

#: web needs api; the last deployment is a stranger's; web itself was last deployed 20 hours ago
WORLD: list[e.Event] = [
    declared("web", depends_on=["api"]),
    declared("api"),
    declared("mail"),
    deployed("web", 80, tag="web-1"),
    deployed("api", 99.6, tag="api-1"),
    deployed("mail", 99.9, tag="mail-1"),
    incident("i1", 100, service="web"),
]


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("last-deployment", "mail mail-1"),
        ("same-service", "web web-1"),
        ("nearest-dependency", "web web-1"),
        ("time-and-depth", "api api-1"),
    ],
)
def test_each_rule_has_its_own_answer(model: str, cause: str) -> None:
    told = Told(*WORLD, parameters=replace(PARAMETERS, model=model))
    assert told.incident().cause == cause
    assert told.incident().model == model
    rows = told.rows(AttributionFact)
    assert sum(row.probability for row in rows) == pytest.approx(1, abs=1e-5)
    assert told.candidates()[0] == cause


def test_the_nearest_service_counts_before_the_latest_deployment() -> None:
    without_web = [event for event in WORLD if getattr(event, "tag", "") != "web-1"]
    told = Told(*without_web, parameters=replace(PARAMETERS, model="nearest-dependency"))
    assert told.incident().cause == "api api-1"


def test_the_same_service_counts_within_a_day_only() -> None:
    told = Told(
        deployed("web", 70, tag="web-1"),
        incident("i1", 100, service="web"),
        parameters=replace(PARAMETERS, model="same-service"),
    )
    assert (told.incident().cause, told.incident().verdict) == ("none", "none")


@pytest.mark.parametrize("model", ["last-deployment", "nearest-dependency", "time-and-depth"])
def test_a_rule_never_blames_what_failed_or_came_later(model: str) -> None:
    told = Told(
        deployed("web", 90, tag="web-1"),
        deployed("web", 99, tag="web-2", outcome="failure"),
        incident("i1", 100, service="web"),
        deployed("web", 100.01, tag="web-3"),
        parameters=replace(PARAMETERS, model=model),
    )
    assert told.incident().cause == "web web-1"
