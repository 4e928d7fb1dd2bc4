"""Reverts of every grammar, re-lands, and the incidents they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.events import ChangeMerged, IncidentDetected, IncidentResolved
from pipeline.sources.git.undoing import brings_back, cause_of, is_whole, quoted_title, references
from pipeline.sources.truths import Truth
from tests.sources.git.clones import Clone, at, of_type

REVERTS = frozenset({"reverts"})


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "api")
    made.commit("Start", 0, {"README": "a\n"})
    made.request(12, "cache", "Add cache", 2, {"app/cache.py": "1\n", "lib/x.py": "1\n2\n"})
    return made


def reverted(clone: Clone) -> tuple[list[str], list[Truth]]:
    """What the newest change reverts when told, and the truths when it is hidden."""
    newest = of_type(clone.read(), ChangeMerged)[-1]
    return newest.reverts, clone.read(incidents_from=REVERTS).truths


@pytest.mark.parametrize(
    ("message", "how"),
    [
        ('Revert "Add cache"\n\nThis reverts commit {side}.', "sha"),
        (
            'Revert "Merge request"\n\nThis reverts commit {merge}, reversing\nchanges made to {first}.',
            "sha",
        ),
        ("Back out the cache\n\nThis reverts commit {short}.", "sha"),
        ('Revert "Add cache" (#13)\n\nReverts acme/api#12', "number"),
        ('Revert "Add cache (#12)" (#13)', "number"),
        ("Revert #12, it broke the login", "number"),
        ('Revert "Add cache"', "title"),
        ("revert: add cache", "title"),
    ],
)
def test_every_grammar_leads_to_the_change(clone: Clone, message: str, how: str) -> None:
    merge, side = clone.git("rev-parse", "HEAD"), clone.git("rev-parse", "HEAD^2")
    first = clone.git("rev-parse", "HEAD^1")
    clone.commit(message.format(merge=merge, side=side, first=first, short=side[:8]), 5, {"app/cache.py": ""})
    told, truths = reverted(clone)
    assert told == ["acme/api#12"]
    assert [(truth.culprits, truth.how, truth.kind) for truth in truths] == [
        (["acme/api#12", merge], how, "revert")
    ]


def test_the_button_of_the_forge_names_the_number_in_the_branch(clone: Clone) -> None:
    clone.request(13, "revert-12-cache", "Undo", 5, {"app/cache.py": ""})
    told, truths = reverted(clone)
    assert told == ["acme/api#12"]
    assert [truth.how for truth in truths] == ["branch"]


def test_a_request_of_nothing_but_reverts_is_a_revert(clone: Clone) -> None:
    side = clone.git("rev-parse", "HEAD^2")
    message = f'Revert "Add cache"\n\nThis reverts commit {side}.'
    clone.request(13, "calm", "Calm the servers", 5, {"app/cache.py": ""}, message)
    assert reverted(clone)[0] == ["acme/api#12"]


def test_a_revert_among_other_commits_is_only_counted(clone: Clone) -> None:
    side = clone.git("rev-parse", "HEAD^2")
    clone.git("checkout", "--quiet", "-b", "feature")
    clone.commit(f'Revert "Add cache"\n\nThis reverts commit {side}.', 3, {"app/cache.py": ""})
    clone.commit("Something else", 4, {"b": "b"})
    clone.git("checkout", "--quiet", "main")
    clone.merge("feature", "Merge pull request #14 from acme/feature\n\nFeature", 5)
    assert reverted(clone) == ([], [])
    assert clone.read().report.counts["reverts_within_other_changes"] == 1


def test_a_revert_stands_for_an_incident_without_naming_the_culprit(clone: Clone) -> None:
    merge = clone.git("rev-parse", "HEAD")
    clone.request(
        13,
        "revert-12-cache",
        'Revert "Add cache"',
        5,
        {"app/cache.py": "", "lib/x.py": ""},
        "Revert cache: it broke",
    )
    undone = clone.git("rev-parse", "HEAD")
    history = clone.read(incidents_from=REVERTS)
    incident = "git/acme/api/revert/13"
    assert of_type(history, IncidentDetected) == [
        IncidentDetected(
            id="git acme/api/revert/13 detected",
            time=at(4),
            received_at=at(4),
            incident=incident,
            service="api",
            environment="production",
            title="Something was reverted",
            component="lib",
            source="git/acme/api",
            imported=True,
            source_version=0,
            parser_version=3,
            retracted=False,
            sequence=2,
        )
    ]
    assert of_type(history, IncidentResolved) == [
        IncidentResolved(
            id="git acme/api/revert/13 resolved",
            time=at(5),
            received_at=at(5),
            incident=incident,
            service="api",
            source="git/acme/api",
            imported=True,
            source_version=0,
            parser_version=3,
            retracted=False,
            sequence=2,
        )
    ]
    assert history.truths == [
        Truth(
            incident, ["acme/api#12", merge], "revert", "branch", "fault", reference_at=at(5), planned=False
        )
    ]
    change = of_type(history, ChangeMerged)[-1]
    assert (change.sha, change.title, change.reverts) == (undone, "Revert", [])
    assert [type(event).__name__ for event in history.events] == [
        "ChangeMerged",
        "ChangeMerged",
        "IncidentDetected",
        "ChangeMerged",
        "IncidentResolved",
    ]


def test_an_incident_ends_when_the_revert_is_deployed(clone: Clone) -> None:
    clone.tag("production-1", 3)
    clone.request(13, "revert-12-cache", 'Revert "Add cache"', 5, {"app/cache.py": ""})
    clone.tag("production-2", 6)
    (resolved,) = of_type(clone.read(incidents_from=REVERTS), IncidentResolved)
    assert resolved.time == at(6)


def test_a_revert_of_a_revert_is_a_reland_and_no_incident(clone: Clone) -> None:
    clone.request(13, "revert-12-cache", 'Revert "Add cache"', 5, {"app/cache.py": ""})
    clone.request(15, "revert-13-revert-12-cache", 'Revert "Revert "Add cache""', 7, {"app/cache.py": "1\n"})
    open_eyed, hidden = clone.read(), clone.read(incidents_from=REVERTS)
    assert [change.reverts for change in of_type(open_eyed, ChangeMerged)] == [
        [],
        [],
        ["acme/api#12"],
        ["acme/api#13"],
    ]
    assert [change.title for change in of_type(hidden, ChangeMerged)] == [
        "Start",
        "Add cache",
        "Revert",
        "Re-land",
    ]
    assert [change.reverts for change in of_type(hidden, ChangeMerged)] == [[], [], [], []]
    assert [truth.incident for truth in hidden.truths] == ["git/acme/api/revert/13"]
    assert open_eyed.report.counts["relands"] == 1
    # a second failure of the same change is an incident again, and the re-land is its culprit
    clone.request(16, "revert-15-again", 'Revert "Revert "Revert "Add cache"""', 9, {"app/cache.py": ""})
    assert clone.read(incidents_from=REVERTS).truths[-1].culprits[0] == "acme/api#15"


def test_a_revert_of_what_is_not_there_is_counted(clone: Clone) -> None:
    lost = "0123456789abcdef0123456789abcdef01234567"
    clone.commit(f'Revert "Never seen"\n\nThis reverts commit {lost}.', 5, {"app/cache.py": ""})
    history = clone.read()
    assert of_type(history, ChangeMerged)[-1].reverts == [lost]
    assert (history.report.counts["reverts"], history.report.counts["reverts_unresolved"]) == (1, 1)
    assert reverted(clone)[1] == []


def test_several_culprits_of_one_revert(clone: Clone) -> None:
    clone.request(13, "two", "Second", 4, {"b": "1"})
    one, two = clone.git("rev-parse", "HEAD~1^2"), clone.git("rev-parse", "HEAD^2")
    clone.commit(f"Revert both\n\nThis reverts commits {one} and {two}.", 6, {"b": ""})
    assert reverted(clone)[0] == ["acme/api#12", "acme/api#13"]


def test_a_number_of_another_repository_is_not_ours(clone: Clone) -> None:
    clone.commit("Revert the client\n\nReverts acme/client#12", 5, {"b": "1"})
    assert reverted(clone) == ([], [])


def test_what_the_grammar_reads() -> None:
    assert references("x", "This reverts commit ABCDEF1234.").shas == ("abcdef1234",)
    assert references("Revert 1234", "").shas == ()
    assert quoted_title('Revert "Revert "A""') == 'Revert "A"'
    assert quoted_title('Revert "A" [X-1]') == "A"
    assert quoted_title("Reverting to old habits") == ""
    titles = ('Revert "A"', 'Revert "Revert "A""', 'Reapply "A"', 'Revert "Reapply "A""')
    assert [brings_back(title) for title in titles] == [
        False,
        True,
        True,
        False,
    ]
    assert not is_whole("Feature (#3)", '* Revert "A"\n\nThis reverts commit abcdef1234.')
    assert is_whole("Calm down", "This reverts commit abcdef1234.")
    assert [cause_of(words) for words in ("It broke the login", "Hold off for now", 'Revert "Fix bugs"')] == [
        "fault",
        "planned",
        "unknown",
    ]
