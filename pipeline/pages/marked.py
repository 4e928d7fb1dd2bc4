"""What happened meanwhile: marks on the charts of a page, and a list of them for whoever reads."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

import msgspec

from pipeline.pages.asking import Asking
from pipeline.pages.cells import Cell, text_of
from pipeline.pages.chosen import Chosen, Window, parameters
from pipeline.pages.drawn import PATHS, iso, seconds
from pipeline.pages.showing import digest
from pipeline.panels.marks import MARKS_MAX, Mark, marks
from pipeline.panels.panel import Column, Dashboard, Unit

#: the newest of all kinds; the charts have more
LISTED_MAX = 100
COLUMNS: Final = (
    Column("time", "At (UTC)", Unit.TIME),
    Column("kind", "Kind"),
    Column("title", "What"),
    Column("text", "How"),
)


class Marked(NamedTuple):
    """The marks of a page, ready to be written."""

    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    #: how many there are of each kind
    counts: list[tuple[str, str]]
    #: of the kinds that could not be asked for
    troubles: list[str]
    #: for the charts' script
    marks: str
    digest: str


async def marked(asking: Asking, page: Dashboard, told: Chosen, shown: Window, role: str) -> Marked:
    """What happened in the time that is shown, of what was chosen."""
    kinds = marks(*page.offered)
    given = parameters(told, shown)
    answers = await asyncio.gather(*(asking.ask(mark.sql, given, role) for mark in kinds))
    found: list[tuple[str, list[Cell]]] = []
    counts, charted, troubles = [], [], []
    for mark, answer in zip(kinds, answers, strict=True):
        if answer.trouble:
            troubles.append(f"{mark.title}: {answer.trouble}")
        happened = answer.dicts()
        newest = "the newest " if len(happened) == MARKS_MAX else ""
        counts.append((mark.title, f"{newest}{len(happened)}"))
        times = [seconds(one["time"]) for one in happened]
        charted.append({"title": mark.title, "colour": mark.colour, "times": times})
        found += [(str(one["time"]), _line(mark, one, told)) for one in happened[:LISTED_MAX]]
    found.sort(key=lambda one: one[0], reverse=True)
    lines = [line for _, line in found[:LISTED_MAX]]
    made = Marked(COLUMNS, lines, counts, troubles, msgspec.json.encode(charted).decode(), "")
    return made._replace(digest=digest(made))


def _line(mark: Mark, row: dict[str, Any], told: Chosen) -> list[Cell]:
    path, by = PATHS[mark.leads_to]
    name = str(row["thing"])
    return [
        Cell(text_of(row["time"], Unit.TIME), datetime=iso(row["time"])),
        Cell(mark.title),
        Cell(str(row["title"]).strip() or name, href=told.address(path, **{by: name})),
        Cell(str(row["text"])),
    ]
