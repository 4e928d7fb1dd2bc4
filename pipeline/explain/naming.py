"""Which incident, change or deployment a name means: its key, else a unique end, tag or commit."""

from __future__ import annotations

from pipeline.core.facts import ChangeFact, DeploymentFact, IncidentFact
from pipeline.explain.known import CHANGE, DEPLOYMENT, INCIDENT, Known, Named


def find(known: Known, name: str) -> list[Named]:
    """One thing when the name is clear, several when it isn't, none when nothing has this name.

    A whole key wins over everything, one reporter's own key of a deployment included; one key for things
    of several kinds means the incident first, then the change. A whole tag wins over the end of a longer
    one (``v449`` of ``production/v449``), and both over a commit. A commit means its change rather than
    the deployment that brought it.
    """
    name = name.strip()
    if not name:
        return []
    exact = _exact(known, name)
    if exact is not None:
        return [exact]
    found: dict[tuple[str, str], Named] = {}
    for named in known.matching(name):
        found.setdefault((named.kind, named.key), named)
    matches = list(found.values())
    by_name = [named for named in matches if named.by not in ("commit", "end of tag")]
    if by_name:
        return by_name
    by_tag = [named for named in matches if named.by == "end of tag"]
    if by_tag:
        return by_tag
    changes = [named for named in matches if named.kind == CHANGE]
    return changes or matches


def _exact(known: Known, name: str) -> Named | None:
    incidents = known.rows(IncidentFact, "incident", [name]) or known.incidents_with(name)
    if incidents:
        return Named(INCIDENT, incidents[0].incident, incidents[0].title, "key")
    changes = known.rows(ChangeFact, "change", [name])
    if changes:
        return Named(CHANGE, changes[0].change, changes[0].title, "key")
    deployments = known.rows(DeploymentFact, "deployment", [name]) or known.deployments_with(name)
    if deployments:
        return Named(DEPLOYMENT, deployments[0].deployment, deployments[0].tag, "key")
    return None
