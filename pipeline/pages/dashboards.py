"""The four dashboards, and a service's page: panels of theirs about one service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pipeline.pages.asking import Asking
from pipeline.pages.chosen import Chosen, Window, offered, parameters
from pipeline.pages.drawn import Drawn, drawn
from pipeline.pages.marked import marked
from pipeline.pages.reported import Reported
from pipeline.pages.showing import utc
from pipeline.panels import DASHBOARDS, Dashboard
from pipeline.panels.choices import ENVIRONMENT, SERVICE, WORKSPACE
from pipeline.panels.panel import Form, Panel, Section

#: lengths of time that are offered, in hours, and how they are called
LENGTHS: Final = {
    6: "6 hours",
    24: "1 day",
    7 * 24: "7 days",
    28 * 24: "4 weeks",
    90 * 24: "90 days",
    182 * 24: "26 weeks",
    366 * 24: "1 year",
    5 * 366 * 24: "5 years",
}
_PANELS: Final = {panel.key: panel for told in DASHBOARDS for panel in told.panels}


def _named(*keys: str) -> tuple[Panel, ...]:
    return tuple(_PANELS[key] for key in keys)


SERVICE_PAGE: Final = Dashboard(
    key="service",
    title="Service",
    question="What happens to this service, and who owns it?",
    hours=90 * 24,
    refresh_seconds=60,
    choices=(WORKSPACE, SERVICE._replace(optional=False), ENVIRONMENT),
    sections=(
        Section("Now", _named("on-call-open-incidents", "on-call-recent-deployments", "on-call-rollouts")),
        Section("Promises", _named("on-call-burn", "on-call-drift", "on-call-smoke-tests")),
        Section(
            "How it is delivered",
            _named(
                "executive-change-fail-rate",
                "executive-lead-time",
                "executive-incidents-weeks",
                "executive-dora",
                "executive-risk",
            ),
        ),
        Section("How it is reviewed", _named("review-backlog", "review-open", "review-flaky")),
    ),
)
BY_KEY: Final = {told.key: told for told in (*DASHBOARDS, SERVICE_PAGE)}


class Offer(NamedTuple):
    """A choice, what there is to choose from, and what was chosen."""

    name: str
    title: str
    optional: bool
    values: list[tuple[str, str]]
    value: str


async def panels(
    asking: Asking,
    wanted: Iterable[Panel],
    told: Chosen,
    shown: Window,
    role: str,
    reported: Reported | None = None,
) -> dict[str, Drawn]:
    """Panels by their keys, asked side by side."""
    found = list({panel.key: panel for panel in wanted}.values())
    given = parameters(told, shown)
    answers = await asyncio.gather(*(asking.ask(panel.sql, given, role) for panel in found))
    today = utc(shown.now)[:10]
    return {
        panel.key: drawn(panel, answer, told, reported, today)
        for panel, answer in zip(found, answers, strict=True)
    }


async def with_defaults(asking: Asking, page: Dashboard, told: Chosen, shown: Window, role: str) -> Chosen:
    """What was chosen, and the first of what has to be and was not."""
    for choice in page.choices:
        if not choice.optional and choice.name in told.cuts and not told.cuts[choice.name]:
            found = await offered(asking, choice, told, shown, role)
            told = told._replace(cuts={**told.cuts, choice.name: found[0][0] if found else ""})
    return told


async def dashboard(
    asking: Asking, page: Dashboard, told: Chosen, shown: Window, role: str, reported: Reported
) -> dict[str, Any]:
    """What the template of a dashboard is told."""
    offers = asyncio.gather(*(offered(asking, choice, told, shown, role) for choice in page.choices))
    charted = any(panel.form in (Form.LINES, Form.BARS) for panel in page.panels)
    marks = asyncio.ensure_future(marked(asking, page, told, shown, role)) if charted else None
    ready = await panels(asking, page.panels, told, shown, role, reported)
    values = await offers
    return {
        "dashboard": page,
        "told": told,
        "sections": [
            (section.title, [ready[panel.key] for panel in section.panels]) for section in page.sections
        ],
        "offers": [
            Offer(
                choice.name,
                choice.title,
                choice.optional,
                found,
                told.workspace if choice.name == "workspace" else told.cuts.get(choice.name, ""),
            )
            for choice, found in zip(page.choices, values, strict=True)
        ],
        "marked": await marks if marks is not None else None,
        "lengths": LENGTHS,
        "hours": told.hours or page.hours,
        "problems": [entry.panel.title for entry in ready.values() if entry.trouble],
    }
