"""What arrives: one struct per event type, the only input of the core.

An event tells one fact about one thing at one time. Its ``id`` is the natural key of that fact
(source, object, transition), so a webhook, its redelivery and a backfill carry the same id.
The wire form of each struct is ``schemas/<record>.avsc``, where every field is documented; the
public form is a CloudEvent (``core.vocabulary`` has the names).

Conventions: times are int64 microseconds since the epoch, UTC; an absent text is ``""``, an absent
number or time is ``None``; persons are tokens, never names. A *reference* to a change is its key
(``acme/api#17`` for a request, ``acme/api@<sha>`` for a direct commit) or a bare commit sha.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

MICROSECONDS = 1_000_000


def _initials(name: str) -> str:
    """The tag of an event in the state: the capitals of its name, CM for ChangeMerged."""
    return "".join(letter for letter in name if letter.isupper())


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=_initials):
    """The envelope that every event carries."""

    #: name of the entity family the event belongs to ("": it is kept as told, and nothing is joined with
    #: it), and of the field that holds the entity's key
    entity: ClassVar[str] = ""
    key_field: ClassVar[str] = ""

    id: str
    source: str
    time: int
    received_at: int
    imported: bool
    source_version: int
    parser_version: int
    retracted: bool
    sequence: int


class ChangeOpened(Event, frozen=True):
    """A pull or merge request was opened."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    title: str = ""
    author: str = ""
    head_sha: str = ""
    draft: bool = False
    labels: list[str] = []
    reverts: list[str] = []
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []


class ChangeUpdated(Event, frozen=True):
    """A request changed before its end: a push, a new title, other labels, ready for review."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    title: str = ""
    author: str = ""
    head_sha: str = ""
    draft: bool = False
    labels: list[str] = []
    reverts: list[str] = []
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []


class ChangeMerged(Event, frozen=True):
    """A change reached its branch: a merged request, or a direct commit (then without a number)."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    sha: str = ""
    commits: list[str] = []
    title: str = ""
    author: str = ""
    merged_by: str = ""
    opened_at: int | None = None
    additions: int | None = None
    deletions: int | None = None
    files: int | None = None
    paths: list[str] = []
    owners: list[str] = []
    labels: list[str] = []
    reverts: list[str] = []
    emergency: str = ""
    incidents: list[str] = []
    sections: list[str] = []


class ChangeAbandoned(Event, frozen=True):
    """A request was closed without a merge."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None


class ReviewSubmitted(Event, frozen=True):
    """A person (or a bot) reviewed a change."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    reviewer: str = ""
    decision: str = ""
    commit_sha: str = ""
    comments: int | None = None
    bot: bool = False
    characters: int | None = None
    words: int | None = None
    code: bool = False
    suggestion: bool = False
    question: bool = False
    request: bool = False
    filler: bool = False


class CheckFinished(Event, frozen=True):
    """One attempt of one CI job on one commit ended."""

    entity = "commit"
    key_field = "commit"

    commit: str
    repository: str = ""
    sha: str = ""
    name: str = ""
    kind: str = ""
    attempt: int = 1
    outcome: str = ""
    started_at: int | None = None
    url: str = ""
    workflow: str = ""
    branch: str = ""


class ArtifactPackaged(Event, frozen=True):
    """A build turned a commit into an artifact under a deploy tag."""

    entity = "artifact"
    key_field = "artifact"

    artifact: str
    tag: str = ""
    digest: str = ""
    repository: str = ""
    sha: str = ""


class DeploymentProgressed(Event, frozen=True):
    """A deployment started, or its roll-out reached a stage."""

    entity = "deployment"
    key_field = "deployment"

    deployment: str
    service: str = ""
    environment: str = ""
    stage: str = ""
    fraction: float | None = None


class DeploymentFinished(Event, frozen=True):
    """A deployment ended: live everywhere, or failed. Flags and configuration count as deployments."""

    entity = "deployment"
    key_field = "deployment"

    deployment: str
    service: str = ""
    environment: str = ""
    kind: str = "service"
    outcome: str = "success"
    tag: str = ""
    artifact: str = ""
    repository: str = ""
    branch: str = ""
    sha: str = ""
    previous_sha: str = ""
    changes: list[str] = []
    commits: list[str] = []
    shared_id: str = ""
    started_at: int | None = None
    rolled_back: bool = False
    actor: str = ""


class IncidentDetected(Event, frozen=True):
    """Somebody or something noticed that production misbehaves."""

    entity = "incident"
    key_field = "incident"

    incident: str
    service: str = ""
    environment: str = ""
    severity: str = ""
    title: str = ""
    deduplication_key: str = ""
    ticket: str = ""
    component: str = ""
    mentions: list[str] = []
    onset_at: int | None = None
    onset_earliest_at: int | None = None


class IncidentUpdated(Event, frozen=True):
    """Something became known about an incident: acknowledged, another service, a postmortem's cause."""

    entity = "incident"
    key_field = "incident"

    incident: str
    status: str = ""
    service: str = ""
    severity: str = ""
    ticket: str = ""
    component: str = ""
    mentions: list[str] = []
    causes: list[str] = []
    responders: list[str] = []
    postmortem: str = ""


class IncidentResolved(Event, frozen=True):
    """The symptoms of an incident ended."""

    entity = "incident"
    key_field = "incident"

    incident: str
    service: str = ""


class BurnStarted(Event, frozen=True):
    """A service began to spend its error budget faster than its objective allows."""

    entity = "burn"
    key_field = "slo"

    slo: str
    service: str = ""
    environment: str = ""
    burn_rate: float | None = None
    window_seconds: int | None = None


class BurnEnded(Event, frozen=True):
    """The error budget is no longer spent too fast."""

    entity = "burn"
    key_field = "slo"

    slo: str
    service: str = ""
    environment: str = ""


class DriftDetected(Event, frozen=True):
    """A running resource differs from what the repository declares."""

    entity = "drift"
    key_field = "resource"

    resource: str
    service: str = ""
    environment: str = ""
    summary: str = ""


class DriftCorrected(Event, frozen=True):
    """A drifted resource matches its declaration again."""

    entity = "drift"
    key_field = "resource"

    resource: str
    service: str = ""
    environment: str = ""


class VerdictGiven(Event, frozen=True):
    """A person's word about an incident; ``verdict`` is cause, merge, onset or ignore."""

    entity = "verdict"
    key_field = "verdict_key"

    verdict_key: str
    incident: str = ""
    verdict: str = ""
    cause: str = ""
    other_incident: str = ""
    deployment: str = ""
    onset_at: int | None = None
    by: str = ""
    because: str = ""


class ServiceDeclared(Event, frozen=True):
    """One version of one service's entry in the catalogue."""

    entity = "service"
    key_field = "service"

    service: str
    team: str = ""
    tier: int | None = None
    repositories: list[str] = []
    paths: list[str] = []
    depends_on: list[str] = []
    aliases: list[str] = []


class TeamDeclared(Event, frozen=True):
    """One version of one team's entry; the first holds from the beginning, a later one from its own time."""

    entity = "team"
    key_field = "team"

    team: str
    members: list[str] = []
    aliases: list[str] = []
    zone: str = ""
    days: list[int] = []
    opens_minute: int | None = None
    closes_minute: int | None = None
    holidays: list[int] = []
    offsets_from: list[int] = []
    offsets_seconds: list[int] = []
    response_minutes: int | None = None


class ReviewRequested(Event, frozen=True):
    """A person or a team was asked to review a change, or is no longer asked (``withdrawn``)."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    reviewer: str = ""
    team: str = ""
    withdrawn: bool = False


class CommentPosted(Event, frozen=True):
    """Somebody commented on a change; the text stays with the source, what it amounts to is kept."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    author: str = ""
    bot: bool = False
    path: str = ""
    commit_sha: str = ""
    in_reply: bool = False
    characters: int | None = None
    suggestion: bool = False
    question: bool = False
    line: bool = False
    words: int | None = None
    code: bool = False
    request: bool = False
    filler: bool = False


class QueueChanged(Event, frozen=True):
    """A change entered the merge queue, or left it: ``state`` is entered, merged, or removed."""

    entity = "change"
    key_field = "change"

    change: str
    repository: str = ""
    number: int | None = None
    branch: str = ""
    state: str = ""
    reason: str = ""
    sha: str = ""


class BranchPushed(Event, frozen=True):
    """Commits reached a branch, by whatever way: a merge, a direct push, a forced one."""

    key_field = "push"

    push: str
    repository: str = ""
    branch: str = ""
    before: str = ""
    after: str = ""
    commits: list[str] = []
    forced: bool = False
    actor: str = ""


class ReleasePublished(Event, frozen=True):
    """A version of a repository was released."""

    key_field = "release"

    release: str
    repository: str = ""
    tag: str = ""
    name: str = ""
    target: str = ""
    prerelease: bool = False
    actor: str = ""


class FindingReported(Event, frozen=True):
    """A scanner's finding came up or changed: ``kind`` is code, secret or dependency."""

    key_field = "finding"

    finding: str
    repository: str = ""
    kind: str = ""
    state: str = ""
    severity: str = ""
    rule: str = ""
    tool: str = ""
    path: str = ""
    sha: str = ""
    branch: str = ""
    url: str = ""
    actor: str = ""


class PolicyEdited(Event, frozen=True):
    """The protection of a branch, or a rule set, was created, edited or removed."""

    key_field = "policy"

    policy: str
    repository: str = ""
    name: str = ""
    action: str = ""
    edited: list[str] = []
    actor: str = ""


class MeasurementReported(Event, frozen=True):
    """A number that a job told: a metric, or a cost (``kind``)."""

    key_field = "measurement"

    measurement: str
    kind: str = "metric"
    name: str = ""
    value: float | None = None
    unit: str = ""
    service: str = ""
    environment: str = ""
    tag: str = ""
    change: str = ""


class ClockTicked(Event, frozen=True):
    """Time passed while nothing happened; only the live receiver says so, once a minute."""

    key_field = "clock"

    clock: str = "clock"


#: record name (of the Avro schema, the table ``events_<record>``) -> struct
RECORDS: dict[str, type[Event]] = {
    "change_opened": ChangeOpened,
    "change_updated": ChangeUpdated,
    "change_merged": ChangeMerged,
    "change_abandoned": ChangeAbandoned,
    "review_submitted": ReviewSubmitted,
    "check_finished": CheckFinished,
    "artifact_packaged": ArtifactPackaged,
    "deployment_progressed": DeploymentProgressed,
    "deployment_finished": DeploymentFinished,
    "incident_detected": IncidentDetected,
    "incident_updated": IncidentUpdated,
    "incident_resolved": IncidentResolved,
    "burn_started": BurnStarted,
    "burn_ended": BurnEnded,
    "drift_detected": DriftDetected,
    "drift_corrected": DriftCorrected,
    "verdict_given": VerdictGiven,
    "service_declared": ServiceDeclared,
    "clock_ticked": ClockTicked,
    "review_requested": ReviewRequested,
    "comment_posted": CommentPosted,
    "queue_changed": QueueChanged,
    "branch_pushed": BranchPushed,
    "release_published": ReleasePublished,
    "finding_reported": FindingReported,
    "policy_edited": PolicyEdited,
    "measurement_reported": MeasurementReported,
    "team_declared": TeamDeclared,
}

RECORD_OF: dict[type[Event], str] = {struct: record for record, struct in RECORDS.items()}


class InvalidEvent(ValueError):
    """The bytes or the values of one event are wrong: the step sends it to the dead letters."""
