"""Every incident with a known culprit, judged by every model at the moment it was opened.

The events are folded once, in the order of their own time, and the fold stops at each such incident:
what came later does not exist yet, so no model can see it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from pipeline.codec import Codec
from pipeline.core.attribution import Attribution
from pipeline.core.baselines import BASELINES, attribute_by_rule
from pipeline.core.candidates import lay_out
from pipeline.core.events import Event, IncidentDetected
from pipeline.core.facts import ChangeAttributionFact
from pipeline.core.grouping import Group
from pipeline.core.incident_rows import change_shares
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.workspace import Workspace
from pipeline.evaluate.scoring import Score, standing
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS, PARTITION, TRUTHS
from pipeline.measuring import ProgressCall
from pipeline.rebuild import columns_of, events_of
from pipeline.sorting import by_own_time
from pipeline.sources.truths import Truth, decode_truth

BATCH_EVENTS_MAX = 10_000
#: rollbacks that say more about the infrastructure, or the rollback, than about a change
NOT_A_CHANGE = {"wave": "part of a wave of rollbacks", "returned": "the version came back unchanged"}


class Judged(NamedTuple):
    """One incident with a known culprit: whether a candidate held it, and how each model did."""

    incident: str
    opened_at: int
    live: bool
    scores: dict[str, Score]

    @property
    def day(self) -> int:
        """The day of opening in UTC, as days since the epoch."""
        return self.opened_at // DAY


@dataclass
class Verdicts:
    """What was judged, in order of opening, and what was left out and why."""

    judged: list[Judged] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_truths(log: Log) -> dict[str, Truth]:
    """What is known to have caused incidents, by incident."""
    truths = (decode_truth(value) for value in log.latest(TRUTHS, PARTITION).values())
    return {truth.incident: truth for truth in truths}


def judge(
    log: Log, codec: Codec, name: str, parameters: Parameters, progress: ProgressCall | None = None
) -> Verdicts:
    """Fold a workspace's events once and judge each incident that has a known culprit."""
    truths, found = read_truths(log), Verdicts()
    workspace = Workspace(replace(parameters, model="intensity", hindsight=False))
    partition = partition_in(log, name)
    end, done = log.end(EVENTS, partition), 0
    with tempfile.TemporaryDirectory(prefix="aftermerge-evaluate-") as directory:
        ordered = by_own_time(events_of(log, codec, name, end, partition), Path(directory), refolding=True)
        for batch, told in _up_to_incidents(ordered, truths):
            workspace.fold(columns_of(batch), rebuilding=True)
            workspace.derive()
            workspace.snapshot()  # what rests is packed
            for incident in told:
                _judge_one(workspace, incident, truths.get(incident), found)
            done += len(batch)
            if progress is not None:
                progress("evaluating", done, end)
    return found


def _up_to_incidents(
    events: Iterable[Event], wanted: Mapping[str, Truth]
) -> Iterator[tuple[list[Event], list[str]]]:
    """The events in batches, each with the incidents told in it; one that is wanted ends its batch."""
    batch: list[Event] = []
    told: dict[str, None] = {}
    seen: set[str] = set()
    full = False
    for event in events:
        # everything of one moment stays together: its order says nothing
        if batch and event.time > batch[-1].time and (full or len(batch) >= BATCH_EVENTS_MAX):
            yield batch, list(told)
            batch, told, full = [], {}, False
        batch.append(event)
        if isinstance(event, IncidentDetected) and event.incident not in seen:
            seen.add(event.incident)
            told[event.incident] = None
            truth = wanted.get(event.incident)
            full = full or (truth is not None and not _reason_against(truth))
    if batch:
        yield batch, list(told)


def _reason_against(truth: Truth | None) -> str:
    """Why an incident can't be judged; "" when it can."""
    if truth is None:
        return "nobody told what caused it"
    if truth.planned:
        return "probably planned"
    if not truth.culprits:
        return "its culprit has no name"
    return NOT_A_CHANGE.get(truth.cause, "") if truth.kind == "rollback" else ""


def _judge_one(workspace: Workspace, key: str, truth: Truth | None, found: Verdicts) -> None:
    """Let every model judge one incident, or count why it is left out."""
    incident = workspace.investigation.incidents.get(key)
    reason = _reason_against(truth) or ("" if incident else "taken back, or part of another incident")
    if reason or truth is None or incident is None:
        found.left_out[reason] += 1
        return
    parameters = workspace.parameters
    judgement = workspace.investigation.judge(incident, incident.opened_at)
    case = judgement.case
    field = lay_out(case, workspace.delivery.boards.get(case.environment), workspace.catalogue, parameters)
    answers = [judgement.found]
    answers += [attribute_by_rule(case, field, replace(parameters, model=model)) for model in BASELINES]
    culprits = Culprits(truth.culprits, workspace)
    live = any(culprits.are_in(field.group(index)) for index in range(len(field.rows)))
    scores = {}
    for answer in answers:
        shares = change_shares(case, answer, workspace.building, parameters.risk)
        scores[answer.model] = score(answer, shares, culprits, live=live)
    found.judged.append(Judged(key, incident.opened_at, live, scores))


class Culprits:
    """The changes that truly caused an incident, by every name that a truth gives them."""

    def __init__(self, references: Iterable[str], workspace: Workspace) -> None:
        self._names = frozenset(references)
        self._summary_of = workspace.building.summary_of

    def is_one(self, change: str) -> bool:
        """Whether a change is named by its key or by one of its commits."""
        if change in self._names:
            return True
        summary = self._summary_of(change)
        return summary is not None and not self._names.isdisjoint(summary.aliases)

    def are_in(self, group: Group) -> bool:
        """Whether a deployment brought any of them."""
        return any(map(self.is_one, group.changes))


def score(
    answer: Attribution, shares: Sequence[ChangeAttributionFact], culprits: Culprits, *, live: bool
) -> Score:
    """Hold one model's answer against the truth; ``live``: a candidate brought the culprit."""
    if answer.model in BASELINES:  # a rule orders by its score and then by time
        keys: list[Hashable] = [(found.factors["score"], found.lag_seconds) for found in answer.candidates]
    else:
        keys = [found.probability for found in answer.candidates]
    deployments = standing(keys, [culprits.are_in(found.group) for found in answer.candidates])
    changes = standing(
        [share.probability for share in shares], [culprits.is_one(share.change) for share in shares]
    )
    nothing = answer.none + answer.unseen
    first = answer.candidates[0].probability if answer.candidates else 0.0
    if nothing >= first:
        return Score(deployments, changes, True, nothing, float(not live))
    return Score(deployments, changes, False, first, deployments.first)
