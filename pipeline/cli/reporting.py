"""What an import or a replay did, in rows; and the exit code that says it to a script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import click

from pipeline.cli.exits import Exit
from pipeline.cli.output import write_rows


class Line(NamedTuple):
    """One line of the report; ``section`` is read, result, or question (which this history answers)."""

    section: str
    what: str
    value: str | int
    remark: str = ""


@dataclass
class Outcome:
    """Counts of one run, from what was read to the rows that changed."""

    #: what the source read and what it can't tell, in its own words
    lines: list[Line] = field(default_factory=list)
    appended: int = 0
    unchanged: int = 0
    dead_letters: int = 0
    #: what could not even be looked at
    closed: int = 0
    correlated: int = 0
    rows: int = 0
    behind_horizon: int = 0
    rebuilt: bool = False
    #: the processes of a cluster wrote the rows, and count them there
    elsewhere: bool = False
    #: sentences for the person at the terminal
    notes: list[str] = field(default_factory=list)

    @property
    def code(self) -> Exit:
        """Partly when something could not be read; nothing when there was no event at all."""
        if self.dead_letters or self.closed:
            return Exit.PARTLY
        if not (self.appended or self.unchanged or self.correlated or self.rows):
            return Exit.NOTHING
        return Exit.OK

    def all_lines(self) -> list[Line]:
        """What was read, then what became of it, then what it can answer."""
        behind = "applied by a rebuild" if self.rebuilt else "`aftermerge rebuild` applies them"
        known = "they change nothing"
        results = [
            ("events appended", self.appended, ""),
            ("events already known", self.unchanged, known if self.unchanged else ""),
            ("dead letters", self.dead_letters, "`aftermerge doctor` says why" if self.dead_letters else ""),
            ("events correlated", self.correlated, ""),
            ("events behind the horizon", self.behind_horizon, behind if self.behind_horizon else ""),
        ]
        if self.rows or not self.elsewhere:
            results.append(("rows written", self.rows, ""))
        return [
            *(line for line in self.lines if line.section == "read"),
            *(Line("result", *result) for result in results),
            *(line for line in self.lines if line.section != "read"),
        ]


def report(outcome: Outcome, format_: str) -> None:
    """Print the counts, then the notes to stderr, and end with the exit code."""
    write_rows(Line._fields, outcome.all_lines(), format_)
    for note in outcome.notes:
        click.echo(note, err=True)
    click.get_current_context().exit(outcome.code)
