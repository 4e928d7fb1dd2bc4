"""Issues that carry an incident label: an incident from the first label to the closing of the issue."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.core import events as e
from pipeline.sources.forges import TITLE_CHARACTERS_MAX
from pipeline.sources.github.heard import Heard, names
from pipeline.sources.github.incident_payloads import Issue, IssuePosted
from pipeline.sources.texts import REFERENCES_MAX, TEXT_CHARACTERS_MAX
from pipeline.sources.times import instant, micros

RESPONDERS_MAX = 50

_SEVERITY = re.compile(
    r"(?:severity|sev|priority)?[ :/_-]*((?:sev|p|s)[ -]?\d|critical|major|minor|high|medium|low)", re.I
)
_SERVICE = re.compile(r"(?:service|svc|component)[:/] *(\S.*)", re.I)
#: ``#7``, ``acme/api#7``, the address of a pull request, and the sha of a commit
_MENTION = re.compile(
    r"(?<![\w/&])(?:(?P<of>[\w.-]{1,100}/[\w.-]{1,100})?#(?P<number>\d{1,18})"
    r"|https?://[\w.-]+/(?P<linked>[\w.-]{1,100}/[\w.-]{1,100})/pull/(?P<request>\d{1,18})"
    r"|(?P<sha>[0-9a-f]{40}))(?!\w)"
)

#: actions after which the issue is no longer an incident of this repository
_GONE = frozenset({"deleted", "transferred"})


def read_issue(posted: IssuePosted, heard: Heard) -> list[e.Event]:
    """What an issue with an incident label tells; issues without one give nothing."""
    issue, action = posted.issue, posted.action
    updated_at = micros(issue.updated_at, "issue.updated_at")
    changed = posted.label.name if posted.label is not None else ""
    if action == "unlabeled" and heard.is_incident([changed]):
        # another incident label may be left
        if not heard.is_incident(names(issue.labels)):
            return [_detected(issue, heard, updated_at, retracted=True)]
        return []
    if not heard.is_incident(names(issue.labels)):
        return []
    if action in _GONE:
        return [_detected(issue, heard, updated_at, retracted=True)]
    if action in ("opened", "edited") or (action == "labeled" and heard.is_incident([changed])):
        return [_detected(issue, heard, updated_at)]
    if action == "closed":
        return [_resolved(issue, heard, updated_at)]
    return _updated(posted, heard, updated_at)


def severity_of(labels: Sequence[str]) -> str:
    """``sev1`` for the labels ``incident`` and ``severity: sev1``; "" when none says."""
    for label in labels:
        match = _SEVERITY.fullmatch(label.strip())
        if match is not None:
            return match[1]
    return ""


def service_of(labels: Sequence[str]) -> str:
    """``api`` for the label ``service:api``; "" when none says."""
    return next((match[1].strip() for label in labels if (match := _SERVICE.fullmatch(label.strip()))), "")


def mentions_of(text: str, repository: str) -> list[str]:
    """The changes and commits that a text refers to, as keys of changes and as shas."""
    found: dict[str, None] = {}
    for match in _MENTION.finditer(text[:TEXT_CHARACTERS_MAX]):
        if match["number"]:
            found[f"{match['of'] or repository}#{int(match['number'])}"] = None
        elif match["request"]:
            found[f"{match['linked']}#{int(match['request'])}"] = None
        else:
            found[match["sha"]] = None
    return list(found)[:REFERENCES_MAX]


def _detected(issue: Issue, heard: Heard, updated_at: int, *, retracted: bool = False) -> e.Event:
    labels, title = names(issue.labels), issue.title or ""
    created_at = micros(issue.created_at, "issue.created_at")
    # what is taken back leaves the time of the last edit as it was, and comes after it
    updated_at += retracted
    head = heard.head(f"#{issue.number} incident detected", created_at, updated_at, retracted=retracted)
    return e.IncidentDetected(
        **head,
        incident=heard.key(f"#{issue.number}"),
        service=service_of(labels),
        severity=severity_of(labels),
        title=title[:TITLE_CHARACTERS_MAX],
        ticket=issue.html_url or "",
        mentions=mentions_of(f"{title}\n{issue.body or ''}", heard.repository),
    )


def _resolved(issue: Issue, heard: Heard, updated_at: int) -> e.Event:
    closed_at = micros(issue.closed_at or issue.updated_at, "issue.closed_at")
    return e.IncidentResolved(
        **heard.head(f"#{issue.number} incident resolved", closed_at, updated_at),
        incident=heard.key(f"#{issue.number}"),
        service=service_of(names(issue.labels)),
    )


def _updated(posted: IssuePosted, heard: Heard, updated_at: int) -> list[e.Event]:
    issue, action = posted.issue, posted.action
    labels = names(issue.labels)
    what = f"{action} {posted.label.name}" if posted.label is not None else action
    assigned = action in ("assigned", "unassigned")
    responders = [heard.person(user) for user in issue.assignees[:RESPONDERS_MAX]] if assigned else []
    return [
        e.IncidentUpdated(
            **heard.head(f"#{issue.number} incident {what} {instant(updated_at)}", updated_at),
            incident=heard.key(f"#{issue.number}"),
            status="reopened" if action == "reopened" else "",
            service=service_of(labels),
            severity=severity_of(labels),
            responders=responders,
        )
    ]
