"""The rows of one derivation: what to write and what no longer holds, by table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter, itemgetter

from pipeline.core.facts import TABLES, Fact

Key = tuple[object, ...]
#: table, rows to write, keys to delete
TableRows = tuple[str, list[Fact], list[Key]]


def _getter(names: tuple[str, ...]) -> Callable[[Fact], Key]:
    if len(names) > 1:
        return attrgetter(*names)
    get = attrgetter(names[0])
    return lambda fact: (get(fact),)


_key_of = {table: _getter(fact.keys) for table, fact in TABLES.items()}


class Rows:
    """Rows and deletions; a later one of the same key replaces an earlier one."""

    __slots__ = ("_deleted", "_written")

    def __init__(self) -> None:
        self._written: dict[str, dict[Key, Fact]] = {}
        self._deleted: dict[str, dict[Key, None]] = {}

    def write(self, fact: Fact) -> Key:
        """A row that holds now; returns its key."""
        table = fact.table
        key: Key = _key_of[table](fact)
        written = self._written.get(table)
        if written is None:
            written = self._written[table] = {}
        written[key] = fact
        gone = self._deleted.get(table)
        if gone:
            gone.pop(key, None)
        return key

    def delete(self, table: str, key: Key) -> None:
        """A row that no longer holds."""
        self._deleted.setdefault(table, {})[key] = None
        written = self._written.get(table)
        if written:
            written.pop(key, None)

    def tables(self) -> Iterable[TableRows]:
        """Every table that something happened to, in the order in which tables are written."""
        for table in TABLES:
            written, deleted = self._written.get(table), self._deleted.get(table)
            if written or deleted:
                # in order of their keys: no set's order of iteration decides what is written, and a store
                # that sorts by key has less to do
                facts = [fact for _, fact in sorted((written or {}).items(), key=itemgetter(0))]
                yield table, facts, sorted(deleted or {}, key=repr)

    def __len__(self) -> int:
        return sum(map(len, self._written.values())) + sum(map(len, self._deleted.values()))
