"""How long the panels of the dashboards take, as each dashboard asks them when it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Figure, at_most, p95_milliseconds
from pipeline.panels import DASHBOARDS, Dashboard
from pipeline.panels.marks import marks
from pipeline.store import Store

PANEL_MILLISECONDS_MAX = 200.0
DASHBOARD_SECONDS_MAX = 2.0
_NOTHING_CHOSEN = dict.fromkeys(("team", "service", "environment", "change_class"), "")


def dashboards(store: Store, what: str, until: int, team: str, deployment: str) -> list[Figure]:
    """The slowest panel of all, and the slowest dashboard: of everything, and of one team.

    ``until`` is in seconds since 1970; a dashboard asks its panels one after the other here.
    """
    slowest, whole = (0.0, ""), (0.0, "")
    for told in DASHBOARDS:
        seconds = 0.0
        for name, p95 in _asked(store, told, until, team, deployment):
            print(f"{name:32} p95 {p95:6.0f} ms")
            slowest = max(slowest, (p95, name))
            seconds += p95 / 1000
        whole = max(whole, (seconds, told.key))
    return [
        at_most(f"{what}: slowest p95 of a panel", slowest[0], PANEL_MILLISECONDS_MAX,
                f"{slowest[0]:.0f} ms ({slowest[1]})", f"<= {PANEL_MILLISECONDS_MAX:g} ms"),
        at_most(f"{what}: all panels of a dashboard, one after the other", whole[0], DASHBOARD_SECONDS_MAX,
                f"{whole[0]:.1f} s ({whole[1]})", f"<= {DASHBOARD_SECONDS_MAX:g} s"),
    ]  # fmt: skip


def _asked(
    store: Store, told: Dashboard, until: int, team: str, deployment: str
) -> Iterator[tuple[str, float]]:
    times = {"since": until - told.hours * 3600, "until": until}
    asked = [(panel.key, panel.sql) for panel in told.panels]
    asked += [(f"{told.key}: {mark.title} on its charts", mark.sql) for mark in marks(*told.offered)]
    asked += [(f"{told.key}: {choice.title} to choose from", choice.sql) for choice in told.choices]
    for name, sql in asked:
        worst = 0.0
        for chosen in ("", team):
            parameters = {
                **_NOTHING_CHOSEN,
                **times,
                "workspace": "acme",
                "deployment": deployment,
                "team": chosen,
            }
            worst = max(worst, p95_milliseconds(partial(store.query, sql, parameters)))
        yield name, worst
