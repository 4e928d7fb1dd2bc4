"""What forges write into the messages of merges and squashes."""

from __future__ import annotations

import re
from dataclasses import dataclass

TITLE_CHARACTERS_MAX = 300
PICKED_MAX = 50

_GITHUB = re.compile(r"Merge pull request #(\d+)\b(?: from (\S+))?")
_GITLAB = re.compile(r"Merge branch '(.+?)' into '.+'")
_GITLAB_REQUEST = re.compile(r"^See merge request (?:[\w./~-]*)!(\d+)\s*$", re.MULTILINE)
_BITBUCKET = re.compile(r"Merged in (\S+) \(pull request #(\d+)\)")
_BITBUCKET_SERVER = re.compile(r"Pull request #(\d+): (.*)")
_BITBUCKET_SERVER_FROM = re.compile(r"^Merge in \S+ from (\S+) to \S+", re.MULTILINE)
_AZURE = re.compile(r"Merged PR (\d+): (.*)")
_BORS = re.compile(r"(?:Auto merge of|Merge) #(\d+)\b(?: - (\S+?),? )?.*")
_SQUASH = re.compile(r"(.*\S)\s*\((?:#|!|pull request #)(\d+)\)")
_PICKED = re.compile(r"^\(cherry picked from commit ([0-9a-f]{7,64})\)\s*$", re.MULTILINE)
_PULLED = re.compile(r"Merge (?:remote-tracking )?branch '(.+?)'(?: .*)?")


@dataclass(frozen=True, slots=True)
class Request:
    """What a commit on the main line says about its request: number, title, and the branch it came from."""

    number: int | None
    title: str
    branch: str


def subject_and_body(message: str) -> tuple[str, str]:
    """First line, and the rest without blank lines at its ends."""
    subject, _, body = message.lstrip("\n").partition("\n")
    return subject.strip(), body.strip("\n")


def request_of(message: str, merge: bool) -> Request:
    """Read the request out of a message; ``merge`` = the commit has several parents.

    A shallow clone hides parents, so the wording of merges counts for single parents too.
    """
    subject, body = subject_and_body(message)
    if found := _GITHUB.match(subject):
        branch = (found[2] or "").partition("/")[2] or (found[2] or "")
        return _request(int(found[1]), _first_line(body) or subject, branch)
    if found := _BITBUCKET.match(subject):
        return _request(int(found[2]), _first_line(body) or subject, found[1])
    if found := _AZURE.match(subject):
        return _request(int(found[1]), found[2] or subject, "")
    if found := _BITBUCKET_SERVER.match(subject):
        origin = _BITBUCKET_SERVER_FROM.search(body)
        return _request(int(found[1]), found[2] or subject, origin[1] if origin else "")
    if gitlab := _last(_GITLAB_REQUEST, body):
        source = _GITLAB.match(subject)
        title = _first_line(body) if source else subject
        if title.startswith("See merge request"):
            title = subject
        return _request(int(gitlab[1]), title, source[1] if source else "")
    if found := _SQUASH.fullmatch(subject):
        return _request(int(found[2]), found[1], "")
    if merge and (found := _BORS.match(subject)):
        return _request(int(found[1]), _first_line(body) or subject, found[2] or "")
    pulled = _PULLED.match(subject) if merge else None
    return _request(None, subject, pulled[1] if pulled else "")


def _request(number: int | None, title: str, branch: str) -> Request:
    return Request(number or None, title.strip()[:TITLE_CHARACTERS_MAX], branch.strip("'\""))


def _first_line(body: str) -> str:
    return next((line.strip() for line in body.split("\n") if line.strip()), "")


def _last(pattern: re.Pattern[str], body: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(body):
        found = match
    return found


def picked_from(body: str) -> list[str]:
    """The commits that a commit was picked from, in the words of ``git cherry-pick -x``, each once."""
    return list(dict.fromkeys(sha.lower() for sha in _PICKED.findall(body)))[:PICKED_MAX]


def is_pull(message: str) -> bool:
    """Whether a merge brought the main line into a private copy of it, instead of the other way round."""
    subject, _ = subject_and_body(message)
    return bool(
        re.match(r"Merge (?:remote-tracking )?branch '(?:origin/)?(?:master|main|develop|trunk)'", subject)
    )


_BOT = re.compile(
    r"\[bot\]|^(?:dependabot|renovate|greenkeeper|snyk|pyup|imgbot|allcontributors|semantic-release|"
    r"github-actions|mergify|bors|homu|weblate|pre-commit-ci|codecov)(?:$|[^a-z])|\bbot$",
    re.IGNORECASE,
)
_BOT_BRANCH = re.compile(
    r"(?:dependabot|renovate|snyk-(?:fix|upgrade)|greenkeeper|pyup|imgbot|pre-commit-ci)[/-]"
)
_NOREPLY = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com", re.IGNORECASE)
#: addresses under which forges themselves commit
_FORGES = {"noreply@github.com", "noreply@gitlab.com", "noreply@bitbucket.org", "noreply"}


def is_bot(name: str, email: str, branch: str = "") -> bool:
    """Whether a program wrote a commit, by its author or by the branch it came from."""
    return bool(
        _BOT.search(name) or _BOT.search(email.partition("@")[0]) or (branch and _BOT_BRANCH.match(branch))
    )


def login_of(name: str, email: str) -> str:
    """What a person is known by: the login in a forge's private address, else the address, else the name."""
    private = _NOREPLY.fullmatch(email)
    if private:
        return private[1]
    return "" if email in _FORGES else (email or name).lower()
