"""The store as a model: what ``ReplacingMergeTree`` makes of the blocks that were inserted.

The methods are the real store's, down to the blocks; tables and queries are replaced. A test holds both
against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.codec.blocks import Block, is_time
from pipeline.core.events import RECORDS
from pipeline.core.facts import TABLES
from pipeline.store import Store

#: table -> key -> the row that holds
Tables = dict[str, dict[tuple[object, ...], dict[str, Any]]]

_RECEIPT = ("received_at", "imported")


class RowsStore(Store):
    """Keeps every block, and says which rows hold."""

    def __init__(self) -> None:
        self.blocks: dict[str, list[Block]] = {}

    def insert_block(self, table: str, block: Block) -> None:
        self.blocks.setdefault(table, []).append(block)

    def holds(self, sql: str, parameters: Mapping[str, object] | None = None) -> bool:
        raise AssertionError(f"nobody asks the model: {sql}")

    def workspaces(self) -> frozenset[str]:
        """Of which any event is here."""
        return frozenset(
            name
            for table, blocks in self.blocks.items()
            if table not in TABLES
            for block in blocks
            for name in pa.table(block).column("workspace").to_pylist()
        )

    def held(self) -> Tables:
        """The rows that hold, of each table that has any."""
        found: Tables = {}
        for table in self.blocks:
            rows = self._facts(table) if table in TABLES else self._newest(table)
            if rows:
                found[table] = rows
        return found

    def _facts(self, table: str) -> dict[tuple[object, ...], dict[str, Any]]:
        """By key the row of the highest version, of equal ones the last; without those marked as deleted."""
        whole = self._whole(table)
        keys = zip(
            *(whole.column(name).to_pylist() for name in ("workspace", *TABLES[table].keys)), strict=True
        )
        versions = whole.column("version").to_pylist()
        best: dict[tuple[object, ...], int] = {}
        for place, key in enumerate(keys):
            before = best.get(key)
            if before is None or versions[place] >= versions[before]:
                best[key] = place
        deleted = whole.column("is_deleted").to_pylist()
        live = {key: place for key, place in best.items() if not deleted[place]}
        rows = (
            whole.take(pa.array(live.values(), pa.int64()))
            .drop_columns(["version", "is_deleted"])
            .to_pylist()
        )
        return dict(zip(live, rows, strict=True))

    def _newest(self, table: str) -> dict[tuple[object, ...], dict[str, Any]]:
        """Events: of equal tellings the live one, then the earliest; letters: each once."""
        held: dict[tuple[object, ...], dict[str, Any]] = {}
        for row in self._whole(table).to_pylist():
            if table == "dead_letters":
                # where it stood and when it failed is not the same in two runs
                held[row["workspace"], row["topic"], row["reason"], row["bytes"], row["place"]] = row
                continue
            told = tuple((name, repr(value)) for name, value in row.items() if name not in _RECEIPT)
            key = (row["workspace"], row["id"], told)
            if key not in held or _precedence(row) > _precedence(held[key]):
                held[key] = row
        return held

    def _whole(self, table: str) -> Block:
        whole = pa.concat_tables(self.blocks[table], promote_options="default")
        for place, name in enumerate(whole.schema.names):
            if is_time(name):
                whole = whole.set_column(place, name, whole.column(name).cast(pa.int64()))
        return whole


def _precedence(row: dict[str, Any]) -> tuple[bool, int]:
    return (not row["imported"], -row["received_at"])


def differences(one: Tables, other: Tables) -> list[str]:
    """What differs, field by field; letters without the places at which they stood."""
    found = []
    for table in (*TABLES, *(f"events_{record}" for record in RECORDS)):
        left, right = one.get(table, {}), other.get(table, {})
        for key in sorted(left.keys() | right.keys(), key=repr):
            if key not in left or key not in right:
                found.append(f"{table} {key}: only in the {'first' if key in left else 'second'}")
                continue
            for name, value in left[key].items():
                if value != right[key][name]:
                    found.append(f"{table} {key} {name}: {value!r} != {right[key][name]!r}")
    letters = [sorted(key[:4] for key in rows.get("dead_letters", {})) for rows in (one, other)]
    if letters[0] != letters[1]:
        found.append(f"dead letters: {letters[0]} != {letters[1]}")
    return found
