"""Who and what there is: teams and people, repositories, services in layers and who calls whom."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from pipeline.simulate.draws import Floats, Integers, Stream, lognormal
from pipeline.simulate.options import Options
from pipeline.simulate.zones import ZONES, Zone

PersonToken = Callable[[str], str]

LAYERS = ("edge", "product", "domain", "platform")
_LAYER_SHARES = (0.1, 0.45, 0.8, 1.0)
_MEMBERS = (5, 9)
_MONOREPO_SHARE = 0.3
_RATE_MEDIAN, _RATE_SIGMA, _RATE_MAX = 5.0, 0.8, 60.0
_NEW_SHARE = 0.15
_FLAKY_SHARE, _FLAKE_MAX = 0.2, 0.2
JOBS = (
    ("build", "build"),
    ("unit", "test"),
    ("integration", "test"),
    ("policy", "policy"),
    ("sast", "security"),
)
SMOKE = "smoke"
#: services of this tier promise something
PROMISING_TIER = 1

_FIRST_NAMES = (
    "ada", "grace", "edsger", "barbara", "alan", "frances", "donald", "radia", "ken", "margaret", "dennis",
    "shafi", "tony", "lynn", "leslie", "hedy", "john", "katherine", "niklaus", "jean", "robin", "mary",
    "kristen", "tim", "joan", "fei", "raj", "adele", "vint", "sophie",
)  # fmt: skip
_TEAM_NAMES = ("payments", "catalogue", "identity", "logistics", "growth", "platform", "search", "insights")
_SERVICE_NAMES = {
    "edge": ("web", "mobile-gateway", "partner-gateway", "admin", "graphql", "edge-cache"),
    "product": (
        "checkout", "cart", "search", "recommend", "profile", "orders", "reviews", "wishlist", "returns",
        "support", "campaigns", "delivery", "vouchers", "stores",
    ),
    "domain": (
        "payments", "ledger", "pricing", "inventory", "shipping", "tax", "fraud", "invoices", "catalog",
        "customers", "addresses", "loyalty", "media", "subscriptions",
    ),
    "platform": ("auth", "config", "notify", "events", "storage", "scheduler", "flags", "audit"),
}  # fmt: skip

DEPENDENCY_BOT = "renovate[bot]"
QUEUE_BOT = "merge-queue[bot]"
DEPLOYER_BOT = "deployer[bot]"


class Team(msgspec.Struct, frozen=True):
    """A team: its zone, its hours in local minutes, its members as tokens."""

    name: str
    zone: Zone
    opens_minute: int
    closes_minute: int
    members: tuple[str, ...]
    #: members whose first changes fall into the world
    new: frozenset[str]


class Repository(msgspec.Struct, frozen=True):
    """A repository: how changes are merged, and how often each job fails for no reason."""

    name: str
    team: int
    queue: bool
    flakes: tuple[float, ...]
    released: bool

    @property
    def flaky(self) -> bool:
        """Whether a job fails so often without a reason that people stop to look."""
        return max(self.flakes) > 0.05


class Service(msgspec.Struct, frozen=True):
    """A service: what it is built from, what it needs, how often it is deployed."""

    name: str
    layer: int
    tier: int
    team: int
    repository: int
    path: str
    depends_on: tuple[int, ...]
    rate: float
    #: how its deployments are told: with the commit, in stages, by two reporters, to staging first
    with_commit: bool
    canary: bool
    told_twice: bool
    staged: bool
    #: share of the background incidents
    background: float


class Organisation(msgspec.Struct, frozen=True):
    """Everything that stays as it is from the first week to the last."""

    teams: list[Team]
    repositories: list[Repository]
    services: list[Service]
    callers: list[tuple[int, ...]]
    dependency_bot: str
    queue_bot: str
    deployer_bot: str

    def integers(self, name: str) -> Integers:
        """One integer attribute of all services."""
        return np.array([getattr(service, name) for service in self.services], dtype=np.int64)

    def rates(self) -> Floats:
        """Deployments a week of all services."""
        return np.array([service.rate for service in self.services])


def organisation(options: Options, person_token: PersonToken) -> Organisation:
    """The organisation of a seed; its size changes it, nothing else does."""
    teams = _teams(options, person_token)
    draws = Stream(options.seed, "services").uniform(options.services, 16)
    layers = _layers(options.services)
    repositories: list[Repository] = []
    monorepos: dict[int, int] = {}
    services: list[Service] = []
    weights = -np.log(1.0 - draws[:, 10])
    rates = np.minimum(lognormal(draws[:, 0], _RATE_MEDIAN, _RATE_SIGMA), _RATE_MAX)
    taken: dict[str, int] = {}
    flakes = Stream(options.seed, "flakes").uniform(options.services, 2 * len(JOBS)).tolist()
    for number, u in enumerate(draws.tolist()):
        layer, team = layers[number], number % options.teams
        pool = _SERVICE_NAMES[LAYERS[layer]]
        # a quarter more than are needed would do, but numbers behind a name are easy to read
        name = pool[taken.get(LAYERS[layer], 0) % len(pool)]
        turn = taken.get(LAYERS[layer], 0) // len(pool)
        taken[LAYERS[layer]] = taken.get(LAYERS[layer], 0) + 1
        name = f"{name}-{turn + 1}" if turn else name
        shared = u[1] < _MONOREPO_SHARE
        if shared and team in monorepos:
            repository = monorepos[team]
        else:
            repository = len(repositories)
            if shared:
                monorepos[team] = repository
            repositories.append(
                Repository(
                    name=f"acme/{teams[team].name}-services" if shared else f"acme/{name}",
                    team=team,
                    queue=u[2] < 0.5,
                    flakes=_flakes(flakes[number]),
                    released=u[3] < 0.3,
                )
            )
        services.append(
            Service(
                name=name,
                layer=layer,
                tier=min(3, layer + 1) if u[4] < 0.8 else 3,
                team=team,
                repository=repository,
                path=f"services/{name}" if shared else "",
                depends_on=_needs(layers, layer, u[11:15]),
                rate=round(float(rates[number]), 6),
                with_commit=u[5] < 0.5,
                canary=u[6] < 0.3,
                told_twice=u[7] < 0.1,
                staged=u[8] < 0.4,
                background=round(float(weights[number] / weights.sum()), 9),
            )
        )
    callers: list[list[int]] = [[] for _ in services]
    for number, service in enumerate(services):
        for needed in service.depends_on:
            callers[needed].append(number)
    return Organisation(
        teams,
        repositories,
        services,
        [tuple(found) for found in callers],
        person_token(DEPENDENCY_BOT),
        person_token(QUEUE_BOT),
        person_token(DEPLOYER_BOT),
    )


def _teams(options: Options, person_token: PersonToken) -> list[Team]:
    draws = Stream(options.seed, "teams").uniform(options.teams, 4 + _MEMBERS[1]).tolist()
    teams, hired = [], 0
    for number, u in enumerate(draws):
        name = _TEAM_NAMES[number % len(_TEAM_NAMES)]
        turn = number // len(_TEAM_NAMES)
        members = []
        for _ in range(_MEMBERS[0] + int(u[0] * (_MEMBERS[1] - _MEMBERS[0] + 1))):
            first, again = _FIRST_NAMES[hired % len(_FIRST_NAMES)], hired // len(_FIRST_NAMES)
            members.append(person_token(f"{first}{again + 1}" if again else first))
            hired += 1
        new = frozenset(member for place, member in enumerate(members) if u[4 + place] < _NEW_SHARE)
        opens = (480, 510, 540, 570)[int(u[1] * 4)]
        teams.append(
            Team(
                name=f"{name}-{turn + 1}" if turn else name,
                zone=ZONES[number % len(ZONES)],
                opens_minute=opens,
                closes_minute=opens + (480, 510, 540)[int(u[2] * 3)],
                members=tuple(members),
                # somebody has to know his way around
                new=new if len(new) < len(members) - 2 else frozenset(members[:1]),
            )
        )
    return teams


def _layers(services: int) -> list[int]:
    """The layer of each service; there is one of each layer as soon as there are four services."""
    bounds = [max(place + 1, round(share * services)) for place, share in enumerate(_LAYER_SHARES)]
    return [
        next((layer for layer, bound in enumerate(bounds) if number < bound), 3) for number in range(services)
    ]


def _needs(layers: list[int], layer: int, u: list[float]) -> tuple[int, ...]:
    """One to three services of the layers below, mostly of the next one."""
    found: dict[int, None] = {}
    for place in range(1 + int(u[3] * 3)):
        below = layer + 1 + (u[place] * 10 % 1 < 0.2)
        candidates = [number for number, its in enumerate(layers) if its == min(below, len(LAYERS) - 1)]
        if layer + 1 < len(LAYERS) and candidates:
            found[candidates[int(u[place] * len(candidates))]] = None
    return tuple(sorted(found))


def _flakes(u: list[float]) -> tuple[float, ...]:
    """How often each job fails without a reason: never for most jobs, up to a fifth for a few."""
    jobs = len(JOBS)
    return tuple(
        round(_FLAKE_MAX * u[jobs + job] ** 1.5, 4)
        if u[job] < _FLAKY_SHARE and JOBS[job][1] == "test"
        else 0.0
        for job in range(jobs)
    )
