"""From rows to findings: everything that belongs to one incident, change or deployment."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.core.events import Event, VerdictGiven
from pipeline.core.facts import (
    AttributionFact,
    ChangeAttributionFact,
    ChangeFact,
    DeploymentChangeFact,
    DeploymentFact,
    IncidentFact,
)
from pipeline.core.incidents import spoken
from pipeline.core.parameters import Parameters
from pipeline.core.tellings import winner
from pipeline.explain.findings import (
    BroughtChange,
    Candidate,
    ChangeFindings,
    DeploymentFindings,
    IncidentFindings,
    LaidTo,
    Rollback,
)
from pipeline.explain.known import Known, chain
from pipeline.explain.reasons import Subject, reasons

#: changes of one candidate that are looked at one by one
CHANGES_MAX = 500


def incident_findings(
    known: Known, workspace: str, key: str, as_of: int | None, parameters: Parameters
) -> IncidentFindings | None:
    """Everything known of one incident; ``None`` when there is no such incident."""
    found = known.rows(IncidentFact, "incident", [key])
    if not found:
        return None
    incident = found[0]
    rows = known.rows(AttributionFact, "incident", [key])
    shares = sorted(known.rows(ChangeAttributionFact, "incident", [key]), key=lambda row: row.rank)
    by_kind = {row.kind: row for row in rows if row.kind != "deployment"}
    verdicts = _holding(known.verdicts(incident.events))
    candidates = _candidates(known, incident, rows, shares, parameters)
    first = candidates[0].deployment if candidates else None
    until = min(incident.final_at, incident.resolved_at or incident.final_at)
    return IncidentFindings(
        workspace=workspace,
        as_of=as_of,
        incident=incident,
        verdicts=verdicts,
        candidates=candidates,
        none=by_kind.get("none"),
        unseen=by_kind.get("unseen"),
        rest=by_kind.get("rest"),
        change_attributions=shares,
        rollback=_rollback(known, first, until, parameters) if first is not None else None,
    )


def _holding(tellings: Iterable[VerdictGiven]) -> list[VerdictGiven]:
    """Of several tellings of one verdict the one that holds, oldest verdict first."""
    held: dict[str, Event] = {}
    for telling in tellings:
        held[telling.id] = winner(held[telling.id], telling) if telling.id in held else telling
    given = [event for event in held.values() if isinstance(event, VerdictGiven) and not event.retracted]
    return sorted(given, key=spoken)


def _candidates(
    known: Known,
    incident: IncidentFact,
    rows: list[AttributionFact],
    shares: list[ChangeAttributionFact],
    parameters: Parameters,
) -> list[Candidate]:
    ranked = sorted((row for row in rows if row.kind == "deployment"), key=lambda row: row.rank)
    keys = [row.candidate for row in ranked]
    deployments = {row.deployment: row for row in known.rows(DeploymentFact, "deployment", keys)}
    share_of = {row.change: row.probability for row in shares}
    brought = _brought(known, keys, share_of)
    subjects = [
        Subject(
            row,
            deployments.get(row.candidate),
            [entry.change for entry in brought.get(row.candidate, []) if entry.change is not None],
        )
        for row in ranked
    ]
    return [
        Candidate(
            subject.row,
            subject.deployment,
            brought.get(subject.row.candidate, []),
            reasons(incident, subject, _rival(subjects, index), parameters),
        )
        for index, subject in enumerate(subjects)
    ]


def _rival(subjects: list[Subject], index: int) -> Subject | None:
    """The likeliest candidate is compared with the second, all others with the likeliest."""
    if len(subjects) == 1:
        return None
    return subjects[1] if index == 0 else subjects[0]


def _brought(
    known: Known, deployments: list[str], share_of: dict[str, float]
) -> dict[str, list[BroughtChange]]:
    """The changes of deployments, likeliest first, then riskiest."""
    keys: dict[str, list[str]] = {}
    for link in known.rows(DeploymentChangeFact, "deployment", deployments):
        keys.setdefault(link.deployment, []).append(link.change)
    for key, changes in keys.items():
        keys[key] = sorted(changes, key=lambda change: (-share_of.get(change, 0.0), change))[:CHANGES_MAX]
    wanted = {change for changes in keys.values() for change in changes}
    facts = {row.change: row for row in known.rows(ChangeFact, "change", wanted)}

    def order(entry: BroughtChange) -> tuple[float, float, str]:
        return (-(entry.share or 0.0), -(entry.change.risk if entry.change is not None else 0.0), entry.key)

    return {
        key: sorted(
            (BroughtChange(change, facts.get(change), share_of.get(change)) for change in changes), key=order
        )
        for key, changes in keys.items()
    }


def _rollback(known: Known, culprit: DeploymentFact, until: int, parameters: Parameters) -> Rollback:
    """What undoing a deployment means: where to, and what else would go, up to ``until``."""
    found = known.rows(DeploymentFact, "deployment", [culprit.previous]) if culprit.previous else []
    target = found[0] if found else None
    undone = undone_by(known, culprit, parameters)
    later = chain(culprit.deployment, known.lane(culprit, culprit.live_at - 1, until))
    if undone is not None:
        later = [deployment for deployment in later if deployment.live_at < undone.live_at]
    links = known.rows(DeploymentChangeFact, "deployment", [row.deployment for row in later])
    place = {row.deployment: index for index, row in enumerate(later)}
    links.sort(key=lambda link: (place[link.deployment], link.change))
    return Rollback(culprit, target, undone, later, list(dict.fromkeys(link.change for link in links)))


def undone_by(known: Known, deployment: DeploymentFact, parameters: Parameters) -> DeploymentFact | None:
    """The rollback that undid a deployment: it names it, or restored what was live before it."""
    at = deployment.live_at
    after = known.lane(deployment, at - 1, at + parameters.horizon)
    by_key = {row.deployment: row for row in after}
    before: set[str] | None = None
    for rollback in after:
        if not rollback.rolls_back:
            continue
        if rollback.rolls_back == deployment.deployment:
            return rollback
        newest = by_key.get(rollback.rolls_back)
        if newest is None:
            continue
        if before is None:
            before = {_identity(row) for row in known.lane(deployment, at - parameters.horizon, at - 1)}
        since = {_identity(row) for row in after if at <= row.live_at <= newest.live_at}
        if _identity(rollback) in before - since - {""}:
            return rollback
    return None


def _identity(deployment: DeploymentFact) -> str:
    return deployment.tag or deployment.sha


def change_findings(known: Known, workspace: str, key: str, as_of: int | None) -> ChangeFindings | None:
    """Everything known of one change; ``None`` when there is no such change."""
    found = known.rows(ChangeFact, "change", [key])
    if not found:
        return None
    change = found[0]
    links = known.rows(DeploymentChangeFact, "change", [key])
    deployments = known.rows(DeploymentFact, "deployment", [link.deployment for link in links])
    reverting = {row.change: row for row in known.rows(ChangeFact, "change", change.reverted_by)}
    attributions = known.rows(ChangeAttributionFact, "change", [key])
    return ChangeFindings(
        workspace=workspace,
        as_of=as_of,
        change=change,
        deployments=sorted(deployments, key=lambda row: (row.live_at, row.deployment)),
        reverted_by=[BroughtChange(by, reverting.get(by)) for by in change.reverted_by],
        incidents=_laid_to(known, [(row.incident, row.rank, row.probability) for row in attributions]),
    )


def deployment_findings(
    known: Known, workspace: str, key: str, as_of: int | None, parameters: Parameters
) -> DeploymentFindings | None:
    """Everything known of one deployment; ``None`` when there is no such deployment."""
    found = known.rows(DeploymentFact, "deployment", [key])
    if not found:
        return None
    deployment = found[0]
    others = {
        row.deployment: row
        for row in known.rows(
            DeploymentFact,
            "deployment",
            [name for name in (deployment.previous, deployment.rolls_back) if name],
        )
    }
    attributions = known.rows(AttributionFact, "candidate", [key])
    return DeploymentFindings(
        workspace=workspace,
        as_of=as_of,
        deployment=deployment,
        previous=others.get(deployment.previous),
        undone_by=undone_by(known, deployment, parameters),
        rolls_back=others.get(deployment.rolls_back),
        changes=_brought(known, [key], {}).get(key, []),
        incidents=_laid_to(known, [(row.incident, row.rank, row.probability) for row in attributions]),
    )


def _laid_to(known: Known, shares: list[tuple[str, int, float]]) -> list[LaidTo]:
    """The incidents in question, the largest share first."""
    facts = {row.incident: row for row in known.rows(IncidentFact, "incident", [key for key, _, _ in shares])}
    laid = [LaidTo(facts[key], rank, share) for key, rank, share in shares if key in facts]
    return sorted(laid, key=lambda entry: (-entry.share, -entry.incident.opened_at, entry.incident.incident))
