"""Commits of which something is known that is seldom so, found by any of a change's commits at once."""

from __future__ import annotations

from collections.abc import Iterable


class Marks:
    """Keys of commits (``repository@sha``), and their shas: several repositories may have one."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._shas: dict[str, int] = {}

    def put(self, key: str, *, marked: bool) -> None:
        """A commit is marked from now on, or is not."""
        if marked == (key in self._keys):
            return
        sha = key.rpartition("@")[2]
        if marked:
            self._keys.add(key)
            self._shas[sha] = self._shas.get(sha, 0) + 1
            return
        self._keys.discard(key)
        self._shas[sha] -= 1
        if not self._shas[sha]:
            del self._shas[sha]

    def forget(self, keys: Iterable[str]) -> None:
        """Nothing more will be heard of these commits."""
        for key in keys:
            self.put(key, marked=False)

    def may_have(self, shas: Iterable[str]) -> bool:
        """Whether any of these is marked, be it in another repository."""
        return not self._shas.keys().isdisjoint(shas)
