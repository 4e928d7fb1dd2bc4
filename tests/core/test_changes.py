"""What the events of a change say together, and how risky that makes it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given

from pipeline.core.changes import summarise
from pipeline.core.entities import Entity
from pipeline.core.events import ChangeMerged
from pipeline.core.parameters import Risk
from pipeline.core.risk import only_documentation, risk_of
from tests.strategies import wild_events
from tests.worlds import (
    Told,
    abandoned,
    asked,
    at,
    back,
    checked,
    commented,
    deployed,
    merged,
    opened,
    queued,
    reviewed,
    sha,
)

RISK = Risk()
ME, OTHER, THIRD = "p:1", "p:2", "p:3"


def risk(**fields: object) -> float:
    entity = Entity("acme/api#1")
    entity.put(merged("api#1", 1, **fields))
    return risk_of(summarise(entity), 0, RISK)


def test_a_life_from_opening_to_production() -> None:
    told = Told(
        opened("api#1", 1, author=ME, title="Old", head_sha="f" * 40),
        reviewed("api#1", 2, OTHER, "changes_requested"),
        reviewed("api#1", 3, OTHER, "approved"),
        reviewed("api#1", 3.5, ME, "approved"),
        reviewed("api#1", 3.6, THIRD, "approved", bot=True),
        checked("acme/api", "f" * 40, 2, "failure"),
        checked("acme/api", "f" * 40, 2.5, "success", attempt=2),
        merged("api#1", 4, title="New", additions=10),
        deployed("api", 5, tag="v1", changes=["acme/api#1"]),
    )
    change = told.change("api#1")
    assert (change.state, change.title, change.opened_at, change.merged_at) == ("merged", "New", at(1), at(4))
    assert (change.reviews, change.approvals, change.change_requests) == (2, 1, 1)
    assert (change.first_review_at, change.approved_at) == (at(2), at(3))
    assert (change.checks, change.failed_checks) == (1, 0)
    assert (change.deployment, change.deployed_at) == ("api v1", at(5))


def test_an_absent_field_never_wins() -> None:
    told = Told(opened("api#1", 1, title="Title", author=ME), merged("api#1", 2))
    assert (told.change("api#1").title, told.change("api#1").author) == ("Title", ME)


def test_what_a_change_says_about_itself_is_kept() -> None:
    told = Told(opened("api#1", 1, emergency="hotfix", incidents=["INC-12"], sections=["impact"]))
    told.then(merged("api#1", 2))
    change = told.change("api#1")
    assert (change.emergency, change.incidents, change.sections) == ("hotfix", ["INC-12"], ["impact"])
    told.then(merged("api#1", 2, sections=["impact", "runbook"], source_version=1))
    assert told.change("api#1").sections == ["impact", "runbook"]
    alone = Told(merged("api#2", 2, emergency="hotfix", incidents=["INC-12"], sections=["impact"]))
    change = alone.change("api#2")
    assert (change.emergency, change.incidents, change.sections) == ("hotfix", ["INC-12"], ["impact"])


def test_what_is_said_around_a_change_is_listed_and_changes_nothing_else() -> None:
    life = [opened("api#1", 1, title="Title"), merged("api#1", 4)]
    around = [asked("api#1", 2, OTHER), commented("api#1", 5, OTHER), queued("api#1", 3, "entered")]
    quiet, told = Told(*life).change("api#1"), Told(*around, *life).change("api#1")
    assert told.events == [event.id for event in (life[0], around[0], around[2], life[1], around[1])]
    assert told.updated_at == at(5)
    assert msgspec.structs.replace(told, events=quiet.events, updated_at=quiet.updated_at) == quiet


@given(wild_events("change_merged"))
def test_a_merge_alone_says_what_it_says_beside_others(event: ChangeMerged) -> None:
    alone, beside = Entity(event.change), Entity(event.change)
    for entity in (alone, beside):
        entity.put(event)
    # a bot's review is no review: it adds its name and its time, and nothing else
    beside.put(msgspec.structs.replace(reviewed("api#1", 0, THIRD, "commented", bot=True), repository=""))
    found = summarise(beside)
    found.events = [name for name in found.events if name == event.id]
    if event.retracted:
        assert not found.events
        return
    assert found.discussed
    found.updated_at, found.discussed = event.time, False
    assert summarise(alone) == found


def test_a_dismissed_approval_does_not_stand() -> None:
    told = Told(
        opened("api#1", 1), reviewed("api#1", 2, OTHER, "approved"), reviewed("api#1", 3, OTHER, "dismissed")
    )
    assert (told.change("api#1").approvals, told.change("api#1").approved_at) == (0, None)


def test_an_abandoned_change_opens_again() -> None:
    told = Told(opened("api#1", 1), abandoned("api#1", 2))
    assert (told.change("api#1").state, told.change("api#1").closed_at) == ("abandoned", at(2))
    told.then(merged("api#1", 3))
    assert (told.change("api#1").state, told.change("api#1").closed_at) == ("merged", at(3))


def test_the_first_production_deployment_counts() -> None:
    told = Told(
        merged("api#1", 1),
        deployed("api", 2, tag="v1", environment="staging", changes=["acme/api#1"]),
        deployed("api", 3, tag="f", outcome="failure", changes=["acme/api#1"]),
        deployed("api", 5, tag="v3", changes=["acme/api#1"]),
    )
    assert told.change("api#1").deployment == "api v3"
    told.then(deployed("api", 4, tag="v2", changes=["acme/api#1"]))
    assert told.change("api#1").deployment == "api v2"
    told.then(back(deployed("api", 4, tag="v2", changes=["acme/api#1"])))
    assert told.change("api#1").deployment == "api v3"


def test_a_merge_corrected_to_another_branch_moves_the_change() -> None:
    told = Told(
        merged("api#1", 1),
        deployed("api", 1.5, tag="v1", sha=sha("api#1")),
        merged("api#2", 2),
        merged("api#3", 3),
        deployed("api", 4, tag="v2", sha=sha("api#3")),
    )
    assert told.brought("api v2") == ["api#2", "api#3"]
    told.then(merged("api#2", 2, branch="release", source_version=1))
    assert told.brought("api v2") == ["api#3"]


def test_times_of_what_lost_take_no_part() -> None:
    told = Told(merged("api#1", 9, retracted=True), merged("api#1", 2, source_version=1))
    assert told.change("api#1").updated_at == at(2)


@pytest.mark.parametrize(
    ("fields", "factor"),
    [
        ({}, 1.0),
        ({"additions": 0}, RISK.size_factor_min),
        ({"additions": 100_000}, RISK.size_factor_max),
        ({"labels": ["bot"]}, RISK.bot),
        ({"paths": ["docs/a.txt", "README.md"]}, RISK.documentation),
        ({"paths": ["docs/a.txt", "app.py"]}, 1.0),
    ],
)
def test_what_makes_a_change_risky(fields: dict[str, object], factor: float) -> None:
    assert risk(**fields) == pytest.approx(RISK.per_change * factor)


def test_reviews_without_an_approval_and_failed_checks_count() -> None:
    told = Told(merged("api#1", 4), reviewed("api#1", 3, OTHER, "commented"))
    assert told.change("api#1").risk == pytest.approx(RISK.per_change * RISK.unreviewed)
    told.then(reviewed("api#1", 3.5, OTHER, "approved"), checked("acme/api", sha("api#1"), 2, "failure"))
    assert told.change("api#1").risk == pytest.approx(RISK.per_change * RISK.failed_check)


def test_a_check_that_fails_late_makes_its_deployment_riskier() -> None:
    told = Told(merged("api#1", 1), deployed("api", 2, tag="v1", changes=["acme/api#1"]))
    before = told.deployment("api v1").risk
    told.then(checked("acme/api", sha("api#1"), 1.5, "failure"))
    assert told.deployment("api v1").risk == pytest.approx(before * RISK.failed_check)


def test_what_is_documentation() -> None:
    assert only_documentation(["docs/x.py"])
    assert only_documentation(["a/b.md"])
    assert not only_documentation(["src/docs.py"])


def test_a_run_of_jobs_counts_only_where_its_jobs_are_not_told() -> None:
    run = checked("acme/api", sha("api#1"), 2, "failure", name="CI", kind="workflow")
    job = checked("acme/api", sha("api#1"), 2, "failure", name="unit")
    told = Told(merged("api#1", 1), run)
    assert (told.change("api#1").checks, told.change("api#1").failed_checks) == (1, 1)
    told.then(job)
    assert (told.change("api#1").checks, told.change("api#1").failed_checks) == (1, 1)


@pytest.mark.parametrize("first", ["git/acme/api", "github/acme/api"])
def test_the_forge_knows_better_than_a_clone_who_and_what(first: str) -> None:
    second = "github/acme/api" if first.startswith("git/") else "git/acme/api"
    by_source = {
        "git/acme/api": {
            "author": "p:git",
            "title": "Merge",
            "additions": 1,
            "paths": ["a.py"],
            "sequence": 7,
        },
        "github/acme/api": {"author": ME, "title": "A change", "additions": 10},
    }
    told = Told(reviewed("api#1", 1, ME, "approved"), reviewed("api#1", 1.5, OTHER, "approved"))
    for source in (first, second):
        told_by = msgspec.structs.replace(
            merged("api#1", 2, **by_source[source]), source=source, id=f"{source} merged"
        )
        told.then(told_by)
    change = told.change("api#1")
    assert (change.author, change.title, change.additions, change.paths) == (ME, "A change", 10, ["a.py"])
    assert (change.reviews, change.approvals) == (1, 1), "the author's own approval is none"
