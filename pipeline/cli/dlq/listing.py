"""``aftermerge dlq list``: a line a letter, or a line a reason."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.cells import cell_len, set_cell_size

from pipeline.cli.dlq.choosing import workspaces_of
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, microseconds, moment
from pipeline.cli.output import (
    TERMINAL_ROWS_MAX,
    as_text,
    format_option,
    printable,
    terminal_width,
    write_rows,
)

if TYPE_CHECKING:
    from pipeline.letters import Entry

#: the least that a place and a reason can be read in
PLACE_CHARACTERS_MIN = 10
REASON_CHARACTERS_MIN = 12
WORKSPACE_CHARACTERS_MAX = 16
GAP = "  "

_NUMBERS = re.compile(r"[0-9]+")


class Column(NamedTuple):
    """One column: its name, its value, and how it is told on a terminal."""

    name: str
    value: Callable[[Entry], object]
    right: bool = False


@click.command(
    "list",
    short_help="The letters that ask for attention, a line each.",
    epilog=examples(
        "aftermerge dlq list",
        "aftermerge dlq list --by reason                  what goes wrong most",
        "aftermerge dlq list --reason schema --since 2026-05-03",
        "aftermerge dlq list --all --format csv           settled and dropped ones, too",
    ),
)
@click.option(
    "--reason", metavar="TEXT", default="", help="Those whose reason holds TEXT, whatever its case."
)
@click.option(
    "--since",
    type=INSTANT,
    metavar="TIME",
    help="Leave out what was refused before; a letter without a time is shown.",
)
@click.option(
    "--by", "by", type=click.Choice(("reason", "workspace")), help="Count them instead, most first."
)
@click.option(
    "--all", "everything", is_flag=True, help="Also those that were acknowledged, settled or dropped."
)
@format_option
@shared_options
@click.pass_obj
def list_(
    invocation: Invocation,
    reason: str,
    since: datetime | None,
    by: str | None,
    everything: bool,
    format_: str,
) -> None:
    """List the dead letters: number, when, workspace, bytes, place, reason.

    On a terminal a letter has one line, cut to its width; `dlq show NUMBER` tells all of it. In a pipe,
    in JSON and in CSV nothing is cut. A letter of an event of the log has no time of its own.
    """
    from pipeline.cli.wiring import opened_log
    from pipeline.letters import State, entries, with_reason

    settings = invocation.settings
    with opened_log(settings, create=False) as log:
        found = entries(log, everything=everything)
    earliest = microseconds(since) if since is not None else 0
    shown = [
        entry
        for entry in with_reason(found, reason, workspaces_of(settings))
        if (everything or entry.state == State.WAITING) and not 0 < entry.letter.failed_at < earliest
    ]
    if by is not None:
        write_rows(*_counted(shown, by), format_)
        return
    columns = [*_COLUMNS[:-2], *(_STATES if everything else ()), *_COLUMNS[-2:]]
    if format_ == "table" and sys.stdout.isatty():
        _write_lines(columns, shown)
        return
    rows = [[column.value(entry) for column in columns] for entry in shown]
    write_rows([column.name for column in columns], rows, format_)


def _when(at: int) -> datetime | None:
    return moment(at) if at else None


_COLUMNS = (
    Column("number", lambda entry: str(entry.number), right=True),
    Column("when", lambda entry: _when(entry.letter.failed_at)),
    Column("workspace", lambda entry: entry.letter.workspace),
    Column("bytes", lambda entry: entry.bytes_count, right=True),
    Column("place", lambda entry: entry.letter.place),
    Column("reason", lambda entry: entry.letter.reason),
)
_STATES = (Column("state", lambda entry: str(entry.state)),)


def _counted(shown: Sequence[Entry], by: str) -> tuple[list[str], list[list[object]]]:
    """How many letters there are of each reason or workspace, since when, until when, and one of them.

    Reasons that differ in numbers only (a line, a byte) are one; the newest letter's is told.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in shown:
        name = str(getattr(entry.letter, by))
        groups.setdefault(_NUMBERS.sub("0", name) if by == "reason" else name, []).append(entry)
    rows: list[list[object]] = []
    for _, found in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        times = [entry.letter.failed_at for entry in found if entry.letter.failed_at]
        first, last = (_when(min(times)), _when(max(times))) if times else (None, None)
        rows.append([len(found), first, last, str(found[-1].number), getattr(found[-1].letter, by)])
    return ["letters", "first", "last", "newest", by], rows


def _write_lines(columns: Sequence[Column], shown: Sequence[Entry]) -> None:
    """One line a letter, however narrow the terminal: a place keeps its end, a reason its beginning."""
    rows = [[_cell(column, entry) for column in columns] for entry in shown[:TERMINAL_ROWS_MAX]]
    names = [column.name for column in columns]
    widths = [
        max([cell_len(name), *(cell_len(row[index]) for row in rows)]) for index, name in enumerate(names)
    ]
    workspace = names.index("workspace")
    widths[workspace] = min(widths[workspace], WORKSPACE_CHARACTERS_MAX)
    left = terminal_width() - sum(widths[:-2]) - len(GAP) * (len(columns) - 1)
    # a place has two fifths of what is left, and more where the reasons are short
    place = min(widths[-2], max(PLACE_CHARACTERS_MIN, 2 * left // 5, left - widths[-1]))
    widths[-2], widths[-1] = place, max(REASON_CHARACTERS_MIN, left - place)
    for row in [names, *rows]:
        cells = [
            _padded(cell, width, right=column.right, keep_end=column.name == "place")
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        click.echo(GAP.join(cells).rstrip())
    if len(shown) > len(rows):
        more = f"{len(rows):,} of {len(shown):,} letters; --by reason counts them, a pipe shows them all"
        click.echo(more, err=True)


def _cell(column: Column, entry: Entry) -> str:
    value = column.value(entry)
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else printable(as_text(value))


def _padded(cell: str, width: int, *, right: bool, keep_end: bool) -> str:
    if cell_len(cell) > width:
        if not keep_end:
            return set_cell_size(cell, width - 1) + "…"
        while cell_len(cell) > width - 1:
            cell = cell[1:]
        cell = "…" + cell
    space = " " * (width - cell_len(cell))
    return space + cell if right else cell + space
