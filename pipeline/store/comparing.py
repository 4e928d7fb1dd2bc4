"""Rows that hold in two databases of one store, compared by key: what only one has, and what differs."""

from __future__ import annotations

from typing import NamedTuple

from clickhouse_connect.driver.binding import quote_identifier

from pipeline.store.session import Session

EXAMPLES_MAX = 5
#: so many rows that differ are looked at column by column
EXAMINED_ROWS_MAX = 1_000
#: a comparison that needs more memory goes to the store's disk
_MEMORY_BYTES = 256 * 2**20
#: which row of a key holds, and whether it does, is no part of what it says
_UNCOMPARED = ("version", "is_deleted")


class Example(NamedTuple):
    """A row by its key; ``columns``: what differs, as (live, beside). Empty when one side has no such row."""

    key: dict[str, object]
    columns: dict[str, tuple[object, object]]


class TableDifference(NamedTuple):
    """How the rows that hold in one table differ from those beside it."""

    table: str
    rows_live: int
    rows_beside: int
    only_live: int
    only_beside: int
    different: int
    #: column -> in how many of the rows that were looked at (at most ``EXAMINED_ROWS_MAX``) it differs
    columns: dict[str, int]
    examples_only_live: list[Example]
    examples_only_beside: list[Example]
    examples_different: list[Example]

    @property
    def same(self) -> bool:
        """Whether both hold the same rows, but for their versions."""
        return not (self.only_live or self.only_beside or self.different)


class Comparison:
    """Looks at one table of two databases of one store."""

    def __init__(self, live: Session, beside: Session, table: str, workspace: str) -> None:
        self._live = live
        self._table = table
        self._asked = {"workspace": workspace}
        self._where = " WHERE workspace = {workspace:String}" if workspace else ""
        self._places = [
            f"{quote_identifier(one.database)}.{quote_identifier(table)}" for one in (live, beside)
        ]
        self._keys, self._columns = self._shape(beside.database)
        self._key = ", ".join(map(quote_identifier, self._keys))

    def _shape(self, database: str) -> tuple[list[str], list[str]]:
        """The key, and every column that was inserted."""
        where = {"database": database, "table": self._table}
        found = self._live.read(
            "SELECT name, is_in_sorting_key, default_kind FROM system.columns"
            " WHERE database = {database:String} AND table = {table:String} ORDER BY position",
            where,
        ).rows
        keys = [str(name) for name, keyed, _ in found if keyed]
        told = [str(name) for name, _, kind in found if not kind and name not in _UNCOMPARED]
        return keys, told

    def difference(self, examples: int) -> TableDifference:
        """What differs, with so many examples of each kind."""
        ((live, beside, only_live, only_beside, different),) = self._read(
            "SELECT countIf(_live > 0), countIf(_beside > 0), countIf(_beside = 0), countIf(_live = 0),"
            f" countIf(_live > 0 AND _beside > 0 AND _said_live != _said_beside) FROM ({self._by_key()})"
        )
        pairs = self._pairs() if different else []
        columns = {name: sum(name in pair.columns for pair in pairs) for name in self._columns}
        return TableDifference(
            self._table,
            rows_live=_count(live),
            rows_beside=_count(beside),
            only_live=_count(only_live),
            only_beside=_count(only_beside),
            different=_count(different),
            columns={name: count for name, count in columns.items() if count},
            examples_only_live=self._examples("_beside = 0", examples) if only_live else [],
            examples_only_beside=self._examples("_live = 0", examples) if only_beside else [],
            examples_different=pairs[:examples],
        )

    def _by_key(self) -> str:
        """Each key with the number of its rows on both sides (0 or 1), and a hash of what they say."""
        said = f"sipHash64(toString(tuple({', '.join(map(quote_identifier, self._columns))})))"
        sides = " UNION ALL ".join(
            f"SELECT {self._key}, {said} AS _said, {side} AS _side FROM {place} FINAL{self._where}"
            for side, place in enumerate(self._places)
        )
        return (
            f"SELECT {self._key}, countIf(_side = 0) AS _live, countIf(_side = 1) AS _beside,"
            " groupBitXorIf(_said, _side = 0) AS _said_live, groupBitXorIf(_said, _side = 1) AS _said_beside"
            f" FROM ({sides}) GROUP BY {self._key}"
        )

    def _examples(self, condition: str, count: int) -> list[Example]:
        rows = self._read(
            f"SELECT {self._key} FROM ({self._by_key()}) WHERE {condition} ORDER BY {self._key} LIMIT {count}"
        )
        return [Example(dict(zip(self._keys, row, strict=True)), {}) for row in rows]

    def _pairs(self) -> list[Example]:
        """Rows that are on both sides and say different things, column by column."""
        differing = (
            f"SELECT {self._key} FROM ({self._by_key()})"
            " WHERE _live > 0 AND _beside > 0 AND _said_live != _said_beside"
            f" ORDER BY {self._key} LIMIT {EXAMINED_ROWS_MAX}"
        )
        columns = ", ".join(map(quote_identifier, self._columns))
        where = f"{self._where} AND" if self._where else " WHERE"
        live, beside = (
            self._read(
                f"SELECT {self._key}, {columns} FROM {place} FINAL{where} ({self._key}) IN ({differing})"
                f" ORDER BY {self._key}"
            )
            for place in self._places
        )
        size, found = len(self._keys), []
        others = {row[:size]: row[size:] for row in beside}
        for row in live:
            other = others.get(row[:size])
            if other is None:  # it went between the two questions
                continue
            both = zip(self._columns, row[size:], other, strict=True)
            differs = {name: (mine, theirs) for name, mine, theirs in both if mine != theirs}
            found.append(Example(dict(zip(self._keys, row, strict=False)), differs))
        return found

    def _read(self, sql: str) -> list[tuple[object, ...]]:
        limits = f" SETTINGS max_bytes_before_external_group_by = {_MEMORY_BYTES}"
        return self._live.read(sql + limits, self._asked).rows


def _count(value: object) -> int:
    return int(str(value))
