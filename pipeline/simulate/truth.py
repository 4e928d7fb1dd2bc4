"""What is true of a world and no event says: one row for each thing that somebody may want to find out."""

from __future__ import annotations

import msgspec


class TrueWorld(msgspec.Struct, frozen=True, tag="world", tag_field="what", omit_defaults=True):
    """What was asked for; the first row."""

    seed: int
    weeks: int
    services: int
    teams: int
    begins_at: int
    ends_at: int
    failure_rate: float
    background: float
    rollback: float
    lags: str


class TrueMode(msgspec.Struct, frozen=True, tag="mode", tag_field="what"):
    """A failure mode: ``where`` names the team or repository, ``person`` who is at its heart."""

    mode: str
    place: str
    where: str
    from_at: int
    person: str = ""


class TrueJob(msgspec.Struct, frozen=True, tag="job", tag_field="what"):
    """A job that fails without a reason in this share of its runs, from a moment on."""

    repository: str
    job: str
    flake_rate: float
    from_at: int


class TrueCheck(msgspec.Struct, frozen=True, tag="check", tag_field="what"):
    """Why a run of a job did not succeed: flake, breakage or infrastructure."""

    event: str
    repository: str
    job: str
    reason: str


class TrueReview(msgspec.Struct, frozen=True, tag="review", tag_field="what"):
    """An approval by somebody who did not look."""

    event: str
    change: str
    reviewer: str
    rubber_stamp: bool = True


class TrueBypass(msgspec.Struct, frozen=True, tag="bypass", tag_field="what"):
    """A change that nobody approved before its merge: by label, or by a push to the branch."""

    change: str
    repository: str
    team: str
    how: str
    planted: bool


class TrueDeployment(msgspec.Struct, frozen=True, tag="deployment", tag_field="what", omit_defaults=True):
    """A deployment, told or not. ``role``: regular, rollback, fix or coincident."""

    deployment: str
    service: str
    role: str
    live_at: int
    #: its clock's error is taken out of ``live_at``
    changes: int = 0
    bad: bool = False
    culprit: str = ""
    undoes: str = ""
    told: bool = True
    tag_told: bool = True
    beside: str = ""


class TrueIncident(msgspec.Struct, frozen=True, tag="incident", tag_field="what", omit_defaults=True):
    """An incident. ``kind``: caused (by a deployment) or background; of a cascade, that of its first one."""

    incident: str
    kind: str
    #: with the symptoms
    service: str
    onset_at: int
    detected_at: int
    resolved_at: int
    told_service: str = ""
    deployment: str = ""
    culprits: tuple[str, ...] = ()
    #: the incident that this one follows from
    cascade_of: str = ""
    #: rollback, fix or "" (it passed)
    ended_by: str = ""


class TrueDrift(msgspec.Struct, frozen=True, tag="drift", tag_field="what"):
    """A drift; one that isn't real is a system that sets values by itself, as it should."""

    event: str
    resource: str
    service: str
    real: bool
    planted: bool = False


class TrueFinding(msgspec.Struct, frozen=True, tag="finding", tag_field="what"):
    """A finding that came up only after the merge of the change that brought it."""

    finding: str
    repository: str
    change: str


class TrueBurn(msgspec.Struct, frozen=True, tag="burn", tag_field="what"):
    """A budget that burnt since a deployment went out without what its operators needed."""

    event: str
    service: str
    deployment: str


class TrueClock(msgspec.Struct, frozen=True, tag="clock", tag_field="what"):
    """The error of the clock of one reporter of deployments, in seconds."""

    source: str
    skew_seconds: int


class TrueDelivery(msgspec.Struct, frozen=True, tag="delivery", tag_field="what"):
    """An event that came late or twice; ``fault`` says which, ``by_seconds`` how much later."""

    event: str
    fault: str
    by_seconds: int


Truth = (
    TrueWorld | TrueMode | TrueJob | TrueCheck | TrueReview | TrueBypass | TrueDeployment | TrueIncident
    | TrueDrift | TrueFinding | TrueBurn | TrueClock | TrueDelivery
)  # fmt: skip

_encoder = msgspec.json.Encoder()


def truth_line(truth: Truth) -> bytes:
    """One row as JSON, without the line's end; times are microseconds since the epoch, UTC."""
    return _encoder.encode(truth)
