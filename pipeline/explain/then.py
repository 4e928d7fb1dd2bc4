"""What was known then: the events received by a moment, folded anew, and their rows in memory.

An imported event counts as received at its own time. The fold reads in the order of the events' own
times, as a rebuild does, so that two histories imported one after the other are one history.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from pipeline.codec import Codec
from pipeline.core.events import (
    ClockTicked,
    Event,
    ObjectiveDeclared,
    ServiceDeclared,
    TeamDeclared,
    VerdictGiven,
)
from pipeline.core.facts import (
    ChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
)
from pipeline.core.parameters import LEARNING_WEEKS, WEEK, Parameters
from pipeline.core.workspace import Workspace
from pipeline.explain.known import (
    CHANGE,
    DEPLOYMENT,
    INCIDENT,
    LANE_ROWS_MAX,
    Named,
    commit_of,
    ends_tag,
    ends_with,
)
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS
from pipeline.measuring import ProgressCall
from pipeline.rebuild import columns_of, events_of
from pipeline.sorting import by_own_time

FOLD_EVENTS = 20_000
#: what holds for what was before it, too
_LASTING = (ServiceDeclared, TeamDeclared, ObjectiveDeclared, VerdictGiven)
F = TypeVar("F", bound=Fact)


def received_by(events: Iterable[Event], moment: int, since: int) -> Iterator[Event]:
    """The events that were known at a moment; older ones than ``since`` only where they hold for ever."""
    for event in events:
        if event.received_at > moment or isinstance(event, ClockTicked):
            continue
        if event.time >= since or isinstance(
            event, ServiceDeclared | TeamDeclared | ObjectiveDeclared | VerdictGiven
        ):
            yield event


class Then:
    """The rows of one workspace as they were at a moment."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        rows = workspace.derive()
        self._facts: dict[str, list[Fact]] = {table: written for table, written, _ in rows.tables()}
        self._indexes: dict[tuple[str, str], dict[object, list[Fact]]] = {}

    @classmethod
    def at(
        cls,
        log: Log,
        codec: Codec,
        name: str,
        parameters: Parameters,
        moment: int,
        about: int | None,
        progress: ProgressCall | None = None,
    ) -> Then:
        """Fold what was received by ``moment``; ``about`` is when the thing in question happened.

        Nothing older than what the joins and the learned numbers of ``about`` look back at is read.
        """
        start = moment if about is None else min(about, moment)
        since = start - parameters.retention - (LEARNING_WEEKS // 4) * WEEK
        workspace = Workspace(parameters)
        with tempfile.TemporaryDirectory(prefix="aftermerge-explain-") as directory:
            partition = partition_in(log, name)
            told = events_of(log, codec, name, log.end(EVENTS, partition), partition, progress)
            known = received_by(told, moment, since)
            ordered = by_own_time(known, Path(directory), refolding=True)
            folded = 0
            while batch := list(islice(ordered, FOLD_EVENTS)):
                workspace.fold(columns_of(batch), rebuilding=True)
                folded += len(batch)
                if progress is not None:
                    progress("folding", folded, None)
        workspace.arrive_at(moment)
        return cls(workspace)

    def rows(self, fact: type[F], column: str, values: Collection[str]) -> list[F]:
        index = self._indexes.get((fact.table, column))
        if index is None:
            index = {}
            for row in self._facts.get(fact.table, ()):
                index.setdefault(getattr(row, column), []).append(row)
            self._indexes[(fact.table, column)] = index
        found = [row for value in set(values) for row in index.get(value, ())]
        return sorted(found, key=_key)  # type: ignore[arg-type]  # one table has one struct

    def incidents_with(self, member: str) -> list[IncidentFact]:
        return self._all(IncidentFact, lambda incident: member in incident.members)

    def deployments_with(self, report: str) -> list[DeploymentFact]:
        entity = self._workspace.entities["deployment"].get(report)
        told = {event.id for event in entity.events()} if entity is not None else set()
        return self._all(DeploymentFact, lambda row: not told.isdisjoint(row.events))

    def lane(self, of: DeploymentFact, after: int, until: int) -> list[DeploymentFact]:
        place = (of.service, of.environment, of.kind)
        found = self._all(
            DeploymentFact,
            lambda row: (row.service, row.environment, row.kind) == place and after < row.live_at <= until,
        )
        return sorted(found, key=lambda row: (row.live_at, row.deployment))[:LANE_ROWS_MAX]

    def matching(self, name: str) -> list[Named]:
        found: list[tuple[int, Named]] = []
        commits: list[tuple[int, Named]] = []
        commit, place = commit_of(name), name.rpartition("@")[0]
        for incident in self._all(IncidentFact, lambda row: ends_with(row.incident, name)):
            found.append((incident.opened_at, Named(INCIDENT, incident.incident, incident.title, "ending")))
        for change in self._all(ChangeFact, lambda row: ends_with(row.change, name)):
            found.append((_begun(change), Named(CHANGE, change.change, change.title, "ending")))
        for row in self._all(DeploymentFact, lambda row: name in (row.tag, f"{row.service} {row.tag}")):
            found.append((row.live_at, Named(DEPLOYMENT, row.deployment, row.transition, "tag")))
        for row in self._all(DeploymentFact, lambda row: _tag_ends(row, name)):
            found.append((row.live_at, Named(DEPLOYMENT, row.deployment, row.transition, "end of tag")))
        for row in self._all(DeploymentFact, lambda row: ends_with(row.deployment, name)):
            found.append((row.live_at, Named(DEPLOYMENT, row.deployment, "", "ending")))
        if commit:
            for change in self._all(
                ChangeFact, lambda row: row.sha.startswith(commit) and place in ("", row.repository)
            ):
                commits.append((_begun(change), Named(CHANGE, change.change, change.title, "commit")))
            for row in self._all(
                DeploymentFact, lambda row: row.sha.startswith(commit) and place in ("", row.repository)
            ):
                commits.append((row.live_at, Named(DEPLOYMENT, row.deployment, row.tag, "commit")))
        return [named for _, named in sorted([*found, *commits], key=lambda pair: (-pair[0], pair[1].key))]

    def verdicts(self, ids: Collection[str]) -> list[VerdictGiven]:
        wanted = set(ids)
        return [
            event
            for entity in self._workspace.entities["verdict"].values()
            for event in entity.events()
            if isinstance(event, VerdictGiven) and event.id in wanted
        ]

    def _all(self, fact: type[F], holds: Callable[[F], bool]) -> list[F]:
        return [row for row in self._facts.get(fact.table, ()) if holds(row)]  # type: ignore[arg-type, misc]


def _key(row: Fact) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in row.keys)


def _tag_ends(row: DeploymentFact, name: str) -> bool:
    alone = name.removeprefix(f"{row.service} ")
    return ends_tag(row.tag, name) or (alone != name and ends_tag(row.tag, alone))


def _begun(change: ChangeFact) -> int:
    return change.merged_at or change.opened_at or change.updated_at
