"""A panel as Grafana draws it."""

from __future__ import annotations

import zlib
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import logs, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard

from grafana.statements import DATASOURCE, LOGS, TABLE, target
from pipeline.panels.panel import Column, Form, Limits, Panel, Target, Unit

#: a page is 24 wide in Grafana, and a line of a table takes about this much of a panel's height
PARTS_EACH = 2
_GREEN, _ORANGE, _RED = "green", "orange", "red"
_UNITS: Final = {
    Unit.COUNT: ("short", 0),
    Unit.HOURS: ("h", 1),
    Unit.MINUTES: ("m", 1),
    Unit.SHARE: ("percentunit", 1),
    Unit.NUMBER: ("short", 2),
    Unit.TIME: ("dateTimeAsIso", None),
    Unit.DAY: ("time:YYYY-MM-DD", None),
}
_HERE = "${__url_time_range}&${workspace:queryparam}"
#: the same for the pages of this project, whose addresses have no prefix
_THERE = "${__url_time_range}&workspace=${workspace:percentencode}"
_LINKS: Final = {
    Target.EXECUTIVE: f"/d/aftermerge-executive?{_HERE}",
    Target.ON_CALL: f"/d/aftermerge-on-call?{_HERE}",
    Target.REVIEW: f"/d/aftermerge-review?{_HERE}",
    Target.DEBUG: f"/d/aftermerge-debug?{_HERE}",
    Target.SERVICE: f"/d/aftermerge-on-call?{_HERE}&var-service={{value}}",
    Target.DEPLOYMENT: f"/d/aftermerge-debug?{_HERE}&var-deployment={{value}}",
    Target.INCIDENT: f"${{aftermerge:raw}}/incident?{_THERE}&incident={{value}}",
    Target.CHANGE: f"${{aftermerge:raw}}/change?{_THERE}&change={{value}}",
    Target.ADDRESS: "${__value.raw}",
}
_SAYS: Final = {
    Target.EXECUTIVE: "Executive",
    Target.ON_CALL: "On-call",
    Target.REVIEW: "Review",
    Target.DEBUG: "Debug",
    Target.SERVICE: "What is going on there",
    Target.DEPLOYMENT: "All that is known of it",
    Target.INCIDENT: "The incident, in Aftermerge",
    Target.CHANGE: "The change, in Aftermerge",
    Target.ADDRESS: "Open",
}


class Query(Dataquery):
    """What the data source is asked: the kit has no type of its own for ClickHouse."""

    def __init__(self, asked: dict[str, object]) -> None:
        self.asked = asked

    def to_json(self) -> dict[str, object]:
        """What is written."""
        return self.asked


class _Asks(Builder[Dataquery]):
    def __init__(self, asked: dict[str, object]) -> None:
        self._query = Query(asked)

    def build(self) -> Dataquery:
        return self._query


def panel_id(key: str) -> int:
    """Its number in Grafana: as stable as its key."""
    return zlib.crc32(key.encode()) & 0x7FFF_FFFF


def drawn(panel: Panel, x: int, y: int) -> Builder[dashboard.Panel]:
    """The panel at its place, in Grafana's units."""
    builder = _OF_FORM[panel.form](panel)
    height = panel.tall
    builder = (
        builder.id(panel_id(panel.key))
        .title(panel.title)
        .description(panel.question)
        .datasource(dashboard.DataSourceRef(type_val=DATASOURCE["type"], uid=DATASOURCE["uid"]))
        .with_target(_Asks(target(panel.sql, format_=LOGS if panel.form is Form.LOGS else TABLE)))
        .grid_pos(dashboard.GridPos(x=x, y=y, w=panel.wide * PARTS_EACH, h=height))
        .no_value(panel.empty)
    )
    if panel.leads_to is not None:
        link = builders.DashboardLink(_SAYS[panel.leads_to]).type(dashboard.DashboardLinkType.LINK)
        builder = builder.links([link.url(_LINKS[panel.leads_to])])
    declared = {column.name for column in panel.columns}
    for column in panel.columns:
        builder = builder.override_by_name(column.name, _properties(panel, column))
    for name in sorted({column.leads_by for column in panel.columns} - declared - {""}):
        builder = builder.override_by_name(name, [_value("custom.hidden", True)])
    built: Builder[dashboard.Panel] = builder
    return built


def _value(name: str, value: object) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val=name, value=value)


def _properties(panel: Panel, column: Column) -> list[dashboard.DynamicConfigValue]:
    found = [_value("displayName", column.title)]
    if column.unit in _UNITS:
        unit, decimals = _UNITS[column.unit]
        found.append(_value("unit", unit))
        if decimals is not None:
            found.append(_value("decimals", decimals))
    if column.limits is not None:
        found.append(_value("thresholds", _thresholds(column.limits)))
        if panel.form is Form.TABLE:
            found.append(_value("custom.cellOptions", {"type": "color-text"}))
    if column.leads_to is not None:
        by = column.leads_by or column.name
        value = f'${{__data.fields["{by}"]:percentencode}}'
        url = _LINKS[column.leads_to].replace("{value}", value)
        found.append(_value("links", [{"title": _SAYS[column.leads_to], "url": url}]))
    if column.name == "n" and panel.form in (Form.LINES, Form.BARS):
        # on how many it rests: read where one points, not drawn beside hours and rates
        found.append(_value("custom.hideFrom", {"legend": True, "tooltip": False, "viz": True}))
        found.append(_value("custom.axisPlacement", "hidden"))
    return found


def _thresholds(limits: Limits) -> dict[str, object]:
    if limits.more_is_worse:
        steps: list[tuple[float | None, str]] = [
            (None, _GREEN),
            (limits.attention, _ORANGE),
            (limits.bad, _RED),
        ]
    else:
        steps = [(None, _RED), (limits.bad, _ORANGE), (limits.attention, _GREEN)]
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def _figures(_: Panel) -> Any:
    options = common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(False)
    return (
        stat.Panel()
        .reduce_options(options)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
    )


def _table(_: Panel) -> Any:
    return table.Panel().filterable(True).cell_options(common.TableAutoCellOptions())


def _lines(_: Panel) -> Any:
    return (
        timeseries.Panel()
        .draw_style(common.GraphDrawStyle.LINE)
        .line_width(2)
        .show_points(common.VisibilityMode.ALWAYS)
        .span_nulls(False)
        .min(0)
    )


def _bars(_: Panel) -> Any:
    stacked = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
    return timeseries.Panel().draw_style(common.GraphDrawStyle.BARS).fill_opacity(70).stacking(stacked).min(0)


def _logs(_: Panel) -> Any:
    return logs.Panel().show_time(True).wrap_log_message(True).enable_log_details(True)


_OF_FORM: Final = {
    Form.FIGURES: _figures,
    Form.TABLE: _table,
    Form.LINES: _lines,
    Form.BARS: _bars,
    Form.LOGS: _logs,
}
