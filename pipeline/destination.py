"""Where rows go: into a store at once, or onto topics that a sink follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pipeline.codec import Columns
from pipeline.core.rows import TableRows
from pipeline.log.protocol import Log, NewRecord

#: topic, partition and records that are committed together with the batch they follow from
Appended = tuple[str, int, Sequence[NewRecord]]


class Prepared(Protocol):
    """Rows and deletions of one table in the form in which they are written; ``rows`` counts both."""

    @property
    def rows(self) -> int: ...

    def write(self) -> Sequence[Appended]:
        """Write them, and let go of them; returns what is still to be written, by the batch's commit."""


class Destination(Protocol):
    """What the correlation writes to. Every call is safe to repeat: versions decide which row holds."""

    def prepared(self, workspace: str, version: int, tables: list[TableRows]) -> Sequence[Prepared]:
        """Derived rows before anything is written; raises for what can't be written at all.

        Empties ``tables`` as it goes: rows are not held beside what becomes of them.
        """

    def write_events(self, workspace: str, columns: Sequence[Columns]) -> None:
        """Keep every telling as it was told."""

    def holds_events(self, workspace: str) -> bool:
        """Whether any event of a workspace is there."""

    def holds_facts(self, workspace: str) -> bool:
        """Whether any row of a workspace is there; a new or emptied place has none."""

    def outdated(self, workspace: str, version: int, below: int) -> Iterable[Prepared]:
        """After a rebuild: deletions of the rows that it did not write again, table by table."""

    def write_dead_letters(self, log: Log) -> None:
        """Take in the dead letters that came since the last call."""

    def renew_dead_letters(self, log: Log) -> None:
        """Letters of the log expired: hold what is left of them, and nothing else."""
