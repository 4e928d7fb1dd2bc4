"""Questions to the store: what may be asked, what there is to ask, and errors in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.cli.exits import Problem

if TYPE_CHECKING:
    from pipeline.store import Store

_TABLES = r"""
SELECT name, if(engine LIKE '%View%', 'view', 'table') AS kind, total_rows AS rows,
       replaceRegexpOne(comment, ' \\[[0-9a-f]{16}\\]$', '') AS answers
FROM system.tables
WHERE database = currentDatabase() AND NOT is_temporary AND name NOT LIKE '.%'
ORDER BY kind DESC, name
"""
_COLUMNS = """
SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {name:String}
ORDER BY position
"""


def run_query(store: Store, query: str) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Run one statement that reads; exit 2 with ClickHouse's own words when it is wrong."""
    from pipeline.store import InvalidQuery

    try:
        result = store.query(query.strip().rstrip(";"))
    except InvalidQuery as error:
        if "readonly" in str(error):
            raise Problem(
                "sql only reads; that statement would change something",
                hint="facts follow from events: use `import`, `replay` or `verdict`",
            ) from None
        raise Problem(
            str(error), hint="what there is: SHOW TABLES, DESCRIBE <table>, \\d at the prompt"
        ) from None
    return result.columns, result.rows


def tables(store: Store) -> Sequence[Sequence[object]]:
    """Name, kind, rows and meaning of every table and view, views first."""
    return store.query(_TABLES).rows


def describe(store: Store, name: str) -> Sequence[Sequence[object]]:
    """Column, type and meaning of one table or view; exit 2 when there is none of that name."""
    rows = store.query(_COLUMNS, {"name": name}).rows
    if not rows:
        raise Problem(f"no table or view {name!r}", hint="\\d lists them all")
    return rows
