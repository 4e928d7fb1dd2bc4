"""What an explanation consists of, before it is put into words or JSON."""

from __future__ import annotations

import msgspec

from pipeline.core.events import VerdictGiven
from pipeline.core.facts import (
    AttributionFact,
    ChangeAttributionFact,
    ChangeFact,
    DeploymentFact,
    IncidentFact,
)
from pipeline.explain.known import Named
from pipeline.explain.reasons import Reason


class BroughtChange(msgspec.Struct, frozen=True):
    """One change that a deployment brought; ``share`` is its part of the incident's probability."""

    key: str
    change: ChangeFact | None
    share: float | None = None


class Candidate(msgspec.Struct, frozen=True):
    """One candidate cause with its deployment, its changes (likeliest first) and its reasons."""

    row: AttributionFact
    deployment: DeploymentFact | None
    changes: list[BroughtChange]
    reasons: list[Reason]


class Rollback(msgspec.Struct, frozen=True):
    """How the likeliest deployment can be undone, or was: ``later`` is what else that takes back."""

    deployment: DeploymentFact
    target: DeploymentFact | None
    undone_by: DeploymentFact | None
    later: list[DeploymentFact]
    #: changes that went live with ``later``, in the order of its deployments
    later_changes: list[str]


class IncidentFindings(msgspec.Struct, frozen=True, tag="incident", tag_field="kind"):
    """Everything known of one incident."""

    workspace: str
    as_of: int | None
    incident: IncidentFact
    verdicts: list[VerdictGiven]
    candidates: list[Candidate]
    none: AttributionFact | None
    unseen: AttributionFact | None
    rest: AttributionFact | None
    change_attributions: list[ChangeAttributionFact]
    rollback: Rollback | None


class LaidTo(msgspec.Struct, frozen=True):
    """One incident of which a part of the probability falls on a change or a deployment."""

    incident: IncidentFact
    rank: int
    share: float


class ChangeFindings(msgspec.Struct, frozen=True, tag="change", tag_field="kind"):
    """Everything known of one change; ``deployments`` in the order in which they went live."""

    workspace: str
    as_of: int | None
    change: ChangeFact
    deployments: list[DeploymentFact]
    reverted_by: list[BroughtChange]
    incidents: list[LaidTo]


class DeploymentFindings(msgspec.Struct, frozen=True, tag="deployment", tag_field="kind"):
    """Everything known of one deployment; ``changes`` riskiest first."""

    workspace: str
    as_of: int | None
    deployment: DeploymentFact
    previous: DeploymentFact | None
    undone_by: DeploymentFact | None
    rolls_back: DeploymentFact | None
    changes: list[BroughtChange]
    incidents: list[LaidTo]


class SeveralFindings(msgspec.Struct, frozen=True, tag="several", tag_field="kind"):
    """A name that means several things: say which."""

    workspace: str
    as_of: int | None
    name: str
    matches: list[Named]


Findings = IncidentFindings | ChangeFindings | DeploymentFindings | SeveralFindings
