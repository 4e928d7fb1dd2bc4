"""Derived rows, events as they were told, and dead letters go into the store's tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.codec import Columns
from pipeline.codec.blocks import Block, fact_blocks
from pipeline.core.facts import TABLES
from pipeline.core.rows import TableRows
from pipeline.dead_letters import DeadLetter, read_letters
from pipeline.destination import Appended
from pipeline.log.protocol import Log
from pipeline.log.topics import DEAD_LETTERS, PARTITION
from pipeline.store import DeadLetterRow, Store
from pipeline.store.letters import empty_letters

GROUP = "sink"
LETTERS_MAX = 10_000


@dataclass
class _Blocks:
    """Rows and deletions of one table as columns, and how many they are."""

    store: Store
    table: str
    blocks: list[Block]
    rows: int

    def write(self) -> Sequence[Appended]:
        for block in self.blocks:
            self.store.insert_block(self.table, block)
        self.blocks.clear()
        return ()


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

    def prepared(self, workspace: str, version: int, tables: list[TableRows]) -> list[_Blocks]:
        """Derived rows as columns, before anything is written; raises for what no column can hold.

        Empties ``tables`` as it goes: rows are not held beside their columns.
        """
        found = []
        tables.reverse()
        while tables:
            table, rows, deleted = tables.pop()
            blocks = list(fact_blocks(table, workspace, version, rows, deleted))
            found.append(_Blocks(self._store, table, blocks, len(rows) + len(deleted)))
        return found

    def holds_events(self, workspace: str) -> bool:
        """Whether any event of a workspace is in the store."""
        return self._holds("SELECT 1 FROM events WHERE workspace = {workspace:String} LIMIT 1", workspace)

    def holds_facts(self, workspace: str) -> bool:
        """Whether any fact of a workspace is in the store; a new or emptied store has none."""
        where = "WHERE workspace = {workspace:String} LIMIT 1"
        parts = (f"(SELECT 1 FROM {table} {where})" for table in TABLES)
        return self._holds(" UNION ALL ".join(parts), workspace)

    def _holds(self, sql: str, workspace: str) -> bool:
        return self._store.holds(sql, {"workspace": workspace})

    def outdated(self, workspace: str, version: int, below: int) -> Iterator[_Blocks]:
        """After a rebuild: deletions of the rows that it did not write again, table by table."""
        for table in TABLES:
            stale = sorted(self._store.live_keys(table, workspace, below), key=repr)
            if stale:
                yield from self.prepared(workspace, version, [(table, [], stale)])

    def renew_dead_letters(self, log: Log) -> None:
        """Letters of the log expired: the table holds what is left of them."""
        empty_letters(self._store)
        self._holds_letters = False
        self.write_dead_letters(log)

    def write_dead_letters(self, log: Log) -> None:
        """Copy new dead letters from the log into their table, and note how far that went."""
        start = log.committed(GROUP, DEAD_LETTERS, PARTITION)
        if start and not self._holds_letters:
            if not self._store.holds("SELECT 1 FROM dead_letters LIMIT 1"):
                start = 0  # the store was emptied: it gets all of them again
            self._holds_letters = True
        rows: list[DeadLetterRow] = []
        end = start
        for offset, letter in read_letters(log, start):
            end = offset + 1
            rows.append(row_of_letter(letter))
            if len(rows) >= LETTERS_MAX:
                self._store.insert_dead_letters(rows)
                rows.clear()
        if end > start:
            self._store.insert_dead_letters(rows)
            log.commit(GROUP, DEAD_LETTERS, PARTITION, end)


def row_of_letter(letter: DeadLetter) -> DeadLetterRow:
    """A dead letter as a row of its table."""
    return DeadLetterRow(
        letter.workspace,
        letter.topic,
        letter.partition,
        letter.number,
        letter.place,
        letter.reason,
        letter.value,
        letter.failed_at,
    )
