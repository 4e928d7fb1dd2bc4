"""Where to find changes: by commit, and by the order in which they reached a branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.core.changes import ChangeSummary
from pipeline.core.timeline import Timeline

#: (merged at, the source's sequence, change)
Position = tuple[int, int, str]
#: repository, branch, position on it
Place = tuple[str, str, Position]

_MAIN_BRANCHES = ("main", "master", "trunk", "develop")


class ChangeIndex:
    """Changes by commit sha and by the order in which they reached a branch."""

    def __init__(self) -> None:
        self.by_sha: dict[str, tuple[str, ...]] = {}
        self.branches: dict[tuple[str, str], Timeline[Position]] = {}
        self.of_repository: dict[str, set[str]] = {}

    def replace(self, key: str, old: ChangeSummary | None, new: ChangeSummary | None) -> bool:
        """Correct the indexes after a change's summary became another one.

        True when a branch became known, or ceased to be.
        """
        before = old.aliases if old is not None else ()
        after = new.aliases if new is not None else ()
        if before != after:
            self._leave_shas(key, before)
            by_sha = self.by_sha
            for sha in after:
                held = by_sha.get(sha)
                by_sha[sha] = (key,) if held is None else tuple(sorted({*held, key}))
        was, now = stands(key, old), stands(key, new)
        if was == now:
            return False
        appeared = was is not None and self._leave(was)
        if now is not None:
            repository, name, position = now
            branch = self.branches.get((repository, name))
            if branch is None:
                branch = self.branches[(repository, name)] = Timeline()
                self.of_repository.setdefault(repository, set()).add(name)
                appeared = True
            branch.add(position)
        return appeared

    def _leave_shas(self, key: str, shas: Sequence[str]) -> None:
        by_sha = self.by_sha
        for sha in shas:
            held = by_sha.get(sha, ())
            if held == (key,) or not held:
                by_sha.pop(sha, None)
            else:
                by_sha[sha] = tuple([owner for owner in held if owner != key])

    def forget(self, changes: Mapping[str, ChangeSummary]) -> None:
        """Take changes out that are too old to be asked for: all of a branch in one pass."""
        branches: set[tuple[str, str]] = set()
        for key, summary in changes.items():
            self._leave_shas(key, summary.aliases)
            if stands(key, summary) is not None:
                branches.add((summary.repository, summary.branch))
        for place in branches:
            branch = self.branches[place]
            branch.items = [position for position in branch.items if position[2] not in changes]
            self._drop_if_empty(place)

    def _leave(self, was: Place) -> bool:
        """Take a change off its branch; true when the branch ceased to be known with it."""
        repository, name, position = was
        self.branches[(repository, name)].remove(position)
        return self._drop_if_empty((repository, name))

    def _drop_if_empty(self, place: tuple[str, str]) -> bool:
        if self.branches[place]:
            return False
        del self.branches[place]
        repository, name = place
        names = self.of_repository[repository]
        names.discard(name)
        if not names:
            del self.of_repository[repository]
        return True

    def main_branch(self, repository: str) -> str | None:
        """The branch that a repository is deployed from, by its name; ``None`` for an unknown one."""
        names = self.of_repository.get(repository)
        if not names:
            return None
        return next((name for name in _MAIN_BRANCHES if name in names), min(names))


def stands(key: str, change: ChangeSummary | None) -> Place | None:
    """Repository, branch and position of a change; ``None`` until it is merged."""
    if change is None or change.state != "merged":
        return None
    merged_at = change.merged_at
    if merged_at is None:
        return None
    return (change.repository, change.branch, (merged_at, change.sequence, key))
