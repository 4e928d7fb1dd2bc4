"""What titles, descriptions and labels say about a change."""

from __future__ import annotations

import pytest

from pipeline.sources.texts import (
    HEADINGS_MAX,
    INCIDENTS,
    REFERENCES_MAX,
    TEXT_CHARACTERS_MAX,
    Patterns,
    Said,
)

PATTERNS = Patterns()


def said(title: str = "", text: str = "", *labels: str) -> Said:
    return PATTERNS.read("acme/api", title, text, labels)


@pytest.mark.parametrize(
    ("title", "labels", "emergency"),
    [
        ("Fix totals", ["bug", "HotFix"], "HotFix"),
        ("[HOTFIX] stop the bleeding", [], "HOTFIX"),
        ("Emergency: stop the bleeding", [], "Emergency"),
        ("break-glass access for the on-call", [], "break-glass"),
        ("Improve the emergency contact form", [], ""),
        ("Fix totals", ["bug"], ""),
    ],
)
def test_emergencies(title: str, labels: list[str], emergency: str) -> None:
    assert said(title, "", *labels).emergency == emergency


@pytest.mark.parametrize(
    ("text", "incidents"),
    [
        ("Fixes INC-1234 and incident #77", ["1234", "77"]),
        ("see https://pagerduty.example/incidents/Q1ABC", ["Q1ABC"]),
        ("a postmortem 2024 says", ["2024"]),
        ("since 2024 we include 12 of them", []),
        ("seven 77", []),
        (
            " ".join(f"INC-{number}" for number in range(100, 200)),
            [str(n) for n in range(100, 100 + REFERENCES_MAX)],
        ),
    ],
)
def test_incidents(text: str, incidents: list[str]) -> None:
    assert said("", text).incidents == incidents


def test_the_shortcut_for_the_usual_pattern_misses_nothing() -> None:
    thorough = Patterns(incidents=f"(?:{INCIDENTS})")
    for text in (
        "INC-12",
        "inc 12",
        "INC12",
        "inc#12",
        "SEV-1 is too short, sev-12 is not",
        "PostMortem12",
        "x",
    ):
        assert PATTERNS.read("a/b", "", text, ()).incidents == thorough.read("a/b", "", text, ()).incidents


def test_sections_are_looked_for_in_headings_only() -> None:
    text = "## Runbook\nstop it\n\n**Customer impact**\nnone\n\nwe tested the rollback of metrics\n"
    assert said("Metrics", text).sections == ["impact", "runbook"]
    assert said("# Runbook").sections == []
    assert said("", "x\n" * HEADINGS_MAX + "# Runbook").sections == ["runbook"]


def test_reverts() -> None:
    assert said("Revert", "Reverts #12").reverts == ["acme/api#12"]
    assert said("", "reverts pull request acme/web#3, and this reverts commit abcdef1234.").reverts == [
        "acme/web#3",
        "abcdef1234",
    ]
    assert said("Reverted polarity #4").reverts == []


def test_only_the_beginning_of_a_text_is_read() -> None:
    assert said("", "x" * TEXT_CHARACTERS_MAX + " INC-1234 reverts #12").incidents == []


def test_a_pattern_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="pattern for incidents"):
        Patterns(incidents="(")
    with pytest.raises(ValueError, match="section runbook"):
        Patterns(sections={"runbook": "["})
    assert Patterns(sections={"rollout": "rollout"}).read("a/b", "", "# Rollout", ()).sections == ["rollout"]
