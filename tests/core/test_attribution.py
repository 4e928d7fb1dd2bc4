"""The competing intensities: they sum to one, and what should count more does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.facts import AttributionFact, ChangeAttributionFact
from pipeline.core.parameters import CANDIDATES_MAX, Risk
from tests.runs import PARAMETERS
from tests.worlds import Told, declared, deployed, incident, judged, merged, packaged, sha


def probability(told: Told, candidate: str) -> float:
    return told.candidate(candidate).probability


def total(told: Told) -> float:
    return sum(row.probability for row in told.rows(AttributionFact))


def test_nothing_deployed_is_nobodys_fault() -> None:
    told = Told(incident("i1", 10))
    assert (told.incident().cause, told.incident().verdict) == ("none", "none")
    assert told.keys("attributions") == [("i1", "none"), ("i1", "rest"), ("i1", "unseen")]
    assert total(told) == pytest.approx(1, abs=1e-5)


def test_sooner_and_nearer_is_likelier() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 5, tag="v2"),
        deployed("web", 9.8, tag="w1"),
        deployed("api", 9.8, tag="v3"),
        incident("i1", 10),
    )
    assert probability(told, "api v3") > 10 * probability(told, "web w1")
    assert told.candidates() == ["api v3", "web w1", "api v2", "api v1"]
    assert told.incident().cause == "api v3"
    assert total(told) == pytest.approx(1, abs=1e-5)


def test_what_came_after_the_incident_is_no_candidate() -> None:
    told = Told(deployed("api", 1, tag="v1"), incident("i1", 10), deployed("api", 10.2, tag="v2"))
    assert told.candidates() == ["api v1"]


def test_a_stage_counts_from_its_start() -> None:
    from tests.worlds import staged

    told = Told(
        deployed("api", 1, tag="v1"),
        staged("api v2", 9.5, stage="canary", fraction=0.1),
        deployed("api", 11, tag="v2"),
        incident("i1", 10),
    )
    assert told.candidates() == ["api v2", "api v1"]


def test_a_dependency_comes_before_a_stranger() -> None:
    told = Told(
        declared("web", depends_on=["api"]),
        declared("api"),
        declared("mail"),
        deployed("mail", 9.7, tag="m1"),
        deployed("api", 9.7, tag="a1"),
        incident("i1", 10, service="web"),
    )
    assert told.candidates() == ["api a1", "mail m1"]
    assert told.candidate("api a1").factors["nearness"] == pytest.approx(-0.693)


def test_flags_and_configuration_are_candidates() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 9.7, tag="checkout", kind="flag", key="flag on"),
        deployed("api", 9.5, tag="limits", kind="configuration", key="limits up"),
        incident("i1", 10),
    )
    assert told.candidates() == ["flag on", "limits up", "api v1"]
    assert told.incident().cause == "flag on"


def test_rollbacks_and_failures_are_hardly_candidates() -> None:
    risk = Risk()
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 2, tag="v2"),
        deployed("api", 9, tag="v3", outcome="failure"),
        deployed("api", 9, tag="v1", key="back"),
        incident("i1", 10),
    )
    weight = {
        name: told.run.workspace.delivery.boards["production"].weight_of(
            told.run.workspace.delivery.groups[name]
        )
        for name in ("api v1", "api v3", "back")
    }
    assert weight == {"api v1": risk.unlinked, "api v3": risk.unlinked * risk.failed, "back": risk.rollback}


def test_another_environment_is_no_candidate() -> None:
    told = Told(
        deployed("api", 9.9, tag="v1", environment="staging"), incident("i1", 10, environment="production")
    )
    assert told.candidates() == []
    told = Told(deployed("api", 9.9, tag="v1", environment="stg"), incident("i1", 10, environment="staging"))
    assert told.candidates() == ["api v1"]


def test_an_incident_without_a_service_looks_at_everybody() -> None:
    told = Told(
        deployed("api", 9.5, tag="v1"), deployed("web", 9.8, tag="w1"), incident("i1", 10, service="")
    )
    assert told.candidates() == ["web w1", "api v1"]
    assert told.candidate("web w1").factors["nearness"] == told.candidate("api v1").factors["nearness"]


def test_the_twenty_likeliest_are_stored_and_the_rest_is_one_row() -> None:
    many = [deployed(f"s{number}", 9 + number / 100, tag=f"t{number}") for number in range(90)]
    told = Told(many, incident("i1", 10, service=""))
    assert len(told.candidates()) == CANDIDATES_MAX
    assert told.incident().candidates == 90
    assert told.candidate("rest").probability > 0
    assert total(told) == pytest.approx(1, abs=1e-5)
    assert sorted(row.rank for row in told.rows(AttributionFact) if row.rank) == list(range(1, 21))


def test_a_candidate_that_falls_out_is_deleted() -> None:
    many = [deployed(f"s{number}", 9, tag=f"t{number:02}") for number in range(20)]
    told = Told(many, incident("i1", 10, service=""))
    assert "s0 t00" in told.candidates()
    told.then([deployed(f"late{number}", 9.8, tag=f"l{number:02}") for number in range(20)])
    assert all(name.startswith("late") for name in told.candidates())


def test_the_words_of_a_verdict() -> None:
    base = deployed("api", 1, tag="v1")
    likely = Told(
        base,
        merged("api#1", 9),
        deployed("api", 9.9, tag="v2", changes=["acme/api#1"]),
        incident("i1", 10, mentions=["v2"]),
    )
    assert likely.incident().verdict == "likely"
    twins = Told(
        base,
        deployed("api", 9.9, tag="v2"),
        deployed("api", 9.9, tag="f", kind="flag", key="f"),
        incident("i1", 10, mentions=["v2", "f"]),
    )
    assert twins.incident().verdict == "undecided"
    assert Told(base, incident("i1", 10), judged("i1", 11, cause="unseen")).incident().verdict == "confirmed"


def test_a_share_of_a_change_goes_through_its_likeliest_deployment() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        merged("api#1", 8),
        packaged("api", "v2", 8.1, sha("api#1")),
        deployed("api", 9, tag="v2", changes=["acme/api#1"]),
        deployed("web", 9.5, tag="w2", changes=["acme/api#1"]),
        incident("i1", 10),
    )
    share = told.row(ChangeAttributionFact, "i1", "acme/api#1")
    assert share.deployment == "api v2"
    assert share.probability == pytest.approx(
        probability(told, "api v2") + probability(told, "web w2"), abs=2e-6
    )


def test_evidence_says_when_it_rests_on_defaults() -> None:
    assert Told(incident("i1", 10)).incident().basis == "defaults"
    week = 24 * 7
    told = Told(
        deployed("api", 1, tag="v1"), incident("i0", 2), judged("i0", 3, cause="v1"), incident("i1", week + 9)
    )
    assert told.incident().basis == "1 labels"
    assert told.incident("i0").labels == 0, "a label of its own week teaches nothing"


def test_parameters_must_fit_each_other() -> None:
    with pytest.raises(ValueError, match="none of intensity"):
        replace(PARAMETERS, model="guess")
    with pytest.raises(ValueError, match="window"):
        replace(PARAMETERS, window=PARAMETERS.horizon + 1)
