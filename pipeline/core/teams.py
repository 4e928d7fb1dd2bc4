"""What the organisation declares about its teams: who belongs to them, and when they work."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain, pairwise
from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import TeamDeclared
from pipeline.core.parameters import MINUTE
from pipeline.core.tellings import said
from pipeline.core.working_time import SCHEDULES_MAX, Hours, WorkingTime, working_time

#: how many answers to who is waited on are kept at the ready
AWAITED_MAX = 1_024
#: whose hours count where no team is known
NO_TEAM = "default"
MINUTES_A_DAY, SECONDS_A_DAY, DAYS_A_WEEK = 1_440, 86_400, 7
#: hours of those who declared none: Monday to Friday, 9 to 17, UTC
DEFAULT_HOURS = Hours()


class Awaited(NamedTuple):
    """Those who are waited on: their teams, and when they work.

    ``promised`` is the shortest working time (microseconds) within which a team promises a first response.
    """

    teams: tuple[str, ...]
    hours: WorkingTime
    promised: int | None


class Teams:
    """Every version of each team; the first one holds from the beginning, a later one from its own time."""

    def __init__(self) -> None:
        self._versions: dict[str, tuple[list[int], list[TeamDeclared]]] = {}
        self._aliases: dict[str, str] = {}
        self._teams_of: dict[str, tuple[str, ...]] = {}
        self._hours: dict[str, Hours] = {}
        #: the hours of versions that somebody asked for together, by their ids
        self._together: dict[tuple[str, ...], frozenset[Hours]] = {}
        #: every time at which a team becomes another one, in order
        self._starts: list[int] = []
        #: what was found of those who are waited on, by how many of these times were over
        self._awaited: dict[tuple[tuple[str, ...], str, int], Awaited] = {}

    def replace(self, entities: dict[str, Entity]) -> bool:
        """Read all declarations anew: there are few. True when they say something else than before."""
        former = self._said()
        self.__init__()  # type: ignore[misc]
        teams_of: dict[str, set[str]] = {}
        for name in sorted(entities):
            told = [event for event in entities[name].events() if isinstance(event, TeamDeclared)]
            versions = [*told[:1], *(now for before, now in pairwise(told) if said(before) != said(now))]
            if not versions:
                continue
            self._versions[name] = ([event.time for event in versions[1:]], versions)
            for version in versions:
                self._hours[version.id] = hours_of(version)
                for member in version.members:
                    teams_of.setdefault(member, set()).add(name)
        for name, (_, versions) in self._versions.items():
            for alias in chain.from_iterable(version.aliases for version in versions):
                # forges call a team by its organisation and name, or by its name alone
                for known_as in (alias, alias.rpartition("/")[2]):
                    if known_as not in self._versions:
                        self._aliases.setdefault(known_as, name)
        self._teams_of = {member: tuple(sorted(names)) for member, names in teams_of.items()}
        self._starts = sorted({start for starts, _ in self._versions.values() for start in starts})
        return self._said() != former

    def _said(self) -> dict[str, list[tuple[int, tuple[object, ...]]]]:
        return {
            name: [(version.time if number else 0, said(version)) for number, version in enumerate(versions)]
            for name, (_, versions) in self._versions.items()
        }

    def at(self, name: str, when: int) -> TeamDeclared | None:
        """The version of a team that holds at a time; ``None`` for a name that is no team's."""
        held = self._versions.get(self._aliases.get(name, name))
        if held is None:
            return None
        starts, versions = held
        return versions[bisect_right(starts, when)]

    def waited_on(self, name: str, when: int) -> list[TeamDeclared]:
        """The teams whose hours count while a person or a team is waited on; empty: nobody declared any."""
        team = self.at(name, when)
        if team is not None:
            return [team]
        versions = [self.at(team, when) for team in self._teams_of.get(name, ())]
        return [version for version in versions if version is not None and name in version.members]

    def awaited(self, names: tuple[str, ...], owner: str, when: int) -> Awaited:
        """Whose hours count while these are waited on: their teams', else those of the ``owner``."""
        key = (names, owner, bisect_right(self._starts, when))
        known = self._awaited.get(key)
        if known is None:
            told = {version.id: version for name in names for version in self.waited_on(name, when)}
            versions = [told[key] for key in sorted(told)]
            own = self.at(owner, when) if owner and not versions else None
            if own is not None:
                versions = [own]
            promised = [
                version.response_minutes for version in versions if version.response_minutes is not None
            ]
            known = Awaited(
                tuple([version.team for version in versions]) or (NO_TEAM,),
                working_time(self.hours(versions)),
                min(promised) * MINUTE if promised else None,
            )
            if len(self._awaited) >= AWAITED_MAX:
                self._awaited.clear()
            self._awaited[key] = known
        return known

    @property
    def declared(self) -> bool:
        """Whether anybody declared a team at all."""
        return bool(self._versions)

    def teams_of(self, person: str, when: int) -> list[str]:
        """The teams that a person is a member of at a time."""
        return [team for team in self._teams_of.get(person, ()) if self.belongs(person, team, when)]

    def belongs(self, person: str, name: str, when: int) -> bool:
        """Whether a person is a member of a team at a time."""
        team = self.at(name, when)
        return team is not None and person in team.members

    def hours(self, versions: Iterable[TeamDeclared]) -> frozenset[Hours]:
        """When the members of these teams work; the default for none."""
        names = tuple([version.id for version in versions])
        known = self._together.get(names)
        if known is None:
            if len(self._together) >= SCHEDULES_MAX:
                self._together.clear()
            known = frozenset([self._hours[name] for name in names]) or _DEFAULT
            self._together[names] = known
        return known


_DEFAULT = frozenset({DEFAULT_HOURS})


def hours_of(team: TeamDeclared) -> Hours:
    """The hours that one version of a team declares; what makes no sense counts as not declared."""
    plain = DEFAULT_HOURS
    opens = plain.opens_minute if team.opens_minute is None else team.opens_minute
    closes = plain.closes_minute if team.closes_minute is None else team.closes_minute
    if not 0 <= opens < closes <= MINUTES_A_DAY:
        opens, closes = plain.opens_minute, plain.closes_minute
    offsets_from, offsets_seconds = tuple(team.offsets_from), tuple(team.offsets_seconds)
    rising = all(earlier < later for earlier, later in pairwise(offsets_from))
    within_a_day = all(abs(seconds) < SECONDS_A_DAY for seconds in offsets_seconds)
    if len(offsets_seconds) != len(offsets_from) + 1 or not rising or not within_a_day:
        offsets_from, offsets_seconds = plain.offsets_from, plain.offsets_seconds
    return Hours(
        days=tuple(sorted(day for day in set(team.days) if 1 <= day <= DAYS_A_WEEK)) or plain.days,
        opens_minute=opens,
        closes_minute=closes,
        holidays=tuple(sorted(set(team.holidays))),
        offsets_from=offsets_from,
        offsets_seconds=offsets_seconds,
    )
