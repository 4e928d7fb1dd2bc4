"""A synthetic organisation as events: what the speed benchmarks read.

Deterministic (seeded), any length: services that deploy by deploy tag, changes with reviews and
checks, artifacts, deployments from two reporters now and then, rollbacks, incidents, SLO burns and
drift; eleven record types. It is made for volume, not for truth: what causes what is not modelled.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from pipeline.core import events as e
from pipeline.core.events import MICROSECONDS
from pipeline.core.parameters import DAY, HOUR, MINUTE

#: where every history ends, however long it is: in the past, so that nothing claims to be of the future
END = 1_700_000_000 * MICROSECONDS
SERVICES = 40
#: events of one change with everything that follows from it: a little less than on average
EVENTS_PER_CHANGE = 7.9
CHANGES_PER_DAY = 1_900

#: the fields that every event has
Head = tuple[str, str, int, int, bool, int, int, bool, int]


def _head(identifier: str, source: str, at: int, sequence: int = 0) -> Head:
    return (identifier, source, at, at, False, 0, 1, False, sequence)


def organisation(events: int, seed: int = 1, changes_per_day: int = CHANGES_PER_DAY) -> list[e.Event]:
    """So many events in the order of their own time, received when they happen, before ``END``."""
    told = list(_tell(int(events / EVENTS_PER_CHANGE) + 1, DAY // changes_per_day, random.Random(seed)))
    told.sort(key=lambda event: event.time)
    return told[:events]


def delayed(
    told: list[e.Event], share: float = 0.1, delay_max: int = 72 * HOUR, seed: int = 2
) -> list[e.Event]:
    """The same events in order of receipt, when a share of them arrives up to 72 hours late."""
    chance = random.Random(seed)
    late = [
        msgspec.structs.replace(event, received_at=event.time + chance.randrange(delay_max))
        if chance.random() < share
        else event
        for event in told
    ]
    late.sort(key=lambda event: event.received_at)
    return late


def _tell(changes: int, step: int, chance: random.Random) -> Iterator[e.Event]:
    waiting: list[list[tuple[str, str]]] = [[] for _ in range(SERVICES)]
    releases = [0] * SERVICES
    live: list[tuple[str, str]] = [("", "")] * SERVICES
    start = END - changes * step
    areas = [f"area{number}" for number in range(12)]
    for number in range(changes):
        service = int(SERVICES * chance.random() ** 1.5)
        repository = f"acme/service-{service:02}"
        merged = start + number * step + chance.randrange(step)
        opened = merged - int(chance.lognormvariate(0.5, 1.2) * HOUR)
        change = f"{repository}#{number}"
        sha, head = f"{number:08x}{'a' * 32}", f"{number:08x}{'b' * 32}"
        author = f"p:{chance.randrange(400):016x}"
        title = f"Change {number} of service {service}"
        yield e.ChangeOpened(
            *_head(f"github {change} opened", "github", opened),
            change, repository, number, "main", title, author, head,
        )  # fmt: skip
        for review in range(1 + (chance.random() < 0.5)):
            at = opened + int((merged - opened) * (0.4 + 0.3 * review))
            yield e.ReviewSubmitted(
                *_head(f"github {change} review {review}", "github", at),
                change,
                repository,
                number,
                f"p:{chance.randrange(400):016x}",
                "approved" if review == 0 else "commented",
                head,
                chance.randrange(5),
            )
        for check, kind in (("build", "build"), ("test", "test"), ("policy", "policy")):
            outcome = "failure" if chance.random() < 0.05 else "success"
            yield e.CheckFinished(
                *_head(f"github {repository}@{head} {check} 1", "github", opened + 10 * MINUTE),
                f"{repository}@{head}",
                repository,
                head,
                check,
                kind,
                1,
                outcome,
                opened + MINUTE,
            )
        paths = [
            f"{areas[chance.randrange(12)]}/part{chance.randrange(20)}"
            for _ in range(1 + chance.randrange(5))
        ]
        yield e.ChangeMerged(
            *_head(f"github {change} merged", "github", merged, number),
            change,
            repository,
            number,
            "main",
            sha,
            [],
            title,
            author,
            author,
            opened,
            int(chance.lognormvariate(3.5, 1.3)),
            int(chance.lognormvariate(2.5, 1.3)),
            len(paths),
            paths,
        )
        waiting[service].append((change, sha))
        yield from _after_merge(service, repository, sha, merged, waiting, releases, live, chance)


def _after_merge(
    service: int,
    repository: str,
    sha: str,
    merged: int,
    waiting: list[list[tuple[str, str]]],
    releases: list[int],
    live: list[tuple[str, str]],
    chance: random.Random,
) -> Iterator[e.Event]:
    name = f"service-{service:02}"
    tag = f"{name}-{sha[:8]}"
    built = merged + 6 * MINUTE
    yield e.ArtifactPackaged(
        *_head(f"ci {repository}:{tag} packaged", "ci", built),
        f"{repository}:{tag}",
        tag,
        "",
        repository,
        sha,
    )
    if chance.random() > 0.4:
        return
    releases[service] += 1
    at = built + int(chance.lognormvariate(2.5, 0.8) * MINUTE)
    yield _deployment(name, tag, at, f"argo/{name}/{releases[service]}", "argo")
    if chance.random() < 0.1:
        yield _deployment(name, tag, at + 2 * MINUTE, f"ci/{name}/{releases[service]}", "ci")
    if chance.random() < 0.05:
        yield from _trouble(name, f"{name}/{releases[service]}", at, chance)
        if live[service][1] and chance.random() < 0.5:
            yield _deployment(
                name, live[service][1], at + HOUR, f"argo/{name}/{releases[service]}-back", "argo"
            )
    live[service] = (sha, tag)
    waiting[service].clear()


def _deployment(name: str, tag: str, at: int, key: str, source: str) -> e.Event:
    return e.DeploymentFinished(
        *_head(f"{source} {key} finished", source, at), key, name, "production", "service", "success", tag
    )


def _trouble(name: str, key: str, at: int, chance: random.Random) -> Iterator[e.Event]:
    onset = at + int(chance.lognormvariate(2.5, 1.2) * MINUTE)
    opened = onset + int(chance.lognormvariate(1.4, 0.8) * MINUTE)
    if chance.random() < 0.3:
        yield e.BurnStarted(
            *_head(f"prometheus {name} {onset} burn", "prometheus", onset),
            f"{name}/availability", name, "production", 14.4, 3600,
        )  # fmt: skip
        yield e.BurnEnded(
            *_head(f"prometheus {name} {onset} calm", "prometheus", opened + 2 * HOUR),
            f"{name}/availability",
            name,
            "production",
        )
    if chance.random() < 0.1:
        yield e.DriftDetected(
            *_head(f"argo {name} {onset} drift", "argo", onset - 5 * MINUTE),
            f"{name}/deployment", name, "production", "replicas",
        )  # fmt: skip
    incident = f"pagerduty/{key}"
    yield e.IncidentDetected(
        *_head(f"pagerduty {key} detected", "pagerduty", opened),
        incident, name, "production", "sev2", f"{name} is slow",
    )  # fmt: skip
    resolved = opened + int(chance.lognormvariate(3.8, 0.6) * MINUTE)
    yield e.IncidentResolved(*_head(f"pagerduty {key} resolved", "pagerduty", resolved), incident, name)
