"""How big each commit of the main line was, and what it touched.

``git diff-tree --stdin`` compares each commit with its first parent; two processes take contiguous
ranges, so that each profits from its own cache of objects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from pipeline.sources.git.codeowners import Owners
from pipeline.sources.git.command import GitFailed, text
from pipeline.sources.git.generated import GeneratedOverTime
from pipeline.sources.git.owners import OwnersOverTime
from pipeline.sources.git.repository import Repository

PATHS_MAX = 20
OWNED_PATHS_MAX = 10_000
GROUPS_MAX = 50
COUNTED_PATHS_MAX = 2_000
PROCESSES_MAX = 2
COMMITS_PER_PROCESS_MIN = 500
RESTARTS_MAX = 300
PROGRESS_COMMITS = 200

_NUMSTAT = ("diff-tree", "--stdin", "--always", "--root", "-r", "--numstat", "-z")
_RAW = ("diff-tree", "--stdin", "--always", "--root", "-r", "--raw", "-z")
_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-abbrev")


@dataclass(frozen=True, slots=True)
class Diff:
    """What one commit touched. Additions and deletions are ``None`` where the clone lacks the files.

    ``groups`` are ``None`` where there was no CODEOWNERS before it, ``unowned`` also where it touched too
    many files to say.
    """

    additions: int | None
    deletions: int | None
    files: int
    paths: tuple[str, ...]
    component: str
    owners: tuple[str, ...]
    groups: tuple[str, ...] | None
    unowned: int | None
    generated_additions: int | None
    generated_deletions: int | None


class _Tally:
    """The files of one commit while they are read; what is too many is counted by directory."""

    def __init__(self, is_generated: Callable[[str], bool], rules: Owners | None) -> None:
        self._is_generated = is_generated
        self.rules = rules
        self.additions = 0
        self.deletions = 0
        self.generated_additions = 0
        self.generated_deletions = 0
        self.files = 0
        self.churn: dict[str, int] = {}
        self.tops: dict[str, int] = {}
        self.names: dict[str, None] = {}
        self.groups: dict[tuple[str, ...], None] = {}
        self.unowned = 0
        self.depth: int | None = None

    def add(self, path: str, added: int, deleted: int) -> None:
        self.files += 1
        self.additions += added
        self.deletions += deleted
        if (added or deleted) and self._is_generated(path):
            self.generated_additions += added
            self.generated_deletions += deleted
        churn = added + deleted or 1  # a binary file counts, too
        if self.rules is not None and self.files <= OWNED_PATHS_MAX:
            owned = self.rules.of(path)
            self.names.update(dict.fromkeys(owned.names))
            self.groups.update(dict.fromkeys(owned.groups))
            self.unowned += not owned.names
        if "/" in path:
            top = path.partition("/")[0]
            self.tops[top] = self.tops.get(top, 0) + churn
        key = path if self.depth is None else _cut(path, self.depth)
        self.churn[key] = self.churn.get(key, 0) + churn
        while len(self.churn) > COUNTED_PATHS_MAX and self.depth != 1:
            self.depth = 4 if self.depth is None else self.depth - 1
            self.churn = _coarser(self.churn, self.depth)

    def paths(self) -> tuple[str, ...]:
        """At most 20 paths by churn: the files, or the deepest directories that are few enough."""
        counted = self.churn
        if len(counted) > PATHS_MAX:
            counted = _coarser(counted, None)
        depth = 4
        while len(counted) > PATHS_MAX and depth >= 1:
            counted = _coarser(counted, depth)
            depth -= 1
        return tuple(sorted(counted, key=lambda path: (-counted[path], path))[:PATHS_MAX])

    def component(self) -> str:
        """The top-level directory with most churn, ``""`` when only files of the root were touched."""
        return min(self.tops, key=lambda top: (-self.tops[top], top), default="")


def _cut(path: str, depth: int) -> str:
    """The directory of a path, at most so many levels deep; ``.`` for a file of the root."""
    return "/".join(path.split("/")[:-1][:depth]) or "."


def _coarser(churn: dict[str, int], depth: int | None) -> dict[str, int]:
    counted: dict[str, int] = {}
    for path, lines in churn.items():
        if depth is None:
            key = path.rpartition("/")[0] or "."
        else:
            key = "/".join(path.split("/")[:depth])
        counted[key] = counted.get(key, 0) + lines
    return counted


class DiffReader:
    """Reads the diffs of many commits of one repository."""

    def __init__(
        self,
        repository: Repository,
        owners: OwnersOverTime,
        generated: GeneratedOverTime,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._repository = repository
        self._owners = owners
        self._generated = generated
        self._progress = progress
        self._lock = threading.Lock()
        self.diffs: dict[int, Diff] = {}
        self.unsized = 0

    def read(self, places: Sequence[int]) -> dict[int, Diff]:
        """Diffs by position; a position is missing when the clone has not even the names of the files."""
        # beyond the cut of a shallow clone everything would look as if it had been added there
        places = [place for place in places if self._repository.line[place] not in self._repository.shallow]
        workers = max(1, min(PROCESSES_MAX, len(places) // COMMITS_PER_PROCESS_MIN))
        size = -(-len(places) // workers)
        ranges = [places[start : start + size] for start in range(0, len(places), size)] if places else []
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(self._range, ranges):
                pass
        return self.diffs

    def _range(self, places: Sequence[int]) -> None:
        unsized: list[int] = []
        start = 0
        for _ in range(RESTARTS_MAX + 1):
            start += self._sized(places[start:])
            if start >= len(places):
                break
            unsized.append(places[start])
            start += 1
        unsized.extend(places[start:])
        if unsized:
            self._named(unsized)

    def _sized(self, places: Sequence[int]) -> int:
        """Read sizes until git dies of a missing object; returns how many commits were read whole."""
        done = 0
        place: int | None = None
        tally = self._tally(0)
        try:
            for record in self._repository.git.records(
                *_NUMSTAT, *_PLAIN, lines=self._repository.pairs(places)
            ):
                if b"\t" not in record:
                    if place is not None:
                        self._keep(place, tally, True)
                        done += 1
                    place = self._repository.position[record.decode("ascii")]
                    tally = self._tally(place)
                    continue
                added, deleted, path = record.split(b"\t", 2)
                tally.add(text(path), _lines(added), _lines(deleted))
        except GitFailed:
            return done
        if place is not None:
            self._keep(place, tally, True)
        return len(places)

    def _named(self, places: Sequence[int]) -> None:
        """Read only the names of the touched files, which needs no file contents."""
        with self._lock:
            self.unsized += len(places)
        place: int | None = None
        tally = self._tally(0)
        entry = False
        try:
            for record in self._repository.git.records(*_RAW, *_PLAIN, lines=self._repository.pairs(places)):
                if entry:
                    tally.add(text(record), 0, 0)
                    entry = False
                elif record.startswith(b":"):
                    entry = True
                else:
                    if place is not None:
                        self._keep(place, tally, False)
                    place = self._repository.position[record.decode("ascii")]
                    tally = self._tally(place)
        except GitFailed:
            return
        if place is not None:
            self._keep(place, tally, False)

    def _tally(self, place: int) -> _Tally:
        generated = partial(self._generated.is_generated, self._generated.at(place))
        return _Tally(generated, self._owners.before(place))

    def _keep(self, place: int, tally: _Tally, sized: bool) -> None:
        told = tally.rules is not None
        with self._lock:
            groups = {self._owners.group(names) for names in tally.groups} - {""}
            self.diffs[place] = Diff(
                additions=tally.additions if sized else None,
                deletions=tally.deletions if sized else None,
                files=tally.files,
                paths=tally.paths(),
                component=tally.component(),
                owners=tuple(self._owners.tokens(tally.names)),
                groups=tuple(sorted(groups)[:GROUPS_MAX]) if told else None,
                unowned=tally.unowned if told and tally.files <= OWNED_PATHS_MAX else None,
                generated_additions=tally.generated_additions if sized else None,
                generated_deletions=tally.generated_deletions if sized else None,
            )
            if self._progress is not None and len(self.diffs) % PROGRESS_COMMITS == 0:
                self._progress(len(self.diffs))


def _lines(raw: bytes) -> int:
    """Lines of one numstat column; a binary file says ``-``."""
    return int(raw) if raw.isdigit() else 0
