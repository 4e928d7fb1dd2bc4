"""``aftermerge sql``: every fact is a table, and every question a documented view."""

from __future__ import annotations

import sys

import click

from pipeline.cli.asking import run_query
from pipeline.cli.exits import Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import format_option, write_rows

QUERY_CHARACTERS_MAX = 1_000_000


@click.command(
    short_help="Ask the tables a question, or open a prompt.",
    epilog=examples(
        "aftermerge sql                                   a prompt; \\d lists, Ctrl-D ends",
        'aftermerge sql "SELECT service, count() FROM deployments FINAL GROUP BY service"',
        'aftermerge sql --format csv "SELECT * FROM incidents FINAL" > incidents.csv',
        "aftermerge sql < question.sql",
        "aftermerge sql '\\d incidents'                    the columns of one table, as at the prompt",
    ),
)
@click.argument("query", required=False)
@format_option
@shared_options
@click.pass_obj
def sql(invocation: Invocation, query: str | None, format_: str) -> None:
    """Ask the tables and views a question in ClickHouse SQL.

    QUERY is one statement that reads; without it a prompt opens, or the query is read from what is
    piped in. Every table has the column `workspace`. Facts are kept in several versions: the views,
    and `FROM <table> FINAL`, show the live one.
    """
    from pipeline.cli.wiring import opened

    interactive = query is None and sys.stdin.isatty()
    if query is None and not interactive:
        query = sys.stdin.read(QUERY_CHARACTERS_MAX)
    if query is not None and not query.strip().rstrip(";"):
        raise Problem("the query is empty", hint='try: aftermerge sql "SHOW TABLES"')
    with opened(invocation.settings, create=False) as parts:
        if query is None:
            from pipeline.cli.prompt import converse

            converse(parts, format_)
            return
        if query.lstrip().startswith("\\"):
            from pipeline.cli.prompt import answer

            answer(parts, query.strip(), format_)
            return
        columns, rows = run_query(parts.store, query)
    write_rows(columns, rows, format_)
