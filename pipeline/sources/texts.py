"""What reviews need to know from titles, descriptions and labels; the text itself is not kept.

Every pattern but git's own words for a revert is a setting. A match is looked for in the first
``TEXT_CHARACTERS_MAX`` characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

#: a description may be megabytes of a bot's dependency notes
TEXT_CHARACTERS_MAX = 20_000
REFERENCES_MAX = 20
HEADINGS_MAX = 200

EMERGENCY_LABELS = ("emergency", "hotfix", "break-glass", "expedite")
EMERGENCY_TEXT = r"^\s*(?:\[|\()?(?:emergency|hotfix|break[- ]glass)\b"
INCIDENTS = (
    r"\b(?:incident|inc|sev|postmortem)(?:[ -]#?|#)(\d{2,})\b"
    r"|https?://\S{0,200}?/incidents?/([A-Za-z0-9-]+)"
)
#: how the first of these words goes on where an incident is meant
_INC = re.compile("inc(?:ident|[-# ])")
#: searched for in the headings of a description, and in its lines in bold
SECTIONS = {
    "runbook": r"\b(?:run ?book|roll ?back|back ?out)\b",
    "metrics": r"\b(?:metrics?|monitoring|dashboards?|alerts?|observability)\b",
    "impact": r"\b(?:impact|risk|blast radius|customer)\b",
    "testing": r"\b(?:test(?:s|ing|ed)?|verification|staging)\b",
}
#: how a line with a heading begins
_BEFORE_HEADING = frozenset("#* \t")
REVERTS = (
    r"\b(?:this\s+)?reverts?\s+(?:pull request\s+|merge request\s+|pr\s+|mr\s+)?"
    r"(?:([\w.-]+/[\w.-]+))?[#!](\d+)"
)
REVERT_GROUPS = 2
#: written by `git revert`
REVERTED_COMMITS = r"\bthis reverts commit ([0-9a-f]{7,64})\b"


class Said(NamedTuple):
    """What a change's text and labels say."""

    #: the label or words that call it an emergency; "" when nothing does
    emergency: str = ""
    #: incidents that it names, as written
    incidents: list[str] = []
    #: which of the expected sections its description has
    sections: list[str] = []
    #: keys of the changes (``owner/name#7``) and shas of the commits that it takes back
    reverts: list[str] = []


class Patterns:
    """The patterns in force, compiled; raises ``ValueError`` naming one that is no regular expression."""

    def __init__(
        self,
        *,
        emergency_labels: Sequence[str] = EMERGENCY_LABELS,
        emergency_text: str = EMERGENCY_TEXT,
        incidents: str = INCIDENTS,
        sections: dict[str, str] = SECTIONS,
        reverts: str = REVERTS,
    ) -> None:
        """``reverts`` has two groups: the repository, which may be left out, and the number of a change."""
        self._labels = frozenset(label.casefold() for label in emergency_labels)
        self._emergency = _compiled("emergency text", emergency_text)
        self._incidents = _compiled("incidents", incidents)
        self._usual_incidents = incidents == INCIDENTS
        self._sections = {name: _compiled(f"section {name}", text) for name, text in sections.items()}
        self._reverts = _compiled("reverts", reverts)
        if self._reverts.groups != REVERT_GROUPS:
            raise ValueError(
                f"the pattern for reverts needs {REVERT_GROUPS} groups, repository and number, it has"
                f" {self._reverts.groups}"
            )
        self._usual_reverts = reverts == REVERTS
        self._commits = _compiled("reverted commits", REVERTED_COMMITS)

    def read(self, repository: str, title: str, text: str, labels: Sequence[str]) -> Said:
        """What a change of ``repository`` says about itself."""
        emergency = next((label for label in labels if label.casefold() in self._labels), "")
        if not emergency and (found := self._emergency.search(title)):
            emergency = found[0].strip(" [(:")
        whole = f"{title}\n{text[:TEXT_CHARACTERS_MAX]}"
        small = whole.lower()
        return Said(
            emergency,
            self._incidents_of(whole, small),
            self._sections_of(whole) if text else [],
            self._reverts_of(whole, repository) if "revert" in small or not self._usual_reverts else [],
        )

    def _incidents_of(self, whole: str, small: str) -> list[str]:
        if self._usual_incidents and not _may_name_an_incident(small):
            return []
        named = dict.fromkeys(
            next((group for group in match.groups() if group), match[0])
            for match in self._incidents.finditer(whole)
        )
        return list(named)[:REFERENCES_MAX]

    def _sections_of(self, whole: str) -> list[str]:
        lines = whole.split("\n")[1:]
        headings = "\n".join(
            [line for line in lines if line[:1] in _BEFORE_HEADING and line.lstrip()[:1] in ("#", "*")][
                :HEADINGS_MAX
            ]
        )
        if not headings:
            return []
        return sorted(name for name, pattern in self._sections.items() if pattern.search(headings))

    def _reverts_of(self, whole: str, repository: str) -> list[str]:
        named = dict.fromkeys(
            f"{match[1] or repository}#{match[2]}" for match in self._reverts.finditer(whole)
        )
        named |= dict.fromkeys(match[1] for match in self._commits.finditer(whole))
        return list(named)[:REFERENCES_MAX]


def _may_name_an_incident(small: str) -> bool:
    """What ``INCIDENTS`` finds holds one of these words; most texts hold none, which is seen much faster."""
    return "sev" in small or "postmortem" in small or _INC.search(small) is not None


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise ValueError(f"the pattern for {name} is no regular expression: {error}") from None
