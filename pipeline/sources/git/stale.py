"""Entries of CODEOWNERS that match no file of the tree before a change.

Only files that come or go can make an entry stale or alive. So the tree is read once and then kept by what
the commits added and deleted; each entry that is alive remembers one file that it matches, and is looked at
again only when that file goes; one that is stale is held against new files alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from pipeline.sources.git.codeowners import Entry
from pipeline.sources.git.command import GitFailed, text
from pipeline.sources.git.owners import OwnersOverTime
from pipeline.sources.git.repository import Repository

STALE_ENTRIES_MAX = 20
#: files looked at in search of one that an entry matches, in a whole clone: some ten seconds
SEARCHED_FILES_MAX = 30_000_000

_COMINGS = ("diff-tree", "--stdin", "--root", "-r", "--raw", "-z", "--no-renames", "--diff-filter=AD")

_Directory = dict[str, "_Directory | None"]


class _Tree:
    """The files of one commit."""

    def __init__(self) -> None:
        self._root: _Directory = {}
        self.searched = 0

    def add(self, path: str) -> None:
        *directories, name = path.split("/")
        here = self._root
        for directory in directories:
            inner = here.get(directory)
            if inner is None:
                inner = here[directory] = {}
            here = inner
        here[name] = None

    def remove(self, path: str) -> None:
        *directories, name = path.split("/")
        above: list[tuple[_Directory, str]] = []
        here = self._root
        for directory in directories:
            inner = here.get(directory)
            if inner is None:
                return
            above.append((here, directory))
            here = inner
        # what was a file may have become a directory in the same commit
        if name in here and here[name] is None:
            del here[name]
        while above and not here:
            here, directory = above.pop()
            del here[directory]

    def first(self, entry: Entry) -> str:
        """A file that an entry matches; ``""`` where there is none."""
        for path in self._below(entry.prefix):
            self.searched += 1
            if entry.matches(path):
                return path
        return ""

    def _below(self, prefix: str) -> Iterator[str]:
        """The files that may begin so: all of the last directory that is named whole, and deeper."""
        *directories, last = prefix.split("/")
        here = self._root
        for directory in directories:
            inner = here.get(directory)
            if inner is None:
                return
            here = inner
        above = "".join(f"{directory}/" for directory in directories)
        if last:
            # an entry without a wildcard is one file, or one directory
            inner = here.get(last, {})
            if inner is None:
                yield above + last
                return
            here, above = inner, f"{above}{last}/"
        waiting = [(above, here)]
        while waiting:
            above, here = waiting.pop()
            for name, inner in here.items():
                if inner is None:
                    yield above + name
                else:
                    waiting.append((f"{above}{name}/", inner))


class StaleEntries:
    """Which entries matched nothing before each commit of the main line."""

    def __init__(self) -> None:
        self._since: list[int] = []
        self._told: list[tuple[str, ...]] = []
        self._tree = _Tree()
        self._entries: dict[str, Entry] = {}
        #: pattern -> a file that it matches, and the other way round
        self._witness: dict[str, str] = {}
        self._witnesses: dict[str, set[str]] = {}
        #: a file or directory that is on the way to all that they match -> stale entries by pattern
        self._stale: dict[str, dict[str, Entry]] = {}

    def read(self, repository: Repository, owners: OwnersOverTime, places: Sequence[int]) -> None:
        """Follow the tree from the first version on that is needed for the changes at ``places``, rising."""
        first = next(
            (since for since, rules in zip(owners.since, owners.versions, strict=True) if rules), None
        )
        if first is None or not places or first >= places[-1]:
            return
        start = max(first, places[0] - 1)
        try:
            self._follow(repository, owners, start, places[-1])
        except GitFailed:
            # directories are missing from the clone: what is known up to there holds no longer
            self._since.clear()
            self._told.clear()

    def before(self, place: int) -> tuple[str, ...]:
        """The stale entries at the parent of the commit at this position, at most 20, as they are written."""
        index = bisect_left(self._since, place) - 1
        return self._told[index] if index >= 0 else ()

    def _follow(self, repository: Repository, owners: OwnersOverTime, start: int, end: int) -> None:
        git = repository.git
        head = repository.line[start]
        for raw in git.records("ls-tree", "-r", "-z", "--full-tree", "--name-only", head):
            self._tree.add(text(raw))
        switches = [start, *(place for place in owners.since if start < place < end)]
        following = 0
        for place, added, deleted in _comings(repository, start + 1, end):
            # a version is held against the tree of its own commit
            while following < len(switches) and switches[following] < place:
                self._take(owners, switches[following])
                following += 1
            if self._move(added, deleted):
                self._note(place)
        for switch in switches[following:]:
            self._take(owners, switch)

    def _take(self, owners: OwnersOverTime, place: int) -> None:
        """The version that holds from a position on: entries that were there before keep what is known."""
        rules = owners.before(place + 1)
        held, self._entries = self._entries, rules.entries() if rules is not None else {}
        for written in held.keys() - self._entries.keys():
            self._forget(written, held[written])
        for written in [one for one in self._entries if one not in held]:
            self._search(self._entries[written])
        self._note(place)

    def _move(self, added: Sequence[str], deleted: Sequence[str]) -> bool:
        """Take over what a commit did to the tree; returns whether an entry became stale or alive."""
        for path in added:
            self._tree.add(path)
        for path in deleted:
            self._tree.remove(path)
        changed = False
        for path in added:
            for segment in {"", *path.split("/")}:
                for entry in [one for one in self._stale.get(segment, {}).values() if one.matches(path)]:
                    del self._stale[segment][entry.written]
                    self._remember(entry, path)
                    changed = True
        for path in deleted:
            for written in sorted(self._witnesses.pop(path, ())):
                del self._witness[written]
                changed = self._search(self._entries[written]) or changed
        return changed

    def _search(self, entry: Entry) -> bool:
        """Look for a file that an entry matches; returns whether there is none."""
        if self._tree.searched >= SEARCHED_FILES_MAX:
            return False  # nobody knows any more: it is not called stale
        path = self._tree.first(entry)
        if path:
            self._remember(entry, path)
            return False
        self._stale.setdefault(entry.segment, {})[entry.written] = entry
        return True

    def _remember(self, entry: Entry, path: str) -> None:
        self._witness[entry.written] = path
        self._witnesses.setdefault(path, set()).add(entry.written)

    def _forget(self, written: str, entry: Entry) -> None:
        path = self._witness.pop(written, "")
        if path:
            self._witnesses[path].discard(written)
        self._stale.get(entry.segment, {}).pop(written, None)

    def _note(self, place: int) -> None:
        stale = {written for held in self._stale.values() for written in held}
        told = tuple(islice((written for written in self._entries if written in stale), STALE_ENTRIES_MAX))
        if self._since and self._since[-1] == place:
            self._since.pop()
            self._told.pop()
        if not self._told or self._told[-1] != told:
            self._since.append(place)
            self._told.append(told)


def _comings(repository: Repository, start: int, end: int) -> Iterator[tuple[int, list[str], list[str]]]:
    """The files that came and those that went, for each commit of the main line that had any."""
    place = -1
    added: list[str] = []
    deleted: list[str] = []
    status = b""
    for raw in repository.git.records(*_COMINGS, lines=repository.pairs(range(start, end))):
        if status:
            (added if status == b"A" else deleted).append(text(raw))
            status = b""
        elif raw.startswith(b":"):
            status = raw[-1:]
        else:
            if place >= 0:
                yield place, added, deleted
            place, added, deleted = repository.position[raw.decode("ascii")], [], []
    if place >= 0:
        yield place, added, deleted
