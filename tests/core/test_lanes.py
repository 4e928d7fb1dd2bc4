"""The chain of deployments of one service: forward, redeployed, rolled back, reinstated, failed."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.worlds import Told, back, deployed, merged, sha

ONE, TWO, THREE = (deployed("api", number, tag=f"v{number}") for number in (1, 2, 3))
MERGES = [merged(f"api#{number}", number) for number in (1, 2, 3)]


def test_each_deployment_replaces_the_one_before() -> None:
    for events in permutations((ONE, TWO, THREE)):
        told = Told(*events)
        assert [told.deployment(f"api v{number}").transition for number in (1, 2, 3)] == [
            "baseline",
            "forward",
            "forward",
        ]
        assert told.deployment("api v1").replaced_at == TWO.time
        assert told.deployment("api v2").previous == "api v1"
        assert told.deployment("api v3").replaced_at is None


def test_a_tag_that_was_live_before_is_a_rollback_and_undoes_what_came_between() -> None:
    told = Told(ONE, TWO, THREE, deployed("api", 4, tag="v1", key="back"))
    assert told.deployment("back").transition == "rollback"
    assert told.deployment("back").rolls_back == "api v3"
    assert told.deployment("back").changes == 0


def test_an_older_position_on_the_branch_is_a_rollback_even_under_a_new_tag() -> None:
    told = Told(
        *MERGES,
        deployed("api", 3.5, tag="v3", sha=sha("api#3")),
        deployed("api", 4, tag="v2-hotfix", sha=sha("api#2")),
    )
    assert told.deployment("api v2-hotfix").transition == "rollback"
    assert told.deployment("api v2-hotfix").rolls_back == "api v3"


def test_the_same_position_under_a_new_tag_is_a_redeployment() -> None:
    told = Told(
        *MERGES,
        deployed("api", 3.5, tag="v3", sha=sha("api#3")),
        deployed("api", 4, tag="v3-rebuilt", sha=sha("api#3")),
    )
    assert told.deployment("api v3-rebuilt").transition == "redeploy"


def test_a_source_that_says_rollback_is_believed() -> None:
    told = Told(ONE, TWO, deployed("api", 3, tag="v0", key="back", rolled_back=True))
    assert told.deployment("back").transition == "rollback"
    assert told.deployment("back").rolls_back == "api v2"


def test_what_was_rolled_back_and_goes_out_again_is_reinstated() -> None:
    told = Told(ONE, TWO, deployed("api", 3, tag="v1", key="back"), deployed("api", 4, tag="v2", key="again"))
    assert told.deployment("again").transition == "reinstate"


@pytest.mark.parametrize("outcome", ["failure", "cancelled"])
def test_a_failed_deployment_replaces_nothing(outcome: str) -> None:
    told = Told(ONE, deployed("api", 2, tag="v2", outcome=outcome), THREE)
    assert told.deployment("api v2").transition == "failed"
    assert told.deployment("api v1").replaced_at == THREE.time
    assert told.deployment("api v3").previous == "api v1"


def test_a_tag_that_failed_was_never_live() -> None:
    told = Told(
        ONE, deployed("api", 2, tag="v2", outcome="failure"), THREE, deployed("api", 4, tag="v2", key="retry")
    )
    assert told.deployment("retry").transition == "forward"


def test_a_late_deployment_in_between_changes_its_neighbours_only() -> None:
    told = Told(ONE, THREE)
    assert told.deployment("api v3").previous == "api v1"
    told.then(TWO)
    assert told.deployment("api v3").previous == "api v2"
    told.then(back(TWO))
    assert told.deployment("api v3").previous == "api v1"
    assert told.deployment("api v1").replaced_at == THREE.time


def test_a_rollback_taken_back_undoes_nothing() -> None:
    rollback = deployed("api", 4, tag="v1", key="back")
    told = Told(ONE, TWO, THREE, rollback, back(rollback))
    assert told.keys("deployments") == ["api v1", "api v2", "api v3"]
    assert told.deployment("api v3").replaced_at is None


def test_environments_are_lanes_of_their_own() -> None:
    told = Told(ONE, deployed("api", 2, tag="v2", environment="staging"), THREE)
    assert told.deployment("api v3").previous == "api v1"


def test_a_version_from_beyond_the_horizon_is_a_new_baseline() -> None:
    told = Told(ONE, deployed("api", 24 * 70, tag="v2"))
    assert told.deployment("api v2").transition == "baseline"
