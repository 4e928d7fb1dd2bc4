"""How a command ends: the exit codes, and the one exception that carries a message to a person."""

from __future__ import annotations

from enum import IntEnum

import click


class Exit(IntEnum):
    """The exit codes of every command; scripts may rely on them."""

    OK = 0
    PARTLY = 1
    USAGE = 2
    DATA = 3
    UNAVAILABLE = 4
    NOTHING = 5
    BUG = 70
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.PARTLY: "done in part: some input went to the dead letters, or doctor found a problem",
    Exit.USAGE: "wrong command line, setting, query or input file",
    Exit.DATA: "the data directory is held by another process, or can't be used",
    Exit.UNAVAILABLE: "the log or the store is unavailable",
    Exit.NOTHING: "nothing to do, or what was asked for was not found",
    Exit.BUG: "a fault in aftermerge itself; --debug shows the traceback",
    Exit.INTERRUPTED: "interrupted: nothing is lost, the same command goes on",
}


class Problem(Exception):
    """What went wrong and where (``message``), what to do about it (``hint``), and the exit code."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def show(self) -> None:
        """Write the message to stderr, in one or two lines."""
        click.echo(f"aftermerge: {self.message}", err=True)
        if self.hint:
            click.echo(f"  {self.hint}", err=True)
