"""What may stand in a catalogue file besides teams and services: classes, policies and signals."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.core.change_classes import check_pattern
from pipeline.core.signals import SIGNALS
from pipeline.sources.catalogue_models import (
    ITEMS_MAX,
    TIER_MAX,
    Name,
    Names,
    Written,
    WrittenService,
    WrittenTeam,
    instant_of,
    minutes_of,
    removed_alone,
)
from pipeline.sources.expressions import near

APPROVALS_MAX = 20
CASES_MAX = 1_000_000
ENTRIES_MAX = 20_000


def _pattern(told: str) -> str:
    try:
        check_pattern(told)
    except ValueError as error:
        raise ValueError(f"{told!r}: {error}") from None
    return told


def _signal(told: str) -> str:
    if told not in SIGNALS:
        raise ValueError(f"{told!r} is no signal: {near(told, SIGNALS)}")
    return told


SignalName = Annotated[Name, AfterValidator(_signal)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class WrittenClass(Written):
    """One class of changes."""

    paths: Annotated[list[Annotated[Name, AfterValidator(_pattern)]], Field(max_length=ITEMS_MAX)] = []
    labels: Names = []
    removed: bool = False

    @model_validator(mode="after")
    def _of_something(self) -> WrittenClass:
        if not (self.paths or self.labels or self.removed):
            raise ValueError("nothing belongs to it: write paths or labels")
        return removed_alone(self)


class WrittenPolicy(Written):
    """One review policy."""

    classes: Names = []
    tiers: Annotated[list[Annotated[int, Field(ge=1, le=TIER_MAX)]], Field(max_length=TIER_MAX)] = []
    approvals: Annotated[int, Field(ge=0, le=APPROVALS_MAX)] | None = None
    roles: Names = []
    sections: Names = []
    owners: bool = False
    retro_review_within: Annotated[int, BeforeValidator(minutes_of)] | None = None
    removed: bool = False

    @model_validator(mode="after")
    def _removed_alone(self) -> WrittenPolicy:
        return removed_alone(self)


class WrittenSignal(Written):
    """The thresholds of one signal."""

    opens_from: Share | None = None
    closes_below: Share | None = None
    cases_min: Annotated[int, Field(ge=1, le=CASES_MAX)] | None = None
    within: Annotated[int, BeforeValidator(minutes_of)] | None = None
    bad_from: Annotated[int, Field(ge=1, le=CASES_MAX)] | None = None
    off: bool = False
    removed: bool = False

    @model_validator(mode="after")
    def _closes_where_it_opens(self) -> WrittenSignal:
        if None not in (self.opens_from, self.closes_below) and self.closes_below > self.opens_from:  # type: ignore[operator]
            raise ValueError("closes_below: at most opens_from, or it would close as it opens")
        return removed_alone(self)


class WrittenCatalogue(Written):
    """One document of a file."""

    classes: Annotated[dict[Name, WrittenClass], Field(max_length=ITEMS_MAX)] = {}
    policies: Annotated[dict[Name, WrittenPolicy], Field(max_length=ITEMS_MAX)] = {}
    teams: Annotated[dict[Name, WrittenTeam], Field(max_length=ENTRIES_MAX)] = {}
    services: Annotated[dict[Name, WrittenService], Field(max_length=ENTRIES_MAX)] = {}
    signals: Annotated[dict[SignalName, WrittenSignal], Field(max_length=ITEMS_MAX)] = {}
    valid_from: Annotated[int, BeforeValidator(instant_of)] | None = None
