"""How long the views of measures take with ten million changes in the store: computed ahead, and when asked.

``python -m benchmarks ahead`` (an hour; ``--quick``: 100,000 changes). The rows are made by the store itself,
in the order of time, spread over five years and 400 services; each view that can be computed ahead is, and is
then asked for its last 90 days, for everything and for one team; so are the panels of all dashboards.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.dashboards import dashboards
from benchmarks.figures import Figure, at_most, known
from pipeline import resources
from pipeline.measuring import silent
from pipeline.store import Store
from pipeline.store.ahead import Ahead
from pipeline.store.migrations import View, read_views
from tests.store.rows import batch, event

CHANGES, QUICK_CHANGES = 10_000_000, 100_000
CHUNK_ROWS = 1_000_000
SERVICES, TEAMS = 400, 40
YEARS_SECONDS = 5 * 365 * 86_400
BEGIN, LAST_90_DAYS = "2021-11-01 00:00:00", "2026-08-03"
RUNS = 20
MILLISECONDS_MAX = 200.0
NEWEST = 1_793_491_200_000_000
_HASH = "cityHash64(number)"
_SERVICE = f"concat('service-', toString({_HASH} % {SERVICES}))"
_REPOSITORY = f"concat('acme/service-', toString({_HASH} % {SERVICES}))"
_TEAM = f"concat('team ', toString({_HASH} % {SERVICES} % {TEAMS}))"
_KEY = f"concat({_REPOSITORY}, '#', toString(number))"
_BOT = f"{_HASH} % 9 = 0"
_DEPLOYMENT = "concat('deploy ', toString(intDiv(number, 3)))"
_CLASSES = "['code', 'iam', 'database-migration', 'iac', 'docs', 'api-contract', 'observability']"
_CLASS = f"{_CLASSES}[1 + {_HASH} % 7]"

#: its name, number of rows, and an expression for each column that is not left at its default
Table = tuple[str, int, dict[str, str]]


def _at(count: int, hours: float = 0.0) -> str:
    """When the row of this number happened."""
    seconds = f"intDiv(number * {YEARS_SECONDS}, {count}) + {round(hours * 3600)}"
    return f"toDateTime64('{BEGIN}', 6, 'UTC') + toIntervalSecond({seconds})"


def _around(salt: int, typical: float) -> str:
    """A number that is spread like times and sizes are: to both sides by its logarithm."""
    lots = " + ".join(f"cityHash64(number, {salt + 100 * turn}) % 1000000 / 1000000" for turn in range(3))
    return f"toInt64({typical} * exp(1.2 * (2 * ({lots}) - 3)))"


def _of_changes(changes: int) -> list[Table]:
    """The tables that have a row for each change."""
    lines, merged = _around(1, 60), _at(changes)
    size = f"multiIf({lines} < 10, 'tiny', {lines} < 50, 'small', {lines} < 300, 'medium', 'large')"
    whose = {"change": _KEY, "repository": _REPOSITORY, "bot": _BOT, "state": "'merged'"}
    placed = {"service": _SERVICE, "team": _TEAM, "change_class": _CLASS, "merged_at": merged}
    return [
        ("reviews", changes, whose | placed | {
            "lines": lines, "size": size, "opened_at": f"{merged} - toIntervalSecond({_around(2, 72_000)})",
            "ready_at": f"{merged} - toIntervalSecond({_around(2, 72_000)})", "closed_at": merged,
            "first_response_at": f"{merged} - toIntervalHour(1)", "response_seconds": _around(3, 9_000),
            "response_working_seconds": _around(4, 5_000), "response_target_seconds": "14400",
            "waiting_seconds": _around(5, 20_000), "waiting_working_seconds": _around(6, 9_000),
            "author_seconds": _around(7, 9_000), "merging_seconds": _around(8, 900), "rounds": "2",
            "comments": "3", "substantive_comments": "1", "approval_seconds": _around(9, 600),
            "rubber_stamp": f"{_HASH} % 33 = 0",
        }),
        ("compliance", changes, whose | placed | {
            "classes": f"[{_CLASS}]", "branch": "'main'", "opened_at": f"{merged} - toIntervalHour(20)",
            "policies": "['default']", "approvals_needed": "1", "approvals": "1", "owners_told": "1",
            "owners_needed": "1", "owners_approved": f"toInt64({_HASH} % 10 > 0)",
            "bypassed": f"if({_HASH} % 31 = 0, ['label'], [])",
            "retro_review_due_at": f"if({_HASH} % 31 = 0, {merged} + toIntervalDay(3), NULL)",
            "retro_reviewed_at": f"if({_HASH} % 62 = 0, {merged} + toIntervalDay(1), NULL)",
            "violations": f"if({_HASH} % 23 = 0, ['approvals'], [])",
            "violation_states": f"if({_HASH} % 23 = 0, ['merged'], [])",
        }),
        ("outcomes", changes, whose | placed | {
            "branch": "'main'", "lines": lines, "generated_lines": "0", "size": size, "checks": "4",
            "red_checks": f"if({_HASH} % 40 = 0, ['unit'], [])",
            "red_at": f"if({_HASH} % 40 = 0, {merged}, NULL)",
            "green_at": f"if({_HASH} % 40 = 0, {_at(changes, 1)}, NULL)",
        }),
        ("changes", changes, whose | {
            "number": "number", "branch": "'main'", "sha": "lower(hex(SHA1(toString(number))))",
            "title": "concat('Make case ', toString(number), ' better')",
            "author": f"concat('p:', toString({_HASH} % 4000))",
            "opened_at": f"{merged} - toIntervalHour(20)",
            "merged_at": merged, "closed_at": merged, "additions": lines, "deletions": "5", "files": "3",
            "paths": "['src/a.py', 'tests/a.py']", "owners": "['@acme/team']", "reviews": "1",
            "approvals": "1", "checks": "4", "deployment": _DEPLOYMENT, "deployed_at": _at(changes, 2),
            "updated_at": merged, "events": "['a', 'b', 'c']",
            "first_commit_at": f"{merged} - toIntervalHour(25)",
        }),
    ]  # fmt: skip


def _of_deployments(changes: int) -> list[Table]:
    """What becomes of changes: one of three is a deployment, one of two hundred an incident."""
    deployments, incidents = changes // 3, max(1, changes // 200)
    return [
        ("deployment_changes", changes, {
            "deployment": _DEPLOYMENT, "change": _KEY, "service": _SERVICE, "environment": "'production'",
            "link_rule": "'branch'", "live_at": _at(changes, 2),
        }),
        ("deployments", deployments, {
            "deployment": "concat('deploy ', toString(number))", "service": _SERVICE,
            "environment": "'production'", "kind": "'service'", "tag": "concat('v', toString(number))",
            "repository": _REPOSITORY, "outcome": "'success'", "live_at": _at(deployments, 2),
            "transition": f"if({_HASH} % 50 = 0, 'rollback', 'forward')", "changes": "3", "events": "['x']",
        }),
        ("incidents", incidents, {
            "incident": "concat('incident ', toString(number))", "service": _SERVICE,
            "environment": "'production'", "opened_at": _at(incidents, 3), "onset_at": _at(incidents, 3),
            # the newest ones are open
            "resolved_at": f"if(number >= {incidents} - 8, NULL, {_at(incidents, 4)})",
            "verdict": "'likely'", "cause_kind": "'deployment'",
            "cause": "concat('deploy ', toString(number * 66))", "probability": "0.7", "state": "'final'",
        }),
        ("attributions", incidents * 10, {
            "incident": "concat('incident ', toString(intDiv(number, 10)))", "kind": "'deployment'",
            "candidate": "concat('deploy ', toString(intDiv(number, 10) * 66 + number % 10))",
            "rank": "1 + number % 10", "probability": "pow(0.5, 1 + number % 10)", "service": _SERVICE,
            "environment": "'production'", "live_at": _at(incidents * 10, 2),
            "onset_at": _at(incidents * 10, 3),
        }),
        ("services", SERVICES, {
            "service": "concat('service-', toString(number))", "declared": "1",
            "team": f"concat('team ', toString(number % {TEAMS}))",
            "repositories": "[concat('acme/service-', toString(number))]",
        }),
    ]  # fmt: skip


def fill(store: Store, changes: int) -> None:
    """Make the rows where they are kept; nothing of ten million of them could be made in Python in time."""
    for table, count, told in (*_of_changes(changes), *_of_deployments(changes)):
        columns: Mapping[str, str] = {"workspace": "'acme'", "version": "1", "is_deleted": "0", **told}
        for start in range(0, count, CHUNK_ROWS):
            store._command(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
                f" FROM numbers({start}, {min(CHUNK_ROWS, count - start)})",
                f"fill {table}",
            )
    last = event("change_merged", id="last", source="git", time=NEWEST, received_at=NEWEST, imported=True)
    store.insert_events("change_merged", "acme", batch("change_merged", [last]))


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


def _p95_milliseconds(store: Store, question: str) -> float:
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        store._connection.reader.raw_query(question, fmt="Null")
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(times, n=20)[-1]


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
        for view in views:
            if view.name in troubles:
                print(f"{view.name:24} {troubles[view.name][:200]}")
                continue
            p95 = max(_p95_milliseconds(store, question) for question in questions(store, view))
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
