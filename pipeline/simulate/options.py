"""What a simulated world is asked to be: its size, its faults, and what is planted in it."""

from __future__ import annotations

import msgspec

#: a Monday; fixed, so that the same command gives the same world whenever it runs
END_SECONDS = 1_780_272_000  # 2026-06-01T00:00:00Z
#: the zones' rules hold from 2008 on; what comes after 2049 nobody knows
BEGIN_SECONDS_MIN = 1_199_145_600
END_SECONDS_MAX = 2_500_000_000

WEEK_SECONDS = 7 * 86_400
SERVICES_MAX = 2_000
TEAMS_MAX = 200
EVENTS_MAX = 1_000_000_000
LATE_HOURS_MAX = 24 * 90

LAGS = ("lognormal", "weibull")

#: name of a failure mode of review -> what it is planted in
FAILURE_MODES: dict[str, str] = {
    "reviewer-bottleneck": "team",
    "flaky-tests": "repository",
    "rubber-stamping": "team",
    "bypass-abuse": "team",
    "large-changes": "team",
    "missing-context": "team",
    "late-findings": "repository",
    "environment-drift": "team",
}
#: the same of other known mistakes on the way of a change, before its merge and after it
MISTAKES: dict[str, str] = {
    "slow-reviews": "team",
    "reviewer-load": "team",
    "slow-designs": "team",
    "long-lived-branches": "repository",
    "rigid-policies": "team",
    "stale-owners": "team",
    "overdue-retro-reviews": "team",
    "untagged-deployments": "team",
    "undeployed-changes": "repository",
    "failing-deployments": "team",
    "failed-rollbacks": "team",
    "unexplained-incidents": "team",
    "alert-noise": "team",
    "on-call-overload": "team",
    "missing-telemetry": "team",
    "stale-objectives": "team",
    "cost-overrun": "team",
}
MODES = FAILURE_MODES | MISTAKES


class InvalidOption(ValueError):
    """An option of the world can't be; the message names it and says what it may be."""


class Planted(msgspec.Struct, frozen=True):
    """One failure mode: from which week on (0 is the first) and where; ``where`` "" draws a place."""

    mode: str
    week: int = 0
    where: str = ""


class Faults(msgspec.Struct, frozen=True):
    """What goes wrong on the way from the world to its events; every rate is a share of 0 to 1."""

    #: deployments that nobody reports
    unreported: float = 0.0
    #: deployments told without tag, artifact and commit
    missing_tags: float = 0.0
    #: incidents told of another service than the one with the symptoms
    wrong_service: float = 0.0
    #: deployments beside which another service changes its configuration in the same minute
    coincident: float = 0.0
    #: events that are told a second time, some minutes later
    duplicates: float = 0.0
    #: events that arrive up to ``late_hours_max`` hours after they happened
    late: float = 0.0
    late_hours_max: int = 72
    #: the clock of each reporter of deployments is off by up to this much, for good
    skew_seconds: int = 0


class Options(msgspec.Struct, frozen=True):
    """A whole world in one value: equal options give equal events."""

    seed: int = 1
    weeks: int = 12
    services: int = 40
    teams: int = 6
    #: seconds since the epoch at which the world ends; nothing is told after it
    end: int = END_SECONDS
    #: share of regular deployments that break production
    failure_rate: float = 0.05
    #: share of incidents that no deployment caused, cascades left aside
    background: float = 0.35
    #: share of failures that end with a rollback
    rollback: float = 0.6
    lags: str = "lognormal"
    #: tell every minute that time passes
    ticks: bool = False
    faults: Faults = Faults()
    planted: tuple[Planted, ...] = ()

    @property
    def begin(self) -> int:
        """Seconds since the epoch at which the first week begins."""
        return self.end - self.weeks * WEEK_SECONDS

    @property
    def weeks_max(self) -> int:
        """How long a world that ends then can be."""
        return (self.end - BEGIN_SECONDS_MIN) // WEEK_SECONDS


def checked(options: Options) -> Options:
    """The same options; raises ``InvalidOption`` for what no world can be."""
    for name, value, low, high in (
        ("seed", options.seed, 0, 2**63 - 1),
        ("services", options.services, 1, SERVICES_MAX),
        ("teams", options.teams, 1, TEAMS_MAX),
        ("end", options.end, BEGIN_SECONDS_MIN + WEEK_SECONDS, END_SECONDS_MAX),
        ("weeks", options.weeks, 1, options.weeks_max),
        ("late-hours-max", options.faults.late_hours_max, 1, LATE_HOURS_MAX),
        ("skew-seconds", options.faults.skew_seconds, 0, 86_400),
    ):
        if not low <= value <= high:
            raise InvalidOption(f"{name}: {value} is not from {low} to {high}")
    if options.teams > options.services:
        raise InvalidOption(f"teams: {options.teams} teams can't own {options.services} services")
    for name, share, most in (
        ("failure-rate", options.failure_rate, 0.5),
        ("background", options.background, 0.95),
        ("rollback", options.rollback, 1.0),
        ("unreported", options.faults.unreported, 1.0),
        ("missing-tags", options.faults.missing_tags, 1.0),
        ("wrong-service", options.faults.wrong_service, 1.0),
        ("coincident", options.faults.coincident, 1.0),
        ("duplicates", options.faults.duplicates, 1.0),
        ("late", options.faults.late, 1.0),
    ):
        if not 0.0 <= share <= most:
            raise InvalidOption(f"{name}: {share} is no share from 0 to {most:g}")
    if options.lags not in LAGS:
        raise InvalidOption(f"lags: {options.lags!r} is none of {', '.join(LAGS)}")
    for planted in options.planted:
        if planted.mode not in MODES:
            raise InvalidOption(f"plant: {planted.mode!r} is none of {', '.join(MODES)}")
        if not 0 <= planted.week < options.weeks:
            raise InvalidOption(f"plant: {planted.mode} in week {planted.week} of {options.weeks}")
    return options
