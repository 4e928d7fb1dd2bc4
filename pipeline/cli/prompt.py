"""The prompt of ``aftermerge sql``: history, completion of names, and the few commands of psql."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from pipeline.cli.asking import describe, run_query, tables
from pipeline.cli.exits import Problem
from pipeline.cli.output import write_rows

if TYPE_CHECKING:
    from pipeline.cli.wiring import Parts

HISTORY_FILE = "sql-history"
HELP = """\\d          the tables and views       \\d NAME     the columns of one of them
\\x          table, json or csv         \\q, Ctrl-D   the end
A statement ends with ; or with an empty line. Only reading is possible here."""

_KEYWORDS = (
    "SELECT FROM FINAL WHERE PREWHERE GROUP BY ORDER HAVING LIMIT JOIN LEFT INNER USING ON AS AND OR NOT IN"
    " BETWEEN LIKE ILIKE IS NULL DESC ASC DISTINCT WITH UNION ALL SHOW DESCRIBE EXPLAIN INTERVAL DAY HOUR"
    " CASE WHEN THEN ELSE END count() sum() avg() quantile() toStartOfWeek() toStartOfMonth() dateDiff()"
    " arrayJoin() countIf() uniq() argMax() has()"
)


class Names(Completer):
    """Completes table, view and column names, and the words of SQL."""

    def __init__(self, names: Iterable[str]) -> None:
        self._words = sorted(set(names)) + _KEYWORDS.split()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Words that begin like the one at the cursor, whatever their case."""
        word = document.get_word_before_cursor(WORD=False)
        if not word or not word[-1].isalnum() and word[-1] != "_":
            return
        lower = word.lower()
        for candidate in self._words:
            if candidate.lower().startswith(lower):
                yield Completion(candidate, start_position=-len(word))


def ends_statement(text: str) -> bool:
    """Whether Enter runs what was typed: a semicolon, an empty last line, or a prompt command."""
    stripped = text.strip()
    return (
        not stripped
        or stripped.startswith("\\")
        or stripped.endswith(";")
        or text.rstrip(" ").endswith("\n")
        or stripped.lower() in ("exit", "quit", "help")
    )


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if ends_statement(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


def converse(parts: Parts, format_: str) -> None:
    """Ask and answer until Ctrl-D; Ctrl-C drops the line, and stops a query."""
    listed = tables(parts.store)
    names = [str(row[0]) for row in listed]
    columns = {str(row[0]) for name in names for row in describe(parts.store, name)}
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(parts.settings.data / HISTORY_FILE)),
        completer=Names([*names, *columns]),
        multiline=True,
        key_bindings=_keys(),
        prompt_continuation="... ",
    )
    click.echo(
        f"{len(names)} tables and views, workspace {parts.workspace}. \\d lists, \\? helps, Ctrl-D ends."
    )
    while True:
        try:
            typed = session.prompt("aftermerge> ").strip()
            if typed.lower().rstrip(";") in ("\\q", "exit", "quit"):
                return
            if typed:
                format_ = answer(parts, typed, format_)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        except Problem as problem:
            problem.show()


def answer(parts: Parts, typed: str, format_: str) -> str:
    """Answer one statement or prompt command; returns the format of the next answer."""
    command, _, argument = typed.rstrip(";").strip().partition(" ")
    if command in ("\\d", "\\dt", "\\l") and argument:
        write_rows(["column", "type", "meaning"], describe(parts.store, argument.strip()), format_)
    elif command in ("\\d", "\\dt", "\\l"):
        write_rows(["name", "kind", "rows", "answers"], tables(parts.store), format_)
    elif command == "\\x":
        if argument.strip() not in ("table", "json", "csv"):
            raise Problem("\\x takes table, json or csv")
        click.echo(f"answers come as {argument.strip()}")
        return argument.strip()
    elif command in ("\\?", "\\h", "help"):
        click.echo(HELP)
    elif command.startswith("\\"):
        raise Problem(f"no command {command}", hint="\\? lists them")
    else:
        columns, rows = run_query(parts.store, typed)
        write_rows(columns, rows, format_)
        if format_ == "table":
            click.echo(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")
    return format_
