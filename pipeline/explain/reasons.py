"""What speaks for and against one candidate, in words: the factors of the model, compared.

A factor is the natural logarithm of what it contributes. Evidence (a rollback, a mention) speaks by
itself. Time, nearness and risk say something only beside another candidate, so each is compared with
that of the likeliest one, and the likeliest with the second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from pipeline.core.events import MICROSECONDS
from pipeline.core.facts import AttributionFact, ChangeFact, DeploymentFact, IncidentFact
from pipeline.core.parameters import Parameters
from pipeline.explain.words import count, safe

FOR, AGAINST, NEITHER = "for", "against", "neither"
#: a difference counts from half as likely again on
_TELLING = math.log(1.5)
#: factors are rounded; so close they are the same
_SAME = 0.002

_EVIDENCE = {
    "postmortem": "the postmortem names it",
    "mentioned": "the incident's text mentions it",
    "rolled_back": "it was rolled back",
    "recovered": "the symptoms ended with its rollback",
    "rollback_changed_nothing": "its rollback changed nothing",
    "reinstated": "it went out again unchanged, and stayed",
    "reverted": "one of its changes was reverted",
    "burn_after": "an error budget began to burn within 30 min of it",
    "drift": "a resource of its service drifted after it",
    "symptoms_before": "the same symptoms were reported in the day before it",
    "wave_of_rollbacks": "its rollback was one of many at once, and says nothing",
}


class Reason(msgspec.Struct, frozen=True):
    """One factor of one candidate: its value, what it is compared with, and what that means."""

    name: str
    #: natural logarithm of its contribution
    log: float
    #: the same of the candidate that this one is compared with; ``None``: it speaks by itself
    beside: float | None
    side: str
    text: str

    @property
    def strength(self) -> float:
        """How much it moves the odds, as a logarithm."""
        return abs(self.log - (self.beside or 0.0))


class Subject(msgspec.Struct, frozen=True):
    """One candidate with what is known of its deployment and changes."""

    row: AttributionFact
    deployment: DeploymentFact | None
    changes: list[ChangeFact]


def reasons(
    incident: IncidentFact, subject: Subject, rival: Subject | None, parameters: Parameters
) -> list[Reason]:
    """Every factor of a candidate in words, the strongest first on each side.

    ``rival`` is the candidate to compare with; ``None`` when it is the only one.
    """
    found = [
        _reason(name, value, incident, subject, rival, parameters)
        for name, value in subject.row.factors.items()
    ]
    if {"rolled_back", "recovered"} <= subject.row.factors.keys():
        found = [_united(reason) if reason.name == "rolled_back" else reason for reason in found]
    return sorted(found, key=lambda reason: (-reason.strength, reason.name))


def _united(reason: Reason) -> Reason:
    """That the symptoms ended with its rollback says already that it was rolled back."""
    return msgspec.structs.replace(reason, text="")


def _reason(
    name: str,
    value: float,
    incident: IncidentFact,
    subject: Subject,
    rival: Subject | None,
    parameters: Parameters,
) -> Reason:
    if name == "verdict":
        return Reason(name, value, None, FOR, "a person named it")
    if name in _EVIDENCE:
        return Reason(name, value, None, _side(value, 0.0), _EVIDENCE[name])
    if name == "component":
        return Reason(name, value, None, _side(value, _TELLING), _component(incident, subject))
    if name == "nearness":
        return _nearness(value, incident, subject, rival, parameters)
    other = rival.row.factors.get(name) if rival is not None else None
    beside = other if other is not None else _usual(name, parameters)
    side = NEITHER if beside is None else _side(value - beside, _TELLING)
    if name == "lag":
        return Reason(name, value, beside, side, _lag(side, rival))
    if name == "risk":
        return Reason(name, value, beside, side, _risk(side, subject, rival))
    return Reason(name, value, beside, side, f"{name.replace('_', ' ')} {value:g}")


def _usual(name: str, parameters: Parameters) -> float | None:
    """What a factor is compared with when there is no other candidate."""
    if name == "lag":
        return -math.log(parameters.window / MICROSECONDS)
    return math.log(parameters.risk.per_change) if name == "risk" else None


def _side(value: float, least: float) -> str:
    if value > least:
        return FOR
    return AGAINST if value < -least else NEITHER


def _lag(side: str, rival: Subject | None) -> str:
    if rival is None:
        return {
            FOR: "symptoms often start about this soon",
            AGAINST: "symptoms rarely start at this distance",
        }.get(side, "its time says nothing")
    fit = {FOR: "better than", AGAINST: "worse than"}.get(side, "as well as")
    return f"timing fits {fit} no. {rival.row.rank}"


def _risk(side: str, subject: Subject, rival: Subject | None) -> str:
    word, than = {FOR: ("riskier", " than"), AGAINST: ("less risky", " than")}.get(side, ("as risky", " as"))
    than = f"{than} no. {rival.row.rank}" if rival is not None else f"{than} usual"
    deployment = subject.deployment
    if deployment is None:
        return f"risk {100 * math.exp(subject.row.factors['risk']):.1f}% before any incident"
    if deployment.transition == "rollback":
        return "it is a rollback itself"
    if deployment.outcome == "failure":
        return "it failed to deploy"
    if not deployment.changes:
        return f"{word}{than}: no known change came with it"
    return f"{word}{than}: {count(deployment.changes, 'change')}, +{count(deployment.additions, 'line')}"


def _nearness(
    value: float, incident: IncidentFact, subject: Subject, rival: Subject | None, parameters: Parameters
) -> Reason:
    if rival is not None:
        other = rival.row.factors.get("nearness", 0.0)
    else:  # the usual: a service of which nothing is known
        other = math.log(parameters.reach.unknown)
    service = safe(subject.row.service)
    if not incident.service:
        return Reason("nearness", value, other, NEITHER, "the incident names no service")
    worse = value - other < -_TELLING
    if subject.row.service == incident.service:
        tells = subject.row.rank == 1 or value - other > _TELLING
        return Reason("nearness", value, other, FOR if tells else NEITHER, "same service")
    reach = parameters.reach
    hops = round(value / math.log(reach.per_hop)) if 0 < reach.per_hop < 1 else 0
    if 0 < hops <= reach.hops_max and abs(value - hops * math.log(reach.per_hop)) < _SAME:
        steps = "directly" if hops == 1 else f"over {hops} calls"
        text = f"{safe(incident.service)} depends on {service} {steps}"
        return Reason("nearness", value, other, AGAINST if worse else FOR, text)
    if abs(value - math.log(reach.caller)) < _SAME:
        text = f"{service} only calls {safe(incident.service)}"
    elif abs(value - math.log(reach.unrelated)) < _SAME:
        text = f"{service} is unrelated to {safe(incident.service)}"
    else:
        text = "another service, no known link"
    return Reason("nearness", value, other, AGAINST, text)


def _component(incident: IncidentFact, subject: Subject) -> str:
    component = incident.component
    touching = sum(
        1 for change in subject.changes if any(path.split("/", 1)[0] == component for path in change.paths)
    )
    total = max(len(subject.changes), subject.deployment.changes if subject.deployment is not None else 0)
    name = f"{safe(component)}/"
    if not total:
        return f"component {name}"
    if not touching:
        none = "its change does not touch" if total == 1 else f"none of its {total:,} changes touches"
        return f"{none} {name}"
    if total == 1:
        return f"its change touches {name}"
    return f"{touching:,} of its {total:,} changes {'touches' if touching == 1 else 'touch'} {name}"


def texts(found: Sequence[Reason], side: str) -> list[str]:
    """The phrases of one side, without those that say nothing of their own."""
    return [reason.text for reason in found if reason.side == side and reason.text]
