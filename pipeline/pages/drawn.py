"""A panel and its answer, as the template draws it: figures, a table, a chart, or what to connect."""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.pages.asking import Answer
from pipeline.pages.cells import NOTHING, Cell, state_of, text_of
from pipeline.pages.chosen import Chosen
from pipeline.pages.reported import Reported
from pipeline.pages.showing import digest
from pipeline.panels.panel import Column, Form, Panel, Target, Unit

#: where a target is shown, and by which name its page is told the thing
PATHS: Final[dict[Target, tuple[str, str]]] = {
    Target.EXECUTIVE: ("/executive", ""),
    Target.ON_CALL: ("/on-call", ""),
    Target.REVIEW: ("/review", ""),
    Target.DEBUG: ("/debug", ""),
    Target.DEPLOYMENT: ("/debug", "deployment"),
    Target.INCIDENT: ("/incident", "incident"),
    Target.CHANGE: ("/change", "change"),
    Target.SERVICE: ("/service", "service"),
}
_FIGURES = frozenset({Unit.COUNT, Unit.HOURS, Unit.MINUTES, Unit.SHARE, Unit.NUMBER})
_OUTSIDE = ("https://", "http://")


class Drawn(NamedTuple):
    """One panel, ready to be written."""

    panel: Panel
    trouble: str
    empty: bool
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    #: of a chart, for its script
    chart: str
    #: where it leads as a whole
    href: str
    #: another one when anything of it is different
    digest: str


def drawn(
    panel: Panel, answer: Answer, told: Chosen, reported: Reported | None = None, today: str = ""
) -> Drawn:
    """The panel with its answer; ``reported`` knows what was shown before, ``today`` is the day (UTC)."""
    missing = [c.name for c in panel.columns if c.name not in answer.columns] if answer.columns else []
    trouble = answer.trouble or (f"the answer has no column {', '.join(missing)}" if missing else "")
    rows = [] if trouble else [_cells(panel, row, told) for row in answer.dicts()]
    if reported is not None and panel.reported_by and rows:
        rows = [
            _restated(panel, row, cells, told, reported, today)
            for row, cells in zip(answer.dicts(), rows, strict=True)
        ]
    empty = not rows or (panel.form in (Form.FIGURES, Form.LINES, Form.BARS) and _says_nothing(panel, answer))
    chart = ""
    if panel.form in (Form.LINES, Form.BARS) and not empty:
        chart = msgspec.json.encode(_chart(panel, answer)).decode()
    href = told.address(PATHS[panel.leads_to][0]) if panel.leads_to is not None else ""
    found = Drawn(panel, trouble, empty, panel.columns, rows, chart, href, "")
    return found._replace(digest=digest(*found[1:]))


def _restated(
    panel: Panel, row: dict[str, Any], cells: list[Cell], told: Chosen, reported: Reported, today: str
) -> list[Cell]:
    """The cells of a row that people tell others of, beside what was told before."""
    last = panel.reported_by[-1]
    over = date.fromisoformat(str(row[last])[:10]) + timedelta(days=7 if last == "week" else 0)
    if over.isoformat() > today:
        return cells
    names = [str(row[name]) for name in panel.reported_by]
    key = (told.workspace, panel.key, *(told.cuts[name] for name in panel.cuts), *names)
    figures = {
        column.name: cell.text
        for column, cell in zip(panel.columns, cells, strict=True)
        if column.name not in panel.reported_by
    }
    were = reported.restated(key, figures, today)
    nothing = ("", "")
    return [
        cell._replace(was=were.get(column.name, nothing)[0], was_on=were.get(column.name, nothing)[1])
        for column, cell in zip(panel.columns, cells, strict=True)
    ]


def _says_nothing(panel: Panel, answer: Answer) -> bool:
    """Whether there are rows without anything in them: figures of no case at all, lines without a point."""
    if panel.form is Form.FIGURES:
        (row,) = answer.dicts()
        return not any([row["n"]] if "n" in row else [row[column.name] for column in panel.columns])
    drawn_ones = [column.name for column in panel.columns[1:] if column.name != "n"]
    return all(row[name] is None for row in answer.dicts() for name in drawn_ones)


def _cells(panel: Panel, row: dict[str, Any], told: Chosen) -> list[Cell]:
    return [_cell(column, row, told) for column in panel.columns]


def _cell(column: Column, row: dict[str, Any], told: Chosen) -> Cell:
    value = row[column.name]
    text = text_of(value, column.unit)
    href, outside = _leads(column, row, told)
    at = iso(value) if column.unit in (Unit.TIME, Unit.DAY) and value else ""
    if outside:
        text = "open"
    elif href and text == NOTHING:
        text = str(row[column.leads_by])  # a deployment without a tag has a key all the same
    return Cell(text, state_of(value, column.limits), href, outside, at, column.unit in _FIGURES)


def _leads(column: Column, row: dict[str, Any], told: Chosen) -> tuple[str, bool]:
    """Where a cell leads; an address from outside only when it is one of the web."""
    name = row[column.leads_by or column.name] if column.leads_to is not None else ""
    if column.leads_to is None or not name:
        return "", False
    if column.leads_to is Target.ADDRESS:
        return (str(name), True) if str(name).lower().startswith(_OUTSIDE) else ("", False)
    path, by = PATHS[column.leads_to]
    return told.address(path, **({by: str(name)} if by else {})), False


def iso(value: str) -> str:
    """A time of the store as HTML and scripts read it."""
    text = str(value)
    return text if len(text) == 10 else text[:10] + "T" + text[11:26] + "Z"


def seconds(value: str) -> int:
    """A time of the store in seconds since 1970."""
    at = datetime.fromisoformat(str(value))
    return timegm(at.replace(tzinfo=UTC).utctimetuple())


def _chart(panel: Panel, answer: Answer) -> dict[str, Any]:
    """Columns for the charts' library: times first; ``n`` is read, not drawn."""
    at = {name: index for index, name in enumerate(answer.columns)}
    first, *others = panel.columns
    return {
        "form": panel.form.value,
        "times": [seconds(row[at[first.name]]) for row in answer.rows],
        "series": [
            {
                "title": column.title,
                "unit": column.unit.value,
                "values": [row[at[column.name]] for row in answer.rows],
                "drawn": column.name != "n",
            }
            for column in others
        ],
    }
