"""Rows onto topics, for a sink and for everybody else who wants to follow them.

Each table has a topic of its own, compacted by the row's key. What a batch leaves is written by the
transaction that commits the batch, so a row that is there follows from events that were taken in for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.codec import Columns
from pipeline.codec.facts import FactCodec
from pipeline.core.facts import TABLES
from pipeline.core.rows import TableRows
from pipeline.destination import Appended
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import PARTITION, fact_topic


@dataclass
class _Records:
    """Rows and deletions of one table as records of its topic."""

    topic: str
    partition: int
    records: list[NewRecord]

    @property
    def rows(self) -> int:
        return len(self.records)

    def write(self) -> Sequence[Appended]:
        return [(self.topic, self.partition, self.records)] if self.records else ()


class Publisher:
    """A destination: the topics of the facts, in the partition of the events they follow from."""

    def __init__(self, log: Log, facts: FactCodec, partition: int = PARTITION) -> None:
        self._log = log
        self._facts = facts
        self._partition = partition

    def prepared(self, workspace: str, version: int, tables: list[TableRows]) -> list[_Records]:
        """Derived rows as records, before anything is written; empties ``tables`` as it goes."""
        found = []
        tables.reverse()
        while tables:
            table, rows, deleted = tables.pop()
            pairs = self._facts.encode(table, workspace, version, rows, deleted)
            records = [NewRecord(key, value) for key, value in pairs]
            found.append(_Records(fact_topic(table), self._partition, records))
        return found

    def write_events(self, workspace: str, columns: Sequence[Columns]) -> None:
        """Nothing: who wants events follows the topic that they come from."""

    def holds_events(self, workspace: str) -> bool:
        """True: they are in the log itself."""
        return True

    def holds_facts(self, workspace: str) -> bool:
        """True: rows and state are committed together, so whoever has a state has its rows."""
        return True

    def outdated(self, workspace: str, version: int, below: int) -> Iterator[_Records]:
        """After a rebuild: deletions of the rows that it did not write again, table by table."""
        for table in TABLES:
            live = self._log.latest(fact_topic(table), self._partition)
            stale = self._facts.stale_keys(table, workspace, live, below)
            if stale:
                yield from self.prepared(workspace, version, [(table, [], stale)])

    def write_dead_letters(self, log: Log) -> None:
        """Nothing: who keeps them in a store follows their topic."""

    def renew_dead_letters(self, log: Log) -> None:
        """Nothing: the same."""
