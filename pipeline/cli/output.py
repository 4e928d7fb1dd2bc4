"""Tables for people and for programs: ``--format table|json|csv`` of every command that prints one.

A table fits the terminal; what is too wide for it is shown one row below the other. Piped, a table
is plain text in aligned columns with nothing cut off. JSON is one document, CSV has a header line;
times are ISO 8601 in UTC everywhere.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any, TypeVar

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

FORMATS = ("table", "json", "csv")
#: more rows than this scroll away unread on a terminal; the other formats show them all
TERMINAL_ROWS_MAX = 200
#: a column that can't get this much width makes the whole table unreadable
COLUMN_CHARACTERS_MIN = 12
#: a cell of a table on a terminal wraps up to here, then ends in an ellipsis
CELL_CHARACTERS_MAX = 400

_CSV_SPECIAL = re.compile(r'[",\r\n]')

Rows = Sequence[Sequence[object]]
Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """Add ``--format`` to a command, which receives it as the argument ``format_``."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print rows: a table for people, one JSON document, or CSV with a header.",
    )(command)


def iso_time(value: datetime) -> str:
    """ISO 8601 in UTC with a Z; microseconds only where there are any. Naive means UTC here."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.replace(tzinfo=None).isoformat() + "Z"


def as_json(value: object) -> Any:
    """A value as JSON can hold it: NaN and infinities become null, times ISO 8601, bytes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return iso_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    if isinstance(value, Decimal):
        return as_json(float(value))
    item = getattr(value, "item", None)  # a numpy scalar
    return as_json(item()) if callable(item) else str(value)


def as_text(value: object) -> str:
    """A value in one cell: empty for null, a list or a map as compact JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else str(value)
    plain = as_json(value)
    if isinstance(plain, list | dict):
        return json.dumps(plain, ensure_ascii=False) if plain else ""
    return str(plain)


def printable(text: str) -> str:
    """Text without control characters: a title from outside must not steer the terminal."""
    if text.isprintable():
        return text
    shown = []
    for character in text:
        if character.isprintable():
            shown.append(character)
        elif character in "\n\t" or unicodedata.category(character)[0] == "Z":
            shown.append(" ")
        else:
            shown.append("\N{REPLACEMENT CHARACTER}")
    return "".join(shown)


def write_rows(
    columns: Sequence[str],
    rows: Rows,
    format_: str,
    *,
    title: str = "",
    file: IO[str] | None = None,
) -> None:
    """Print rows to stdout (or ``file``) in one of ``FORMATS``."""
    out = file if file is not None else sys.stdout
    if format_ == "json":
        names = _distinct(columns)
        documents = [dict(zip(names, (as_json(value) for value in row), strict=True)) for row in rows]
        out.write(_json_lines(documents))
    elif format_ == "csv":
        for line in (columns, *rows):
            out.write(_csv_line(line))
    elif out.isatty():
        _write_terminal(columns, rows, title, out)
    else:
        _write_plain(columns, rows, out)


def write_document(document: object, *, file: IO[str] | None = None) -> None:
    """Print one JSON document, indented."""
    out = file if file is not None else sys.stdout
    out.write(json.dumps(as_json(document), ensure_ascii=False, indent=2) + "\n")


def _json_lines(documents: Sequence[dict[str, Any]]) -> str:
    """One JSON array with one row a line, so that it also reads well with line tools."""
    if not documents:
        return "[]\n"
    lines = (json.dumps(document, ensure_ascii=False) for document in documents)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def _distinct(columns: Sequence[str]) -> list[str]:
    """Column names as keys: a name that comes twice would silently lose a value."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def _csv_line(values: Sequence[object]) -> str:
    """One line of RFC 4180, but ended by a line feed alone, as line tools expect.

    The standard library's writer leaves a lone carriage return unquoted then, which splits the row.
    """
    cells = [repr(float(value)) if isinstance(value, float) else as_text(value) for value in values]
    quoted = ['"' + cell.replace('"', '""') + '"' if _CSV_SPECIAL.search(cell) else cell for cell in cells]
    # An empty line is no row to most readers.
    return ('""' if quoted == [""] else ",".join(quoted)) + "\n"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _write_plain(columns: Sequence[str], rows: Rows, out: IO[str]) -> None:
    """Aligned columns, two spaces apart, nothing cut: for pipes, files and pagers."""
    table = [[printable(as_text(value)) for value in row] for row in rows]
    widths = [
        max([cell_len(column), *(cell_len(row[index]) for row in table)])
        for index, column in enumerate(columns)
    ]
    right = _right_aligned(columns, rows)
    for cells in [list(columns), *table]:
        out.write("  ".join(_padded(cells, widths, right)).rstrip() + "\n")


def _padded(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    for cell, width, on_the_right in zip(cells, widths, right, strict=True):
        space = " " * (width - cell_len(cell))
        yield space + cell if on_the_right else cell + space


def _right_aligned(columns: Sequence[str], rows: Rows) -> list[bool]:
    return [
        bool(rows) and all(row[index] is None or _is_number(row[index]) for row in rows)
        for index in range(len(columns))
    ]


def _write_terminal(columns: Sequence[str], rows: Rows, title: str, out: IO[str]) -> None:
    width = terminal_width()
    console = Console(file=out, width=width, highlight=False)
    shown = rows[:TERMINAL_ROWS_MAX]
    # Two characters of padding and one of border a column, as rich draws them.
    if _narrowest(columns, shown) > width - 3 * len(columns):
        _write_records(columns, shown, console)
    else:
        table = Table(title=title or None, title_justify="left", header_style="bold")
        for column, right in zip(columns, _right_aligned(columns, shown), strict=True):
            table.add_column(Text(column), justify="right" if right else "left", overflow="fold")
        for row in shown:
            table.add_row(*(Text(_cell(value)) for value in row))
        console.print(table)
    if len(rows) > len(shown):
        console.print(
            f"{len(shown):,} of {len(rows):,} rows; --format csv, or a pipe, shows them all",
            style="dim",
        )


def _narrowest(columns: Sequence[str], rows: Rows) -> int:
    """The least width in which each column can still be read."""
    return sum(
        min(
            COLUMN_CHARACTERS_MIN,
            max([cell_len(column), *(cell_len(_cell(row[index])) for row in rows)]),
        )
        for index, column in enumerate(columns)
    )


def _write_records(columns: Sequence[str], rows: Rows, console: Console) -> None:
    """One row below the other, a line a column: for tables wider than the terminal."""
    label = max((cell_len(column) for column in columns), default=0)
    for number, row in enumerate(rows, start=1):
        console.print(Text(f"row {number}", style="bold"))
        for column, value in zip(columns, row, strict=True):
            cell = _cell(value)
            if cell:
                space = " " * (label - cell_len(column))
                console.print(Text(f"  {column}{space}  {cell}"), soft_wrap=False)


def _cell(value: object) -> str:
    text = printable(as_text(value))
    return text if len(text) <= CELL_CHARACTERS_MAX else text[: CELL_CHARACTERS_MAX - 1] + "…"


def terminal_width() -> int:
    """Characters a line; 80 where nobody can tell."""
    return shutil.get_terminal_size((80, 24)).columns
