"""The public names of events: which CloudEvents ``type`` tells which record.

Where CDEvents 0.5.1 has a word, it is used; where it has none, the type is a custom one of ours
(``dev.cdeventsx.aftermerge-<subject>.<predicate>.<version>``). Only subject and predicate are read:
any version of a known word is understood, since CDEvents adds optional fields between versions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from pipeline.core.events import (
    RECORD_OF,
    RECORDS,
    ArtifactPackaged,
    DeploymentFinished,
    Event,
    InvalidEvent,
)

#: the version of the CDEvents specification that events are written in
CDEVENTS_VERSION = "0.5.1"

STANDARD = "dev.cdevents."
CUSTOM = "dev.cdeventsx.aftermerge-"

#: record -> the type under which it is written, unless ``type_of`` knows a better one
TYPES: dict[str, str] = {
    "change_opened": "dev.cdevents.change.created.0.4.0",
    "change_updated": "dev.cdevents.change.updated.0.3.0",
    "change_merged": "dev.cdevents.change.merged.0.3.0",
    "change_abandoned": "dev.cdevents.change.abandoned.0.3.0",
    "review_submitted": "dev.cdevents.change.reviewed.0.3.0",
    "check_finished": "dev.cdevents.taskrun.finished.0.3.0",
    "artifact_packaged": "dev.cdevents.artifact.packaged.0.3.0",
    "deployment_progressed": "dev.cdeventsx.aftermerge-deployment.progressed.0.1.0",
    "deployment_finished": "dev.cdevents.service.deployed.0.3.0",
    "incident_detected": "dev.cdevents.incident.detected.0.3.0",
    "incident_updated": "dev.cdeventsx.aftermerge-incident.updated.0.1.0",
    "incident_resolved": "dev.cdevents.incident.resolved.0.3.0",
    "burn_started": "dev.cdeventsx.aftermerge-slo.burnstarted.0.1.0",
    "burn_ended": "dev.cdeventsx.aftermerge-slo.burnended.0.1.0",
    "drift_detected": "dev.cdeventsx.aftermerge-drift.detected.0.1.0",
    "drift_corrected": "dev.cdeventsx.aftermerge-drift.corrected.0.1.0",
    "verdict_given": "dev.cdeventsx.aftermerge-verdict.given.0.1.0",
    "service_declared": "dev.cdeventsx.aftermerge-service.declared.0.1.0",
    "team_declared": "dev.cdeventsx.aftermerge-team.declared.0.1.0",
    "objective_declared": "dev.cdeventsx.aftermerge-objective.declared.0.1.0",
    "objective_counted": "dev.cdeventsx.aftermerge-objective.counted.0.1.0",
    "clock_ticked": "dev.cdeventsx.aftermerge-clock.ticked.0.1.0",
    "review_requested": "dev.cdeventsx.aftermerge-review.requested.0.1.0",
    "comment_posted": "dev.cdeventsx.aftermerge-comment.posted.0.1.0",
    "queue_changed": "dev.cdeventsx.aftermerge-mergequeue.changed.0.1.0",
    "branch_pushed": "dev.cdeventsx.aftermerge-branch.pushed.0.1.0",
    "release_published": "dev.cdeventsx.aftermerge-release.published.0.1.0",
    "finding_reported": "dev.cdeventsx.aftermerge-finding.reported.0.1.0",
    "policy_edited": "dev.cdeventsx.aftermerge-policy.edited.0.1.0",
    "class_declared": "dev.cdeventsx.aftermerge-changeclass.declared.0.1.0",
    "policy_declared": "dev.cdeventsx.aftermerge-policy.declared.0.1.0",
    "threshold_set": "dev.cdeventsx.aftermerge-threshold.set.0.1.0",
    "owners_required": "dev.cdeventsx.aftermerge-owners.required.0.1.0",
    "rule_bypassed": "dev.cdeventsx.aftermerge-rule.bypassed.0.1.0",
    "measurement_reported": "dev.cdeventsx.aftermerge-measurement.reported.0.1.0",
}

ARTIFACT_PUBLISHED = "dev.cdevents.artifact.published.0.3.0"
SERVICE_UPGRADED = "dev.cdevents.service.upgraded.0.3.0"
SERVICE_ROLLED_BACK = "dev.cdevents.service.rolledback.0.3.0"
INCIDENT_REPORTED = "dev.cdevents.incident.reported.0.3.0"
DEPLOYMENT_FINISHED = "dev.cdeventsx.aftermerge-deployment.finished.0.1.0"

#: further types that tell a record
FURTHER_TYPES: dict[str, str] = {
    ARTIFACT_PUBLISHED: "artifact_packaged",
    SERVICE_UPGRADED: "deployment_finished",
    SERVICE_ROLLED_BACK: "deployment_finished",
    INCIDENT_REPORTED: "incident_detected",
    DEPLOYMENT_FINISHED: "deployment_finished",
}

_WORD = r"dev\.cdevents(?:x\.[a-z0-9]+-|\.)[a-z]+\.[a-z]+"
_VERSION = r"[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?"
_TYPE = re.compile(rf"(?P<word>{_WORD})\.{_VERSION}")
_TYPES_REMEMBERED_MAX = 256
_TYPE_SHOWN_CHARACTERS_MAX = 100


class Word(NamedTuple):
    """What a type says: the record it tells, and its predicate (``merged``, ``rolledback``)."""

    record: str
    predicate: str


def _word(cloudevents_type: str) -> str:
    match = _TYPE.fullmatch(cloudevents_type)
    return match["word"] if match else ""


_WORDS: dict[str, Word] = {
    word: Word(record, word.rpartition(".")[2])
    for word, record in [
        *((_word(name), record) for record, name in TYPES.items()),
        *((_word(name), record) for name, record in FURTHER_TYPES.items()),
    ]
}


@lru_cache(maxsize=_TYPES_REMEMBERED_MAX)
def word_of(cloudevents_type: str) -> Word:
    """What a type says, whatever its version; raises ``InvalidEvent`` for a type nobody here knows."""
    word = _WORDS.get(_word(cloudevents_type))
    if word is None:
        raise InvalidEvent(f"unknown event type {cloudevents_type[:_TYPE_SHOWN_CHARACTERS_MAX]!r}")
    return word


def type_of(event: Event) -> str:
    """The type under which an event is written.

    Where the record alone would say too much to other readers, a narrower word is taken: a failed
    deployment is no ``service.deployed``, and an artifact of an unknown commit is only published.
    """
    if isinstance(event, DeploymentFinished):
        if event.outcome != "success":
            return DEPLOYMENT_FINISHED
        if event.rolled_back:
            return SERVICE_ROLLED_BACK
    elif isinstance(event, ArtifactPackaged) and not event.sha:
        return ARTIFACT_PUBLISHED
    return TYPES[RECORD_OF[type(event)]]


if TYPES.keys() != RECORDS.keys():
    raise AssertionError(f"records without a type: {sorted(RECORDS.keys() ^ TYPES.keys())}")
