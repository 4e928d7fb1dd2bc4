"""Each piece of evidence: when it counts, when it does not, and what takes it away again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core import events as e
from pipeline.core.parameters import EvidenceWeights
from tests.runs import PARAMETERS
from tests.worlds import (
    Told,
    back,
    burning,
    corrected,
    declared,
    deployed,
    drifted,
    incident,
    judged,
    merged,
    resolved,
    sha,
    updated,
)

WEIGHTS = EvidenceWeights()
BLIND = replace(PARAMETERS, hindsight=False)
ONE, TWO = deployed("api", 1, tag="v1"), deployed("api", 9.5, tag="v2", changes=["acme/api#2"])
CHANGE = merged("api#2", 8, paths=["cart/total.py"])
INCIDENT = incident("i1", 10)
WORLD: list[e.Event] = [ONE, CHANGE, TWO, INCIDENT]
BACK = deployed("api", 10.5, tag="v1", key="back")


@pytest.mark.parametrize("reference", ["api v2", "v2", "acme/api#2", sha("api#2"), sha("api#2")[:8]])
def test_a_mention_counts_by_any_name(reference: str) -> None:
    told = Told(ONE, CHANGE, TWO, incident("i1", 10, mentions=[reference]))
    assert told.factors("api v2") == {"mentioned": WEIGHTS.mentioned}
    assert "mentioned" not in told.factors("api v1")


@pytest.mark.parametrize("reference", ["v", sha("api#2")[:6], "acme/api#22", "2"])
def test_a_text_that_means_something_else_does_not_count(reference: str) -> None:
    assert Told(ONE, CHANGE, TWO, incident("i1", 10, mentions=[reference])).factors("api v2") == {}


def test_a_mention_of_a_change_counts_once_its_deployment_is_linked() -> None:
    two = deployed("api", 9.5, tag="v2", sha=sha("api#2"))
    told = Told(ONE, two, incident("i1", 10, mentions=["acme/api#2"]))
    assert told.factors("api v2") == {}
    told.then(CHANGE)
    assert told.factors("api v2") == {"mentioned": WEIGHTS.mentioned}


def test_a_mention_of_another_service_counts_however_far_away() -> None:
    told = Told(ONE, deployed("web", 9, tag="w1"), incident("i1", 10, mentions=["w1"]))
    assert told.factors("web w1") == {"mentioned": WEIGHTS.mentioned}


def test_a_postmortem_names_the_cause() -> None:
    told = Told(*WORLD, updated("i1", 20, causes=["acme/api#2"]))
    assert told.factors("api v2") == {"postmortem": WEIGHTS.postmortem}
    assert told.incident().verdict == "likely"
    told.then(back(updated("i1", 20, causes=["acme/api#2"])))
    assert told.factors("api v2") == {}


def test_a_persons_word_decides() -> None:
    told = Told(*WORLD, judged("i1", 20, cause="v1"))
    assert (told.incident().verdict, told.incident().cause) == ("confirmed", "api v1")
    assert told.incident().basis == "a person's verdict"


@pytest.mark.parametrize("cause", ["none", "unseen"])
def test_a_person_may_say_that_no_candidate_it_was(cause: str) -> None:
    told = Told(*WORLD, judged("i1", 20, cause=cause))
    assert told.incident().cause_kind == cause
    assert told.factors(cause) == {"verdict": WEIGHTS.verdict}


def test_the_latest_word_holds() -> None:
    first = judged("i1", 20, cause="v1", verdict_key="a")
    second = judged("i1", 21, cause="v2", verdict_key="b")
    assert Told(*WORLD, second, first).incident().cause == "api v2"
    assert Told(*WORLD, second, first, back(second)).incident().cause == "api v1"


def test_a_deployment_to_ignore_is_set_aside() -> None:
    ignore = judged("i1", 20, "ignore", deployment="api v2")
    for told in (Told(*WORLD, ignore), Told(ignore, *WORLD)):
        assert told.candidates() == ["api v1"]
        assert told.deployment("api v2").ignored
        assert told.incident().excluded == {"set aside by a person": 1}
        told.then(back(ignore))
        assert told.candidates() == ["api v2", "api v1"]


def test_a_rollback_that_ends_the_symptoms_accuses() -> None:
    told = Told(*WORLD, BACK, resolved("i1", 10.6))
    assert told.factors("api v2") == {"rolled_back": WEIGHTS.rolled_back, "recovered": WEIGHTS.recovered}
    assert told.candidates()[0] == "api v2"
    assert told.incident().rollback_target == "v1"


def test_a_rollback_that_changes_nothing_exonerates_after_two_hours() -> None:
    told = Told(*WORLD, BACK)
    assert told.factors("api v2") == {"rolled_back": WEIGHTS.rolled_back}
    told.at(12.4)
    assert told.factors("api v2") == {"rolled_back": WEIGHTS.rolled_back}
    told.at(12.6)
    assert told.factors("api v2") == {"rollback_changed_nothing": WEIGHTS.rollback_changed_nothing}


def test_a_rollback_before_the_onset_excludes() -> None:
    told = Told(ONE, TWO, deployed("api", 9.6, tag="v1", key="back"), INCIDENT)
    assert "api v2" not in told.candidates()
    assert told.incident().excluded["undone before the onset"] == 1


def test_what_goes_out_again_and_stays_is_exonerated() -> None:
    told = Told(*WORLD, BACK, resolved("i1", 10.6), deployed("api", 20, tag="v2", key="again"))
    assert "reinstated" not in told.factors("api v2")
    told.at(43.9)
    assert "reinstated" not in told.factors("api v2")
    told.at(44)
    assert told.factors("api v2") == {"reinstated": WEIGHTS.reinstated}


def test_a_dependency_that_goes_out_again_is_exonerated_too() -> None:
    told = Told(
        declared("web", depends_on=["api"]),
        declared("api"),
        ONE,
        TWO,
        incident("i1", 10, service="web"),
        BACK,
        resolved("i1", 10.6),
        deployed("api", 30, tag="v2", key="again"),
    )
    assert "rolled_back" in told.factors("api v2")
    told.at(54)
    assert told.factors("api v2") == {"reinstated": WEIGHTS.reinstated}


def test_rollbacks_all_over_the_fleet_accuse_nobody() -> None:
    names = ["api", "web", "cart", "search", "mail"]
    told = Told(
        [deployed(name, 1, tag=f"{name}-1") for name in names],
        [deployed(name, 9, tag=f"{name}-2") for name in names],
        INCIDENT,
        [deployed(name, 10.5, tag=f"{name}-1", key=f"{name} back") for name in names[:4]],
    )
    assert told.factors("api api-2") == {"rolled_back": WEIGHTS.rolled_back}
    told.then(deployed("mail", 10.6, tag="mail-1", key="mail back"))
    assert told.factors("api api-2") == {"wave_of_rollbacks": 0.0}
    assert told.factors("none") == {"wave_of_rollbacks": WEIGHTS.wave_is_infrastructure}


def test_a_change_that_is_reverted_soon_after_is_accused() -> None:
    revert = merged("api#3", 11, reverts=["acme/api#2"])
    told = Told(*WORLD, revert)
    assert told.factors("api v2") == {"reverted": WEIGHTS.reverted}
    assert told.change("api#2").reverted_by == ["acme/api#3"]
    told.then(back(revert))
    assert told.factors("api v2") == {}
    assert told.change("api#2").reverted_by == []


@pytest.mark.parametrize("hours", [9.9, 16.1])
def test_a_revert_at_another_time_says_nothing(hours: float) -> None:
    assert Told(*WORLD, merged("api#3", hours, reverts=["acme/api#2"])).factors("api v2") == {}


def test_a_revert_that_names_the_commit_is_heard_when_the_change_comes_late() -> None:
    revert = merged("api#3", 11, reverts=[sha("api#2")])
    assert Told(ONE, TWO, INCIDENT, revert, CHANGE).factors("api v2") == {"reverted": WEIGHTS.reverted}


def test_a_burn_right_after_a_deployment_accuses_it() -> None:
    told = Told(*WORLD, *burning("api", 9.6))
    assert told.factors("api v2") == {"burn_after": WEIGHTS.burn_after}
    assert told.factors("api v1") == {}


def test_drift_after_a_deployment_speaks_for_it() -> None:
    told = Told(*WORLD, drifted("network", 9.6))
    assert told.factors("api v2") == {"drift": WEIGHTS.drift}
    told.then(corrected("network", 9.7))
    assert told.factors("api v2") == {"drift": WEIGHTS.drift}
    assert Told(*WORLD, drifted("network", 9.6, service="web")).factors("api v2") == {}


def test_the_same_symptoms_before_a_deployment_exonerate_it() -> None:
    told = Told(ONE, CHANGE, TWO, incident("i1", 10, title="Checkout fails"))
    told.then(incident("i0", 9, title="Checkout fails"))
    assert told.factors("api v2") == {"symptoms_before": WEIGHTS.symptoms_before}
    told.then(back(incident("i0", 9, title="Checkout fails")))
    assert told.factors("api v2") == {}


def test_the_component_that_an_incident_names_tells_its_candidates_apart() -> None:
    other = [
        merged("api#1", 0.5, paths=["mail/send.py"]),
        deployed("api", 9, tag="v1.5", changes=["acme/api#1"]),
    ]
    told = Told(*other, CHANGE, TWO, incident("i1", 10, component="cart"))
    assert told.factors("api v2")["component"] > 0 > told.factors("api v1.5")["component"]
    told.then(updated("i1", 11, component="mail"))
    assert told.factors("api v1.5")["component"] > 0 > told.factors("api v2")["component"]


def test_without_hindsight_only_what_was_known_at_the_opening_counts() -> None:
    later: list[e.Event] = [
        BACK,
        resolved("i1", 10.6),
        updated("i1", 20, causes=["v2"], mentions=["v2"]),
        merged("api#3", 11, reverts=["acme/api#2"]),
        judged("i1", 20, cause="v2"),
    ]
    told = Told(*WORLD, *later, parameters=BLIND)
    assert told.factors("api v2") == {}
    assert told.incident().verdict != "confirmed"
    assert set(Told(*WORLD, *later).factors("api v2")) == {
        "mentioned",
        "postmortem",
        "recovered",
        "reverted",
        "rolled_back",
        "verdict",
    }
    known = Told(ONE, CHANGE, TWO, incident("i1", 10, mentions=["v2"]), parameters=BLIND)
    assert known.factors("api v2") == {"mentioned": WEIGHTS.mentioned}
