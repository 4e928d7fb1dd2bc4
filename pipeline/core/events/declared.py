"""What people declare: services, teams, rules, verdicts; and that time passes."""

from __future__ import annotations

from pipeline.core.events.envelope import Event


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


class ClassDeclared(Event, frozen=True):
    """One version of a class of changes: the paths and labels that belong to it."""

    entity = "class"
    key_field = "change_class"

    change_class: str
    paths: list[str] = []
    labels: list[str] = []


class PolicyDeclared(Event, frozen=True):
    """One version of one review policy: to which changes it applies, and what review they need."""

    entity = "policy"
    key_field = "policy"

    policy: str
    classes: list[str] = []
    tiers: list[int] = []
    approvals: int | None = None
    roles: list[str] = []
    sections: list[str] = []
    owner_approval: bool = False
    retro_review_minutes: int | None = None


class ThresholdSet(Event, frozen=True):
    """One version of the thresholds of one signal; what is absent stays as it is built in."""

    entity = "threshold"
    key_field = "signal"

    signal: str
    opens_from: float | None = None
    closes_below: float | None = None
    cases_min: int | None = None
    within_minutes: int | None = None
    off: bool = False
    bad_from: int | None = None


class PolicyEdited(Event, frozen=True):
    """The protection of a branch, or a rule set, was created, edited or removed."""

    key_field = "policy"

    policy: str
    repository: str = ""
    name: str = ""
    action: str = ""
    edited: list[str] = []
    actor: str = ""


class ClockTicked(Event, frozen=True):
    """Time passed while nothing happened; only the live receiver says so, once a minute."""

    key_field = "clock"

    clock: str = "clock"
