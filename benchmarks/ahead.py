"""How long the views of measures take with ten million changes in the store: computed ahead, and when asked.

``python -m benchmarks ahead`` (an hour; ``--quick``: 100,000 changes). Each view that can be computed ahead
is, and is then asked for its last 90 days, for everything and for one team; so are all panels.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from benchmarks.dashboards import dashboards
from benchmarks.figures import Figure, at_most, known, p95_milliseconds
from benchmarks.filling import NEWEST, fill
from pipeline import resources
from pipeline.measuring import silent
from pipeline.store import Store
from pipeline.store.ahead import Ahead
from pipeline.store.migrations import View, read_views

CHANGES, QUICK_CHANGES = 10_000_000, 100_000
LAST_90_DAYS = "2026-08-02"
MILLISECONDS_MAX = 200.0


def questions(store: Store, view: View) -> list[str]:
    """The last 90 days of a view, where it has days: of everything, and of one team or service."""
    rows = store.query(f"SELECT name FROM system.columns WHERE table = 'kept_{view.name}'").rows
    columns = {str(name) for (name,) in rows}
    day = next((name for name in ("week", "month", "live_at", "merged_at") if name in columns), None)
    asked = f"SELECT * FROM {view.name}" + (f" WHERE {day} >= toDate('{LAST_90_DAYS}')" if day else "")
    if {"dimension", "value"} <= columns:
        joined = " AND" if day else " WHERE"
        return [asked, f"{asked}{joined} dimension = 'team' AND value = 'team 7'"]
    return [asked]


def figures(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """The slowest answer of views that are computed ahead, and what computing them takes."""
    changes = QUICK_CHANGES if quick else CHANGES
    with (
        tempfile.TemporaryDirectory(dir=directory) as place,
        closing(Store.open(f"chdb://{place}/store")) as store,
    ):
        store.migrate()
        fill(store, changes)
        views = [view for view in read_views(resources.sql() / "views") if view.ahead_by]
        begun = time.perf_counter()
        troubles = Ahead(store._session).keep(views, 24 * 60, silent)
        took = time.perf_counter() - begun
        slowest, name = 0.0, ""
        ask = partial(store._connection.reader.raw_query, fmt="Null")
        for view in views:
            if view.name in troubles:
                print(f"{view.name:24} {troubles[view.name][:200]}")
                continue
            p95 = max(p95_milliseconds(partial(ask, question)) for question in questions(store, view))
            print(f"{view.name:24} p95 {p95:6.0f} ms")
            if p95 > slowest:
                slowest, name = p95, view.name
        shown = dashboards(
            store, f"{changes:,} changes", NEWEST // 10**6, "team 7", f"deploy {changes // 3 - 10}"
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    what, of = f"{changes:,} changes", f"{len(views) - len(troubles)} of {len(views)} views computed ahead"
    text = f"{slowest:.0f} ms ({name})"
    return [
        at_most(f"{what}: slowest p95 over 90 days, {of}", slowest, MILLISECONDS_MAX, text,
                f"<= {MILLISECONDS_MAX:g} ms"),
        *shown,
        known(f"{what}: computing these views once", took, f"{took:.0f} s, at most {peak:,.0f} MB"),
    ]  # fmt: skip
