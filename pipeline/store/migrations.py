"""Numbered, forward-only migrations, and the views, which are made anew when their text changed.

``sql/migrations/NNN_name.sql`` holds statements that end in ``;``. What was applied stands in the
table ``migrations`` with the hash of its text: a file that was edited afterwards is refused, since
nobody can tell what the database looks like then.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.store.errors import MigrationRefused

#: statements, with quoted text and comments taken as they are
_STATEMENT = re.compile(
    r"(?:'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|[^;'`\"])+", re.DOTALL
)
_COMMENTS_BEFORE = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_MADE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_AHEAD = re.compile(r"^-- Computed ahead by: ([\w, ]+)\.$", re.MULTILINE)
_MARK = re.compile(r" \[[0-9a-f]{16}\]$")
_FILE_NAME = re.compile(r"(?P<number>\d{3})_(?P<name>[a-z0-9_]+)\.sql")

STATUS_TABLE = """
CREATE TABLE IF NOT EXISTS migrations
(
    number     UInt32 COMMENT 'number of the migration: the order in which they are applied',
    name       String COMMENT 'name of its file without the number',
    sha256     FixedString(64) COMMENT 'hash of its text when it was applied',
    applied_at DateTime64(6, 'UTC') COMMENT 'when it was applied, by the clock of the machine that did it'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which changes of the tables were applied'
"""


class Migration(NamedTuple):
    """One file of ``sql/migrations``."""

    number: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.number:03}_{self.name}"

    @property
    def tables(self) -> list[str]:
        """The tables that it makes."""
        return [match[1] for statement in self.statements if (match := _MADE.match(statement))]

    @property
    def sha256(self) -> str:
        """Hash of the text, by which an edited file is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements in their order, without comments before them."""
        return split_statements(self.text)

    def row(self) -> tuple[int, str, str, datetime]:
        """The row of the status table; the one place where the store reads a clock."""
        return (self.number, self.name, self.sha256, datetime.now(UTC))


class View(NamedTuple):
    """One file of ``sql/views``: a comment that says what it answers, and a SELECT."""

    name: str
    text: str

    @property
    def mark(self) -> str:
        """The comment of the view in the database: its question, and a hash that shows a new text."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:16]
        return f"{self.question} [{digest}]"

    @property
    def question(self) -> str:
        """The first comment line: the question that the view answers."""
        first = self.text.lstrip().splitlines()[0] if self.text.strip() else ""
        return first.removeprefix("--").strip()

    @property
    def ahead_by(self) -> list[str]:
        """The columns by which its rows are sorted where it is computed ahead; none: it never is."""
        match = _AHEAD.search(self.text)
        return re.findall(r"\w+", match[1]) if match is not None else []

    @property
    def statement(self) -> str:
        """What makes the view."""
        (select,) = split_statements(self.text)
        comment = self.mark.replace("\\", "\\\\").replace("'", "\\'")
        return f"CREATE OR REPLACE VIEW {self.name} AS\n{select}\nCOMMENT '{comment}'"


def split_statements(text: str) -> list[str]:
    """The statements of a text; a ``;`` inside quotes or a comment doesn't end one."""
    parts = (_COMMENTS_BEFORE.sub("", part).rstrip() for part in _STATEMENT.findall(text))
    return [part for part in parts if part]


def read_migrations(directory: Path) -> list[Migration]:
    """The migrations of a directory in their order.

    Raises ``MigrationRefused`` for a wrong name, a number twice or a gap.
    """
    found = []
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path}: a migration is called NNN_name.sql")
        found.append(Migration(int(match["number"]), match["name"], path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationRefused(
                f"{directory}: number {expected:03} is missing or used twice,"
                f" found {migration.number:03}_{migration.name}"
            )
    return found


def is_ours(comment: str) -> bool:
    """Whether a view with this comment was made from a file of ``sql/views``."""
    return _MARK.search(comment) is not None


def read_views(directory: Path) -> list[View]:
    """The views of a directory by name; one that reads another one comes after it."""
    return [View(path.stem, path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.sql"))]


def pending(found: list[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    """What is still to apply; ``applied`` maps a number to name and hash.

    Raises ``MigrationRefused`` when an applied migration was edited, or is unknown here.
    """
    unknown = newer(found, applied)
    if unknown:
        raise MigrationRefused(
            f"the database has migration {unknown[0]}, which this version doesn't know:"
            " a newer aftermerge wrote it, use that one"
        )
    refuse_edited(found, applied)
    return [migration for migration in found if migration.number not in applied]


def newer(found: list[Migration], applied: dict[int, tuple[str, str]]) -> list[str]:
    """What was applied and is unknown here: a newer version did it."""
    known = {migration.number for migration in found}
    return [f"{number:03}_{name}" for number, (name, _) in sorted(applied.items()) if number not in known]


def refuse_edited(found: list[Migration], applied: dict[int, tuple[str, str]]) -> None:
    """Raise ``MigrationRefused`` when an applied migration was edited."""
    for migration in found:
        _, sha256 = applied.get(migration.number, ("", migration.sha256))
        if migration.sha256 != sha256:
            raise MigrationRefused(
                f"migration {migration} was edited after it was applied:"
                " restore its text and write a new migration instead"
            )
