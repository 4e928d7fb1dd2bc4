"""What is asked of a clone, and what comes back: options, events, truths and the closing report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.core.events import Event
from pipeline.sources.truths import Truth

PARSER_VERSION = 3
INCIDENT_KINDS = frozenset({"reverts", "rollbacks"})
AUTO = ("auto",)
#: the count of clones that are cut short
SHALLOW = "shallow_clones"


@dataclass(frozen=True)
class GitOptions:
    """How to read clones; the defaults suit a clone about which nothing is known.

    ``branch`` is the main line (default: what ``origin/HEAD`` points to, else ``HEAD``).
    ``deploy_tags`` are shell patterns of tags that stand for deployments; ``("auto",)`` recognises
    families of tags, ``()`` reads none. ``gitops`` also reads image tags that commits change in YAML
    and JSON files. ``incidents_from`` may hold ``reverts`` and ``rollbacks``. ``service`` and
    ``repository`` override what is told by the remote's URL (for a single clone). ``since`` drops
    what happened before, ``now`` (default: the machine's clock) says what lies in the future; both
    are int64 microseconds UTC.
    """

    branch: str = ""
    deploy_tags: tuple[str, ...] = AUTO
    gitops: bool = False
    incidents_from: frozenset[str] = frozenset()
    service: str = ""
    repository: str = ""
    environment: str = "production"
    since: int | None = None
    now: int | None = None

    def __post_init__(self) -> None:
        unknown = set(self.incidents_from) - INCIDENT_KINDS
        if unknown:
            raise ValueError(
                f"incidents can't be read from {', '.join(sorted(unknown))}; "
                f"choose from {', '.join(sorted(INCIDENT_KINDS))}"
            )


@dataclass(frozen=True)
class Question:
    """One question that people ask of their delivery, and whether this history can answer it."""

    name: str
    question: str
    answered: bool
    needs: str = ""


@dataclass
class Report:
    """The closing report as data: counts by name, remarks in words, and the questions."""

    repositories: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def note(self, repository: str, remark: str) -> None:
        self.notes.append(f"{repository}: {remark}")


@dataclass(frozen=True)
class History:
    """Everything that was read, events by (time, change, owners, artifact, deployment, incident, place)."""

    events: list[Event]
    truths: list[Truth]
    report: Report


def telling(repository: str, object_: str, transition: str, time: int, sequence: int) -> dict[str, Any]:
    """The envelope of an event that a clone of ``repository`` tells."""
    return {
        "id": f"git {object_.removeprefix('git/')} {transition}",
        "source": f"git/{repository}",
        "time": time,
        "received_at": time,
        "imported": True,
        "source_version": 0,
        "parser_version": PARSER_VERSION,
        "retracted": False,
        "sequence": sequence,
    }
