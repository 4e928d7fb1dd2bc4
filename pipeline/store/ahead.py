"""Views that are computed ahead: for a store with so many changes that nobody waits for their sum.

A view whose file says ``-- Computed ahead by: COLUMNS`` can be kept. Then there are

- ``<view>_now``, which computes it when somebody asks, as the view does elsewhere;
- ``kept_<view>``, a table of its rows, sorted by these columns;
- ``refresh_<view>``, a refreshable materialized view of ClickHouse, which makes the table anew as often as
  was said: all rows at once, so late data is in it, too. Each waits for the one before it, so one is
  computed at a time;
- and ``<view>`` shows the rows of the table.

What is kept stands in the database alone: whoever opens it next finds it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from clickhouse_connect.driver.binding import quote_identifier

from pipeline.measuring import ProgressCall
from pipeline.store.errors import ClusterRefused, StoreUnavailable
from pipeline.store.migrations import View
from pipeline.store.session import Session

#: a month: nobody looks at older figures without asking for newer ones
REFRESH_MINUTES_MAX = 31 * 24 * 60
#: each sort and sum of a refresh spills to disk what is more; all of them together are refused at the limit
REFRESH_SPILLS_BYTES = 2**28
REFRESH_MEMORY_BYTES_MAX = 4 * 2**30
#: a server may answer sooner than the refresh is done; it is asked again so often
WAITS_MAX = 100

_ORDER = re.compile(r"^ORDER BY (.+)$", re.MULTILINE)
_QUALIFIER = re.compile(r"\b\w+\.(?=\w)")
#: as the engine tells what it was told, in whole units
_EVERY = re.compile(r"REFRESH EVERY ((?:\d+ (?:MINUTE|HOUR|DAY|WEEK) ?)+)")
_UNITS = {"MINUTE": 1, "HOUR": 60, "DAY": 24 * 60, "WEEK": 7 * 24 * 60}
_LIMITS = (
    f"max_bytes_before_external_group_by = {REFRESH_SPILLS_BYTES},"
    f" max_bytes_before_external_sort = {REFRESH_SPILLS_BYTES}, max_memory_usage = {REFRESH_MEMORY_BYTES_MAX}"
)


class KeptView(NamedTuple):
    """A view, and the names of what keeps it."""

    view: View

    @property
    def computed(self) -> str:
        """The view that computes it when it is asked."""
        return f"{self.view.name}_now"

    @property
    def table(self) -> str:
        """The table of its rows."""
        return f"kept_{self.view.name}"

    @property
    def refresh(self) -> str:
        """What makes that table anew."""
        return f"refresh_{self.view.name}"

    @property
    def beside(self) -> frozenset[str]:
        """All other names under which its rows can be asked for."""
        return frozenset((self.computed, self.table, self.refresh))

    def shown(self) -> View:
        """The view that shows the rows of the table, in the order that it always has."""
        orders = _ORDER.findall(self.view.text)
        # the names in front of columns are those of subqueries
        order = f"\nORDER BY {_QUALIFIER.sub('', orders[-1])}" if orders else ""
        # its own text is part of it, so that a view whose text changed is noticed
        return View(
            self.view.name,
            f"-- {self.view.question}\n-- Computed ahead; its text is {self.view.mark}\n"
            f"SELECT * FROM {self.table}{order}",
        )

    def making(self, minutes: int, after: str) -> Iterator[str]:
        """The statements that make everything but the view itself; ``after`` is refreshed before."""
        yield View(self.computed, self.view.text).statement
        yield (
            f"CREATE TABLE {self.table}\nENGINE = MergeTree\nORDER BY ({', '.join(self.view.ahead_by)})\n"
            f"SETTINGS allow_nullable_key = 1\nEMPTY AS SELECT * FROM {self.computed}\n"
            f"COMMENT 'Rows of {self.view.name}, computed ahead'"
        )
        depends = f"DEPENDS ON {after} " if after else ""
        yield (
            f"CREATE MATERIALIZED VIEW {self.refresh} REFRESH EVERY {minutes} MINUTE {depends}\n"
            f"TO {self.table} EMPTY AS SELECT * FROM {self.computed}\nSETTINGS {_LIMITS}"
        )

    def dropping(self) -> Iterator[str]:
        """The statements after which nothing of it is left; the view has to show something else by then."""
        yield f"DROP TABLE IF EXISTS {self.refresh} SYNC"
        yield f"DROP TABLE IF EXISTS {self.table} SYNC"
        yield f"DROP VIEW IF EXISTS {self.computed}"


def also_ahead(shown: Mapping[str, str]) -> dict[str, str]:
    """View or table -> which of its rows are shown, also under the names that a view has where it is kept."""
    return dict(shown) | {
        name: condition
        for view, condition in shown.items()
        for name in sorted(KeptView(View(view, "")).beside)
    }


class Ahead:
    """What is computed ahead in one database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def minutes(self) -> int | None:
        """How often views are computed; ``None`` where they are not computed ahead."""
        found = [_EVERY.search(text) for text in self._refreshing().values()]
        told = next((match[1].split() for match in found if match is not None), None)
        if told is None:
            return None
        return sum(int(count) * _UNITS[unit] for count, unit in zip(told[::2], told[1::2], strict=True))

    def names(self) -> frozenset[str]:
        """The views that are computed ahead."""
        return frozenset(name.removeprefix("refresh_") for name in self._refreshing())

    def keep(self, views: Sequence[View], minutes: int, progress: ProgressCall) -> dict[str, str]:
        """Compute these views now, and then every ``minutes``; returns view -> why it could not be.

        Such a view is computed when it is asked, until ``refresh`` can. Raises ``ValueError`` for minutes
        that are no minutes, ``ClusterRefused`` on a cluster of servers.
        """
        if not 1 <= minutes <= REFRESH_MINUTES_MAX:
            raise ValueError(f"{minutes} minutes: 1 to {REFRESH_MINUTES_MAX:,} are meant")
        if self._session.cluster:
            raise ClusterRefused(
                "views are computed ahead on a single server: on a cluster each replica would have rows of"
                " its own. Ask for less time at once, or make materialized views of your own"
            )
        self.stop(views)
        kept = [KeptView(view) for view in views if view.ahead_by]
        after = ""
        for one in kept:
            for statement in one.making(minutes, after):
                self._session.command(statement, f"compute {one.view.name} ahead")
            after = one.refresh
        return self.refresh(views, progress)

    def refresh(self, views: Sequence[View], progress: ProgressCall) -> dict[str, str]:
        """Compute anew what is kept, and wait for it; returns view -> why it could not be."""
        names, troubles = self.names(), dict[str, str]()
        kept = [KeptView(view) for view in views if view.name in names]
        for done, one in enumerate(kept):
            progress("computing views", done, len(kept))
            try:
                self._refresh(one.refresh)
            except StoreUnavailable as error:
                # the others can be computed; this one shows what it did
                troubles[one.view.name] = str(error)
            else:
                self._session.command(one.shown().statement, f"show {one.view.name}")
        if kept:
            progress("computing views", len(kept), len(kept))
        return troubles

    def stop(self, views: Sequence[View]) -> None:
        """Let every view be computed when it is asked."""
        known = {view.name: view for view in views}
        names = sorted(self.names() | self._begun(views))
        for name in names:
            if name in known:
                self._session.command(known[name].statement, f"make the view {name}")
        # the last one first: the others wait for it
        for name in reversed(names):
            for statement in KeptView(View(name, "")).dropping():
                self._session.command(statement, f"compute {name} when it is asked")

    def _begun(self, views: Sequence[View]) -> set[str]:
        """Views of which anything was made; it may have ended in the middle."""
        rows = self._session.read(
            "SELECT name FROM system.tables WHERE database = {name:String}", {"name": self._session.database}
        ).rows
        there = {str(name) for (name,) in rows}
        return {view.name for view in views if view.ahead_by and there & KeptView(view).beside}

    def _refresh(self, name: str) -> None:
        self._session.command(f"SYSTEM REFRESH VIEW {quote_identifier(name)}", f"refresh {name}")
        for waits in range(1, WAITS_MAX + 1):
            try:
                self._session.command(f"SYSTEM WAIT VIEW {quote_identifier(name)}", f"wait for {name}")
            except StoreUnavailable:
                if waits == WAITS_MAX or not self._is_running(name):
                    raise
            else:
                return

    def _is_running(self, name: str) -> bool:
        rows = self._session.read(
            "SELECT status, exception FROM system.view_refreshes"
            " WHERE database = currentDatabase() AND view = {name:String}",
            {"name": name},
        ).rows
        return any(str(status) != "Scheduled" and not exception for status, exception in rows)

    def _refreshing(self) -> dict[str, str]:
        rows = self._session.read(
            "SELECT name, create_table_query FROM system.tables WHERE database = {name:String}"
            " AND engine = 'MaterializedView' AND startsWith(name, 'refresh_')",
            {"name": self._session.database},
        ).rows
        return {str(name): str(text) for name, text in rows}
