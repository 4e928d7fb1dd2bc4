"""PagerDuty's webhooks (v3): the life of an incident, from its trigger to its postmortem.

Hooks that carry the incident whole tell each time that it was detected, as it is called now: the newest
telling holds, and a hook that was missed costs nothing. An incident that is opened again stays one
incident: ``reopened`` takes its end back until it is resolved once more. Persons are known here by
PagerDuty's id of them, since the payload names no login.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pipeline.core import events as e
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded, envelope
from pipeline.sources.mentions import causes, mentions, postmortem
from pipeline.sources.times import MICROSECONDS, AwareTime, instant, micros

#: raise it whenever the events of one and the same payload become others
PARSER_VERSION = 1

SOURCE = "pagerduty"
TITLE_CHARACTERS_MAX = 1_000
PERSONS_MAX = 100
FIELDS_MAX = 200
_KIND_CHARACTERS_MAX = 64

_WHOLE = ("incident_detected", "incident_updated")
_PART = ("incident_updated",)
#: ``event_type`` -> the records that it gives; any other type is known and unused
KINDS: dict[str, tuple[str, ...]] = {
    "incident.triggered": ("incident_detected",),
    "incident.acknowledged": _WHOLE,
    "incident.unacknowledged": _WHOLE,
    "incident.escalated": _WHOLE,
    "incident.delegated": _WHOLE,
    "incident.reassigned": _WHOLE,
    "incident.reopened": _WHOLE,
    "incident.priority_updated": _WHOLE,
    "incident.service_updated": _WHOLE,
    "incident.incident_type.changed": _WHOLE,
    "incident.resolved": ("incident_detected", "incident_resolved"),
    "incident.annotated": _PART,
    "incident.status_update_published": _PART,
    "incident.responder.added": _PART,
    "incident.responder.replied": _PART,
    "incident.role.assigned": _PART,
    "incident.custom_field_values.updated": _PART,
}
#: types that say where an incident stands; the others leave it as it is
_STATUSES = {
    "incident.acknowledged": "acknowledged",
    "incident.unacknowledged": "unacknowledged",
    "incident.reopened": "reopened",
}
_DECLINED = "declined"

_Id = Annotated[str, Meta(pattern=r"^[\w-]{1,64}\Z")]
_Short = Annotated[str, Meta(max_length=1_024)]


class _Struct(msgspec.Struct, frozen=True, gc=False):
    """What the structs here have in common: they are decoded, read once and thrown away."""


class _Reference(_Struct, frozen=True):
    """Something that PagerDuty refers to: a service, a person, a priority, an incident."""

    id: _Id
    summary: _Short | None = None
    type: _Short | None = None
    html_url: _Short | None = None


class _Priority(_Struct, frozen=True):
    summary: _Short | None = None


class _Event(_Struct, frozen=True, kw_only=True):
    event_type: _Short
    occurred_at: AwareTime
    agent: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Posted(_Struct, frozen=True):
    event: _Event


class _Incident(_Struct, frozen=True, kw_only=True):
    id: _Id
    created_at: AwareTime
    title: str | None = None
    html_url: _Short | None = None
    incident_key: _Short | None = None
    urgency: _Short | None = None
    service: _Reference | None = None
    priority: _Priority | None = None
    assignees: list[_Reference] | None = None


class _Field(_Struct, frozen=True):
    """A field that an organisation added to its incidents."""

    name: _Short | None = None
    value: Any = None


class _Role(_Struct, frozen=True):
    incident: _Reference | None = None
    assignee: _Reference | None = None
    status: _Short | None = None


class _Detail(_Struct, frozen=True, kw_only=True):
    """The union of what notes, status updates, responders, roles and fields tell of their incident."""

    id: _Short | None = None
    incident: _Reference | None = None
    content: str | None = None
    message: str | None = None
    state: _Short | None = None
    user: _Reference | None = None
    custom_fields: list[_Field] | None = None
    incident_role_assignments: list[_Role] | None = None


_posted = msgspec.json.Decoder(_Posted)
_incident = msgspec.json.Decoder(_Incident)
_detail = msgspec.json.Decoder(_Detail)
_agent = msgspec.json.Decoder(_Reference | None)


class _Heard(msgspec.Struct, frozen=True):
    """One event while it is read."""

    delivery: Delivery
    reader: Reader
    kind: str
    time: int

    def head(self, incident: str, transition: str, *, again: bool = False) -> dict[str, Any]:
        """The envelope of a fact; what happens ``again`` and again has its second in its id."""
        moment = f" {instant(self.time - self.time % MICROSECONDS)}" if again else ""
        return envelope(
            self.delivery,
            id=f"{SOURCE} {incident} {transition}{moment}",
            source=SOURCE,
            time=self.time,
            parser_version=PARSER_VERSION,
            source_version=self.time,
        )

    def persons(self, references: Iterable[_Reference | None]) -> list[str]:
        """Tokens of persons, each once; policies and integrations are none."""
        tokens = (
            self.reader.person_token(reference.id)
            for reference in references
            if reference is not None and (reference.type or "").startswith("user")
        )
        return list(dict.fromkeys(tokens))[:PERSONS_MAX]


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """What one delivery says; raises ``InvalidEvent`` when it is not what PagerDuty sends."""
    event = decoded(_posted, delivery.body).event
    kind = event.event_type
    if not kind:
        raise e.InvalidEvent("event.event_type: empty")
    records = KINDS.get(kind)
    if records is None:
        return Reading([], kind[:_KIND_CHARACTERS_MAX])
    heard = _Heard(delivery, reader, kind, micros(event.occurred_at, "event.occurred_at"))
    if records is _PART:
        events = _told_in_part(decoded(_detail, event.data), heard)
    else:
        agent = decoded(_agent, event.agent) if kind == "incident.acknowledged" else None
        events = _told_whole(decoded(_incident, event.data), agent, heard)
    return Reading(events, "" if events else kind)


def _key(incident: str) -> str:
    return f"{SOURCE} {incident}"


def _told_whole(incident: _Incident, agent: _Reference | None, heard: _Heard) -> list[e.Event]:
    """What a hook tells that carries the incident: that there is one, and what became of it."""
    key, service = _key(incident.id), _summary(incident.service)
    severity = (incident.priority and incident.priority.summary) or incident.urgency or ""
    title = incident.title or ""
    detected = heard.head(incident.id, "detected")
    detected["time"] = micros(incident.created_at, "event.data.created_at")
    events: list[e.Event] = [
        e.IncidentDetected(
            **detected,
            incident=key,
            service=service,
            severity=severity,
            title=title[:TITLE_CHARACTERS_MAX],
            deduplication_key=incident.incident_key or "",
            ticket=incident.html_url or "",
            mentions=mentions(title),
        )
    ]
    if heard.kind == "incident.resolved":
        head = heard.head(incident.id, "resolved")
        events.append(e.IncidentResolved(**head, incident=key, service=service))
    elif heard.kind != "incident.triggered":
        transition = heard.kind.removeprefix("incident.")
        events.append(
            e.IncidentUpdated(
                **heard.head(incident.id, transition, again=True),
                incident=key,
                status=_STATUSES.get(heard.kind, ""),
                service=service,
                severity=severity,
                responders=heard.persons([agent, *(incident.assignees or [])]),
            )
        )
    return events


def _told_in_part(detail: _Detail, heard: _Heard) -> list[e.Event]:
    """What a hook tells that only refers to its incident."""
    roles = detail.incident_role_assignments or []
    incident = detail.incident or next((role.incident for role in roles if role.incident is not None), None)
    if incident is None:
        raise e.InvalidEvent("event.data.incident: missing")
    text = detail.content or detail.message or ""
    called = [role.assignee for role in roles if role.status in (None, "active")]
    if detail.user is not None and detail.state != _DECLINED:
        called.append(detail.user)
    transition = heard.kind.removeprefix("incident.")
    for what in (detail.id, *(heard.persons([detail.user]))):
        transition += f" {what}" if what else ""
    return [
        e.IncidentUpdated(
            **heard.head(incident.id, transition, again=True),
            incident=_key(incident.id),
            mentions=mentions(text),
            causes=causes(text),
            responders=heard.persons(called),
            postmortem=postmortem(text) or _postmortem_field(detail.custom_fields or []),
        )
    ]


def _summary(reference: _Reference | None) -> str:
    return (reference.summary if reference is not None else "") or ""


def _postmortem_field(fields: list[_Field]) -> str:
    """The address in a field whose name, or whose address, says that it is a postmortem's."""
    for field in fields[:FIELDS_MAX]:
        if isinstance(field.value, str):
            name = (field.name or "").casefold().replace("_", "-")
            if found := postmortem(f"{name}: {field.value}"):
                return found
    return ""
