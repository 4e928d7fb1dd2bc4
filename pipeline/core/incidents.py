"""Incidents: what their events say, which of them are one, and when the symptoms began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import (
    MICROSECONDS,
    IncidentDetected,
    IncidentResolved,
    IncidentUpdated,
    VerdictGiven,
)
from pipeline.core.grouping import normalise_environment
from pipeline.core.parameters import HOUR, MINUTE, Parameters

_SEVERITIES = {"sev1": 1, "critical": 1, "p1": 1, "sev2": 2, "high": 2, "p2": 2, "sev3": 3, "p3": 3}


class IncidentReport(NamedTuple):
    """What one source says about one incident."""

    key: str
    opened_at: int
    resolved_at: int | None
    service: str
    environment: str
    severity: str
    title: str
    component: str
    source: str
    deduplication_key: str
    tickets: tuple[str, ...]
    #: references to changes, commits or tags in its text, and those a postmortem names, each with
    #: the time at which it was told
    mentions: tuple[tuple[str, int], ...]
    causes: tuple[tuple[str, int], ...]
    onset_at: int | None
    onset_earliest_at: int | None
    events: tuple[str, ...]
    received_at: int
    imported: bool


def read_incident(entity: Entity) -> IncidentReport | None:
    """Read an incident's events; ``None`` as long as nobody has told that it was detected."""
    events = entity.events()
    first = next((event for event in events if isinstance(event, IncidentDetected)), None)
    if first is None:
        return None
    known: dict[str, str] = {"service": "", "severity": "", "title": "", "component": "", "environment": ""}
    tickets: dict[str, None] = {}
    mentions: dict[str, int] = {}
    causes: dict[str, int] = {}
    resolved_at: int | None = None
    onset_at, onset_earliest_at, deduplication_key = None, None, ""
    for event in events:
        for name in known:
            value = getattr(event, name, "")
            if value:
                known[name] = value
        if isinstance(event, IncidentResolved):
            resolved_at = event.time
            continue
        if isinstance(event, IncidentDetected):
            onset_at = event.onset_at if event.onset_at is not None else onset_at
            if event.onset_earliest_at is not None:
                onset_earliest_at = event.onset_earliest_at
            deduplication_key = event.deduplication_key or deduplication_key
        elif isinstance(event, IncidentUpdated):
            for reference in event.causes:
                causes.setdefault(reference, event.time)
            if event.status == "reopened":
                resolved_at = None
        ticket = getattr(event, "ticket", "")
        if ticket:
            tickets[ticket] = None
        for reference in getattr(event, "mentions", ()):
            mentions.setdefault(reference, event.time)
    return IncidentReport(
        key=entity.key,
        opened_at=first.time,
        resolved_at=resolved_at,
        service=known["service"],
        environment=normalise_environment(known["environment"]) if known["environment"] else "",
        severity=known["severity"],
        title=known["title"],
        component=known["component"],
        source=first.source,
        deduplication_key=deduplication_key,
        tickets=tuple(tickets),
        mentions=tuple(mentions.items()),
        causes=tuple(causes.items()),
        onset_at=onset_at,
        onset_earliest_at=onset_earliest_at,
        events=tuple(event.id for event in events),
        received_at=max(event.received_at for event in events),
        imported=all(event.imported for event in events),
    )


class Onset(NamedTuple):
    """When the symptoms began: not when somebody opened the incident.

    The true onset is ``anchor_at`` minus a delay. The delay is 0 when the onset was told
    (``delay_median_seconds`` 0), log-normal when it is the usual time until somebody notices, and
    uniform over ``window_seconds`` when an alert only bounds it.
    """

    at: int
    source: str
    anchor_at: int
    delay_median_seconds: float
    delay_sigma: float
    window_seconds: float
    uncertainty_seconds: float


class Incident:
    """One incident, whoever reports it: its reports and the verdicts given on it."""

    __slots__ = (
        "key",
        "members",
        "verdicts",
        "written",
    )

    def __init__(self, members: Sequence[IncidentReport], verdicts: Sequence[VerdictGiven]) -> None:
        self.members = sorted(members, key=lambda member: (member.opened_at, member.key))
        self.verdicts = list(verdicts)
        self.key = self.members[0].key
        #: keys of the rows that were written for it, by table
        self.written: dict[str, set[tuple[object, ...]]] = {}

    @property
    def opened_at(self) -> int:
        """When the first report was opened."""
        return self.members[0].opened_at

    @property
    def resolved_at(self) -> int | None:
        """When the last report was resolved; ``None`` while one is open."""
        times = [member.resolved_at for member in self.members]
        return None if None in times else max(time for time in times if time is not None)

    def text(self, name: str) -> str:
        """The first report that says anything in a field wins."""
        return next((value for member in self.members if (value := getattr(member, name))), "")

    @property
    def symptoms(self) -> str:
        """What a monitor says is wrong, to tell the same trouble again; people's titles don't."""
        for member in self.members:
            if member.deduplication_key:
                return member.deduplication_key
        return next((member.title for member in self.members if is_monitored(member)), "")

    @property
    def severity(self) -> str:
        """The worst severity that any report gives."""
        named = [member.severity for member in self.members if member.severity]
        return min(named, key=lambda name: (_SEVERITIES.get(name.lower(), 9), name), default="")

    def references(self, field: str, known_until: int) -> list[str]:
        """What any report mentions (or names as its cause) and had told by this time."""
        told = [pair for member in self.members for pair in getattr(member, field)]
        return [reference for reference, at in told if at <= known_until]

    def newest_verdict(self, kind: str) -> VerdictGiven | None:
        """The verdict of one kind that holds: the latest that nobody took back.

        Verdicts on old incidents are dated alike; then the source's version, the moment of speaking, says.
        """
        found = [verdict for verdict in self.verdicts if verdict.verdict == kind]
        return max(found, key=spoken, default=None)


def spoken(verdict: VerdictGiven) -> tuple[int, int, int, str]:
    """The order in which verdicts were given."""
    return verdict.time, verdict.source_version, verdict.sequence, verdict.id


def find_onset(
    incident: Incident,
    burn_starts: Sequence[int],
    parameters: Parameters,
    learned_delay_seconds: float | None,
) -> Onset:
    """Onset by what is surest: a verdict, the event itself, a burn, an alert's window, the usual delay."""
    opened = incident.opened_at
    verdict = incident.newest_verdict("onset")
    if verdict is not None and verdict.onset_at is not None:
        return _exact(verdict.onset_at, "verdict")
    told = next((member.onset_at for member in incident.members if member.onset_at is not None), None)
    if told is not None:
        return _exact(told, "event")
    burning = [at for at in burn_starts if opened - parameters.burn_before <= at <= opened + 5 * MINUTE]
    if burning:
        return _exact(min(burning), "burn")
    earliest = next((m.onset_earliest_at for m in incident.members if m.onset_earliest_at is not None), None)
    if earliest is not None and earliest < opened:
        window = (opened - earliest) / MICROSECONDS
        return Onset(
            opened - (opened - earliest) // 2, "alert window", opened, 0.0, 0.0, window, window / 12**0.5
        )
    if learned_delay_seconds is not None:
        median, sigma, source = learned_delay_seconds, parameters.detection_sigma, "learned delay"
    elif any(is_monitored(member) for member in incident.members):
        median, sigma, source = parameters.detection_median_seconds, parameters.detection_sigma, "usual delay"
    else:
        median = parameters.human_detection_median_seconds
        sigma, source = parameters.human_detection_sigma, "usual delay of people"
    return Onset(
        opened - int(median * MICROSECONDS),
        source,
        opened,
        median,
        sigma,
        0.0,
        round(median * (2.718281828**sigma - 1), 1),
    )


#: sources in which people, not monitors, open incidents
_PEOPLE = ("git", "github", "gitlab", "jira", "history", "gitops", "person")


def is_monitored(report: IncidentReport) -> bool:
    """Whether a monitor opened this incident (then it was noticed within minutes)."""
    return report.source.split("/", 1)[0].lower() not in _PEOPLE


def _exact(at: int, source: str) -> Onset:
    return Onset(at, source, at, 0.0, 0.0, 0.0, 0.0)


#: how much later than its onset an incident may be opened and still count as one with it
ONSET_LOOKBACK_MAX = 7 * 24 * HOUR
