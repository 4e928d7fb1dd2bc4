"""Rows about the organisation: its services, its thresholds, what is counted by week."""

from __future__ import annotations

from pipeline.core.facts.row import Fact


class ServiceFact(Fact):
    """One service as the catalogue declares it, or as the events imply it."""

    table = "services"
    keys = ("service",)

    service: str
    declared: bool
    team: str
    tier: int | None
    repositories: list[str]
    paths: list[str]
    depends_on: list[str]
    aliases: list[str]
    problems: list[str]
    events: list[str]


class ThresholdFact(Fact):
    """The thresholds of one signal that somebody declared; the newest version holds."""

    table = "thresholds"
    keys = ("signal",)

    signal: str
    opens_from: float | None
    closes_below: float | None
    cases_min: int | None
    within_minutes: int | None
    off: bool
    bad_from: int | None
    events: list[str]


class WeeklyCountFact(Fact):
    """One closed week of one series in one place: how much was counted, what was expected, and the alarm.

    ``k`` of ``n`` things; ``n`` of a series without a natural one is the number of days. What was expected
    is null where too little history is known to say.
    """

    table = "weekly_counts"
    keys = ("series", "dimension", "value", "week_at")

    series: str
    dimension: str
    value: str
    week_at: int
    k: int
    n: int
    history_weeks: int
    history_k: int
    history_n: int
    dispersion: float
    expected: float | None
    low: int | None
    high: int | None
    p: float | None
    q: float | None
    cusum: float
    shift_q: float | None
    smallest_multiple: float | None
    alarm: str
