"""One version of a CODEOWNERS file: whose approval a path needs, by the rules of the forge that reads it.

On both forges the last entry that matches a path decides, even one that names nobody. GitHub skips a line
that it can't read: one with ``!`` or ``[ ]``, or with an owner who is none. GitLab parts a file into
sections, each of which decides for itself; ``[Name]`` has to approve, ``^[Name]`` may; ``!`` takes a path
out of its section (docs.github.com, "About code owners"; docs.gitlab.com, "Code Owners syntax").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

RULES_MAX = 5_000
REMEMBERED_PATHS_MAX = 50_000
GITHUB_DIRECTORY, GITLAB_DIRECTORY = ".github/", ".gitlab/"

_HEADING = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?(?:\s+[^\s#]*@\S*)*\s*(?:#.*)?")
_WILDCARDS = re.compile(r"[*?\[\\]")


class Entry(NamedTuple):
    """The pattern of a line: as it is written, and how it reads.

    What it matches begins with ``prefix``, and the file or directory ``segment`` is on the way to it; either
    may be empty: that says nothing.
    """

    written: str
    prefix: str
    segment: str
    expression: re.Pattern[str]
    #: number of directories above every file that it matches; ``None``: any
    depth: int | None

    def matches(self, path: str) -> bool:
        """Whether the pattern means a file."""
        return (
            path.startswith(self.prefix)
            and (self.depth is None or path.count("/") == self.depth)
            and self.expression.search(path) is not None
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    entry: Entry
    owners: tuple[str, ...]


@dataclass
class _Section:
    """A section of GitLab's dialect; everything before the first heading, or a whole file, is one too."""

    default: tuple[str, ...] = ()
    optional: bool = False
    rules: list[_Rule] = field(default_factory=list)


class Owned(NamedTuple):
    """Everybody who owns a path, and the groups of whom somebody has to approve; nobody owns it: none."""

    names: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


class Owners:
    """The rules of one version of a CODEOWNERS file; ``location`` is its path, which tells the dialect."""

    def __init__(self, content: str, location: str) -> None:
        self._sections = _sections(content) if _is_gitlabs(content, location) else [_plain(content)]
        self.of = lru_cache(REMEMBERED_PATHS_MAX)(self._of)

    def _of(self, path: str) -> Owned:
        """Owners of a path: in every section the last matching rule, even one that names nobody."""
        names: dict[str, None] = {}
        groups: dict[tuple[str, ...], None] = {}
        for section in self._sections:
            for rule in reversed(section.rules):
                if rule.entry.matches(path):
                    names.update(dict.fromkeys(rule.owners))
                    if rule.owners and not section.optional:
                        groups[rule.owners] = None
                    break
        return Owned(tuple(names), tuple(groups))

    def entries(self) -> dict[str, Entry]:
        """The patterns of all lines, as they are written, in the order of the file."""
        return {rule.entry.written: rule.entry for section in self._sections for rule in section.rules}


def _is_gitlabs(content: str, location: str) -> bool:
    """Whether GitLab's rules hold: by the place, and where both forges look there, by a heading."""
    if location.startswith((GITHUB_DIRECTORY, GITLAB_DIRECTORY)):
        return location.startswith(GITLAB_DIRECTORY)
    return any(_HEADING.fullmatch(line) for line in _lines(content))


def _plain(content: str) -> _Section:
    """The rules as GitHub reads them."""
    section = _Section()
    for line in _lines(content):
        pattern, words = _words(line)
        if (
            pattern.startswith("!")
            or "[" in pattern
            or "]" in pattern
            or not all("@" in one for one in words)
        ):
            continue
        _add(section, pattern, tuple(words))
        if len(section.rules) >= RULES_MAX:
            break
    return section


def _sections(content: str) -> list[_Section]:
    """The rules as GitLab reads them."""
    sections = [_Section()]
    count = 0
    for line in _lines(content):
        if line.startswith(("[", "^[")):
            inside, closed, rest = line.partition("]")
            if closed:
                rest = rest.partition("]")[2] if rest.startswith("[") else rest
                owners = _owners(_words(f"* {rest}")[1])
                sections.append(_Section(default=owners, optional=inside.startswith("^")))
                continue
        pattern, words = _words(line)
        owners = _owners(words) or sections[-1].default
        excluded = pattern.startswith("!")
        if count < RULES_MAX:
            count += _add(sections[-1], pattern, () if excluded else owners)
    return sections


def _lines(content: str) -> Iterator[str]:
    for raw in content.splitlines():
        line = raw.strip()
        if line and not line.startswith("#"):
            yield line


def _words(line: str) -> tuple[str, list[str]]:
    """The pattern of a line, and the words after it up to a comment."""
    pattern, *words = line.replace("\\ ", "\0").split()
    kept = []
    for word in words:
        if word.startswith("#"):
            break
        kept.append(word.replace("\0", " "))
    return pattern.replace("\0", "\\ "), kept


def _owners(words: list[str]) -> tuple[str, ...]:
    return tuple(word for word in words if "@" in word)


def _add(section: _Section, written: str, owners: tuple[str, ...]) -> bool:
    """Add a rule to a section; returns whether the pattern can match a file."""
    pattern = written.removeprefix("!")
    try:
        compiled = GitIgnoreSpecPattern(pattern)
    except GitIgnorePatternError:
        return False
    if compiled.regex is None:
        return False
    # unlike .gitignore, `docs/*` owns the files of one directory and not what lies deeper
    inner = pattern.strip("/")
    shallow = pattern.endswith("/*") and "**" not in pattern and len(inner) > 1
    depth = inner.count("/") if shallow else None
    segment = next((one for one in inner.split("/") if not _WILDCARDS.search(one)), "")
    section.rules.append(_Rule(Entry(written, _prefix(pattern), segment, compiled.regex, depth), owners))
    return True


def _prefix(pattern: str) -> str:
    """What a path has to begin with to match: nothing for a pattern that means any directory.

    >>> _prefix("/app/core/*.py"), _prefix("app/"), _prefix("docs/a*")
    ('app/core/', '', 'docs/')
    """
    if "/" not in pattern.rstrip("/"):
        return ""
    wildcard = _WILDCARDS.search(pattern)
    if wildcard is None:
        return pattern.removeprefix("/").rstrip("/")
    return pattern[: pattern.rfind("/", 0, wildcard.start()) + 1].removeprefix("/")
