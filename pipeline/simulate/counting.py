"""What is counted of the services that customers see: requests, and how many of them were good."""

from __future__ import annotations

import numpy as np

from pipeline.core import events as e
from pipeline.simulate.calendar import WEEK
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import PARSER_VERSION, Desk, envelope
from pipeline.simulate.draws import Stream, share_of
from pipeline.simulate.organisation import PROMISING_TIER
from pipeline.simulate.planting import TRAFFIC_TIMES

HOUR = 3_600
TARGET_PPM, PERIOD_DAYS = 999_000, 28
#: requests an hour: the least, and by how many times more a service may have
_REQUESTS_MIN, _REQUESTS_TIMES = 5_000, 10.0
#: how busy the hours of the day are (UTC), in twentieths of the mean
_BUSY = (9, 8, 7, 7, 8, 10, 13, 17, 22, 26, 28, 28, 27, 28, 29, 29, 28, 27, 26, 25, 24, 21, 16, 12)
#: share of requests that fail on a good day, at most
_QUIET_MAX = 0.0004
#: share that fails in an incident, the least and the most
_OUTAGE_MIN, _OUTAGE_MAX = 0.01, 0.3
OUTAGE_HOURS_MAX = 72


class Counters:
    """Tells objectives, the requests of each hour, and those that failed in incidents."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        services = desk.organisation.services
        self._promising = [index for index, service in enumerate(services) if service.tier == PROMISING_TIER]
        seed = desk.options.seed
        self._requests = [
            _REQUESTS_MIN + int(_REQUESTS_MIN * _REQUESTS_TIMES * share_of(seed, "requests", service.name))
            for service in services
        ]

    def declare(self, at: int) -> None:
        """The objectives, as the catalogue has them."""
        for index in self._promising:
            name = self._desk.organisation.services[index].name
            self._desk.events.append(
                e.ObjectiveDeclared(
                    f"catalogue objective {name} production availability 1", "catalogue", at, at, False, 0,
                    PARSER_VERSION, False, 0, f"{name} production availability", "availability", name,
                    "production", TARGET_PPM, PERIOD_DAYS,
                )
            )  # fmt: skip

    def tell(self) -> None:
        """The requests of the week that the desk has turned to, hour by hour."""
        desk, hours = self._desk, WEEK // HOUR
        u = Stream(desk.options.seed, "counters", desk.week).uniform(len(self._promising), hours, 2)
        ends = desk.begin + HOUR * np.arange(1, hours + 1)
        for index, of_service in zip(self._promising, u, strict=True):
            if desk.at_work("missing-telemetry", desk.organisation.services[index].team):
                continue
            mean = np.array([self._mean(index, end) for end in ends.tolist()], dtype=np.int64)
            total = (mean * (0.9 + 0.2 * of_service[:, 0])).astype(np.int64)
            bad = (total * (_QUIET_MAX * of_service[:, 1])).astype(np.int64)
            name = desk.organisation.services[index].name
            for end, requests, failed in zip(ends.tolist(), total.tolist(), bad.tolist(), strict=True):
                self._count(f"balancer {name} {end}", name, end, requests - failed, requests)

    def tell_outage(self, key: str, service: int, onset: int, resolved: int | None) -> None:
        """The requests that failed in an incident: clients count them, and what they count comes on top."""
        its = self._desk.organisation.services[service]
        if its.tier != PROMISING_TIER or self._desk.at_work("missing-telemetry", its.team):
            return
        until = self._desk.options.end if resolved is None else resolved
        v = share_of(self._desk.options.seed, "outage", key)
        share = _OUTAGE_MIN + (_OUTAGE_MAX - _OUTAGE_MIN) * v * v
        first = onset // HOUR * HOUR + HOUR
        for end in range(first, min(until + HOUR, first + OUTAGE_HOURS_MAX * HOUR), HOUR):
            lasted = min(until, end) - max(onset, end - HOUR)
            failed = int(self._mean(service, end) * share * lasted) // HOUR
            if failed > 0:
                self._count(f"clients {its.name} {key} {end}", its.name, end, 0, failed)

    def _mean(self, service: int, end: int) -> int:
        """Requests of a service in the hour that ends then, as a rule."""
        grown = self._desk.at_work("stale-objectives", self._desk.organisation.services[service].team)
        times = TRAFFIC_TIMES if grown else 1
        return times * self._requests[service] * _BUSY[(end // HOUR - 1) % 24] // 20

    def _count(self, name: str, service: str, end: int, good: int, total: int) -> None:
        at = end * M
        self._desk.events.append(
            e.ObjectiveCounted(*envelope(f"prometheus availability {name}", "prometheus", at), "availability",
            service, "production", HOUR, good, total)
        )  # fmt: skip
