"""Which changes a deployment brought: every rule, in the order of its events and in others."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.core import events as e
from tests.runs import Run, differences, oracle
from tests.worlds import Told, back, declared, deployed, merged, packaged, sha

MERGES = [merged("api#1", 1), merged("api#2", 2), merged("api#3", 3)]
BASE = deployed("api", 1.5, tag="v1", sha=sha("api#1"))


def test_the_first_deployment_is_a_baseline() -> None:
    told = Told(*MERGES, BASE)
    assert told.deployment("api v1").link_rule == "baseline"
    assert told.brought("api v1") == []


def test_an_explicit_list_comes_first() -> None:
    told = Told(*MERGES, BASE, deployed("api", 4, tag="v2", sha=sha("api#3"), changes=["acme/api#2"]))
    assert told.deployment("api v2").link_rule == "explicit"
    assert told.brought("api v2") == ["api#2"]


def test_an_explicit_list_makes_even_the_first_deployment_bring_changes() -> None:
    told = Told(*MERGES, deployed("api", 4, tag="v2", changes=["acme/api#2", "acme/api#9"]))
    assert told.brought("api v2") == ["api#2"], "a change that nobody told of can't be linked"


def test_a_list_of_commits() -> None:
    told = Told(*MERGES, BASE, deployed("api", 4, tag="v2", commits=[sha("api#2"), sha("unknown")]))
    assert told.deployment("api v2").link_rule == "commits"
    assert told.brought("api v2") == ["api#2"]


def test_a_compare_range_excludes_its_lower_end() -> None:
    two = deployed("api", 4, tag="v2", sha=sha("api#3"), previous_sha=sha("api#2"))
    told = Told(*MERGES, BASE, two)
    assert told.deployment("api v2").link_rule == "compare"
    assert told.brought("api v2") == ["api#3"]


def test_a_compare_range_works_on_a_first_deployment() -> None:
    told = Told(*MERGES, deployed("api", 4, tag="v2", sha=sha("api#3"), previous_sha=sha("api#1")))
    assert told.brought("api v2") == ["api#2", "api#3"]


def test_a_commit_brings_what_was_merged_since_the_previous_deployment() -> None:
    told = Told(*MERGES, BASE, deployed("api", 4, tag="v2", sha=sha("api#2")))
    assert told.deployment("api v2").link_rule == "branch"
    assert told.brought("api v2") == ["api#2"]


TWO = deployed("api", 4, tag="v2")


@pytest.mark.parametrize("late", range(3))
def test_a_tag_leads_to_an_artifact_and_its_commit_in_either_order_of_arrival(late: int) -> None:
    events: list[e.Event] = [packaged("api", "v2", 3.5, sha("api#3")), TWO, MERGES[2]]
    rest = [event for number, event in enumerate(events) if number != late]
    told = Told(MERGES[0], MERGES[1], BASE, *rest, events[late])
    assert told.deployment("api v2").link_rule == "artifact"
    assert told.deployment("api v2").sha == sha("api#3")
    assert told.brought("api v2") == ["api#2", "api#3"]


def test_a_tag_of_another_service_is_not_this_ones() -> None:
    other = packaged("web", "v2", 3.5, sha("api#3"))
    mine = packaged("api", "v2", 3.6, sha("api#2"))
    told = Told(*MERGES, BASE, other, mine, TWO)
    assert told.deployment("api v2").sha == sha("api#2")


def test_a_tag_built_again_means_the_build_before_the_deployment() -> None:
    told = Told(
        *MERGES,
        BASE,
        packaged("api", "v2", 3.5, sha("api#2"), artifact="pkg:oci/api@v2?1"),
        packaged("api", "v2", 9, sha("api#3"), artifact="pkg:oci/api@v2?2"),
        TWO,
    )
    assert told.deployment("api v2").sha == sha("api#2")


def test_without_a_commit_the_time_decides() -> None:
    told = Told(*MERGES, BASE, deployed("api", 2.5, tag="v2", repository="acme/api"))
    assert told.deployment("api v2").link_rule == "time"
    assert told.brought("api v2") == ["api#2"]


def test_a_tag_that_names_no_commit_is_unlinked_and_heals() -> None:
    told = Told(MERGES[0], BASE, deployed("api", 4, tag="v2", sha=sha("api#3")))
    assert told.deployment("api v2").link_rule == "unlinked"
    told.then(MERGES[2])
    assert told.deployment("api v2").link_rule == "branch"
    assert told.brought("api v2") == ["api#3"]
    told.then(MERGES[1])
    assert told.brought("api v2") == ["api#2", "api#3"]
    told.then(back(MERGES[2]))
    assert told.deployment("api v2").link_rule == "unlinked"
    assert told.brought("api v2") == []


def test_a_change_merged_on_another_branch_stays_there() -> None:
    other = merged("api#9", 2.5, branch="release")
    told = Told(*MERGES, other, BASE, deployed("api", 4, tag="v2", sha=sha("api#3")))
    assert told.brought("api v2") == ["api#2", "api#3"]


def test_a_squashed_change_is_known_by_the_commits_it_held() -> None:
    squashed = merged("api#4", 5, commits=["a" * 40, "b" * 40])
    told = Told(*MERGES, squashed, BASE, deployed("api", 6, tag="v2", commits=["a" * 40]))
    assert told.brought("api v2") == ["api#4"]


def test_a_commit_that_two_changes_hold_belongs_to_the_one_merged_as_it() -> None:
    stacked = merged("api#4", 5, commits=[sha("api#2")])
    told = Told(*MERGES, stacked, BASE, deployed("api", 6, tag="v2", sha=sha("api#2")))
    assert told.brought("api v2") == ["api#2"]


def test_a_service_in_a_monorepo_brings_what_touches_its_paths() -> None:
    told = Told(
        declared("web", repositories=["acme/shop"], paths=["apps/web/"]),
        merged("shop#1", 1, paths=["apps/web/x.py"]),
        deployed("web", 1.5, tag="v1", sha=sha("shop#1")),
        merged("shop#2", 2, paths=["apps/billing/y.py"]),
        merged("shop#3", 3, paths=["apps/website/y.py"]),
        merged("shop#4", 4, paths=["apps/web/y.py", "docs/a.md"]),
        merged("shop#5", 5, paths=["apps"]),
        merged("shop#6", 6),
        deployed("web", 7, tag="v2", sha=sha("shop#6")),
    )
    assert told.brought("web v2") == ["shop#4", "shop#5", "shop#6"], "cut-off and unknown paths may touch it"


def test_a_late_declaration_of_paths_links_again() -> None:
    told = Told(
        merged("shop#1", 1, paths=["web/x.py"]),
        deployed("web", 1.5, tag="v1", sha=sha("shop#1")),
        merged("shop#2", 2, paths=["billing/y.py"]),
        merged("shop#3", 3, paths=["web/y.py"]),
        deployed("web", 7, tag="v2", sha=sha("shop#3")),
    )
    assert told.brought("web v2") == ["shop#2", "shop#3"]
    told.then(declared("web", 8, repositories=["acme/shop"], paths=["web"]))
    assert told.brought("web v2") == ["shop#3"]


def test_a_failed_deployment_leaves_its_changes_to_the_next() -> None:
    told = Told(
        *MERGES,
        BASE,
        deployed("api", 4, tag="v2", sha=sha("api#2"), outcome="failure"),
        deployed("api", 5, tag="v3", sha=sha("api#3")),
    )
    assert told.deployment("api v2").transition == "failed"
    assert told.deployment("api v3").previous == "api v1"
    assert told.brought("api v3") == ["api#2", "api#3"]


def test_two_deployments_at_one_instant_share_the_changes_out() -> None:
    two = deployed("api", 4, tag="v2", sha=sha("api#2"))
    three = deployed("api", 4, tag="v3", sha=sha("api#3"))
    for events in ([two, three], [three, two]):
        told = Told(*MERGES, BASE, *events)
        assert (told.brought("api v2"), told.brought("api v3")) == (["api#2"], ["api#3"])


def test_a_report_that_is_taken_back_leaves_the_names_of_another_one_of_the_same_instant() -> None:
    commit = sha("shop#1")
    told = {"sha": commit, "previous_sha": commit, "repository": "acme/shop", "branch": "main"}
    first = deployed("web", 3, key="web by ci", **told)
    other = deployed("web", 3, key="web by gitops", source="gitops", **told)
    change = msgspec.structs.replace(merged("shop#1", 1), sha=commit)
    for taken_back in (back(first), msgspec.structs.replace(first, sha="", source_version=1)):
        run = Run()
        for event in (first, other, taken_back, change):
            run.take([event])
        assert differences(run.live, oracle([first, other, taken_back, change])) == []
