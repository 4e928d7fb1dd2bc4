"""What messages say about taking an earlier change back: the grammar of reverts."""

from __future__ import annotations

import re
from dataclasses import dataclass

REFERENCES_MAX = 50
NESTING_MAX = 20

_SHA = r"[0-9a-f]{7,64}"
_SHA_LINE = re.compile(
    r"\b(?:this reverts|reverts?|reverted|reverting|backs? out|back(?:s|ing)? out) "
    rf"(?:commits?|changesets?|revisions?)?\s*[`'\"]?({_SHA})\b"
    rf"((?:[`'\"]?(?:,|\s+and|,\s+and|\s)\s*[`'\"]?{_SHA}\b)*)",
    re.IGNORECASE,
)
_MORE_SHAS = re.compile(rf"\b{_SHA}\b")
_NUMBER = re.compile(
    r"\b(?:this reverts|reverts?|reverting|rolls? back|back(?:s|ing)? out)\s+"
    r"(?:(?:pull|merge) requests?\s+|PRs?\s+|MRs?\s+)?"
    r"(?P<repository>[\w.-]+(?:/[\w.-]+)+)?[#!](?P<number>\d+)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"^\W{0,3}(?:revert|reverts|reapply|reland|re-land)\b:?\s*[\"“”'](?P<title>.*)", re.IGNORECASE
)
_CONVENTIONAL = re.compile(r"^(?:revert(?:\([^)]*\))?!?:|\[revert\])\s*(?P<title>.+)", re.IGNORECASE)
_UNDOES = re.compile(
    r"^\W{0,3}(?:\[[^\]]{1,30}\]\s*|[\w-]{1,20}(?:\([^)]*\))?!?:\s+)?"
    r"(?:revert(?:s|ed|ing)?|back(?:s|ed|ing)? ?out|roll(?:s|ed|ing)? ?back|undo(?:es|ing)?)\b",
    re.IGNORECASE,
)
_AGAIN = re.compile(r"^\W{0,3}(?:reapply|re-?land|re-?introduce|re-?apply)\b", re.IGNORECASE)
_BRANCH = re.compile(r"(?:.*/)?revert-(?P<number>\d+)-(?P<rest>.*)")
_BRANCH_SHA = re.compile(r"(?:.*/)?revert-(?P<sha>[0-9a-f]{7,40})")
_PREFIX = re.compile(r"^\W{0,3}(?P<word>revert|reverts|reapply|reland|re-land)\b:?\s*[\"“”']", re.IGNORECASE)
_TITLE_NUMBER = re.compile(r"\(#(\d+)\)\s*$")
_MERGE_NUMBER = re.compile(r"Merge pull request #(\d+)\b")

_PLANNED = re.compile(
    r"\b(?:temporar(?:y|ily)|for now|no longer (?:needed|required|necessary|used)|planned|as planned|"
    r"until (?:after|we|the|next)|not (?:yet )?ready|hold(?:ing)? off|code freeze|freeze|premature(?:ly)?|"
    r"too early|merged (?:too )?early|accident(?:al|ally)?|by mistake|wrong branch|"
    r"(?:test(?:ing)?|experiment) (?:is )?(?:over|done|complete|finished))\b",
    re.IGNORECASE,
)
_FAULT = re.compile(
    r"\b(?:br(?:eak|eaks|oke|oken|eaking)|bugs?|buggy|fail(?:s|ed|ing|ure|ures)?|errors?|"
    r"crash(?:es|ed|ing)?|incidents?|outages?|regress(?:ion|ions|ed)?|500s?|exceptions?|sentry|issues?|"
    r"problems?|hotfix|rollback|rolled back|slow(?:er|ness)?|timeouts?|timing out|time out|memory|"
    r"leak(?:s|ing)?|latency|degrad(?:ed|ation)|not work(?:ing)?|doesn'?t work|caus(?:es|ed|ing)|missing|"
    r"incorrect(?:ly)?|corrupt(?:ed|ion)?|vulnerab\w+)\b",
    re.IGNORECASE,
)
_MACHINE_WRITTEN = re.compile(
    r"^(?:this reverts|reverts|revert \"|reapply \"|merge|see merge request|co-authored-by|signed-off-by|"
    r"reversing|changes made)\b.*",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class References:
    """What one message names as taken back, by kind; ``repository`` goes with a number when told."""

    shas: tuple[str, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    title: str = ""
    branch_number: int | None = None

    def __bool__(self) -> bool:
        return bool(self.shas or self.numbers or self.title or self.branch_number)


def references(subject: str, body: str, branch: str = "") -> References:
    """What a message, and the name of the branch it came from, say was taken back."""
    shas: dict[str, None] = {}
    for found in _SHA_LINE.finditer(f"{subject}\n{body}"):
        for sha in (found[1], *_MORE_SHAS.findall(found[2])):
            if len(shas) < REFERENCES_MAX:
                shas[sha.lower()] = None
    numbers: dict[tuple[str, int], None] = {}
    for found in _NUMBER.finditer(f"{subject}\n{body}"):
        if len(numbers) < REFERENCES_MAX:
            numbers[found["repository"] or "", int(found["number"])] = None
    title = quoted_title(subject)
    inner = _TITLE_NUMBER.search(title) or _MERGE_NUMBER.match(title)
    if inner:
        numbers["", int(inner[1])] = None
    named = _BRANCH.fullmatch(branch)
    by_sha = None if named else _BRANCH_SHA.match(branch)
    if by_sha:
        shas[by_sha["sha"]] = None
    return References(tuple(shas), tuple(numbers), title, int(named["number"]) if named else None)


def quoted_title(subject: str) -> str:
    """The title that a revert's title quotes, ``""`` when it quotes none.

    >>> quoted_title('Revert "Add cache (#12)" (#13)')
    'Add cache (#12)'
    """
    found = _QUOTED.match(subject)
    if found:
        inside, closing, _ = found["title"].rpartition('"')
        return (inside if closing else found["title"]).rstrip("'“”… ")
    found = _CONVENTIONAL.match(subject)
    return found["title"].strip("\"'“” ") if found else ""


def undoes(subject: str) -> bool:
    """Whether a title reads like taking something back (or, for a re-land, bringing it back)."""
    return bool(_UNDOES.match(subject) or _AGAIN.match(subject) or _CONVENTIONAL.match(subject))


def is_whole(subject: str, body: str) -> bool:
    """Whether a commit as a whole is a revert, by its title or by git's own sentence.

    The message of a squashed request lists its commits as bullets: a revert among them is a part.
    """
    if undoes(subject):
        return True
    if re.search(r"^[*-] ", body, re.MULTILINE):
        return False
    return bool(
        re.search(
            r"^this reverts (?:commit|merge request|pull request)s?\b", body, re.IGNORECASE | re.MULTILINE
        )
    )


def brings_back(subject: str, branch: str = "") -> bool:
    """Whether a title (or branch) says that a revert is itself taken back, whatever it resolves to."""
    turns, rest = 0, subject
    for _ in range(NESTING_MAX):
        found = _PREFIX.match(rest)
        if not found:
            break
        turns += 2 if found["word"].lower() not in ("revert", "reverts") else 1
        rest = rest[found.end() :]
    if turns:
        return turns % 2 == 0
    if _AGAIN.match(subject):
        return True
    turns, rest = 0, branch
    while turns < NESTING_MAX and (named := _BRANCH.fullmatch(rest)):
        turns, rest = turns + 1, named["rest"]
    return turns > 0 and turns % 2 == 0


def cause_of(words: str) -> str:
    """A guess at why something was taken back: ``fault``, ``planned`` or ``unknown``."""
    said = _MACHINE_WRITTEN.sub("", words)
    if _FAULT.search(said):
        return "fault"
    return "planned" if _PLANNED.search(said) else "unknown"
