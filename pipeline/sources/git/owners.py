"""CODEOWNERS as it stood before each change: whose approval the paths that were touched need."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache

from pipeline.sources.git.codeowners import Owners
from pipeline.sources.git.command import text
from pipeline.sources.git.repository import Repository

#: in the order in which the forges look for it
LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
OWNERS_MAX = 20
REMEMBERED_GROUPS_MAX = 10_000


class OwnersOverTime:
    """Which version of CODEOWNERS held before each commit of the main line."""

    def __init__(self, person_token: Callable[[str], str]) -> None:
        self._token = person_token
        #: from which position on which version holds; ``None``: none, or one that can't be read
        self.since: list[int] = []
        self.versions: list[Owners | None] = []
        self.group = lru_cache(REMEMBERED_GROUPS_MAX)(self._group)

    def read(self, repository: Repository) -> None:
        """Find the commits of the main line that changed the file, and load every version."""
        here: dict[str, str] = {}
        chosen: dict[int, tuple[str, str]] = {}
        place = -1
        record = ""
        command = ("diff-tree", "--stdin", "--root", "-r", "--raw", "-z", "--no-renames", "--no-abbrev")
        for raw in repository.git.records(*command, "--", *LOCATIONS, lines=repository.pairs()):
            value = text(raw)
            if record:
                mode, oid = record.split(" ")[1], record.split(" ")[3]
                # a symbolic link would need its target's history too: it counts as absent
                here[value] = oid if mode.startswith("100") else ""
                record = ""
                location = next((one for one in LOCATIONS if here.get(one)), "")
                chosen[place] = (here.get(location, ""), location)
            elif value.startswith(":"):
                record = value
            else:
                place = repository.position[value]
        self._load(repository, chosen)

    def _load(self, repository: Repository, chosen: dict[int, tuple[str, str]]) -> None:
        wanted = list(dict.fromkeys(oid for oid, _ in chosen.values() if oid))
        contents = dict(zip(wanted, repository.git.blobs(wanted), strict=True)) if wanted else {}
        parsed: dict[tuple[str, str], Owners] = {}
        for oid, location in chosen.values():
            blob = contents.get(oid)
            if blob is not None and (oid, location) not in parsed:
                parsed[oid, location] = Owners(text(blob), location)
        self.since = list(chosen)
        self.versions = [parsed.get(one) for one in chosen.values()]

    def before(self, place: int) -> Owners | None:
        """The rules that held at the parent of the commit at this position."""
        index = bisect_left(self.since, place) - 1
        return self.versions[index] if index >= 0 else None

    def tokens(self, names: Iterable[str]) -> list[str]:
        """Owners as events carry them: teams by name, persons as tokens; sorted, at most 20."""
        found = {name if _is_team(name) else self._token(name.removeprefix("@").lower()) for name in names}
        return sorted(found - {""})[:OWNERS_MAX]

    def _group(self, names: tuple[str, ...]) -> str:
        """Owners of whom one has to approve, in one text."""
        return " ".join(self.tokens(names))


def _is_team(name: str) -> bool:
    """Whether an owner is no person: a team (``@acme/money``), or a role of GitLab's (``@@maintainer``)."""
    return name.startswith("@@") or (name.startswith("@") and "/" in name)
