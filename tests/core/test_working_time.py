"""Working time: laws that hold for any hours, days that calendars are known for, and all zones there are."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from pipeline.core.working_time import (
    BLOCK_DAYS,
    BLOCKS_MAX,
    LOOKAHEAD_DAYS_MAX,
    Hours,
    WorkingTime,
    working_time,
)
from pipeline.sources.zones import offsets_of
from tests.core import date_by_date

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LOOKAHEAD = LOOKAHEAD_DAYS_MAX * DAY
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "America/Havana")


def at(text: str) -> int:
    """``2026-03-29 01:00`` UTC in microseconds."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def place(
    zone: str,
    opens: int = 9 * 60,
    closes: int = 17 * 60,
    days: tuple[int, ...] = (1, 2, 3, 4, 5),
    holidays: tuple[int, ...] = (),
) -> Hours:
    changes, seconds = offsets_of(zone)
    return Hours(days, opens, closes, holidays, changes, seconds)


def windows(hours: Hours, start: str, count: int) -> list[str]:
    """The next windows as people write them, in UTC."""
    found = WorkingTime([hours]).windows(at(start), count)
    moments = [[EPOCH + timedelta(microseconds=time) for time in window] for window in found]
    return [f"{opening:%m-%d %H:%M} {closing:%m-%d %H:%M}" for opening, closing in moments]


# --- laws -----------------------------------------------------------------------------------------------

#: around some years that have changes of every kind, and far from all of them
TIMES = st.integers(at("1992-01-01"), at("2030-01-01")) | st.integers(-(2**62), 2**62)
LENGTHS = st.integers(0, 40 * DAY) | st.integers(0, 3 * LOOKAHEAD)


@st.composite
def offsets(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Those of a real zone, or of one that nobody could live in: laws hold there, too."""
    if draw(st.booleans()):
        return offsets_of(draw(st.sampled_from(ZONES)))
    changes = draw(st.lists(st.integers(at("2011-12-01"), at("2012-02-01")), max_size=6, unique=True))
    seconds = st.lists(st.integers(-86_399, 86_399), min_size=len(changes) + 1, max_size=len(changes) + 1)
    return tuple(sorted(changes)), tuple(draw(seconds))


def edges(minutes: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
    return st.lists(minutes, min_size=2, max_size=2, unique=True)


@st.composite
def hours(draw: st.DrawFn, minutes: st.SearchStrategy[int]) -> Hours:
    opens, closes = sorted(draw(edges(minutes)))
    days = draw(st.sets(st.sampled_from(EVERY_DAY), min_size=1) | st.just(set(EVERY_DAY)))
    holidays = draw(st.sets(st.integers(day("2011-12-20"), day("2012-01-10")), max_size=8))
    return Hours(tuple(sorted(days)), opens, closes, tuple(sorted(holidays)), *draw(offsets()))


ANY_MINUTE = st.integers(0, 1440) | st.sampled_from([0, 1440])
PLACES = st.frozensets(hours(ANY_MINUTE), max_size=3)
STARTS = TIMES | st.integers(at("2011-12-01"), at("2012-02-01"))


@given(PLACES, STARTS, LENGTHS, LENGTHS)
def test_spans_add_up_and_are_no_longer_than_by_the_clock(
    places: frozenset[Hours], start: int, one: int, two: int
) -> None:
    clock = working_time(places)
    first = clock.worked(start, start + one)
    second = clock.worked(start + one, start + one + two)
    assert 0 <= first <= one
    assert 0 <= second <= two
    assert clock.worked(start, start + one + two) == first + second
    assert clock.worked(start + one, start) == 0


@given(PLACES, STARTS, LENGTHS)
def test_a_union_is_at_least_each_and_at_most_all(places: frozenset[Hours], start: int, span: int) -> None:
    parts = [WorkingTime([hours]).worked(start, start + span) for hours in places]
    union = WorkingTime(places).worked(start, start + span)
    assert max(parts, default=0) <= union <= sum(parts)
    assert WorkingTime([*places, *places]).worked(start, start + span) == union


@given(PLACES, STARTS, st.integers(1, 400 * DAY))
def test_after_is_the_inverse_of_worked(places: frozenset[Hours], start: int, amount: int) -> None:
    clock = working_time(places)
    found = clock.after(start, amount)
    if found is None:
        assert clock.worked(start, start + LOOKAHEAD) < amount
    else:
        assert start < found <= start + LOOKAHEAD
        assert clock.worked(start, found) == amount
        assert clock.worked(start, found - 1) == amount - 1


@given(PLACES, STARTS, st.integers(0, 400))
def test_windows_are_what_is_worked(places: frozenset[Hours], start: int, count: int) -> None:
    clock = working_time(places)
    found = clock.windows(start, count)
    assert len(found) <= count
    reached = start
    for number, (opening, closing) in enumerate(found):
        assert reached < opening < closing or (number == 0 and reached == opening < closing)
        assert clock.worked(reached, opening) == 0
        assert clock.worked(opening, closing) == closing - opening
        reached = closing
    if len(found) < count:
        assert clock.worked(reached, start + LOOKAHEAD) == 0


@given(offsets(), STARTS, LENGTHS)
def test_around_the_clock_is_the_time_of_the_clock(
    offsets: tuple[tuple[int, ...], tuple[int, ...]], start: int, span: int
) -> None:
    always = WorkingTime([Hours(EVERY_DAY, 0, 1440, (), *offsets)])
    assert always.worked(start, start + span) == span
    assert always.windows(start, 2) == [(start, start + LOOKAHEAD)]
    assert always.after(start, 1 + span % LOOKAHEAD) == start + 1 + span % LOOKAHEAD


@given(
    hours(st.integers(60, 1380)),
    st.integers(day("2011-12-01"), day("2012-01-15")),
    st.booleans(),
    st.integers(-75, 75),
    st.integers(-60, 60),
)
def test_a_clock_change_moves_what_follows_and_no_more(
    plain: Hours, date: int, closes: bool, away: int, minutes: int
) -> None:
    """Window by window: what is skipped opens and closes at the change, what is repeated lasts longer."""
    change = date * DAY + (plain.closes_minute if closes else plain.opens_minute) * MINUTE + away * MINUTE
    shift = minutes * MINUTE

    def opening(local: int) -> int:
        return local if local < change else max(change, local - shift)

    def closing(local: int) -> int:
        return local if local < change + min(0, shift) else max(min(change, local), local - shift)

    still = structs.replace(plain, offsets_from=(), offsets_seconds=(0,))
    moved = structs.replace(plain, offsets_from=(change,), offsets_seconds=(0, minutes * 60))
    start = at("2011-11-27")
    expected = [(opening(one), closing(two)) for one, two in WorkingTime([still]).windows(start, 62)]
    # a window that was skipped whole makes room for the next one
    assert WorkingTime([moved]).windows(start, 60) == [(one, two) for one, two in expected if one < two][:60]


@given(
    hours(ANY_MINUTE),
    st.sets(st.integers(-3, 3)),
    st.integers(-3 * DAY, 3 * DAY),
    st.lists(st.integers(-86_399, 86_399), min_size=2, max_size=2),
)
@example(Hours(EVERY_DAY, 0, 480), {0}, 3 * DAY, [50_400, 50_400])  # a holiday that begins before the edge
@example(Hours(EVERY_DAY, 960, 1440), {-1}, -3 * DAY, [-43_200, -43_200])  # ... that ends after it
@example(Hours(EVERY_DAY, 1410, 1425), set(), -10 * MINUTE, [0, -3600])  # a repeated hour across it
def test_weeks_are_alike_wherever_they_lie(
    plain: Hours, holidays: set[int], change: int, seconds: list[int]
) -> None:
    """Also where the stretches meet in which windows are built."""

    def around(middle: int) -> list[tuple[int, int]]:
        there = structs.replace(
            plain,
            holidays=tuple(sorted(middle + holiday for holiday in holidays)),
            offsets_from=(middle * DAY + change,),
            offsets_seconds=tuple(seconds),
        )
        clock, found = WorkingTime([there]), []
        for start in ((middle + away - 8) * DAY for away in (-BLOCK_DAYS, 0, BLOCK_DAYS)):
            found += [(opening - start, closing - start) for opening, closing in clock.windows(start, 12)]
            found += [(0, clock.worked(start, end)) for end in range(start, start + 16 * DAY, 5 * HOUR)]
        return found

    edge = 42 * BLOCK_DAYS
    assert around(edge) == around(edge + BLOCK_DAYS // 2)


# --- known days -----------------------------------------------------------------------------------------


def test_a_week_in_an_office() -> None:
    clock = WorkingTime([Hours()])
    friday, monday = at("2026-01-09 16:00"), at("2026-01-12 10:00")
    assert clock.worked(friday, monday) == 2 * HOUR
    assert clock.after(friday, 2 * HOUR) == monday
    assert clock.after(friday, HOUR) == at("2026-01-09 17:00")
    assert clock.after(friday, HOUR + 1) == at("2026-01-12 09:00") + 1
    assert clock.after(friday, 0) == friday
    assert clock.worked(at("2026-01-05"), at("2026-01-12")) == 40 * HOUR
    off = WorkingTime([Hours(holidays=(day("2026-01-06"),))])
    assert off.worked(at("2026-01-05"), at("2026-01-12")) == 32 * HOUR


def test_two_offices_are_open_while_one_of_them_is() -> None:
    kathmandu, berlin = place("Asia/Kathmandu"), place("Europe/Berlin")
    assert windows(kathmandu, "2026-01-05 00:00", 1) == ["01-05 03:15 01-05 11:15"]
    assert windows(berlin, "2026-01-05 00:00", 1) == ["01-05 08:00 01-05 16:00"]
    both = WorkingTime([kathmandu, berlin])
    assert both.windows(at("2026-01-05 09:00"), 2) == [
        (at("2026-01-05 09:00"), at("2026-01-05 16:00")),
        (at("2026-01-06 03:15"), at("2026-01-06 16:00")),
    ]


@pytest.mark.parametrize(
    ("zone", "local", "opens", "closes", "window"),
    [
        # Berlin skips 02:00 to 03:00: at 01:00 UTC
        ("Europe/Berlin", "2026-03-29", 0, 480, "03-28 23:00 03-29 06:00"),
        ("Europe/Berlin", "2026-03-29", 150, 480, "03-29 01:00 03-29 06:00"),
        ("Europe/Berlin", "2026-03-29", 0, 150, "03-28 23:00 03-29 01:00"),
        ("Europe/Berlin", "2026-03-29", 125, 175, ""),
        # ... and repeats it
        ("Europe/Berlin", "2026-10-25", 0, 480, "10-24 22:00 10-25 07:00"),
        ("Europe/Berlin", "2026-10-25", 150, 480, "10-25 00:30 10-25 07:00"),
        ("Europe/Berlin", "2026-10-25", 0, 150, "10-24 22:00 10-25 01:30"),
        ("Europe/Berlin", "2026-10-25", 180, 480, "10-25 02:00 10-25 07:00"),
        # Newfoundland once changed at a minute past midnight: a Saturday evening had 23:01 to 24:00 twice
        ("America/St_Johns", "2010-11-06", 22 * 60, 1440, "11-07 00:30 11-07 03:30"),
        ("America/St_Johns", "2010-11-07", 9 * 60, 17 * 60, "11-07 12:30 11-07 20:30"),
        # Sao Paulo skipped midnight
        ("America/Sao_Paulo", "2018-11-03", 22 * 60, 1440, "11-04 01:00 11-04 03:00"),
        ("America/Sao_Paulo", "2018-11-04", 0, 480, "11-04 03:00 11-04 10:00"),
        # Lord Howe Island changes by half an hour
        ("Australia/Lord_Howe", "2026-04-05", 0, 480, "04-04 13:00 04-04 21:30"),
        ("Australia/Lord_Howe", "2026-10-04", 0, 480, "10-03 13:30 10-03 21:00"),
        # Morocco goes back for Ramadan, and on again
        ("Africa/Casablanca", "2026-02-13", 540, 1020, "02-13 08:00 02-13 16:00"),
        ("Africa/Casablanca", "2026-02-16", 540, 1020, "02-16 09:00 02-16 17:00"),
        ("Africa/Casablanca", "2026-03-23", 540, 1020, "03-23 08:00 03-23 16:00"),
        # Samoa skipped a Friday
        ("Pacific/Apia", "2011-12-29", 540, 1020, "12-29 19:00 12-30 03:00"),
        ("Pacific/Apia", "2011-12-30", 540, 1020, ""),
        ("Pacific/Apia", "2011-12-30", 0, 1440, ""),
        ("Pacific/Apia", "2011-12-31", 540, 1020, "12-30 19:00 12-31 03:00"),
    ],
)
def test_one_day_of_one_place(zone: str, local: str, opens: int, closes: int, window: str) -> None:
    others = set(range(day(local) - 400, day(local) + 800)) - {day(local)}
    hours = place(zone, opens, closes, EVERY_DAY, tuple(sorted(others)))
    assert windows(hours, str(date.fromisoformat(local) - timedelta(days=3)), 9) == [window] * bool(window)


def test_a_week_of_which_a_day_was_skipped() -> None:
    office = WorkingTime([place("Pacific/Apia")])
    assert office.worked(at("2011-12-26"), at("2012-01-01")) == 32 * HOUR
    assert office.after(at("2011-12-30 02:00"), 2 * HOUR) == at("2012-01-01 20:00")


def test_clocks_that_are_hardly_ever_changed() -> None:
    """Decades without a change are counted with the offset that held then."""
    office = Hours(
        EVERY_DAY, offsets_from=(at("2000-06-01"), at("2020-06-01")), offsets_seconds=(0, 3600, 7200)
    )
    for year, opening in ((1950, 9), (1999, 9), (2003, 8), (2010, 8), (2017, 8), (2023, 7), (2050, 7)):
        found = WorkingTime([office]).windows(at(f"{year}-03-02"), 1)
        assert found == [(at(f"{year}-03-02") + opening * HOUR, at(f"{year}-03-02") + (opening + 8) * HOUR)]


def test_nobody_works() -> None:
    long_leave = tuple(range(day("2026-01-01"), day("2029-01-01")))
    for nobody in (WorkingTime([]), WorkingTime([Hours(days=())]), WorkingTime([Hours(holidays=long_leave)])):
        start = at("2026-01-05")
        assert nobody.worked(start, start + LOOKAHEAD) == 0
        assert nobody.after(start, 1) is None
        assert nobody.after(start, 0) == start
        assert nobody.windows(start, 3) == []


def test_what_is_too_far_ahead_is_never() -> None:
    clock = WorkingTime([Hours()])
    start = at("2026-01-05")
    most = clock.worked(start, start + LOOKAHEAD)
    found = clock.after(start, most)
    assert found is not None
    assert found <= start + LOOKAHEAD
    assert clock.after(start, most + 1) is None
    assert clock.after(start, 2**62) is None


# --- how far, how many ----------------------------------------------------------------------------------


def test_all_the_time_there_is() -> None:
    """Far from every change, weeks are multiplied, not counted."""
    clock = WorkingTime([place("Europe/Berlin")])
    century, week = 5_218, 7 * DAY
    for start in (at("2100-01-01 12:34"), at("1700-01-01 12:34"), 2**62, -(2**62)):
        assert clock.worked(start, start + century * week) == century * 40 * HOUR
    assert clock.worked(-(2**63), 0) + clock.worked(0, 2**63 - 1) == clock.worked(-(2**63), 2**63 - 1)
    assert len(clock._blocks) <= BLOCKS_MAX


def test_what_was_dropped_is_built_again() -> None:
    """More years than are kept, twice: the same sums, and never more of them in memory."""
    holidays = tuple(range(day("1940-01-01"), day("2110-01-01"), 91))
    clock = WorkingTime([Hours(holidays=holidays)])
    years = [at(f"{year}-01-01") for year in range(1950, 2100)]
    expected = [WorkingTime([Hours(holidays=holidays)]).worked(*span) for span in pairwise(years)]
    for _ in range(2):
        assert [clock.worked(*span) for span in pairwise(years)] == expected
        assert len(clock._blocks) == BLOCKS_MAX
    assert clock.worked(years[0], years[-1]) == sum(expected)


# --- all zones ------------------------------------------------------------------------------------------

SCHEMES: tuple[tuple[tuple[int, ...], int, int], ...] = (
    ((1, 2, 3, 4, 5), 540, 1020),
    (EVERY_DAY, 0, 1440),
    (EVERY_DAY, 1320, 1440),
    (EVERY_DAY, 0, 180),
    ((1, 3, 5, 7), 95, 1385),
    ((6, 7), 60, 150),
    ((7,), 0, 1440),
)


@pytest.mark.slow
def test_all_zones_as_counted_date_by_date() -> None:
    intervals, chosen = 100_000, random.Random(20260329)
    zones = date_by_date.zones()
    sets = [(zone, number) for zone in zones for number in chosen.sample(range(len(SCHEMES)), 2)]
    around_changes = 0
    wrong: list[str] = []
    for done, (zone, number) in enumerate(sets):
        days, opens, closes = SCHEMES[number]
        anchors = [date_by_date.anchor(zone, chosen) for _ in range(5)]
        around_changes += sum(changed for _, changed in anchors)
        holidays = _some_dates((time for time, _ in anchors), chosen)
        clock = WorkingTime([place(zone, opens, closes, days, holidays)])
        calendar = date_by_date.Calendar(zone, days, opens, closes, holidays)
        for _ in range(intervals * (done + 1) // len(sets) - intervals * done // len(sets)):
            start = chosen.choice(anchors)[0] + chosen.randrange(-4 * DAY, 2 * DAY)
            end = start + chosen.randrange(chosen.choice((6 * HOUR, 3 * DAY, 7 * DAY, 21 * DAY)))
            if clock.worked(start, end) != calendar.worked(start, end):
                wrong.append(
                    f"{zone} {SCHEMES[number]} worked({start}, {end}): {calendar.worked(start, end)}"
                )
    assert wrong[:10] == []
    assert around_changes > len(sets), "hardly any interval lies at a clock change"


def _some_dates(times: Iterable[int], chosen: random.Random) -> tuple[int, ...]:
    """Dates near these times, of which a few are holidays."""
    return tuple(sorted({time // DAY + chosen.randrange(-2, 12) for time in times}))
