"""The rows of incidents: the verdict, the candidates, and the shares of changes."""

from __future__ import annotations

import math

from pipeline.core.attribution import Attribution, Candidate
from pipeline.core.building import Building
from pipeline.core.evidence import Case
from pipeline.core.facts import AttributionFact, ChangeAttributionFact, Fact, IncidentFact
from pipeline.core.incidents import Incident
from pipeline.core.judgement import Judgement, final_at
from pipeline.core.parameters import MODEL_VERSION, PROBABILITY_DIGITS, Parameters, Risk
from pipeline.core.rows import Rows

#: a change's share of an incident is published from this probability on
SHARE_MIN = 0.005
#: a candidate below this probability is not what a verdict rests on
_RESTS_ON_MIN = 0.01
_LIKELY, _LEADING, _LEAD = 0.7, 0.4, 2.0
_MAJORITY = 0.5


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


def write_incident(
    judgement: Judgement, now: int, building: Building, parameters: Parameters, rows: Rows
) -> None:
    """All rows of a judged incident, and deletions of those that it no longer has."""
    case, found, incident = judgement.case, judgement.found, judgement.case.incident
    facts: list[Fact] = [incident_fact(judgement, now, parameters)]
    facts.extend(_candidate_facts(case, found))
    facts.extend(change_shares(case, found, building, parameters.risk))
    present: dict[str, set[tuple[object, ...]]] = {}
    for fact in facts:
        present.setdefault(fact.table, set()).add(rows.write(fact))
    for table, keys in incident.written.items():
        for row_key in keys - present.get(table, set()):
            rows.delete(table, row_key)
    incident.written = present


def delete_incident(incident: Incident, rows: Rows) -> None:
    """Delete all rows of an incident that ceased to be."""
    for table, keys in incident.written.items():
        for row_key in keys:
            rows.delete(table, row_key)


def incident_fact(judgement: Judgement, now: int, parameters: Parameters) -> IncidentFact:
    """The row of one incident, as it reads at a moment."""
    case, learned, found, silent = judgement
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


def change_weights(case: Case, candidate: Candidate, building: Building, risk: Risk) -> dict[str, float]:
    """How a deployment's guilt spreads over its changes: by risk, and by the component named."""
    weights: dict[str, float] = {}
    for change in candidate.group.changes:
        summary = building.summary_of(change)
        weight = building.risk_of(change)
        if case.component and summary is not None and summary.paths:
            tops = {path.split("/", 1)[0] for path in summary.paths}
            right = risk.component_right
            weight *= right / len(tops) + (1 - right) if case.component in tops else 1 - right
        weights[change] = weight
    total = math.fsum(weights.values())
    return {change: weight / total for change, weight in weights.items()} if total > 0 else {}


def change_shares(
    case: Case, found: Attribution, building: Building, risk: Risk
) -> list[ChangeAttributionFact]:
    """How an incident's probability is shared out to changes, the likeliest first."""
    shares: dict[str, float] = {}
    through: dict[str, str] = {}
    for candidate in found.candidates:
        if candidate.probability < SHARE_MIN:
            continue
        for change, weight in change_weights(case, candidate, building, risk).items():
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
