"""Moments as people type them, and as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(click.ParamType[datetime]):
    """ISO 8601, as `2024-10-02T14:05Z` or `2024-10-02`; UTC where no zone is given."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """An aware datetime in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is no time; write it like 2024-10-02T14:05Z or 2024-10-02", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


INSTANT = Instant()


def microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exactly (a float would lose the last digits)."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """The moment so many microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=at)


def machine_now() -> int:
    """The machine's clock in microseconds UTC; only the edge reads it."""
    return microseconds(datetime.now(UTC))
