"""What does not fit together in the declarations of services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli.leftovers import Line

if TYPE_CHECKING:
    from pipeline.store import Store

#: services that are named; the others are counted
SERVICES_SHOWN_MAX = 10
_SQL = """
SELECT service, arrayStringConcat(problems, '; '), count() OVER ()
FROM services FINAL WHERE workspace = {workspace:String} AND notEmpty(problems)
ORDER BY service LIMIT {most:UInt32}
"""


def catalogue_lines(store: Store, workspace: str) -> Iterator[Line]:
    """Services that depend on themselves by way of others, or on what nobody declared."""
    rows = store.query(_SQL, {"workspace": workspace, "most": SERVICES_SHOWN_MAX}).rows
    for service, problems, _ in rows:
        yield Line(str(service), str(problems), "problem", "correct the declaration, and import it again")
    if rows and (left := int(str(rows[0][2])) - len(rows)) > 0:
        yield Line("other services", f"{left:,}", "problem", "column problems of the table services")
