"""Derived rows, events as they were told, and dead letters go into the store's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.codec import Columns
from pipeline.core.facts import TABLES
from pipeline.core.rows import TableRows
from pipeline.dead_letters import read_letters
from pipeline.log.protocol import Log
from pipeline.log.topics import DEAD_LETTERS, PARTITION
from pipeline.store import DeadLetterRow, Store
from pipeline.store.columns import Block, fact_blocks

GROUP = "sink"
LETTERS_MAX = 10_000


class Prepared(NamedTuple):
    """Rows and deletions of one table as columns, and how many they are."""

    table: str
    blocks: list[Block]
    rows: int


class Sink:
    """Writes one store. Every call is safe to repeat: equal rows collapse, versions decide."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: whether the store is known to hold the dead letters that were copied
        self._holds_letters = False

    def write_events(self, workspace: str, columns: Sequence[Columns]) -> None:
        """Keep every telling as it was told."""
        for column in columns:
            self._store.insert_events(column.record, workspace, column.table)

    def write_facts(self, workspace: str, version: int, tables: list[TableRows]) -> int:
        """Write derived rows and deletions under one version; returns how many rows that were."""
        return self.write_prepared(self.prepared(workspace, version, tables))

    def prepared(self, workspace: str, version: int, tables: list[TableRows]) -> list[Prepared]:
        """Derived rows as columns, before anything is written; raises for what no column can hold.

        Empties ``tables`` as it goes: rows are not held beside their columns.
        """
        found = []
        tables.reverse()
        while tables:
            table, rows, deleted = tables.pop()
            blocks = list(fact_blocks(table, workspace, version, rows, deleted))
            found.append(Prepared(table, blocks, len(rows) + len(deleted)))
        return found

    def write_prepared(self, prepared: list[Prepared]) -> int:
        """Write what was prepared, and let go of it; returns how many rows that were."""
        count = 0
        prepared.reverse()
        while prepared:
            table, blocks, rows = prepared.pop()
            for block in blocks:
                self._store.insert_block(table, block)
            count += rows
        return count

    def holds_events(self, workspace: str) -> bool:
        """Whether any event of a workspace is in the store."""
        return self._holds("SELECT 1 FROM events WHERE workspace = {workspace:String} LIMIT 1", workspace)

    def holds_facts(self, workspace: str) -> bool:
        """Whether any fact of a workspace is in the store; a new or emptied store has none."""
        where = "WHERE workspace = {workspace:String} LIMIT 1"
        parts = (f"(SELECT 1 FROM {table} {where})" for table in TABLES)
        return self._holds(" UNION ALL ".join(parts), workspace)

    def _holds(self, sql: str, workspace: str) -> bool:
        return bool(self._store.query(sql, {"workspace": workspace}).rows)

    def delete_older(self, workspace: str, version: int, below: int) -> int:
        """After a rebuild: delete the rows that it did not write again."""
        count = 0
        for table in TABLES:
            stale = sorted(self._store.live_keys(table, workspace, below), key=repr)
            if stale:
                self._store.insert_facts(table, workspace, version, [], stale)
                count += len(stale)
        return count

    def write_dead_letters(self, log: Log) -> None:
        """Copy new dead letters from the log into their table, and note how far that went."""
        start = log.committed(GROUP, DEAD_LETTERS, PARTITION)
        if start and not self._holds_letters:
            if not self._store.query("SELECT 1 FROM dead_letters LIMIT 1").rows:
                start = 0  # the store was emptied: it gets all of them again
            self._holds_letters = True
        rows: list[DeadLetterRow] = []
        end = start
        for offset, letter in read_letters(log, start):
            end = offset + 1
            rows.append(
                DeadLetterRow(
                    letter.workspace,
                    letter.topic,
                    letter.partition,
                    letter.number,
                    letter.place,
                    letter.reason,
                    letter.value,
                    letter.failed_at,
                )
            )
            if len(rows) >= LETTERS_MAX:
                self._store.insert_dead_letters(rows)
                rows.clear()
        if end > start:
            self._store.insert_dead_letters(rows)
            log.commit(GROUP, DEAD_LETTERS, PARTITION, end)
