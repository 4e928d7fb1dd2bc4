"""What an explanation asks for: rows of facts, from the store or from memory, by one small protocol."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol, TypeVar

from pipeline.core.events import VerdictGiven
from pipeline.core.facts import DeploymentFact, Fact, IncidentFact

F = TypeVar("F", bound=Fact)

#: deployments of one service that are looked at after another one
LANE_ROWS_MAX = 2_000
#: things with a similar name that are listed
NAMED_MAX = 12
#: a commit is recognised by its beginning from this length on
SHA_DIGITS_MIN = 7

INCIDENT, CHANGE, DEPLOYMENT = "incident", "change", "deployment"
KINDS = (INCIDENT, CHANGE, DEPLOYMENT)

_SHA = re.compile(f"[0-9a-f]{{{SHA_DIGITS_MIN},40}}")
_INSIDE_A_NAME = re.compile(r"[\w.-]")


class Named(NamedTuple):
    """One thing that a name can mean: its kind, its key, and a few words about it."""

    kind: str
    key: str
    about: str
    #: what the name was found in: the end of the key, a tag, the end of a tag, or a commit
    by: str


class Known(Protocol):
    """The facts of one workspace, as they are now or as they were."""

    def rows(self, fact: type[F], column: str, values: Collection[str]) -> list[F]:
        """The rows whose column is one of these values, by their keys."""

    def incidents_with(self, member: str) -> list[IncidentFact]:
        """Incidents that a report with this key is a part of."""

    def deployments_with(self, report: str) -> list[DeploymentFact]:
        """Deployments that a report with this key is a part of: several reporters tell of one deployment."""

    def lane(self, of: DeploymentFact, after: int, until: int) -> list[DeploymentFact]:
        """Deployments of the same service, environment and kind, live in ``(after, until]``; oldest first."""

    def matching(self, name: str) -> list[Named]:
        """What the name may mean although no key equals it; newest first, and maybe too many."""

    def verdicts(self, ids: Collection[str]) -> list[VerdictGiven]:
        """The tellings of verdicts with these ids."""


def commit_of(name: str) -> str:
    """The beginning of a commit in a name (``03775ce``, ``acme/api@03775ce``); "" when there is none."""
    commit = name.rpartition("@")[2]
    return commit if _SHA.fullmatch(commit) else ""


def ends_with(key: str, name: str) -> bool:
    """Whether a name is the end of a key, and not of a longer word in it."""
    if not key.endswith(name) or len(name) < 2:
        return False
    before = key[: -len(name)][-1:]
    return not before or not _INSIDE_A_NAME.match(name[0]) or not _INSIDE_A_NAME.match(before)


def ends_tag(tag: str, name: str) -> bool:
    """Whether a name is the end of a tag after a ``/``: ``v449`` of ``production/v449``."""
    return len(name) > 1 and tag.endswith(f"/{name}")


def chain(target: str, lane: Iterable[DeploymentFact]) -> list[DeploymentFact]:
    """Those that followed a deployment one after the other: flags of one service are lanes of their own."""
    last, found = target, []
    for deployment in lane:
        if deployment.previous == last and deployment.outcome != "failure":
            found.append(deployment)
            last = deployment.deployment
    return found
