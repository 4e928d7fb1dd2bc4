"""What a panel is: a question, the statement that answers it, and how the answer is looked at.

A panel knows nothing of who draws it. Grafana's dashboards and the pages of this process are made from
the same panels, so a figure can't have two meanings.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from pipeline.panels.choices import Choice

#: parts of the width of a page: what a panel's ``wide`` counts
PARTS = 12
#: rows of an answer that a panel shows at most; what is beyond is asked of the view itself
ROWS_MAX = 500

#: what every panel's statement may ask for, each a parameter of ClickHouse, and its type
PARAMETERS: Final = {
    "workspace": "String",
    "team": "String",
    "service": "String",
    "environment": "String",
    "change_class": "String",
    "deployment": "String",
    # in seconds since 1970
    "since": "DateTime('UTC')",
    "until": "DateTime('UTC')",
}
#: of these, what rows can be cut by
CUTS: Final = ("service", "team", "change_class", "environment", "deployment")


class Form(StrEnum):
    """How an answer is looked at."""

    #: one row; each column is a figure
    FIGURES = "figures"
    #: rows as they are
    TABLE = "table"
    #: the first column is a time, each other one a line over it
    LINES = "lines"
    #: the same as bars that stand on one another
    BARS = "bars"
    #: rows of `timestamp`, `level` and `body`, the newest first
    LOGS = "logs"


class Unit(StrEnum):
    """What a column counts in."""

    TEXT = "text"
    COUNT = "count"
    HOURS = "hours"
    MINUTES = "minutes"
    #: 0 to 1, shown in percent
    SHARE = "share"
    #: a number as it is
    NUMBER = "number"
    #: a moment, UTC
    TIME = "time"
    #: a day, UTC
    DAY = "day"
    LIST = "list"


class Limits(NamedTuple):
    """From where on a figure needs attention, and from where on it is bad."""

    attention: float
    bad: float

    @property
    def more_is_worse(self) -> bool:
        """Whether high figures are the bad ones."""
        return self.bad >= self.attention


class Target(StrEnum):
    """What a row leads to: the column it stands on names the thing."""

    EXECUTIVE = "executive"
    ON_CALL = "on-call"
    REVIEW = "review"
    DEBUG = "debug"
    DEPLOYMENT = "deployment"
    INCIDENT = "incident"
    CHANGE = "change"
    SERVICE = "service"
    #: the cell holds an address of its own
    ADDRESS = "address"


class Column(NamedTuple):
    """A column of an answer, by its name in the statement."""

    name: str
    title: str
    unit: Unit = Unit.TEXT
    limits: Limits | None = None
    leads_to: Target | None = None
    #: the column that names what it leads to, where that isn't itself
    leads_by: str = ""


class Panel(NamedTuple):
    """One panel; ``key`` is unique over all dashboards and never changes."""

    key: str
    title: str
    #: what it answers, and how to read it
    question: str
    form: Form
    sql: str
    columns: tuple[Column, ...]
    wide: int = 6
    #: in lines of a table, about
    tall: int = 8
    #: what to connect when there is nothing to show
    empty: str = "Nothing of the kind happened in this time."
    leads_to: Target | None = None
    #: columns that name a row which people tell others of; the last one is its week, or the day it is over
    reported_by: tuple[str, ...] = ()

    @property
    def of_now(self) -> bool:
        """Whether it shows the state of now, whatever time is looked at."""
        return "{until:" not in self.sql

    @property
    def cuts(self) -> tuple[str, ...]:
        """The choices that it honours, beside the workspace and the time."""
        return tuple(name for name in CUTS if f"{{{name}:String}}" in self.sql)


class Section(NamedTuple):
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    """A page of panels, for somebody who has a question."""

    key: str
    title: str
    question: str
    #: hours that it looks back, when nothing is said
    hours: int
    #: seconds after which it is asked again
    refresh_seconds: int
    choices: tuple[Choice, ...]
    sections: tuple[Section, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of its panels, in the order in which they stand."""
        return tuple(panel for section in self.sections for panel in section.panels)

    @property
    def offered(self) -> tuple[str, ...]:
        """The names of what can be chosen on it."""
        return tuple(choice.name for choice in self.choices)


#: of how many the row beside it speaks; and the week that it is about
N: Final = Column("n", "n", Unit.COUNT)
WEEK: Final = Column("week", "Week", Unit.DAY)
#: how hours are spread: half, three quarters and nine tenths of them are below
SPREAD: Final = (
    Column("median", "median", Unit.HOURS),
    Column("p75", "75 %", Unit.HOURS),
    Column("p90", "90 %", Unit.HOURS),
)
