"""Deployments from tags, and the rollbacks among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.events import DeploymentFinished, IncidentDetected, IncidentResolved
from pipeline.sources.git import History
from pipeline.sources.git.naming import NamedTime, date_in, local_offsets
from pipeline.sources.git.tags import family, rank_of
from pipeline.sources.truths import Truth
from tests.sources.git.clones import T0, Clone, at, of_type


def deployed(history: History) -> list[tuple[str, int, str]]:
    return [(one.tag, one.time, one.sha) for one in of_type(history, DeploymentFinished)]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "api")


def test_an_annotated_tag_has_its_own_time(clone: Clone) -> None:
    sha = clone.commit("Start", 0, {"a": "1"})
    clone.tag("prod-1", 3)
    history = clone.read()
    assert of_type(history, DeploymentFinished) == [
        DeploymentFinished(
            id="git acme/api/prod-1 finished",
            source="git/acme/api",
            time=at(3),
            received_at=at(3),
            imported=True,
            source_version=0,
            parser_version=3,
            retracted=False,
            sequence=0,
            deployment="git/acme/api/prod-1",
            service="api",
            environment="production",
            tag="prod-1",
            repository="acme/api",
            branch="main",
            sha=sha,
        )
    ]
    assert history.report.counts["deployments_from_tags"] == 1


def test_a_lightweight_tag_takes_the_date_in_its_name_else_the_commits(clone: Clone) -> None:
    sha = clone.commit("Start", 0, {"a": "1"})
    clone.tag("production-2024-05-01-14-30")
    clone.tag("production-7")
    clone.tag("production-2024-04-30-10-00")
    history = clone.read()
    assert deployed(history) == [
        ("production-2024-04-30-10-00", at(0), sha),
        ("production-7", at(0), sha),
        ("production-2024-05-01-14-30", at(2.5), sha),
    ]
    assert history.report.counts["tags_dated_before_their_commit"] == 1


def test_patterns_choose_tags_and_name_the_environment(clone: Clone) -> None:
    clone.commit("Start", 0, {"a": "1"})
    for name in ("prod-1", "qa-1", "qa-2", "other"):
        clone.tag(name, 1)
    found = of_type(clone.read(deploy_tags=("qa-*", "oth??"), environment="qa"), DeploymentFinished)
    assert [(one.tag, one.environment) for one in found] == [("other", "qa"), ("qa-1", "qa"), ("qa-2", "qa")]
    assert deployed(clone.read(deploy_tags=())) == []
    notes = clone.read(deploy_tags=("nope-*",)).report.notes
    assert any("no tag matches nope-*" in note and "2 like 'qa-#'" in note for note in notes)


def test_auto_takes_the_clearest_family_and_says_so(clone: Clone) -> None:
    clone.commit("Start", 0, {"a": "1"})
    clone.tag("v1.0.0", 1)
    clone.tag("v1.1.0-rc1", 1.5)
    clone.tag("production-1", 2)
    clone.tag("staging-2", 3)
    clone.tag("v1.1.0", 4)
    clone.tag("production-2", 5)
    clone.tag("v1.2.0", 6)
    history = clone.read()
    # versions outside the time of the production tags are from before or after the naming changed
    assert [tag for tag, _, _ in deployed(history)] == ["v1.0.0", "production-1", "production-2", "v1.2.0"]
    notes = "\n".join(history.report.notes)
    assert "2 like 'production-#'" in notes
    assert "left out 1 tags like 'staging-#'" in notes


@pytest.mark.parametrize(
    ("tag", "rank"),
    [
        ("production-2018-07-09-15-24", 1),
        ("deployed/20180112_105555", 2),
        ("release_1234", 3),
        ("v1.2.3", 4),
        ("123", 4),
        ("v1.2.3-rc1", None),
        ("staging-release-1", None),
        ("build-12", None),
        ("production", None),
    ],
)
def test_families_of_tags(tag: str, rank: int | None) -> None:
    assert rank_of(family(tag)) == rank


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ("production--2024-05-01--12-00-00", 0),
        ("deployed/20240501_130000", 3_600),
        ("prod-20240501", -43_200),
        ("deploy-1714564800", 0),
        ("v20.13.45", None),
        ("release-20249901", None),
    ],
)
def test_dates_in_names(tag: str, seconds: int | None) -> None:
    assert date_in(tag) == (None if seconds is None else T0 // 1_000_000 + seconds)


def test_a_tag_off_the_main_line_holds_the_newest_change_it_has(clone: Clone) -> None:
    first = clone.commit("Start", 0, {"a": "1"})
    second = clone.commit("Second", 1, {"a": "2"})
    clone.git("checkout", "--quiet", "-b", "release", first)
    clone.commit("Hotfix", 2, {"b": "1"})
    clone.tag("prod-1", 3)
    clone.merge(second, "Take the newest", 4)
    clone.tag("prod-2", 5)
    clone.git("checkout", "--quiet", "--orphan", "elsewhere")
    clone.commit("Unrelated", 5, {"c": "1"})
    clone.tag("prod-3", 6)
    clone.git("checkout", "--quiet", "main")
    history = clone.read()
    assert deployed(history) == [("prod-1", at(3), first), ("prod-2", at(5), second)]
    assert history.report.counts["tags_off_the_main_line"] == 2
    assert history.report.counts["tags_without_a_change"] == 1


def test_a_tag_inside_a_merged_branch_holds_what_was_below_it(clone: Clone) -> None:
    first = clone.commit("Start", 0, {"a": "1"})
    clone.git("checkout", "--quiet", "-b", "side")
    clone.commit("On the side", 1, {"b": "1"})
    clone.tag("prod-1", 2)
    clone.git("checkout", "--quiet", "main")
    clone.merge("side", "Merge pull request #3 from acme/side\n\nSide", 3)
    assert deployed(clone.read()) == [("prod-1", at(2), first)]


def test_a_tag_of_a_tree_or_a_blob_is_left_out(clone: Clone) -> None:
    clone.commit("Start", 0, {"a": "1"})
    clone.tag("prod-1", 1, "HEAD^{tree}")
    clone.tag("prod-2", None, "HEAD:a")
    clone.tag("prod-3", 2)
    clone.tag("prod-4", 3, "prod-3")
    history = clone.read()
    assert [tag for tag, _, _ in deployed(history)] == ["prod-3", "prod-4"]
    assert history.report.counts["tags_of_no_commit"] == 2


def test_two_deployments_at_one_instant_follow_the_main_line(clone: Clone) -> None:
    first = clone.commit("Start", 0, {"a": "1"})
    second = clone.commit("Second", 1, {"a": "2"})
    clone.tag("prod-b", 2, first)
    clone.tag("prod-a", 2, second)
    clone.tag("prod-0", 2, second)
    found = deployed(clone.read(deploy_tags=("prod-*",)))
    assert [tag for tag, _, _ in found] == ["prod-b", "prod-0", "prod-a"]


def test_a_rollback_stands_for_an_incident_and_its_truth_is_what_was_skipped(clone: Clone) -> None:
    good = clone.commit("Start", 0, {"a": "1"})
    bad = [clone.commit("Bad (#5)", 1, {"a": "2"}), clone.commit("Also", 2, {"a": "3"})]
    clone.tag("prod-1", 0.5, good)
    clone.tag("prod-2", 3, bad[1])
    clone.tag("prod-3", 4, good)
    clone.tag("prod-4", 5, bad[1])
    history = clone.read(incidents_from=frozenset({"rollbacks"}))
    incident = "git/acme/api/prod-3/rollback"
    assert [(one.incident, one.time) for one in of_type(history, IncidentDetected)] == [(incident, at(4) - 1)]
    assert [(one.incident, one.time) for one in of_type(history, IncidentResolved)] == [(incident, at(4))]
    assert history.truths == [
        Truth(
            incident,
            ["acme/api#5", bad[0], f"acme/api@{bad[1]}", bad[1]],
            "rollback",
            "rollback",
            "unknown",
            reference_at=at(4),
        )
    ]


def test_names_in_local_time_are_corrected_where_they_contradict_their_commits() -> None:
    # New York: five hours behind; every third deployment follows its commit within the hour
    hour = 3_600
    moments = [NamedTime(1_700_000_001 + n * hour, 1_700_000_001 + n * hour) for n in range(0, 240, 8)]
    behind = [
        NamedTime(one.named - 5 * hour, one.earliest - (n % 3) * hour)
        for n, one in enumerate(moments)
        if one.named
    ]
    assert local_offsets(behind) == [5 * hour] * len(behind)
    assert local_offsets(moments) == [0] * len(moments)
    # one stray tag says nothing about a zone, and a bare date has no time of day
    assert local_offsets([*moments, NamedTime(1_700_000_001, 1_700_000_001 + 9 * hour)])[-1] == 0
    assert local_offsets([NamedTime(1_699_920_000, 1_699_950_000)] * 30) == [0] * 30


def test_a_revert_by_number_means_the_last_request_of_that_number(clone: Clone) -> None:
    clone.commit("Old (#5)", 0, {"a": "1"})
    newer = clone.commit("New (#5)", 1, {"a": "2"})
    clone.commit("Revert #5", 2, {"a": "1"})
    (truth,) = clone.read(incidents_from=frozenset({"reverts"})).truths
    assert truth.culprits == [f"acme/api@{newer}", newer]
