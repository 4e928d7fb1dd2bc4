"""GitLab's webhooks: merge requests, notes, jobs, deployments, pushes, releases, incidents, vulnerabilities.

Ids are made of the project's path and GitLab's own numbers, so a hook, its resending and a backfill say
the same fact. A change's key is ``group/project#17``, as everywhere here, and not GitLab's ``!17``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from pipeline.core.events import Event, InvalidEvent
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded
from pipeline.sources.gitlab import issues, payloads, pipelines, repositories, requests
from pipeline.sources.gitlab.heard import PARSER_VERSION, Heard

__all__ = ["KINDS", "PARSER_VERSION", "Kind", "parse"]

EVENT_HEADER = "x-gitlab-event"
_KIND_CHARACTERS_MAX = 64
_UNNAMED = "unnamed"
_KIND_NAME = re.compile(r"[^a-z0-9_]+")
_HOMEPAGE = re.compile(r"https?://[^/\s]+/([\w.+-]+(?:/[\w.+-]+){1,20})/?\Z")


class Kind(NamedTuple):
    """One kind of hook: what its payload holds, how it is read, and the records that it can give."""

    decoder: msgspec.json.Decoder[Any]
    read: Callable[[Any, Heard], list[Event]]
    records: tuple[str, ...]
    repository: Callable[[Any], str]


def _path(posted: Any) -> str:
    path: str = posted.project.path_with_namespace
    return path


def _path_of_job(posted: payloads.JobPosted) -> str:
    if posted.project is not None:
        return posted.project.path_with_namespace
    homepage = (posted.repository.homepage if posted.repository is not None else "") or ""
    found = _HOMEPAGE.match(homepage)
    if found is None:
        raise InvalidEvent("project: missing, and repository.homepage names none")
    return found[1]


def _kind(
    payload: type[Any],
    read: Callable[[Any, Heard], list[Event]],
    *records: str,
    repository: Callable[[Any], str] = _path,
) -> Kind:
    return Kind(msgspec.json.Decoder(payload), read, records, repository)


_ISSUE = _kind(
    payloads.IssuePosted, issues.read_issue, "incident_detected", "incident_updated", "incident_resolved"
)
_JOB = _kind(payloads.JobPosted, pipelines.read_job, "check_finished", repository=_path_of_job)

#: ``object_kind`` -> how it is read; any other kind is known and unused
KINDS: dict[str, Kind] = {
    "merge_request": _kind(
        payloads.RequestPosted,
        requests.read_request,
        "change_opened",
        "change_updated",
        "change_merged",
        "change_abandoned",
        "review_requested",
        "review_submitted",
    ),
    "note": _kind(payloads.NotePosted, requests.read_note, "comment_posted"),
    "pipeline": _kind(payloads.PipelinePosted, pipelines.read_pipeline, "check_finished"),
    "build": _JOB,
    "deployment": _kind(
        payloads.DeploymentPosted,
        pipelines.read_deployment,
        "deployment_progressed",
        "deployment_finished",
    ),
    "push": _kind(payloads.PushPosted, repositories.read_push, "branch_pushed"),
    "tag_push": _kind(payloads.TagPosted, repositories.read_tag, "artifact_packaged"),
    "release": _kind(payloads.ReleasePosted, repositories.read_release, "release_published"),
    "issue": _ISSUE,
    "work_item": _ISSUE,
    "vulnerability": _kind(
        payloads.VulnerabilityPosted,
        repositories.read_vulnerability,
        "finding_reported",
        repository=repositories.project_of,
    ),
}
#: older and other names of the same hooks
_ALIASES = {"job": "build", "incident": "issue"}

_posted = msgspec.json.Decoder(payloads.Posted)


def kind_of(delivery: Delivery) -> str:
    """What kind of hook this is, by its payload, else by its header (``Merge Request Hook``).

    Raises ``InvalidEvent`` for what is no JSON object.
    """
    posted = decoded(_posted, delivery.body)
    named = posted.object_kind or posted.event_name or delivery.header(EVENT_HEADER).removesuffix(" Hook")
    name = _KIND_NAME.sub("_", named.casefold()[:_KIND_CHARACTERS_MAX]).strip("_") or _UNNAMED
    return _ALIASES.get(name, name)


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """What one delivery says; raises ``InvalidEvent`` when it is not what GitLab sends."""
    name = kind_of(delivery)
    kind = KINDS.get(name)
    if kind is None:
        return Reading([], name)
    posted = decoded(kind.decoder, delivery.body)
    events = kind.read(posted, Heard(delivery, reader, kind.repository(posted)))
    return Reading(events, "" if events else name)
