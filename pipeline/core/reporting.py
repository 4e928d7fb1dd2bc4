"""From what is known to rows: one function per fact table."""

from __future__ import annotations

import math

from pipeline.core.attribution import Attribution, Candidate
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import ArtifactSummary
from pipeline.core.delivery import PRODUCTION, Delivery
from pipeline.core.evidence import Case
from pipeline.core.facts import (
    ArtifactFact,
    AttributionFact,
    ChangeAttributionFact,
    ChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
)
from pipeline.core.grouping import Group
from pipeline.core.incidents import Incident
from pipeline.core.learning import Learned
from pipeline.core.parameters import MODEL_VERSION, PROBABILITY_DIGITS, Parameters

#: a change's share of an incident is published from this probability on
SHARE_MIN = 0.005
#: a candidate below this probability is not what a verdict rests on
_RESTS_ON_MIN = 0.01
_LIKELY, _LEADING, _LEAD = 0.7, 0.4, 2.0
_MAJORITY = 0.5


def change_fact(key: str, summary: ChangeSummary, delivery: Delivery) -> ChangeFact:
    """The row of one change."""
    checks, failed = delivery.checks_of(summary) if summary.aliases else (0, 0)
    live = [
        group
        for name in delivery.groups_of_change.get(key, ())
        if (group := delivery.groups[name]).served and group.lane[1] == PRODUCTION
    ]
    first = min(live, key=lambda group: (group.live_at, group.key)) if live else None
    return ChangeFact(
        change=key,
        repository=summary.repository,
        number=summary.number,
        branch=summary.branch,
        sha=summary.sha,
        title=summary.title,
        author=summary.author,
        bot=summary.bot,
        state=summary.state,
        opened_at=summary.opened_at,
        merged_at=summary.merged_at,
        closed_at=summary.closed_at,
        additions=summary.additions,
        deletions=summary.deletions,
        files=summary.files,
        paths=summary.paths,
        owners=summary.owners,
        labels=summary.labels,
        reviews=summary.reviews,
        approvals=summary.approvals,
        change_requests=summary.change_requests,
        first_review_at=summary.first_review_at,
        approved_at=summary.approved_at,
        checks=checks,
        failed_checks=failed,
        reverts=summary.reverts,
        reverted_by=[by for _, by in delivery.reverted_by(key)] if delivery.reverted else [],
        deployment=first.key if first is not None else "",
        deployed_at=first.live_at if first is not None else None,
        risk=delivery.risk_of(key),
        updated_at=summary.updated_at,
        events=summary.events,
    )


def deployment_fact(group: Group) -> DeploymentFact:
    """The row of one deployment."""
    lead = group.lead
    return DeploymentFact(
        deployment=group.key,
        service=group.lane[0],
        environment=group.lane[1],
        kind=lead.kind,
        tag=lead.tag,
        repository=lead.repository,
        sha=group.sha,
        outcome=lead.outcome,
        started_at=lead.started_at,
        live_at=group.live_at,
        replaced_at=group.replaced_at,
        transition=group.transition,
        previous=group.previous.key if group.previous is not None else "",
        rolls_back=group.rolls_back[0] if group.rolls_back else "",
        link_rule=group.link_rule,
        changes=len(group.changes),
        additions=group.additions,
        risk=group.risk,
        fraction=lead.fraction,
        reporters=sorted({report.source for report in group.reports}),
        ignored=group.ignored,
        events=list(lead.events),
    )


def artifact_fact(summary: ArtifactSummary, *, deployed: bool) -> ArtifactFact:
    """The row of one artifact."""
    return ArtifactFact(
        artifact=summary.artifact,
        tag=summary.tag,
        digest=summary.digest,
        repository=summary.repository,
        sha=summary.sha,
        packaged_at=summary.packaged_at,
        deployed=deployed,
        events=list(summary.events),
    )


def final_at(incident: Incident, parameters: Parameters) -> int:
    """When a verdict turns final."""
    return incident.opened_at + parameters.final_after


def verdict_word(found: Attribution, *, confirmed: bool) -> str:
    """The verdict in a word: confirmed by a person, likely, leading, undecided, none or unseen."""
    if confirmed:
        return "confirmed"
    if found.none >= _MAJORITY:
        return "none"
    if found.unseen >= _MAJORITY:
        return "unseen"
    first = found.candidates[0].probability if found.candidates else 0.0
    others = [found.none, found.unseen, *(candidate.probability for candidate in found.candidates[1:2])]
    if first >= _LIKELY:
        return "likely"
    if first >= _LEADING and first >= _LEAD * max(others):
        return "leading"
    return "undecided"


def rests_on(incident: Incident, found: Attribution) -> int:
    """When the last thing that a verdict rests on became known."""
    times = [member.received_at for member in incident.members]
    times.extend(verdict.received_at for verdict in incident.verdicts)
    times.extend(
        candidate.group.newest_receipt
        for candidate in found.candidates
        if candidate.probability >= _RESTS_ON_MIN
    )
    return max(times)


def incident_facts(
    case: Case,
    learned: Learned,
    found: Attribution,
    silent: list[str],
    now: int,
    delivery: Delivery,
    parameters: Parameters,
) -> list[Fact]:
    """All rows of one incident: itself, its candidates, and the shares of changes."""
    candidates = _candidate_facts(case, found)
    shares = _change_shares(case, found, delivery)
    return [incident_fact(case, learned, found, silent, now, parameters), *candidates, *shares]


def incident_fact(
    case: Case,
    learned: Learned,
    found: Attribution,
    silent: list[str],
    now: int,
    parameters: Parameters,
) -> IncidentFact:
    """The row of one incident."""
    incident = case.incident
    verdict = incident.newest_verdict("cause")
    confirmed = verdict is not None and verdict.time <= case.known_until
    word = verdict_word(found, confirmed=confirmed)
    first = found.candidates[0] if found.candidates else None
    kind, probability = max(
        [("deployment", first.probability if first else 0.0), ("none", found.none), ("unseen", found.unseen)],
        key=lambda pair: pair[1],
    )
    cause = first.group.key if kind == "deployment" and first is not None else kind
    due = final_at(incident, parameters)
    state = "provisional" if now < due else "revised" if rests_on(incident, found) > due else "final"
    target = first.group.previous if first is not None else None
    return IncidentFact(
        incident=incident.key,
        members=[member.key for member in incident.members],
        service=case.service,
        environment=case.environment,
        severity=incident.severity,
        title=incident.text("title"),
        component=case.component,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        onset_at=case.onset.at,
        onset_source=case.onset.source,
        onset_uncertainty_seconds=round(case.onset.uncertainty_seconds, 1),
        verdict=word,
        cause=cause,
        cause_kind=kind,
        probability=probability,
        change_probability=max(0.0, round(1.0 - found.none - found.unseen, PROBABILITY_DIGITS)),
        none_probability=found.none,
        unseen_probability=found.unseen,
        candidates=found.considered,
        excluded=found.excluded,
        silent_sources=silent,
        rollback_target=target.lead.tag or target.key if target is not None else "",
        state=state,
        final_at=due,
        basis="a person's verdict"
        if confirmed
        else f"{learned.labels} labels"
        if learned.labels
        else "defaults",
        labels=learned.labels,
        model=found.model,
        model_version=MODEL_VERSION,
        events=[
            *(event for member in incident.members for event in member.events),
            *(given.id for given in incident.verdicts),
        ],
    )


def _candidate_facts(case: Case, found: Attribution) -> list[Fact]:
    rows: list[Fact] = []
    for rank, candidate in enumerate(found.candidates, start=1):
        group = candidate.group
        rows.append(
            AttributionFact(
                incident=case.incident.key,
                candidate=group.key,
                kind="deployment",
                rank=rank,
                probability=candidate.probability,
                service=group.lane[0],
                environment=group.lane[1],
                live_at=group.live_at,
                lag_seconds=candidate.lag_seconds,
                onset_at=case.onset.at,
                factors=candidate.factors,
                model=found.model,
                events=list(group.lead.events),
            )
        )
    for kind, probability, factors in (
        ("none", found.none, found.none_factors),
        ("unseen", found.unseen, found.unseen_factors),
        ("rest", found.rest, {}),
    ):
        rows.append(
            AttributionFact(
                incident=case.incident.key,
                candidate=kind,
                kind=kind,
                rank=0,
                probability=probability,
                service="",
                environment="",
                live_at=None,
                lag_seconds=None,
                onset_at=case.onset.at,
                factors=factors,
                model=found.model,
                events=[],
            )
        )
    return rows


def change_weights(case: Case, candidate: Candidate, delivery: Delivery) -> dict[str, float]:
    """How a deployment's guilt spreads over its changes: by risk, and by the component named."""
    weights: dict[str, float] = {}
    for change in candidate.group.changes:
        summary = delivery.summary_of(change)
        weight = delivery.risk_of(change)
        if case.component and summary is not None and summary.paths:
            tops = {path.split("/", 1)[0] for path in summary.paths}
            right = delivery.parameters.risk.component_right
            weight *= right / len(tops) + (1 - right) if case.component in tops else 1 - right
        weights[change] = weight
    total = math.fsum(weights.values())
    return {change: weight / total for change, weight in weights.items()} if total > 0 else {}


def _change_shares(case: Case, found: Attribution, delivery: Delivery) -> list[ChangeAttributionFact]:
    shares: dict[str, float] = {}
    through: dict[str, str] = {}
    for candidate in found.candidates:
        if candidate.probability < SHARE_MIN:
            continue
        for change, weight in change_weights(case, candidate, delivery).items():
            shares[change] = shares.get(change, 0.0) + candidate.probability * weight
            through.setdefault(change, candidate.group.key)
    ranked = sorted(shares.items(), key=lambda pair: (-round(pair[1], PROBABILITY_DIGITS), pair[0]))
    return [
        ChangeAttributionFact(
            incident=case.incident.key,
            change=change,
            deployment=through[change],
            rank=rank,
            probability=round(share, PROBABILITY_DIGITS),
            onset_at=case.onset.at,
            model=found.model,
        )
        for rank, (change, share) in enumerate(ranked, start=1)
        if share >= SHARE_MIN
    ]
