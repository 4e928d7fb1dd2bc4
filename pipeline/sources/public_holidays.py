"""Public holidays of a country or of a part of it, for the years that a catalogue is written for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

import holidays

FIRST_YEAR, LAST_YEAR = 2000, 2050
PLACES_REMEMBERED_MAX = 256
#: so many names are told to who wrote none of them
NAMES_SHOWN_MAX = 12
#: the day that days are counted from
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class UnknownCountry(ValueError):
    """There is no such country or subdivision; the message says which there are."""


class PublicHolidays(NamedTuple):
    """Days since 1970-01-01, rising; ``gaps`` says of which years not all are known, "" when of none."""

    days: tuple[int, ...]
    gaps: str


@lru_cache(PLACES_REMEMBERED_MAX)
def public_holidays(country: str, subdivision: str) -> PublicHolidays:
    """The public holidays of a country (`DE`) or a subdivision of it (`BE`); raises ``UnknownCountry``."""
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        near = _near(country, sorted(known))
        raise UnknownCountry(f"no country {country[:40]!r}: write its letters of ISO 3166 ({near})")
    with warnings.catch_warnings(record=True) as said:
        # what the library says of years that it knows little of belongs into the report
        warnings.simplefilter("always")
        try:
            found = holidays.country_holidays(country, subdiv=subdivision or None)
        except NotImplementedError:
            there = _near(subdivision, sorted(known[country]))
            raise UnknownCountry(f"no subdivision {subdivision[:40]!r} of {country}: {there}") from None
        years = range(max(FIRST_YEAR, found.start_year), min(LAST_YEAR, found.end_year) + 1)
        dates = holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    gaps = {str(warning.message) for warning in said}
    if years[-1] < LAST_YEAR:
        gaps.add(f"They are known up to {years[-1]}.")
    return PublicHolidays(tuple(sorted(map(day_number, dates))), " ".join(sorted(gaps)))


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def _near(name: str, names: Sequence[str]) -> str:
    if not names:
        return "none are known there"
    close = get_close_matches(name.upper(), names, n=1) or get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return f"there are {', '.join(names[:NAMES_SHOWN_MAX])}{more}"
