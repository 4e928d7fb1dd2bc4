"""What happens in production: deployments, incidents, burns, drift, measurements."""

from __future__ import annotations

from pipeline.core.events.envelope import Event


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
