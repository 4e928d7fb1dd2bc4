"""What may stand in a catalogue file: one model for each thing, checked with words for who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline.core.events import InvalidEvent
from pipeline.core.objectives import PPM
from pipeline.core.teams import DAYS_A_WEEK, MINUTES_A_DAY
from pipeline.sources.objectives import PERIOD_DAYS_MAX
from pipeline.sources.public_holidays import UnknownCountry, day_number, public_holidays
from pipeline.sources.teams import (
    ALIASES_MAX,
    HOLIDAYS_MAX,
    MEMBERS_MAX,
    NAME_CHARACTERS_MAX,
    RESPONSE_MINUTES_MAX,
    check_hours,
)
from pipeline.sources.times import micros
from pipeline.sources.zones import offsets_of

#: repositories, paths, dependencies and aliases of a service
ITEMS_MAX = 1_000
TIER_MAX = 99

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_LENGTH = re.compile(r"(?:([0-9]{1,5})h)?\s*(?:([0-9]{1,6})m(?:in)?)?")
_YEAR_MIN, _YEAR_MAX = 1990, 2262

T = TypeVar("T")
W = TypeVar("W", bound="Written")


def _text(told: Any) -> Any:
    if isinstance(told, str):
        if not told.strip():
            raise ValueError("empty: write a name")
        if not told.isprintable():
            raise ValueError(f"{told[:40]!r}: has a sign that can't be printed")
        if told != told.strip():
            raise ValueError(f"{told[:40]!r}: begins or ends with a blank")
        if len(told) > NAME_CHARACTERS_MAX:
            raise ValueError(f"{told[:40]!r}: {len(told)} characters, at most {NAME_CHARACTERS_MAX} are read")
    return told


def _login(told: str) -> str:
    login = told.removeprefix("@")
    if not login or "/" in login:
        raise ValueError(f"{told!r}: a member is a person's login; a team of the forge belongs to aliases")
    return login


def _day(told: Any) -> int:
    name = str(told).casefold()
    for number, day in enumerate(_DAYS, 1):
        if name in (day, day[:3], str(number)):
            return number
    raise ValueError(f"{str(told)[:40]!r} is no day: write {', '.join(day[:3] for day in _DAYS)}")


def _minute(told: Any) -> int:
    """A time of day in minutes after midnight."""
    match = _CLOCK.fullmatch(str(told))
    minute = int(match[1]) * 60 + int(match[2]) if match else MINUTES_A_DAY + 1
    if minute > MINUTES_A_DAY:
        raise ValueError(f"{str(told)[:40]!r} is no time of day: write 09:00 or 17:30, at most 24:00")
    return minute


def _date(told: Any) -> date:
    try:
        day = date.fromisoformat(str(told))
    except ValueError:
        raise ValueError(f"{str(told)[:40]!r} is no date: write it like 2026-12-24") from None
    if not _YEAR_MIN <= day.year <= _YEAR_MAX:
        raise ValueError(f"{told}: the years {_YEAR_MIN} to {_YEAR_MAX} are meant")
    return day


def minutes_of(told: Any) -> int:
    """A length of time in minutes."""
    match = _LENGTH.fullmatch(str(told).strip())
    if match is None or not (match[1] or match[2]):
        raise ValueError(f"{str(told)[:40]!r}: write working hours or minutes: 4h, 90m or 1h30m")
    minutes = int(match[1] or 0) * 60 + int(match[2] or 0)
    if not 0 < minutes <= RESPONSE_MINUTES_MAX:
        raise ValueError(f"{told}: from 1m to {RESPONSE_MINUTES_MAX // 60}h are meant")
    return minutes


def _target(told: Any) -> int:
    """A share of good events, written in percent, in parts per million."""
    try:
        ppm = Decimal(str(told).strip().removesuffix("%").rstrip()) * (PPM // 100)
        whole = int(ppm)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{str(told)[:40]!r} is no share: write percent, as in 99.9") from None
    if whole != ppm or not 0 < whole < PPM:
        raise ValueError(f"{str(told)[:40]!r}: more than 0 and less than 100 percent, to 0.0001, are meant")
    return whole


def _days(told: Any) -> int:
    """A length of time in days."""
    text = str(told).strip().removesuffix("d")
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) <= PERIOD_DAYS_MAX:
        raise ValueError(f"{str(told)[:40]!r}: write days, from 1d to {PERIOD_DAYS_MAX}d")
    return int(text)


def instant_of(told: Any) -> int:
    """A date (its first moment in UTC) or a time, as microseconds; UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        raise ValueError(
            f"{str(told)[:40]!r} is no time: write 2026-01-01 or 2026-01-01T08:00:00+01:00"
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return micros(moment, "valid_from")
    except InvalidEvent:
        raise ValueError(f"{told}: the years {_YEAR_MIN} to {_YEAR_MAX} are meant") from None


def _zone(told: str) -> str:
    try:
        offsets_of(told)
    except InvalidEvent as error:
        raise ValueError(str(error)) from None
    return told


Name = Annotated[str, BeforeValidator(_text)]
Names = Annotated[list[Name], Field(max_length=ITEMS_MAX)]
Day = Annotated[date, BeforeValidator(_date)]
Minute = Annotated[int, BeforeValidator(_minute)]


class Written(BaseModel):
    """A mapping of the file: unknown keys are refused; a key without a value says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nothing(cls, told: Any) -> Any:
        if told is None:
            return {}
        if not isinstance(told, dict):
            return told
        known = cls.known_keys()
        return {key: value for key, value in told.items() if value is not None or key not in known}

    @classmethod
    def known_keys(cls) -> set[str]:
        """The names of its keys, as they are written."""
        return {str(field.validation_alias or name) for name, field in cls.model_fields.items()}


class WrittenHours(Written):
    """When a team works."""

    days: Annotated[list[Annotated[int, BeforeValidator(_day)]], Field(max_length=DAYS_A_WEEK)] = []
    opens: Annotated[Minute | None, Field(validation_alias="from")] = None
    closes: Annotated[Minute | None, Field(validation_alias="to")] = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> WrittenHours:
        try:
            check_hours(self.opens, self.closes)
        except InvalidEvent as error:
            raise ValueError(str(error).partition(": ")[2]) from None
        return self


class WrittenHolidays(Written):
    """On which dates a team does not work."""

    country: Name = ""
    subdivision: Name = ""
    dates: Annotated[list[Day], Field(max_length=HOLIDAYS_MAX)] = []
    without: Annotated[list[Day], Field(max_length=HOLIDAYS_MAX, validation_alias="except")] = []

    @model_validator(mode="after")
    def _of_a_place(self) -> WrittenHolidays:
        if not self.country and (self.subdivision or self.without):
            raise ValueError(
                f"{'subdivision' if self.subdivision else 'except'}: of which country? write country"
            )
        if self.country:
            try:
                public_holidays(self.country, self.subdivision)
            except UnknownCountry as error:
                raise ValueError(str(error)) from None
        return self

    def days(self) -> list[int]:
        """Days since 1970-01-01, rising."""
        of_place = public_holidays(self.country, self.subdivision).days if self.country else ()
        return sorted({*of_place, *map(day_number, self.dates)} - set(map(day_number, self.without)))


def removed_alone(entry: W) -> W:
    """An entry that is taken back says nothing else."""
    if getattr(entry, "removed") and entry.model_fields_set != {"removed"}:  # noqa: B009 - of two models
        raise ValueError("removed: true takes the entry back: write nothing else beside it")
    return entry


class WrittenTeam(Written):
    """One team."""

    members: Annotated[list[Annotated[Name, AfterValidator(_login)]], Field(max_length=MEMBERS_MAX)] = []
    aliases: Annotated[list[Name], Field(max_length=ALIASES_MAX)] = []
    zone: Annotated[Name, AfterValidator(_zone)] = ""
    hours: WrittenHours = WrittenHours()
    holidays: WrittenHolidays = WrittenHolidays()
    respond_within: Annotated[int, BeforeValidator(minutes_of)] | None = None
    removed: bool = False

    @model_validator(mode="after")
    def _removed_alone(self) -> WrittenTeam:
        return removed_alone(self)


class WrittenObjective(Written):
    """One objective of a service."""

    target: Annotated[int, BeforeValidator(_target)] | None = None
    period: Annotated[int, BeforeValidator(_days)] | None = None
    environment: Name = ""
    removed: bool = False

    @model_validator(mode="after")
    def _promises_something(self) -> WrittenObjective:
        if self.removed:
            if not self.model_fields_set <= {"removed", "environment"}:
                raise ValueError(
                    "removed: true takes the objective back: write at most environment beside it"
                )
        elif self.target is None:
            raise ValueError("target: missing: write the percentage of events that shall be good, as in 99.9")
        return self


class WrittenService(Written):
    """One service."""

    team: Name = ""
    tier: Annotated[int, Field(ge=1, le=TIER_MAX)] | None = None
    repositories: Names = []
    paths: Names = []
    depends_on: Names = []
    aliases: Names = []
    slos: Annotated[dict[Name, WrittenObjective], Field(max_length=ITEMS_MAX)] = {}
    removed: bool = False

    @model_validator(mode="after")
    def _removed_alone(self) -> WrittenService:
        return removed_alone(self)


def in_order(items: Iterable[T]) -> list[T]:
    """Each once, sorted: another order in the file says nothing else."""
    return sorted(set(items))  # type: ignore[type-var]
