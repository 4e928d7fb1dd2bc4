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

from pipeline.core.events.builds import (
    ArtifactPackaged,
    CheckFinished,
    FindingReported,
    ReleasePublished,
)
from pipeline.core.events.changes import (
    BranchPushed,
    ChangeAbandoned,
    ChangeMerged,
    ChangeOpened,
    ChangeUpdated,
    CommentPosted,
    OwnersRequired,
    QueueChanged,
    ReviewRequested,
    ReviewSubmitted,
    RuleBypassed,
)
from pipeline.core.events.declared import (
    ClassDeclared,
    ClockTicked,
    PolicyDeclared,
    PolicyEdited,
    ServiceDeclared,
    TeamDeclared,
    ThresholdSet,
    VerdictGiven,
)
from pipeline.core.events.envelope import MICROSECONDS, Event, InvalidEvent
from pipeline.core.events.objectives import ObjectiveCounted, ObjectiveDeclared
from pipeline.core.events.production import (
    BurnEnded,
    BurnStarted,
    DeploymentFinished,
    DeploymentProgressed,
    DriftCorrected,
    DriftDetected,
    IncidentDetected,
    IncidentResolved,
    IncidentUpdated,
    MeasurementReported,
)

__all__ = [
    "ArtifactPackaged",
    "BranchPushed",
    "BurnEnded",
    "BurnStarted",
    "ChangeAbandoned",
    "ChangeMerged",
    "ChangeOpened",
    "ChangeUpdated",
    "CheckFinished",
    "ClassDeclared",
    "ClockTicked",
    "CommentPosted",
    "DeploymentFinished",
    "DeploymentProgressed",
    "DriftCorrected",
    "DriftDetected",
    "Event",
    "FindingReported",
    "IncidentDetected",
    "IncidentResolved",
    "IncidentUpdated",
    "InvalidEvent",
    "MICROSECONDS",
    "MeasurementReported",
    "ObjectiveCounted",
    "ObjectiveDeclared",
    "OwnersRequired",
    "PolicyDeclared",
    "PolicyEdited",
    "QueueChanged",
    "RECORDS",
    "RECORD_OF",
    "ReleasePublished",
    "ReviewRequested",
    "ReviewSubmitted",
    "RuleBypassed",
    "ServiceDeclared",
    "TeamDeclared",
    "ThresholdSet",
    "VerdictGiven",
]

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
    "class_declared": ClassDeclared,
    "policy_declared": PolicyDeclared,
    "threshold_set": ThresholdSet,
    "owners_required": OwnersRequired,
    "rule_bypassed": RuleBypassed,
    "objective_declared": ObjectiveDeclared,
    "objective_counted": ObjectiveCounted,
}

RECORD_OF: dict[type[Event], str] = {struct: record for record, struct in RECORDS.items()}
