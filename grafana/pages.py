"""A dashboard as Grafana keeps it: its panels in rows, what can be chosen, and what happened meanwhile."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from grafana.drawn import PARTS_EACH, drawn, panel_id
from grafana.statements import DATASOURCE, EVERYTHING, target
from pipeline.panels import DASHBOARDS, Dashboard
from pipeline.panels.choices import SINCE, UNTIL, Choice
from pipeline.panels.marks import Mark, marks
from pipeline.panels.panel import PARTS, Panel

TAG = "aftermerge"
#: where `aftermerge up` is found by a browser, unless somebody says otherwise
ADDRESS = "http://127.0.0.1:8090"
_SOURCE = dashboard.DataSourceRef(type_val=DATASOURCE["type"], uid=DATASOURCE["uid"])


def page(told: Dashboard, address: str = ADDRESS) -> dict[str, Any]:
    """The dashboard as JSON of Grafana; a browser finds the pages of ``aftermerge up`` at ``address``."""
    builder = (
        builders.Dashboard(f"Aftermerge: {told.title}")
        .uid(uid(told))
        .description(told.question)
        .tags([TAG])
        .readonly()
        .timezone("utc")
        .time(f"now-{told.hours}h", "now")
        .refresh(f"{told.refresh_seconds}s")
        .week_start("monday")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .variables([*map(_variable, told.choices), *_hidden(address)])
        .links([_others()])
        .annotations([_annotation(mark) for mark in marks(*told.offered)])
    )
    y = 0
    for section in told.sections:
        row = builders.Row(section.title).id(panel_id(f"{told.key} {section.title}"))
        builder = builder.with_row(row.grid_pos(dashboard.GridPos(x=0, y=y, w=PARTS * PARTS_EACH, h=1)))
        y += 1
        for panel, left, top in places(section.panels):
            builder = builder.with_panel(drawn(panel, left * PARTS_EACH, y + top))
        y += height(section.panels)
    made: dict[str, Any] = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    for annotation, mark in zip(made["annotations"]["list"], marks(*told.offered), strict=True):
        # the kit knows only annotations that Grafana keeps itself
        annotation["target"] = target(mark.sql, ref="Anno")
    return made


def uid(told: Dashboard) -> str:
    """Its address in Grafana, which never changes."""
    return f"aftermerge-{told.key}"


def places(panels: tuple[Panel, ...]) -> list[tuple[Panel, int, int]]:
    """Where each panel of a section stands, side by side while they fit: left in parts, top in lines."""
    found, left, top, tallest = [], 0, 0, 0
    for panel in panels:
        if left + panel.wide > PARTS:
            left, top, tallest = 0, top + tallest, 0
        found.append((panel, left, top))
        left, tallest = left + panel.wide, max(tallest, panel.tall)
    return found


def height(panels: tuple[Panel, ...]) -> int:
    """How tall a section is, in lines."""
    return max(top + panel.tall for panel, _, top in places(panels))


def _variable(choice: Choice) -> Builder[dashboard.VariableModel]:
    builder = (
        builders.QueryVariable(choice.name)
        .label(choice.title)
        .datasource(_SOURCE)
        .query(target(choice.sql, ref=choice.name))
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.DISABLED)
    )
    if choice.optional:
        builder = builder.include_all(True).all_value(EVERYTHING)
        builder = builder.current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    return builder


def _hidden(address: str) -> list[Builder[dashboard.VariableModel]]:
    """What is looked up once for all panels, and what of the choices a dashboard doesn't offer."""
    times: list[Builder[dashboard.VariableModel]] = [
        builders.QueryVariable(name)
        .hide(dashboard.VariableHide.HIDE_VARIABLE)
        .datasource(_SOURCE)
        .query(target(sql, ref=name))
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        for name, sql in (("until", UNTIL), ("since", SINCE))
    ]
    return [*times, builders.ConstantVariable("aftermerge").value(address)]


def _others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Other dashboards")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
    )


def _annotation(mark: Mark) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery().name(mark.title).datasource(_SOURCE).enable(True).icon_color(mark.colour)
    )


def pages(address: str = ADDRESS) -> dict[str, dict[str, Any]]:
    """All dashboards, by the name of their files."""
    return {f"{told.key}.json": page(told, address) for told in DASHBOARDS}
