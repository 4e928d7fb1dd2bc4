"""Why an incident is laid to a change, a deployment, or none: now, or as it was known at a moment.

``explain`` finds the thing and gathers what is known; ``render_text`` puts it into at most 25 lines,
``as_document`` into one JSON document.
"""

from __future__ import annotations

from pipeline.codec import Codec
from pipeline.core.facts import ChangeFact, DeploymentFact, IncidentFact
from pipeline.core.parameters import Parameters
from pipeline.explain.document import document as as_document
from pipeline.explain.findings import (
    ChangeFindings,
    DeploymentFindings,
    Findings,
    IncidentFindings,
    SeveralFindings,
)
from pipeline.explain.gathering import change_findings, deployment_findings, incident_findings
from pipeline.explain.known import CHANGE, INCIDENT, Known, Named
from pipeline.explain.live import Live
from pipeline.explain.naming import find
from pipeline.explain.pages import LINES_MAX, render_text
from pipeline.explain.then import Then
from pipeline.log.protocol import Log
from pipeline.measuring import ProgressCall
from pipeline.store import Store

__all__ = [
    "LINES_MAX",
    "ChangeFindings",
    "DeploymentFindings",
    "Explanation",
    "IncidentFindings",
    "Named",
    "SeveralFindings",
    "as_document",
    "explain",
    "render_text",
]

Explanation = Findings


def explain(
    log: Log,
    codec: Codec,
    store: Store,
    workspace: str,
    name: str,
    parameters: Parameters,
    *,
    as_of: int | None = None,
    progress: ProgressCall | None = None,
) -> Explanation | None:
    """What is known of the incident, change or deployment that ``name`` means; ``None`` for nothing.

    ``name`` is a key, or an end of one (``#17``), a deploy tag or the beginning of a commit; several
    things of that name come as ``SeveralFindings``. With ``as_of`` (microseconds UTC) it is what was
    known then, folded anew from the log; without, what the store holds.
    """
    live = Live(store, workspace)
    if as_of is None:
        return _explained(live, workspace, name, None, parameters)
    about = _happened(live, find(live, name))
    then = Then.at(log, codec, workspace, parameters, as_of, about, progress)
    return _explained(then, workspace, name, as_of, parameters)


def _explained(
    known: Known, workspace: str, name: str, as_of: int | None, parameters: Parameters
) -> Explanation | None:
    matches = find(known, name)
    if not matches:
        return None
    if len(matches) > 1:
        return SeveralFindings(workspace, as_of, name, matches)
    kind, key = matches[0].kind, matches[0].key
    if kind == INCIDENT:
        return incident_findings(known, workspace, key, as_of, parameters)
    if kind == CHANGE:
        return change_findings(known, workspace, key, as_of)
    return deployment_findings(known, workspace, key, as_of, parameters)


def _happened(known: Known, matches: list[Named]) -> int | None:
    """When the earliest of these things happened; ``None`` when nothing is known of them now."""
    keys = [named.key for named in matches]
    times: list[int] = [row.opened_at for row in known.rows(IncidentFact, "incident", keys)]
    times.extend(row.live_at for row in known.rows(DeploymentFact, "deployment", keys))
    times.extend(
        min(at for at in (row.opened_at, row.merged_at, row.updated_at) if at is not None)
        for row in known.rows(ChangeFact, "change", keys)
    )
    return min(times, default=None)
