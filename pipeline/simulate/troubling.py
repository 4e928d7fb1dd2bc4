"""What bad deployments and bad luck lead to: incidents, cascades, rollbacks, fixes, verdicts."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from pipeline.core import events as e
from pipeline.simulate.counting import Counters
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, envelope
from pipeline.simulate.draws import Floats, Integers, Stream, poisson, seconds, share_of, weibull
from pipeline.simulate.planting import (
    CALL_SECONDS,
    CALLS_A_WEEK,
    NOISE_SECONDS,
    NOISES_A_WEEK,
    PUZZLING_SECONDS,
)
from pipeline.simulate.truth import TrueIncident

MINUTE, HOUR, DAY = 60, 3_600, 86_400
FAST_SHARE = 0.75
CLIMB_SHARE = 0.4
CASCADE_SHARE = 0.15
HOPS_MAX = 6
LAG_MAX = 7 * DAY
CAUSED, BACKGROUND = "caused", "background"
_FURTHER = 8191.0
_WEIBULL_SHAPE, _WEIBULL_SCALE = 0.55, 4.0 * HOUR
_VERDICT_SHARE, _POSTMORTEM_SHARE, _ONSET_SHARE, _MENTION_SHARE = 0.25, 0.12, 0.15, 0.05


class Spans(NamedTuple):
    """How long everything takes, in seconds, for each deployment (or background incident) of a week."""

    lag: list[int]
    detect: list[int]
    acknowledge: list[int]
    undo: list[int]
    fix: list[int]
    settle: list[int]
    pass_by: list[int]


def spans(lags: str, u: Floats) -> Spans:
    """Spans of uniform numbers in eight columns."""
    if lags == "weibull":
        lag = np.clip(weibull(u[:, 1], _WEIBULL_SHAPE, _WEIBULL_SCALE), 20, LAG_MAX).astype(np.int64)
    else:
        fast = seconds(u[:, 1], 12.0 * MINUTE, 1.2, 20, LAG_MAX)
        lag = np.where(u[:, 0] < FAST_SHARE, fast, seconds(u[:, 1], 18.0 * HOUR, 1.0, 20, LAG_MAX))
    columns: list[Integers] = [
        lag,
        seconds(u[:, 2], 4.0 * MINUTE, 0.8, 15, 6 * HOUR),
        seconds(u[:, 3], 3.0 * MINUTE, 0.7, 10, 2 * HOUR),
        seconds(u[:, 4], 40.0 * MINUTE, 0.8, 4 * MINUTE, DAY),
        seconds(u[:, 5], 2.0 * HOUR, 0.8, 20 * MINUTE, 2 * DAY),
        seconds(u[:, 6], 6.0 * MINUTE, 0.5, 60, 2 * HOUR),
        seconds(u[:, 7], 50.0 * MINUTE, 0.9, 3 * MINUTE, DAY),
    ]
    return Spans(*(column.tolist() for column in columns))


class Cause(NamedTuple):
    """The deployment and the change behind an incident."""

    deployment: str
    change: str


class Incidents:
    """Tells incidents and those that follow from them."""

    def __init__(self, desk: Desk, counters: Counters) -> None:
        self._desk = desk
        self._counters = counters
        self._seed = desk.options.seed

    def climbed(self, service: int, u: float, v: float) -> int:
        """Where the symptom of a fault shows: in the service, or some hops up among its callers."""
        callers = self._desk.organisation.callers
        for _ in range(HOPS_MAX):
            if u >= CLIMB_SHARE or not callers[service]:
                break
            service = callers[service][int(v * len(callers[service]))]
            u, v = u * _FURTHER % 1, v * _FURTHER % 1
        return service

    def tell(self, name: str, service: int, onset: int, detected: int, acknowledged: int,
        resolved: int | None,
             u: float, cause: Cause | None, ended_by: str) -> None:  # fmt: skip
        """An incident with its cascade; ``resolved`` is ``None`` where the world ends before it does."""
        key = self._one(name, service, onset, detected, acknowledged, resolved, u, cause, ended_by, "")
        if cause is not None and resolved is not None:
            self._words(key, service, resolved, u, cause)
        for caller in self._desk.organisation.callers[service]:
            v = share_of(self._seed, "cascade", f"{name} {caller}")
            if v < CASCADE_SHARE:
                v /= CASCADE_SHARE
                later = onset + 20 + int(v * 300)
                seen = later + 60 + int(v * _FURTHER % 1 * 600)
                until = None if resolved is None else max(resolved + int(v * 240), seen + 120)
                self._one(f"{name} {caller}", caller, later, seen, seen + 90, until, v, cause, ended_by, key)

    def _one(self, name: str, service: int, onset: int, detected: int, acknowledged: int,
        resolved: int | None,
             u: float, cause: Cause | None, ended_by: str, cascade_of: str) -> str:  # fmt: skip
        desk, services = self._desk, self._desk.organisation.services
        its = services[service]
        digest = hashlib.blake2b(f"{self._seed} {name}".encode(), digest_size=5).hexdigest()
        key, told = f"pagerduty Q{digest.upper()}", its.name
        if (
            len(services) > 1
            and share_of(self._seed, "wrong service", name) < desk.options.faults.wrong_service
        ):
            step = 1 + int(share_of(self._seed, "which service", name) * (len(services) - 1))
            told = services[(service + step) % len(services)].name
        severity = f"sev{min(4, its.tier + (u * 19 % 1 < 0.4))}"
        members = desk.organisation.teams[its.team].members
        title = f"{told}: {('errors', 'slow answers', 'timeouts', 'wrong results')[int(u * 4)]}"
        mentions = [cause.change] if cause is not None and u * 43 % 1 < _MENTION_SHARE else []
        add, at = desk.events.append, detected * M
        add(e.IncidentDetected(*envelope(f"{key} detected", "pagerduty", at), key, told,
            "production", severity, title, "", "", "", mentions,
            onset * M if u * 71 % 1 < _ONSET_SHARE else None))  # fmt: skip
        at = acknowledged * M
        add(e.IncidentUpdated(*envelope(f"{key} acknowledged", "pagerduty", at), key,
            "acknowledged", "", "", "", "", [], [], [members[int(u * 101 % 1 * len(members))]]))  # fmt: skip
        if resolved is not None:
            at = resolved * M
            add(e.IncidentResolved(*envelope(f"{key} resolved", "pagerduty", at), key, told))
        self._counters.tell_outage(key, service, onset, resolved)
        if u * 59 % 1 < 0.4:
            self._burnt(its.name, onset, resolved)
        desk.truths.append((detected, TrueIncident(
            key, CAUSED if cause else BACKGROUND, its.name, onset * M, detected * M,
            0 if resolved is None else resolved * M, told, cause.deployment if cause else "",
            (cause.change,) if cause else (), cascade_of, ended_by)))  # fmt: skip
        return key

    def _burnt(self, service: str, onset: int, resolved: int | None) -> None:
        add, at, slo = self._desk.events.append, (onset + 30) * M, f"{service}/availability"
        add(e.BurnStarted(*envelope(f"prometheus {slo} {onset} started", "prometheus", at), slo,
            service, "production", 14.4, 3_600))  # fmt: skip
        if resolved is not None:
            at = (resolved + 600) * M
            add(e.BurnEnded(*envelope(f"prometheus {slo} {onset} ended", "prometheus", at), slo,
                service, "production"))  # fmt: skip

    def _words(self, key: str, service: int, resolved: int, u: float, cause: Cause) -> None:
        """What people say about it afterwards: a verdict, a postmortem."""
        desk = self._desk
        members = desk.organisation.teams[desk.organisation.services[service].team].members
        if u * 83 % 1 < _VERDICT_SHARE:
            at, word = (resolved + 3_600 + int(u * 2 * DAY)) * M, f"{key} cause"
            add = desk.events.append
            add(e.VerdictGiven(*envelope(f"verdict {word}", "person", at), word, key, "cause",
                cause.change, "", "", None, members[0], "it was seen in the logs"))  # fmt: skip
        if u * 89 % 1 < _POSTMORTEM_SHARE:
            at = (resolved + 2 * DAY + int(u * 2 * DAY)) * M
            desk.events.append(
                e.IncidentUpdated(*envelope(f"{key} postmortem", "pagerduty", at), key,
                "postmortem", "", "", "", "", [], [cause.change], [members[0]],
                f"https://wiki.acme.example/postmortems/{key.rpartition(' ')[2]}")
            )  # fmt: skip

    def tell_puzzle(self, deployment: str, service: int, live_at: int, u: float, v: float) -> None:
        """An incident after a deployment that did not cause it; it passes, and nobody says what it was."""
        onset, (least, most) = live_at + 300 + int(u * 1_500), PUZZLING_SECONDS
        self._one(f"puzzle {deployment}", service, onset, onset + 2 * MINUTE, onset + 4 * MINUTE,
                  onset + least + int(v * (most - least)), u, None, "", "")  # fmt: skip

    def tell_calls(self, week: int) -> None:
        """Calls that no deployment caused where alerts mean nothing, or there are too many of them."""
        for mistake, mean, (least, most) in (
            ("alert-noise", NOISES_A_WEEK, NOISE_SECONDS),
            ("on-call-overload", CALLS_A_WEEK, CALL_SECONDS),
        ):
            for team in sorted(self._desk.planting.where(mistake, week)):
                stream = Stream(self._seed, f"{mistake} {team}", week)
                (count,) = poisson(stream.uniform(1), np.array([mean])).tolist()
                services = self._desk.organisation.services
                mine = [index for index, service in enumerate(services) if service.team == team]
                for place, u in enumerate(stream.uniform(count, 4).tolist()):
                    onset = self._desk.begin + int(u[0] * 7 * DAY)
                    detected = onset + MINUTE
                    self._one(f"{mistake} {week} {place}", mine[int(u[1] * len(mine))], onset, detected,
                              detected + MINUTE, detected + least + int(u[2] * (most - least)), u[3], None,
                              "", "")  # fmt: skip

    def tell_background(self, week: int) -> None:
        """Incidents of this week that no deployment caused."""
        desk, options = self._desk, self._desk.options
        services = desk.organisation.services
        rate = sum(service.rate for service in services) * options.failure_rate
        mean = rate * options.background / (1.0 - options.background)
        if options.failure_rate <= 0.0:
            mean = 0.05 * len(services)  # there is nothing to be a share of
        stream = Stream(options.seed, "background", week)
        (count,) = poisson(stream.uniform(1), np.array([mean])).tolist()
        u = stream.uniform(count, 12)
        bounds = np.cumsum([service.background for service in services])
        found = np.searchsorted(bounds, u[:, 8] * bounds[-1], side="right").clip(max=len(services) - 1)
        takes = spans(options.lags, u)
        for place, (service, row) in enumerate(zip(found.tolist(), u.tolist(), strict=True)):
            onset = desk.begin + int(row[9] * 7 * DAY)
            detected = onset + takes.detect[place]
            acknowledged = detected + takes.acknowledge[place]
            self.tell(f"background {week} {place}", service, onset, detected, acknowledged,
                      acknowledged + takes.pass_by[place], row[10], None, "")  # fmt: skip
