"""Failure modes of the process: where each one is planted, from when on, and who is in it."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.simulate.draws import Stream
from pipeline.simulate.options import MODES, InvalidOption, Options
from pipeline.simulate.organisation import PROMISING_TIER, Organisation

#: how the planted ones differ from everybody else
BOTTLENECK_SHARE = 0.9
BOTTLENECK_LEAD = 3.0
FLAKE_RATE = 0.35
FLAKY_LEAD_SECONDS = 4 * 3_600
STAMPED_SHARE = 0.9
STAMPED_ELSEWHERE = 0.03
BYPASS_SHARE = 0.4
BYPASS_ELSEWHERE = 0.03
LARGE_FACTOR = 8.0
BURNT_SHARE = 0.3
LATE_FINDING_SHARE = 0.4
DRIFTS_A_WEEK = 1.5
DESIGNS_A_WEEK = 5.0
DESIGN_DAYS = (12, 25)
OLD_BRANCH_SHARE = 0.6
OLD_BRANCH_DAYS = (16, 40)
WAIVED_SHARE = 0.5
NEGLECTED_SHARE = 0.4
FORGOTTEN_BYPASS_SHARE = 0.12
UNTAGGED_SHARE = 0.5
#: added to the logit of the chance that a change breaks production
RASH_LOGIT = 3.0
PUZZLING_SHARE = 0.6
PUZZLING_SECONDS = (1_800, 7_200)
USELESS_ROLLBACK_HOURS = (2, 8)
NOISES_A_WEEK = 9.0
NOISE_SECONDS = (120, 600)
CALLS_A_WEEK = 45.0
CALL_SECONDS = (1_800, 7_200)
TRAFFIC_TIMES = 3
DEAR_SHARE, DEAR_TIMES = 0.3, 1.5


class Plant(msgspec.Struct, frozen=True):
    """One mode in its place: ``index`` of the team or repository, and a person where one is at its heart."""

    mode: str
    week: int
    where: str
    index: int
    person: int = -1


class Planting:
    """All modes of a world, asked by week."""

    def __init__(self, options: Options, organisation: Organisation) -> None:
        self.plants = [
            _plant(options.seed, planted.mode, planted.week, planted.where, organisation)
            for planted in options.planted
        ]

    def where(self, mode: str, week: int) -> frozenset[int]:
        """Teams or repositories in which a mode is at work this week."""
        return frozenset(plant.index for plant in self.plants if plant.mode == mode and week >= plant.week)

    def mask(self, mode: str, week: int, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """For each place, whether the mode is at work there."""
        return np.isin(places, sorted(self.where(mode, week)))

    def bottlenecks(self, week: int) -> dict[int, int]:
        """Team -> the member whom everybody asks."""
        return {
            plant.index: plant.person
            for plant in self.plants
            if plant.mode == "reviewer-bottleneck" and week >= plant.week
        }


def _plant(seed: int, mode: str, week: int, where: str, organisation: Organisation) -> Plant:
    kind = MODES[mode]
    names = [place.name for place in (organisation.teams if kind == "team" else organisation.repositories)]
    u = Stream(seed, f"plant {mode}").uniform(2).tolist()
    if where and where not in names:
        raise InvalidOption(f"plant: there is no {kind} {where!r}; there is {', '.join(names[:12])}")
    index = names.index(where) if where else _busy(mode, kind, u[0], organisation)
    person = -1
    if mode == "reviewer-bottleneck":
        person = int(u[1] * len(organisation.teams[index].members))
    return Plant(mode, week, names[index], index, person)


def _busy(mode: str, kind: str, u: float, organisation: Organisation) -> int:
    """One of the places where most happens: in a quiet one a mode shows nothing."""
    rates: dict[int, float] = {}
    services = organisation.services
    if mode == "stale-objectives":  # only who promised something can forget it
        services = [service for service in services if service.tier == PROMISING_TIER] or services
    for service in services:
        index = service.team if kind == "team" else service.repository
        rates[index] = rates.get(index, 0.0) + service.rate
    ranked = sorted(rates, key=lambda index: (-rates[index], index))
    return ranked[int(u * max(1, len(ranked) // 4))]
