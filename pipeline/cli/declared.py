"""What does not fit together in the declarations of services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli.leftovers import Line
from pipeline.core.catalogue import IN_CIRCLE

if TYPE_CHECKING:
    from pipeline.store import Store

#: services that are named; the others are counted
SERVICES_SHOWN_MAX = 10
_SQL = """
SELECT service, arrayStringConcat(problems, '; '), count() OVER ()
FROM services FINAL WHERE workspace = {workspace:String} AND notEmpty(problems)
ORDER BY startsWith(problems[1], {circle:String}) DESC, service LIMIT {most:UInt32}
"""


def catalogue_lines(store: Store, workspace: str) -> Iterator[Line]:
    """Services that depend on themselves by way of others, or on what nobody declared."""
    told = {"workspace": workspace, "most": SERVICES_SHOWN_MAX, "circle": IN_CIRCLE}
    rows = store.query(_SQL, told).rows
    for service, problems, _ in rows:
        # what nobody declared may never be: a supplier's service, say
        state = "problem" if IN_CIRCLE in str(problems) else "note"
        yield Line(str(service), str(problems), state, "correct the declaration, and import it again")
    if rows and (left := int(str(rows[0][2])) - len(rows)) > 0:
        yield Line("other services", f"{left:,}", "note", "column problems of the table services")
