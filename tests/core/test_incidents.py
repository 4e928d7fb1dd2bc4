"""What is one incident, when its symptoms began, and how its verdict ripens."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from pipeline.core.parameters import DAY
from tests.runs import PARAMETERS
from tests.worlds import (
    Told,
    at,
    back,
    burning,
    declared,
    deployed,
    incident,
    judged,
    merged,
    resolved,
    updated,
)

DEPLOYED = [deployed("api", 0, tag="v1"), deployed("api", 9.9, tag="v2")]


def test_one_deduplication_key_is_one_incident() -> None:
    one, two = (
        incident("i1", 1, deduplication_key="checkout"),
        incident("i2", 2, deduplication_key="checkout"),
    )
    for events in permutations((one, two)):
        told = Told(*events)
        assert told.keys("incidents") == ["i1"]
        assert told.incident().members == ["i1", "i2"]
        told.then(back(one))
        assert told.keys("incidents") == ["i2"]


def test_a_deduplication_key_is_used_again_one_day() -> None:
    told = Told(
        incident("i1", 1, deduplication_key="checkout"), incident("i2", 26, deduplication_key="checkout")
    )
    assert told.keys("incidents") == ["i1", "i2"]


def test_a_chain_of_duplicates_falls_apart_when_its_link_is_taken_back() -> None:
    chain = [incident(f"i{number}", 20 * number, deduplication_key="checkout") for number in (1, 2, 3)]
    told = Told(*chain)
    assert told.incident().members == ["i1", "i2", "i3"]
    told.then(back(chain[1]))
    assert told.keys("incidents") == ["i1", "i3"]


def test_a_ticket_unites_at_any_distance() -> None:
    told = Told(incident("i1", 1), incident("i2", 24 * 10, ticket="OPS-1"), updated("i1", 30, ticket="OPS-1"))
    assert told.keys("incidents") == ["i1"]
    told.then(back(updated("i1", 30, ticket="OPS-1")))
    assert told.keys("incidents") == ["i1", "i2"]


def test_a_person_merges_and_splits_again() -> None:
    merge = judged("i1", 3, "merge", other_incident="i2")
    for events in permutations((incident("i1", 1), incident("i2", 2, service="web"), merge)):
        told = Told(*events)
        assert told.incident().members == ["i1", "i2"]
        assert {key[0] for key in told.keys("attributions")} == {"i1"}
        told.then(back(merge))
        assert told.keys("incidents") == ["i1", "i2"]


def test_the_worst_severity_and_the_last_resolution_hold() -> None:
    told = Told(
        incident("i1", 1, severity="minor", ticket="T"),
        incident("i2", 2, severity="critical", ticket="T"),
        resolved("i1", 3),
    )
    assert told.incident().severity == "critical"
    assert told.incident().resolved_at is None
    told.then(resolved("i2", 4))
    assert told.incident().resolved_at == at(4)
    told.then(updated("i2", 5, status="reopened"))
    assert told.incident().resolved_at is None


def test_an_update_without_a_detection_is_no_incident_yet() -> None:
    told = Told(updated("i1", 2, service="web"))
    assert told.keys("incidents") == []
    told.then(incident("i1", 1))
    assert told.incident().service == "web"


# -- onset -------------------------------------------------------------------------------------------


def test_a_person_knows_the_onset_best() -> None:
    told = Told(
        *burning("api", 9.5),
        incident("i1", 10, onset_at=at(9), onset_earliest_at=at(8)),
        judged("i1", 12, "onset", onset_at=at(7)),
    )
    assert (told.incident().onset_source, told.incident().onset_at) == ("verdict", at(7))
    told.then(back(judged("i1", 12, "onset", onset_at=at(7))))
    assert (told.incident().onset_source, told.incident().onset_at) == ("event", at(9))


def test_a_burn_tells_the_onset() -> None:
    told = Told(incident("i1", 10, onset_earliest_at=at(8)), *burning("api", 9.5), *burning("web", 9.2))
    assert (told.incident().onset_source, told.incident().onset_at) == ("burn", at(9.5))


def test_an_alert_bounds_the_onset() -> None:
    told = Told(incident("i1", 10, onset_earliest_at=at(8)))
    assert (told.incident().onset_source, told.incident().onset_at) == ("alert window", at(9))
    assert told.incident().onset_uncertainty_seconds == pytest.approx(7200 / 12**0.5, abs=0.1)


def test_monitors_notice_sooner_than_people() -> None:
    monitor, person = Told(incident("i1", 10)), Told(incident("i1", 10, source="jira"))
    assert monitor.incident().onset_source == "usual delay"
    assert person.incident().onset_source == "usual delay of people"
    assert person.incident().onset_at < monitor.incident().onset_at < at(10)


def test_a_service_that_notices_late_is_known_for_it_after_closed_weeks() -> None:
    week = 24 * 7
    told = Told(
        [incident(f"past {number}", 10 + 20 * number, onset_at=at(9 + 20 * number)) for number in range(5)],
        incident("same week", 160),
        incident("next week", week + 10),
    )
    assert told.incident("same week").onset_source == "usual delay"
    learned = told.incident("next week")
    assert learned.onset_source == "learned delay"
    assert (learned.opened_at - learned.onset_at) / 3.6e9 == pytest.approx(1, rel=0.1)


# -- states ------------------------------------------------------------------------------------------


def test_a_verdict_is_provisional_then_final_then_revised() -> None:
    told = Told(*DEPLOYED, incident("i1", 10))
    assert told.incident().state == "provisional"
    assert told.incident().final_at == at(10 + 72)
    assert told.at(10 + 71.9).incident().state == "provisional"
    assert told.at(10 + 72).incident().state == "final"
    told.then(judged("i1", 11, cause="unseen", received=100))
    assert told.incident().state == "revised"
    assert told.incident().cause_kind == "unseen"


def test_a_final_verdict_is_written_once() -> None:
    told = Told(*DEPLOYED, incident("i1", 10)).at(200)
    # weeks end, and are counted; of incidents nothing more is said
    later = {table for table, _, _ in told.run.until(at(24 * 60)).tables()}
    assert later <= {"weekly_counts"}


def test_a_late_deployment_revises_a_final_verdict() -> None:
    told = Told(DEPLOYED[0], incident("i1", 10)).at(100)
    assert told.incident().state == "final"
    told.then(deployed("api", 9.9, tag="v2", received=110))
    assert told.candidates() == ["api v2", "api v1"]
    assert told.incident().state == "revised"


def test_a_source_that_fell_silent_is_named() -> None:
    often = [deployed("api", 2 * number, tag=f"v{number}") for number in range(60)]
    quiet = Told(often, incident("i1", 180))
    assert quiet.incident().silent_sources == ["ci"]
    assert "silent_source" in quiet.factors("unseen")
    busy = Told(often, deployed("web", 179, tag="w1"), incident("i1", 180))
    assert busy.incident().silent_sources == []


def test_an_incident_by_another_name_is_the_services() -> None:
    told = Told(*DEPLOYED, incident("i1", 10, service="api-prod"))
    far = told.candidate("api v2").probability
    told.then(declared("api", 11, aliases=["api-prod"]))
    assert told.incident().service == "api"
    assert told.candidate("api v2").probability > far


def test_the_window_bounds_the_candidates() -> None:
    told = Told(deployed("api", 0, tag="v1"), deployed("api", 24 * 2, tag="v2"), incident("i1", 24 * 15))
    assert told.candidates() == ["api v2"]
    wide = replace(PARAMETERS, window=20 * DAY)
    assert Told(*DEPLOYED, incident("i1", 24 * 15), parameters=wide).incident().candidates == 2


def test_shares_of_changes_sum_to_the_share_of_their_deployment() -> None:
    told = Told(
        *DEPLOYED[:1],
        merged("api#1", 1, additions=1, deletions=0),
        merged("api#2", 2, additions=900, deletions=0),
        deployed("api", 9.9, tag="v2", changes=["acme/api#1", "acme/api#2"]),
        incident("i1", 10),
    )
    from pipeline.core.facts import ChangeAttributionFact

    shares = {row.change: row for row in told.rows(ChangeAttributionFact)}
    assert sum(row.probability for row in shares.values()) == pytest.approx(
        told.candidate("api v2").probability, abs=1e-5
    )
    assert shares["acme/api#2"].rank == 1
    assert shares["acme/api#2"].probability > shares["acme/api#1"].probability
