"""The answer for one incident with everything that it rests on."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.attribution import Attribution
from pipeline.core.evidence import Case
from pipeline.core.incidents import Incident
from pipeline.core.learning import Learned
from pipeline.core.parameters import Parameters


class Judgement(NamedTuple):
    """An incident as it was judged, what was learned by then, the answer, and who was silent."""

    case: Case
    learned: Learned
    found: Attribution
    #: sources that should have reported deployments and did not
    silent: list[str]


def final_at(incident: Incident, parameters: Parameters) -> int:
    """When an incident's verdict turns final."""
    return incident.opened_at + parameters.final_after
