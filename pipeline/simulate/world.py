"""A whole world, week by week: its events in order of receipt, and what is true of them.

Only what the next weeks may still bring forward is held in memory, so a world may be of any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from pipeline.core import events as e
from pipeline.core.events import Event
from pipeline.simulate.arriving import Arrivals, delivered
from pipeline.simulate.calendar import WEEK, Calendar
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.counting import Counters
from pipeline.simulate.delivering import Delivery
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import PARSER_VERSION as V
from pipeline.simulate.desk import Desk
from pipeline.simulate.options import MODES, Options, checked
from pipeline.simulate.organisation import JOBS, PersonToken, organisation
from pipeline.simulate.plan import REACH, Planner
from pipeline.simulate.planting import Planting
from pipeline.simulate.ruling import rules
from pipeline.simulate.surroundings import Surroundings
from pipeline.simulate.troubling import Incidents
from pipeline.simulate.truth import TrueJob, TrueMode, TrueWorld, Truth
from pipeline.simulate.zones import changes_of, holidays_of

#: weeks of which the number of events a week is estimated
_ESTIMATED_WEEKS = 2
_MARGIN = 1.1
#: half a working day
_RESPONSE_MINUTES = 240


class Told(NamedTuple):
    """What arrived in one stretch of time, and what is true of that time."""

    events: list[Event]
    truths: list[Truth]


class World:
    """A world that can be gone through once."""

    def __init__(self, options: Options, person_token: PersonToken) -> None:
        """Raises ``InvalidOption`` for what no world can be."""
        self.options = checked(options)
        self.organisation = organisation(options, person_token)
        self._planting = Planting(options, self.organisation)

    def weeks(self) -> Iterator[Told]:
        """The events that were received before the end of the world, a week or so at a time."""
        options, teams = self.options, self.organisation.teams
        calendar = Calendar(
            [team.zone for team in teams],
            [team.opens_minute * 60 for team in teams],
            [team.closes_minute * 60 for team in teams],
            options.begin,
            options.end,
        )
        desk = Desk(options, self.organisation, self._planting)
        checks, counters = CheckTeller(desk), Counters(desk)
        incidents = Incidents(desk, counters)
        planner = Planner(options, self.organisation, self._planting, calendar)
        delivery, surroundings = Delivery(desk, planner, checks, incidents), Surroundings(desk, checks)
        arrivals = Arrivals()
        held: list[tuple[int, Truth]] = []
        self._declare(desk, delivery)
        counters.declare((options.begin - REACH) * M)
        for week in range(options.weeks):
            desk.turn_to(week, options.begin + week * WEEK)
            delivery.tell(week)
            incidents.tell_background(week)
            incidents.tell_calls(week)
            surroundings.tell()
            counters.tell()
            last = week == options.weeks - 1
            if last:
                delivery.left_over()
            told, truths = desk.take()
            events, further = delivered(told, options.faults, options.seed)
            until = options.end if last else desk.begin + WEEK - REACH
            held += truths
            held += further
            held.sort(key=lambda row: row[0])
            ready = [truth for at, truth in held if at < until]
            held = [row for row in held if row[0] >= until]
            yield Told(arrivals.take(events, until * M), ready)

    def _declare(self, desk: Desk, delivery: Delivery) -> None:
        """The catalogue as it stands before anything happens; and what is true from the beginning."""
        options, services = self.options, self.organisation.services
        at = (options.begin - REACH) * M
        for service in services:
            built_from = self.organisation.repositories[service.repository].name
            desk.events.append(
                e.ServiceDeclared(
                    f"catalogue {service.name} 1", "catalogue", at, at, False, 0, V, False, 0, service.name,
                    self.organisation.teams[service.team].name, service.tier, [built_from],
                    [service.path] if service.path else [],
                    [services[other].name for other in service.depends_on],
                    [f"pagerduty:{service.name}"],
                )
            )  # fmt: skip
        for team in self.organisation.teams:
            instants, offsets = changes_of(team.zone, options.begin, options.end)
            desk.events.append(
                e.TeamDeclared(
                    f"catalogue team {team.name} 1", "catalogue", at, at, False, 0, V, False, 0, team.name,
                    list(team.members), [f"acme/{team.name}"], team.zone.name, [1, 2, 3, 4, 5],
                    team.opens_minute, team.closes_minute, holidays_of(team.zone, options.begin, options.end),
                    [instant * M for instant in instants], offsets, _RESPONSE_MINUTES,
                )
            )  # fmt: skip
        desk.events += rules(at)
        past, begin = options.begin - REACH, options.begin * M
        truths: list[Truth] = [
            TrueWorld(
                options.seed, options.weeks, options.services, options.teams, begin, options.end * M,
                options.failure_rate, options.background, options.rollback, options.lags,
            )
        ]  # fmt: skip
        for plant in self._planting.plants:
            person = self.organisation.teams[plant.index].members[plant.person] if plant.person >= 0 else ""
            from_at = (options.begin + plant.week * WEEK) * M
            truths.append(TrueMode(plant.mode, MODES[plant.mode], plant.where, from_at, person))
        for repository in self.organisation.repositories:
            for (job, _), rate in zip(JOBS, repository.flakes, strict=True):
                if rate:
                    truths.append(TrueJob(repository.name, job, rate, begin))
        truths += delivery.deployments.clocks()
        desk.truths += [(past, truth) for truth in truths]


def weeks_for(events: int, options: Options, person_token: PersonToken) -> int:
    """How many weeks of such a world hold at least this many events, as far as its first weeks tell."""
    sample = World(replace(options, weeks=_ESTIMATED_WEEKS, planted=()), person_token)
    count = sum(len(told.events) for told in sample.weeks())
    return 1 + int(events * _MARGIN * _ESTIMATED_WEEKS / max(1, count))
