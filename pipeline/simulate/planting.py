"""Failure modes of the process: where each one is planted, from when on, and who is in it."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.simulate.draws import Stream
from pipeline.simulate.options import MODES, InvalidOption, Options
from pipeline.simulate.organisation import Organisation

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
    index = names.index(where) if where else _busy(kind, u[0], organisation)
    person = -1
    if mode == "reviewer-bottleneck":
        person = int(u[1] * len(organisation.teams[index].members))
    return Plant(mode, week, names[index], index, person)


def _busy(kind: str, u: float, organisation: Organisation) -> int:
    """One of the places where most happens: in a quiet one a mode shows nothing."""
    rates: dict[int, float] = {}
    for service in organisation.services:
        index = service.team if kind == "team" else service.repository
        rates[index] = rates.get(index, 0.0) + service.rate
    ranked = sorted(rates, key=lambda index: (-rates[index], index))
    return ranked[int(u * max(1, len(ranked) // 4))]
