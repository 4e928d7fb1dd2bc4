"""Zones: exactly the offsets that Python knows, and no file of the machine instead of a zone."""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.events import InvalidEvent
from pipeline.sources.zones import SECONDS_FIRST, SECONDS_LAST, offsets_of

ROOT = Path(__file__).resolve().parent.parent.parent
SECOND = 1_000_000
HOUR = 3_600


def at(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "change", "before", "after"),
    [
        ("Europe/Berlin", "2026-03-29 01:00", HOUR, 2 * HOUR),
        ("Europe/Berlin", "2026-10-25 01:00", 2 * HOUR, HOUR),
        ("Europe/Berlin", "2049-10-31 01:00", 2 * HOUR, HOUR),
        ("America/St_Johns", "2010-11-07 02:31", -9_000, -12_600),
        ("Australia/Lord_Howe", "2026-04-04 15:00", 39_600, 37_800),
        ("Africa/Casablanca", "2026-02-15 02:00", HOUR, 0),
        ("Africa/Casablanca", "2026-03-22 02:00", 0, HOUR),
        ("Pacific/Apia", "2011-12-30 10:00", -10 * HOUR, 14 * HOUR),
        ("Asia/Pyongyang", "2015-08-14 15:00", 9 * HOUR, 30_600),
        # one week of daylight saving time, the shortest there was
        ("America/Recife", "2000-10-08 03:00", -3 * HOUR, -2 * HOUR),
        ("America/Recife", "2000-10-15 02:00", -2 * HOUR, -3 * HOUR),
    ],
)
def test_known_changes(zone: str, change: str, before: int, after: int) -> None:
    changes, seconds = offsets_of(zone)
    index = changes.index(at(change))
    assert (seconds[index], seconds[index + 1]) == (before, after)


def test_zones_whose_clocks_are_left_alone() -> None:
    assert offsets_of("UTC") == ((), (0,))
    assert offsets_of("Asia/Kathmandu") == ((), (20_700,))
    assert offsets_of("Etc/GMT+12") == ((), (-12 * HOUR,))


@pytest.mark.parametrize(
    "zone",
    [
        "Africa/Cairo",
        "Africa/Casablanca",
        "America/Recife",
        "America/Scoresbysund",
        "Antarctica/Troll",
        "Asia/Gaza",
        "Australia/Lord_Howe",
        "Pacific/Kwajalein",
    ],
)
def test_every_third_hour_and_both_sides_of_each_change(zone: str) -> None:
    changes, seconds = offsets_of(zone)
    assert len(seconds) == len(changes) + 1
    assert all(one < two for one, two in zip(changes, changes[1:], strict=False))
    assert all(one != two for one, two in zip(seconds, seconds[1:], strict=False))
    clock = ZoneInfo(zone)
    times = [*range(SECONDS_FIRST, SECONDS_LAST, 3 * HOUR)]
    times += [change // SECOND - before for change in changes for before in (0, 1)]
    wrong = [
        time
        for time in times
        if datetime.fromtimestamp(time, clock).utcoffset()
        != timedelta(seconds=seconds[bisect_right(changes, time * SECOND)])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "zone",
    [
        "",
        ".",
        "..",
        "../x",
        "../../../etc/passwd",
        "/etc/localtime",
        "/usr/share/zoneinfo/Europe/Berlin",
        "Europe",
        "Europe/",
        "Europe/../Europe/Berlin",
        "europe/berlin",
        " Europe/Berlin",
        "Europe/Berlin\0",
        "Europe\\Berlin",
        "localtime",
        "posixrules",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "tzdata.zi",
        "CET-1CEST",
        "+02:00",
        "\ud800",
        "Mars/Olympus_Mons" * 100_000,
    ],
)
def test_what_is_no_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        offsets_of(zone)
    message = str(refused.value)
    assert f"time zone {zone[:64]!r}" in message
    assert "Europe/Berlin" in message
    assert len(message) < 600
    message.encode()


@given(st.text(st.sampled_from("./\\~ \0aeEuropBlinUTC") | st.characters(), max_size=30))
def test_no_text_is_anything_but_a_zone_or_refused(zone: str) -> None:
    if zone not in available_timezones():
        with pytest.raises(InvalidEvent):
            offsets_of(zone)


WITHOUT_PACKAGE = """
import sys
sys.modules["tzdata"] = None  # as if it were not installed
from pipeline.core.events import InvalidEvent
from pipeline.sources.zones import offsets_of
try:
    offsets_of("Europe/Berlin")
except InvalidEvent as error:
    sys.stdout.write(str(error))
"""


def said_with(database: Path) -> str:
    """What a process says that has this zone database and no other."""
    command = [sys.executable, "-c", WITHOUT_PACKAGE]
    environment = {"PYTHONTZPATH": str(database), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_without_a_database_it_says_what_to_install(tmp_path: Path) -> None:
    said = said_with(tmp_path)
    assert "'Europe/Berlin'" in said
    assert "no time zone database" in said
    assert "install the package tzdata" in said


def test_with_a_damaged_database_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe/Berlin").write_bytes(b"TZif2" + bytes(7))
    said = said_with(tmp_path)
    assert "'Europe/Berlin'" in said
    assert "damaged" in said
    assert "install the package tzdata again" in said
