"""What several clones mean together: deployments, artifacts and incidents, sorted and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.core.events import (
    MICROSECONDS,
    ArtifactPackaged,
    ChangeMerged,
    DeploymentFinished,
    Event,
    IncidentDetected,
    IncidentResolved,
    OwnersRequired,
)
from pipeline.sources.git.artifacts import packaged
from pipeline.sources.git.changes import Changes
from pipeline.sources.git.clocks import Straightened
from pipeline.sources.git.deploying import lanes_of, moved, tagged
from pipeline.sources.git.diffs import Diff
from pipeline.sources.git.gitops import Moves
from pipeline.sources.git.history import AUTO, GitOptions, History, Report
from pipeline.sources.git.incidents import (
    Live,
    first_holding,
    incident_of_revert,
    incident_of_rollback,
    rollbacks,
    truth_of_revert,
    truth_of_rollback,
)
from pipeline.sources.git.reporting import questions
from pipeline.sources.git.repository import Repository, Tag
from pipeline.sources.git.resolving import REVERT
from pipeline.sources.git.tags import tag_deployments
from pipeline.sources.git.walk import Walked
from pipeline.sources.truths import Truth

_ORDER: dict[type[Event], int] = {
    ChangeMerged: 0,
    OwnersRequired: 1,
    ArtifactPackaged: 2,
    DeploymentFinished: 3,
    IncidentDetected: 4,
    IncidentResolved: 5,
}


@dataclass
class Clone:
    """Everything known about one repository while the histories are put together."""

    repository: Repository
    tags: list[Tag]
    moves: Moves
    walked: Walked
    straight: Straightened
    diffs: dict[int, Diff]
    built: dict[str, tuple[int, int | None]]
    changes: Changes
    events: list[Event] = field(default_factory=list)


def together(clones: list[Clone], options: GitOptions, now: int, report: Report) -> History:
    """Deployments, artifacts and incidents of all clones, sorted and counted."""
    by_service = {clone.repository.service: clone for clone in clones}
    moved_services = {move.service for clone in clones for move in clone.moves.moves}
    lives: list[tuple[Live, Clone, Clone | None]] = []
    for clone in clones:
        repository, times = clone.repository, clone.straight.times
        if not (options.deploy_tags == AUTO and repository.service in moved_services):
            found = tag_deployments(repository, clone.tags, clone.walked, times, options, now, report)
            told, live = tagged(repository, found, options)
            clone.events += told
            lives += [(one, clone, clone) for one in live]
            report.count("deployments_from_tags", len(told))
        for move in clone.moves.moves:
            app = by_service.get(move.service) or by_service.get(move.image)
            place = app.built.get(move.tag, (None, None))[0] if app else None
            event, one = moved(repository, move, times[move.place], app.repository if app else None, place)
            clone.events.append(event)
            lives.append((one, clone, app))
            report.count("deployments_from_gitops")
            report.count("deployments_without_a_commit", place is None)
        clone.events += packaged(repository, clone.built, times)
    truths = _incidents(clones, lives, options, report)
    events = [event for clone in clones for event in clone.events]
    return _finished(events, truths, options, report)


def _incidents(
    clones: list[Clone],
    lives: list[tuple[Live, Clone, Clone | None]],
    options: GitOptions,
    report: Report,
) -> list[Truth]:
    truths: list[Truth] = []
    lanes = lanes_of(one for one, _, _ in lives)
    if "rollbacks" in options.incidents_from:
        told_by = {one.deployment: (clone, app) for one, clone, app in lives}
        for (_, environment), lane in lanes.items():
            for found in rollbacks(lane) if environment == options.environment else ():
                clone, app = told_by[found.deployment.deployment]
                clone.events += incident_of_rollback(clone.repository.name, found)
                truth = truth_of_rollback(found, app.changes.keys) if app else None
                truths += [truth] if truth else []
                report.count("incidents_from_rollbacks")
                report.count("incidents_without_a_known_cause", truth is None)
    if "reverts" in options.incidents_from:
        for clone in clones:
            truths += _from_reverts(
                clone, lanes.get((clone.repository.service, options.environment), []), options, report
            )
    return truths


def _from_reverts(clone: Clone, lane: Sequence[Live], options: GitOptions, report: Report) -> list[Truth]:
    truths: list[Truth] = []
    name, times, changes = clone.repository.name, clone.straight.times, clone.changes
    for place, undoing in changes.undoings.items():
        if undoing.kind != REVERT or not undoing.places:
            continue
        change, merged_at = changes.keys[place][0], times[place] * MICROSECONDS
        opened_at = changes.opened_at.get(place)
        landed_at = times[undoing.places[-1]] * MICROSECONDS
        # a revert that was written before its culprit landed tells nothing about when it was noticed
        detected_at = opened_at if opened_at is not None and opened_at > landed_at else merged_at
        diff = clone.diffs.get(place)
        clone.events += incident_of_revert(
            name,
            clone.repository.service,
            options.environment,
            change,
            diff.component if diff else "",
            detected_at,
            first_holding(lane, place, merged_at),
            place,
        )
        cause = clone.walked.landed[place].cause
        truths.append(
            truth_of_revert(name, change, undoing.places, changes.keys, undoing.how, cause, merged_at)
        )
        report.count("incidents_from_reverts")
    return truths


def _finished(events: Iterable[Event], truths: list[Truth], options: GitOptions, report: Report) -> History:
    since = options.since
    kept = [event for event in events if since is None or event.time >= since]
    kept.sort(key=lambda event: (event.time, _ORDER[type(event)], event.sequence, event.id))
    known = {event.incident for event in kept if isinstance(event, IncidentDetected)}
    for kind, name in (
        (ChangeMerged, "changes"),
        (DeploymentFinished, "deployments"),
        (ArtifactPackaged, "artifacts"),
    ):
        report.count(name, sum(isinstance(event, kind) for event in kept))
    report.count("incidents", len(known))
    report.count(
        "changes_with_owners", sum(isinstance(event, ChangeMerged) and bool(event.owners) for event in kept)
    )
    report.counts = {name: number for name, number in report.counts.items() if number}
    report.questions = questions(report, bool(options.incidents_from))
    return History(kept, [truth for truth in truths if truth.incident in known], report)
