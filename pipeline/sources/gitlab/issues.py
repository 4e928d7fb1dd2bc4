"""Incidents that are kept as issues: by their type, or by a label.

Each hook tells the whole issue, so each tells again that the incident was detected: the newest telling
holds, a missed hook costs nothing, and an issue that loses its label was never an incident.
"""

from __future__ import annotations

from typing import Any

from pipeline.core import events as e
from pipeline.sources.forges import TITLE_CHARACTERS_MAX
from pipeline.sources.gitlab.heard import Heard, moment, titles
from pipeline.sources.gitlab.payloads import PERSONS_MAX, IssuePosted
from pipeline.sources.mentions import causes, mentions, postmortem
from pipeline.sources.times import instant

INCIDENT = "incident"
SCOPE = "::"


def read_issue(posted: IssuePosted, heard: Heard) -> list[e.Event]:
    """What one hook tells of an issue that is, or was, an incident; of any other, nothing."""
    issue = posted.object_attributes
    key = heard.key(f" issue {issue.iid}")
    labels = titles(issue.labels, posted.labels)
    at = moment(issue.updated_at, "object_attributes.updated_at")
    if not _is_incident(posted, labels, heard):
        if not _was_incident(posted, heard):
            return []
        return [_detected(posted, heard, key, labels, at, retracted=True)]
    events = [_detected(posted, heard, key, labels, at)]
    if issue.action != "open":
        events.append(_updated(posted, heard, key, labels, at))
    if issue.state == "closed" or issue.action == "close":
        closed_at = moment(issue.closed_at, "object_attributes.closed_at") if issue.closed_at else at
        head = heard.head(f" issue {issue.iid} resolved", closed_at, at)
        events.append(e.IncidentResolved(**head, incident=key, service=_service(labels, heard)))
    return events


def _updated(posted: IssuePosted, heard: Heard, key: str, labels: list[str], at: int) -> e.Event:
    """What is known by now; a closing hook says so too, for then people write down what it was."""
    issue, text = posted.object_attributes, _text(posted)
    what = "reopened" if issue.action == "reopen" else "updated"
    responders = [heard.person(user) for user in (posted.assignees or [])[:PERSONS_MAX]]
    return e.IncidentUpdated(
        **heard.head(f" issue {issue.iid} {what} {instant(at)}", at, at),
        incident=key,
        status="reopened" if what == "reopened" else issue.escalation_status or "",
        responders=[token for token in responders if token],
        mentions=mentions(text, heard.repository),
        causes=causes(text, heard.repository),
        postmortem=postmortem(text),
        **_told(posted, heard, labels),
    )


def _is_incident(posted: IssuePosted, labels: list[str], heard: Heard) -> bool:
    if (posted.object_attributes.type or "").casefold() == INCIDENT:
        return True
    return heard.is_incident(labels)


def _was_incident(posted: IssuePosted, heard: Heard) -> bool:
    """Whether this hook takes the label away."""
    labels = posted.changes.labels if posted.changes is not None else None
    return labels is not None and _is_incident(posted, titles(labels.previous), heard)


def _text(posted: IssuePosted) -> str:
    return f"{posted.object_attributes.title or ''}\n{posted.object_attributes.description or ''}"


def _told(posted: IssuePosted, heard: Heard, labels: list[str]) -> dict[str, Any]:
    issue = posted.object_attributes
    severity = _scoped(labels, "severity")
    if severity.isdigit():
        severity = f"sev{severity}"
    elif not severity and issue.severity != "unknown":
        severity = issue.severity or ""
    return {
        "service": _service(labels, heard),
        "severity": severity,
        "ticket": issue.url or "",
    }


def _scoped(labels: list[str], scope: str) -> str:
    """What follows ``scope::`` in a label, which GitLab allows once an issue."""
    found = (label.partition(SCOPE) for label in labels)
    return next((value for name, _, value in found if name.casefold() == scope and value), "")


def _service(labels: list[str], heard: Heard) -> str:
    """The label ``service::api`` names the service; without one, the project stands for it."""
    return _scoped(labels, "service") or heard.repository.rpartition("/")[2]


def _detected(
    posted: IssuePosted, heard: Heard, key: str, labels: list[str], at: int, *, retracted: bool = False
) -> e.Event:
    issue = posted.object_attributes
    created_at = moment(issue.created_at, "object_attributes.created_at")
    return e.IncidentDetected(
        **heard.head(f" issue {issue.iid} detected", created_at, at, retracted=retracted),
        incident=key,
        environment=_scoped(labels, "environment"),
        title=(issue.title or "")[:TITLE_CHARACTERS_MAX],
        # what was written later was told later: it belongs to the updates
        mentions=mentions(_text(posted), heard.repository) if issue.action == "open" else [],
        **_told(posted, heard, labels),
    )
