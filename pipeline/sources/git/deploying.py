"""Deployment events of tags and of GitOps moves, and the lanes they form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.core.events import MICROSECONDS, DeploymentFinished
from pipeline.sources.git.gitops import Move
from pipeline.sources.git.history import GitOptions, telling
from pipeline.sources.git.incidents import SHORT_SHA_DIGITS, Live
from pipeline.sources.git.repository import Repository
from pipeline.sources.git.tags import TagDeployment


def tagged(
    repository: Repository, found: Sequence[TagDeployment], options: GitOptions
) -> tuple[list[DeploymentFinished], list[Live]]:
    """What deploy tags tell: the service named after the repository went live at a commit."""
    events: list[DeploymentFinished] = []
    lives: list[Live] = []
    for one in found:
        deployment = f"git/{repository.name}/{one.tag}"
        time = one.time * MICROSECONDS
        events.append(
            DeploymentFinished(
                **telling(repository.name, deployment, "finished", time, one.place),
                deployment=deployment,
                service=repository.service,
                environment=options.environment,
                tag=one.tag,
                repository=repository.name,
                branch=repository.branch,
                sha=repository.line[one.place],
            )
        )
        lives.append(
            Live(deployment, repository.service, options.environment, one.commit, one.place, time, one.place)
        )
    return events, lives


def moved(
    repository: Repository, move: Move, seconds: int, app: Repository | None, place: int | None
) -> tuple[DeploymentFinished, Live]:
    """What a commit of a GitOps repository tells; ``app`` is the deployed code's repository, if imported."""
    commit = repository.line[move.place]
    deployment = (
        f"git/{repository.name}/{move.service}/{move.environment}/{move.tag}/{commit[:SHORT_SHA_DIGITS]}"
    )
    time = seconds * MICROSECONDS
    event = DeploymentFinished(
        **telling(repository.name, deployment, "finished", time, move.place),
        deployment=deployment,
        service=move.service,
        environment=move.environment,
        tag=move.tag,
        # the artifact leads the engine from the tag to the commit
        artifact=f"{app.name}:{move.tag}" if app is not None and place is not None else "",
        repository=app.name if app is not None else "",
        branch=app.branch if app is not None else "",
    )
    return event, Live(deployment, move.service, move.environment, move.tag, place, time, move.place)


def lanes_of(lives: Iterable[Live]) -> dict[tuple[str, str], list[Live]]:
    """Deployments by (service, environment), in the order in which they happened."""
    lanes: dict[tuple[str, str], list[Live]] = {}
    for one in sorted(lives, key=lambda live: (live.time, live.sequence, live.deployment)):
        lanes.setdefault((one.service, one.environment), []).append(one)
    return lanes
