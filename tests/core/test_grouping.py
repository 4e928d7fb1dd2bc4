"""One deployment, whoever reports it."""

from __future__ import annotations

import pytest

from pipeline.core.grouping import normalise_environment
from tests.worlds import Told, back, deployed


def test_two_reporters_tell_one_deployment() -> None:
    told = Told(deployed("api", 1, tag="v1"), deployed("api", 1.5, tag="v1", source="gitops", key="sync-7"))
    assert told.keys("deployments") == ["api v1"]
    assert told.deployment("api v1").reporters == ["ci", "gitops"]


def test_the_second_reporter_completes_the_first() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 1.5, tag="v1", source="gitops", key="sync-7", repository="acme/api", sha="a" * 40),
    )
    assert (told.deployment("api v1").sha, told.deployment("api v1").repository) == ("a" * 40, "acme/api")


def test_a_slow_second_reporter_is_no_rollback() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 1.2, tag="v2"),
        deployed("api", 1.4, tag="v1", source="gitops", key="sync-1"),
        deployed("api", 1.6, tag="v2", source="gitops", key="sync-2"),
    )
    assert told.keys("deployments") == ["api v1", "api v2"]
    assert told.deployment("api v2").transition == "forward"


def test_a_reporter_later_than_an_hour_tells_another_deployment() -> None:
    told = Told(deployed("api", 1, tag="v1"), deployed("api", 2.5, tag="v1", source="gitops", key="sync-1"))
    assert told.keys("deployments") == ["api v1", "sync-1"]
    assert told.deployment("sync-1").transition == "redeploy"


def test_an_explicit_id_unites_at_any_distance() -> None:
    told = Told(
        deployed("api", 1, tag="v1", shared_id="run-1"),
        deployed("api", 9, tag="other", source="gitops", key="sync-1", shared_id="run-1"),
    )
    assert told.keys("deployments") == ["api v1"]


def test_different_explicit_ids_never_unite() -> None:
    told = Told(
        deployed("api", 1, tag="v1", shared_id="run-1"),
        deployed("api", 1.1, tag="v1", source="gitops", key="sync-1", shared_id="run-2"),
    )
    assert told.keys("deployments") == ["api v1", "sync-1"]


def test_the_same_tag_again_by_the_same_reporter_is_a_redeployment() -> None:
    told = Told(deployed("api", 1, tag="v1"), deployed("api", 1.2, tag="v1", key="again"))
    assert told.keys("deployments") == ["again", "api v1"]
    assert told.deployment("again").transition == "redeploy"


def test_a_failure_is_not_the_success_of_another_reporter() -> None:
    told = Told(
        deployed("api", 1, tag="v1", outcome="failure"),
        deployed("api", 1.2, tag="v1", source="gitops", key="s"),
    )
    assert told.keys("deployments") == ["api v1", "s"]


def test_a_report_taken_back_leaves_the_other_reporters() -> None:
    first, second = (
        deployed("api", 1, tag="v1"),
        deployed("api", 1.5, tag="v1", source="gitops", key="sync-7"),
    )
    told = Told(first, second, back(first))
    assert told.keys("deployments") == ["sync-7"]
    assert told.deployment("sync-7").reporters == ["gitops"]
    assert Told(first, second, back(second)).deployment("api v1").reporters == ["ci"]


def test_a_report_corrected_to_another_service_moves() -> None:
    first = deployed("api", 1, tag="v1", key="d1")
    told = Told(first, deployed("web", 1, tag="v1", key="d1", source_version=1))
    assert told.keys("deployments") == ["d1"]
    assert told.deployment("d1").service == "web"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("prod", "production"),
        ("PRD", "production"),
        ("Live", "production"),
        ("stg", "staging"),
        ("EU-1", "eu-1"),
    ],
)
def test_environments_are_normalised(name: str, ours: str) -> None:
    assert normalise_environment(name) == ours
    assert Told(deployed("api", 1, tag="v1", environment=name)).deployment("api v1").environment == ours


def test_reports_with_other_spellings_of_an_environment_are_one() -> None:
    told = Told(
        deployed("api", 1, tag="v1", environment="prod"),
        deployed("api", 1, tag="v1", environment="production", source="gitops", key="s"),
    )
    assert told.keys("deployments") == ["api v1"]


def test_a_flag_has_a_lane_of_its_own() -> None:
    told = Told(
        deployed("api", 1, tag="v1"),
        deployed("api", 2, tag="checkout", kind="flag", key="on"),
        deployed("api", 3, tag="v2"),
    )
    assert told.deployment("api v2").previous == "api v1"
    assert told.deployment("on").previous == ""
