"""Which change takes back which: by its number, its commit or a tag, whatever the revert names."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from pipeline.core.changes import ChangeSummary


class Reverts:
    """The reverts of one workspace, by what they name."""

    def __init__(self) -> None:
        #: change, commit or tag -> the changes that revert it, and when they were merged
        self._reverters: dict[str, dict[str, int]] = {}
        #: when changes that revert others were merged, in order
        self.times: list[int] = []

    def replace(self, key: str, old: ChangeSummary | None, new: ChangeSummary) -> set[str]:
        """Take what a change reverts in place of what it did before; the names that it concerns."""
        if old is None:
            if not new.reverts:
                return set()
        elif (old.reverts, old.merged_at) == (new.reverts, new.merged_at):
            return set()
        if old is not None and old.reverts and old.merged_at is not None:
            self.times.remove(old.merged_at)
        if new.reverts and new.merged_at is not None:
            insort(self.times, new.merged_at)
        concerned = {*(old.reverts if old else ()), *new.reverts}
        for reference in concerned:
            reverters = self._reverters.setdefault(reference, {})
            reverters.pop(key, None)
            if reference in new.reverts and new.merged_at is not None:
                reverters[key] = new.merged_at
            if not reverters:
                del self._reverters[reference]
        return concerned

    def of(self, names: Iterable[str], *, but: str) -> list[tuple[int, str]]:
        """When and by which change one of these names was reverted, in order; ``but`` for itself."""
        if not self._reverters:
            return []
        return sorted(
            {(at, key) for name in names for key, at in self._reverters.get(name, {}).items() if key != but}
        )
