"""What was chosen on a page, as its address says it: an address can be sent to somebody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from pipeline.pages.asking import Answer, Asking
from pipeline.panels.choices import UNTIL, WORKSPACE, Choice

HOURS_MAX = 10 * 366 * 24
NAME_CHARACTERS_MAX = 500
#: now is rounded down to this, so that all who look ask the same
NOW_SECONDS = 10
#: what a page keeps from the one that led to it
CARRIED = ("workspace", "team", "service", "environment", "change_class", "hours", "at")
CUTS = ("team", "service", "environment", "change_class", "deployment")
_MILLISECONDS = re.compile(r"[0-9]{11,14}")
_HOURS = re.compile(r"[0-9]{1,6}")
_LATEST = 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chosen(NamedTuple):
    """What is looked at."""

    workspace: str
    #: name -> value, "" where nothing was chosen
    cuts: dict[str, str]
    #: length of the time that is looked at; 0: as the page has it
    hours: int
    #: until when is looked, in seconds since 1970; 0: now
    at: int
    #: what of the address could not be read
    wrong: str = ""

    def address(self, path: str, **further: str) -> str:
        """The address of a page that keeps what was chosen."""
        told = {"workspace": self.workspace, **self.cuts}
        if self.hours:
            told["hours"] = str(self.hours)
        if self.at:
            told["at"] = moment(self.at)
        kept = {name: value for name, value in told.items() if name in CARRIED}
        return path + "?" + urlencode({k: v for k, v in {**kept, **further}.items() if v}, quote_via=quote)


class Window(NamedTuple):
    """The time that a page shows, in seconds since 1970."""

    since: int
    until: int
    #: whether it ends before now: nothing is received any more, or somebody asked for then
    past: bool
    #: the moment of the look itself
    now: int


def chosen(query: Mapping[str, str]) -> Chosen:
    """What an address says; what can't be read is told and left out."""
    wrong = ""
    hours = query.get("hours", "")
    if hours and not (_HOURS.fullmatch(hours) and 0 < int(hours) <= HOURS_MAX):
        wrong, hours = f"hours is a number from 1 to {HOURS_MAX}", ""
    at, since = query.get("at", "") or query.get("to", ""), query.get("from", "")
    seconds = 0
    if at and not at.startswith("now"):
        try:
            seconds = instant(at)
        except ValueError:
            wrong = "at is a moment such as 2026-11-23T14:00Z"
    if not hours and seconds and _MILLISECONDS.fullmatch(since) and int(since) // 1000 < seconds:
        # as Grafana's links have it
        hours = str(max(1, round((seconds - int(since) // 1000) / 3600)))
    cuts = {name: query.get(name, "")[:NAME_CHARACTERS_MAX] for name in CUTS}
    workspace = query.get("workspace", "")[:NAME_CHARACTERS_MAX]
    return Chosen(workspace, cuts, int(hours or 0), seconds, wrong)


def instant(text: str) -> int:
    """Seconds since 1970 of a moment as ``instant_micros`` reads it."""
    return instant_micros(text) // 1_000_000


def instant_micros(text: str) -> int:
    """Microseconds since 1970 of a moment in ISO 8601 (UTC where it names no zone), or of milliseconds.

    Raises ``ValueError`` for anything else.
    """
    if _MILLISECONDS.fullmatch(text):
        micros = int(text) * 1000
    else:
        at = datetime.fromisoformat(text)
        micros = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    if not 1_000_000 <= micros <= _LATEST * 1_000_000:
        raise ValueError(f"{text} is out of range")
    return micros


def moment(seconds: int) -> str:
    """As ``instant`` reads it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def workspaces(asking: Asking, role: str) -> tuple[list[str], str]:
    """Those that there are, the one that heard something last first; or what is wrong."""
    found = await asking.ask(WORKSPACE.sql, {}, role)
    return [str(row[0]) for row in found.rows], found.trouble


async def window(asking: Asking, told: Chosen, hours: int, role: str, now: float) -> Window:
    """The time to show: up to now, or where nothing was received for two hours, up to the newest receipt."""
    wanted = told.at or int(now) // NOW_SECONDS * NOW_SECONDS
    found = await asking.ask(UNTIL, {"workspace": told.workspace, "to": wanted}, role)
    until = int(found.rows[0][0]) if found.rows else wanted
    return Window(until - (told.hours or hours) * 3600, until, until < wanted or bool(told.at), int(now))


def parameters(told: Chosen, shown: Window) -> dict[str, str | int]:
    """What a panel's statement may ask for."""
    return {"workspace": told.workspace, **told.cuts, "since": shown.since, "until": shown.until}


async def offered(
    asking: Asking, choice: Choice, told: Chosen, shown: Window, role: str
) -> list[tuple[str, str]]:
    """What can be chosen: values and how they are called; among them what was chosen, whatever it is."""
    found: Answer = await asking.ask(choice.sql, parameters(told, shown), role)
    pairs = [(str(row[0]), str(row[-1])) for row in found.rows]
    value = told.workspace if choice.name == "workspace" else told.cuts.get(choice.name, "")
    if value and value not in {known for known, _ in pairs}:
        pairs.insert(0, (value, value))
    return pairs
