"""Short names of things, as a person would say them, that `explain` finds again."""

from __future__ import annotations

from pipeline.core.facts import DeploymentFact
from pipeline.explain.words import safe

_SHA_SHOWN = 10


def deployment_label(deployment: DeploymentFact) -> str:
    """Service and deploy tag (or commit): ``search-api production/v414``."""
    what = deployment.tag or deployment.sha[:_SHA_SHOWN] or deployment.deployment
    kind = "" if deployment.kind == "service" else f"{deployment.kind} "
    return safe(f"{kind}{deployment.service} {what}")


def version_label(deployment: DeploymentFact) -> str:
    """The deploy tag alone, where the service is clear."""
    return safe(deployment.tag or deployment.sha[:_SHA_SHOWN] or deployment.deployment)
