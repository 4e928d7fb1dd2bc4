"""When the teams work: their hours, weekends and holidays, as instants of one week.

A clock change within a week is taken up with the next week: nobody notices an hour in a world.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.simulate.draws import Floats, Integers
from pipeline.simulate.zones import DAY, EPOCH_WEEKDAY, Zone, changes_of, holidays_of

WEEK = 7 * DAY
_WEEKEND_FROM = 5
#: days around the world's span about which is asked, too
_MARGIN_DAYS = 40
_BACK_DAYS_MAX = 12


class Calendar:
    """The working days of every team, and their hours in local seconds after midnight."""

    def __init__(
        self, zones: Sequence[Zone], opens: Sequence[int], closes: Sequence[int], begin: int, end: int
    ) -> None:
        self._first_day = begin // DAY - _MARGIN_DAYS
        days = end // DAY + _MARGIN_DAYS - self._first_day
        weekdays = (self._first_day + EPOCH_WEEKDAY + np.arange(days)) % 7
        self._works: npt.NDArray[np.bool_] = np.tile(weekdays < _WEEKEND_FROM, (len(zones), 1))
        self._changes = []
        for team, zone in enumerate(zones):
            off = np.array(holidays_of(zone, begin, end)) - self._first_day
            self._works[team, off[(off >= 0) & (off < days)]] = False
            self._changes.append(changes_of(zone, begin, end))
        self._opens = np.array(opens, dtype=np.int64)
        self._closes = np.array(closes, dtype=np.int64)
        self._offsets = np.zeros(len(zones), dtype=np.int64)

    def turn_to(self, week_begin: int) -> None:
        """Go on to the week that begins at this instant."""
        for team, (instants, offsets) in enumerate(self._changes):
            self._offsets[team] = offsets[bisect_right(instants, week_begin)]

    def working(self, teams: Integers, at: Integers) -> npt.NDArray[np.bool_]:
        """Whether these teams are at work at these instants."""
        local = at + self._offsets[teams]
        of_day = local % DAY
        within = (of_day >= self._opens[teams]) & (of_day < self._closes[teams])
        found: npt.NDArray[np.bool_] = within & self._works[teams, local // DAY - self._first_day]
        return found

    def slots(self, week_begin: int, teams: Integers, in_hours: npt.NDArray[np.bool_], u: Floats) -> Integers:
        """An instant of the week for each team, in its hours or out of them; ``u`` has two columns."""
        first = (week_begin + self._offsets) // DAY - self._first_day
        week = self._works[np.arange(len(first))[:, None], first[:, None] + np.arange(7)]
        order = np.argsort(~week, axis=1, kind="stable")
        count = week.sum(axis=1)
        choices = np.where(in_hours & (count[teams] > 0), count[teams], 7)
        days = np.where(
            choices == 7,
            (u[:, 0] * 7).astype(np.int64),
            order[teams, np.minimum((u[:, 0] * choices).astype(np.int64), 6)],
        )
        opens, closes = self._opens[teams], self._closes[teams]
        length = closes - opens
        of_day = np.where(
            in_hours, opens + (u[:, 1] * length).astype(np.int64),
            closes + (u[:, 1] * (DAY - length)).astype(np.int64),
        )  # fmt: skip
        midnight: Integers = (first[teams] + days + self._first_day) * DAY - self._offsets[teams]
        return midnight + of_day

    def not_later(self, teams: Integers, limits: Integers, wanted: Integers, u: Floats) -> Integers:
        """``wanted``, moved back into working hours where it isn't in them, and before ``limits``."""
        offsets, opens, closes = self._offsets[teams], self._opens[teams], self._closes[teams]
        day = (wanted + offsets) // DAY
        of_day = opens + (u * (closes - opens)).astype(np.int64)
        keep = self.working(teams, wanted)
        for _ in range(_BACK_DAYS_MAX):
            moved = day * DAY + of_day - offsets
            wrong = ~keep & (~self._works[teams, day - self._first_day] | (moved >= limits))
            if not wrong.any():
                break
            day = day - wrong
        moved = day * DAY + of_day - offsets
        return np.where(keep, wanted, np.minimum(moved, limits))

    def not_earlier(self, teams: Integers, limits: Integers, wanted: Integers, u: Floats) -> Integers:
        """``wanted``, moved on into the next working hours where these begin before ``limits``."""
        offsets, opens = self._offsets[teams], self._opens[teams]
        day = (wanted + offsets) // DAY
        late = (wanted + offsets) % DAY >= opens
        day = day + late
        for _ in range(_BACK_DAYS_MAX):
            off = ~self._works[teams, day - self._first_day]
            if not off.any():
                break
            day = day + off
        moved = day * DAY + opens + (u * (self._closes[teams] - opens) * 0.5).astype(np.int64) - offsets
        stays = self.working(teams, wanted) | (moved >= limits)
        return np.where(stays, np.minimum(wanted, limits), moved)
