"""CODEOWNERS as it stood before each change: who owned the paths that were touched."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from pipeline.sources.git.command import text
from pipeline.sources.git.repository import Repository

#: in the order in which the forges look for it
LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
OWNERS_MAX = 20
RULES_MAX = 5_000
REMEMBERED_PATHS_MAX = 50_000


@dataclass(frozen=True)
class _Rule:
    pattern: GitIgnoreSpecPattern
    depth: int | None
    owners: tuple[str, ...]


@dataclass
class _Section:
    """A section of GitLab's dialect; everything before the first heading, or a whole file, is one too."""

    default: tuple[str, ...] = ()
    rules: list[_Rule] = field(default_factory=list)


class Owners:
    """The rules of one version of a CODEOWNERS file."""

    def __init__(self, content: str) -> None:
        self._sections = _parse(content)
        self.of = lru_cache(REMEMBERED_PATHS_MAX)(self._of)

    def _of(self, path: str) -> tuple[str, ...]:
        """Owners of a path: in every section the last matching rule, even one that names nobody."""
        owners: dict[str, None] = {}
        for section in self._sections:
            for rule in reversed(section.rules):
                if rule.depth is not None and path.count("/") != rule.depth:
                    continue
                if rule.pattern.match_file(path) is not None:
                    owners.update(dict.fromkeys(rule.owners))
                    break
        return tuple(owners)


def _parse(content: str) -> list[_Section]:
    sections = [_Section()]
    count = 0
    for raw in content.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith(("[", "^[")):
            inside, closed, rest = line.partition("]")
            if closed:
                rest = rest.partition("]")[2] if rest.startswith("[") else rest
                sections.append(_Section(default=_names(rest.split())))
                continue
            line = inside
        words = line.replace("\\ ", "\0").split()
        pattern = words[0].replace("\0", "\\ ")
        excluded = pattern.startswith("!")
        named = _names(words[1:])
        rule = _rule(pattern.removeprefix("!"), () if excluded else named or sections[-1].default)
        if rule is not None and count < RULES_MAX:
            sections[-1].rules.append(rule)
            count += 1
    return sections


def _names(words: Iterable[str]) -> tuple[str, ...]:
    names = []
    for word in words:
        if word.startswith("#"):
            break
        if "@" in word:
            names.append(word.replace("\0", " "))
    return tuple(names)


def _rule(pattern: str, owners: tuple[str, ...]) -> _Rule | None:
    try:
        compiled = GitIgnoreSpecPattern(pattern)
    except GitIgnorePatternError:
        return None
    if compiled.regex is None:
        return None
    # unlike .gitignore, `docs/*` owns the files of one directory and not what lies deeper
    inner = pattern.strip("/")
    shallow = pattern.endswith("/*") and "**" not in pattern and len(inner) > 1
    return _Rule(compiled, inner.count("/") if shallow else None, owners)


class OwnersOverTime:
    """Which version of CODEOWNERS held before each commit of the main line."""

    def __init__(self, person_token: Callable[[str], str]) -> None:
        self._token = person_token
        self._since: list[int] = []
        self._versions: list[Owners | None] = []
        self.versions_count = 0

    def read(self, repository: Repository) -> None:
        """Find the commits of the main line that changed the file, and load every version."""
        here: dict[str, str] = {}
        chosen: list[tuple[int, str]] = []
        pairs = (
            f"{sha} {parent}".rstrip()
            for sha, parent in zip(repository.line, repository.parents, strict=True)
        )
        place = -1
        record = ""
        command = ("diff-tree", "--stdin", "--root", "-r", "--raw", "-z", "--no-renames", "--no-abbrev")
        for raw in repository.git.records(*command, "--", *LOCATIONS, lines=pairs):
            value = text(raw)
            if record:
                mode, oid = record.split(" ")[1], record.split(" ")[3]
                # a symbolic link would need its target's history too: it counts as absent
                here[value] = oid if mode.startswith("100") else ""
                record = ""
                now = next((here[location] for location in LOCATIONS if here.get(location)), "")
                if chosen and chosen[-1][0] == place:
                    chosen.pop()
                chosen.append((place, now))
            elif value.startswith(":"):
                record = value
            else:
                place = repository.position[value]
        self._load(repository, chosen)

    def _load(self, repository: Repository, chosen: list[tuple[int, str]]) -> None:
        wanted = list(dict.fromkeys(oid for _, oid in chosen if oid))
        contents = dict(zip(wanted, repository.git.blobs(wanted), strict=True)) if wanted else {}
        parsed = {oid: Owners(text(blob)) for oid, blob in contents.items() if blob is not None}
        self._since = [place for place, _ in chosen]
        self._versions = [parsed.get(oid) for _, oid in chosen]
        self.versions_count = len(parsed)

    def before(self, place: int) -> Owners | None:
        """The rules that held at the parent of the commit at this position."""
        index = bisect_left(self._since, place) - 1
        return self._versions[index] if index >= 0 else None

    def tokens(self, names: Iterable[str]) -> list[str]:
        """Owners as events carry them: teams by name, persons as tokens; sorted, at most 20."""
        found = {name if _is_team(name) else self._token(name.removeprefix("@").lower()) for name in names}
        return sorted(found - {""})[:OWNERS_MAX]


def _is_team(name: str) -> bool:
    return name.startswith("@") and "/" in name
