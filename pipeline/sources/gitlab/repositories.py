"""Pushes, releases and vulnerabilities: what happens to a repository as a whole."""

from __future__ import annotations

import re

from pipeline.core import events as e
from pipeline.sources.forges import BRANCH, TITLE_CHARACTERS_MAX
from pipeline.sources.gitlab.heard import Heard, moment, moment_of
from pipeline.sources.gitlab.payloads import (
    COMMITS_MAX,
    Identifier,
    PushPosted,
    ReleasePosted,
    TagPosted,
    VulnerabilityAttributes,
    VulnerabilityPosted,
)

TAG = "refs/tags/"

_REPORTS = {
    "dependency_scanning": "dependency",
    "container_scanning": "dependency",
    "cluster_image_scanning": "dependency",
    "secret_detection": "secret",
}
_STATES = {"detected": "open", "confirmed": "open", "resolved": "fixed", "dismissed": "dismissed"}
_VULNERABILITY = re.compile(
    r"https?://[^/\s]+/(?P<path>[\w.+-]+(?:/[\w.+-]+){1,20})/-/security/vulnerabilities/(?P<number>\d{1,18})"
)
#: identifiers that other scanners give too
_SHARED_IDENTIFIERS = ("cve", "ghsa", "cwe")


def read_push(posted: PushPosted, heard: Heard) -> list[e.Event]:
    """Commits that reached a branch, or a branch that is gone.

    The payload does not say when: the time of receipt stands in, and of several receipts the earliest holds.
    """
    if not posted.ref.startswith(BRANCH):
        return []
    branch = posted.ref.removeprefix(BRANCH)
    before, after = posted.before.strip("0") and posted.before, posted.after.strip("0") and posted.after
    span = f"{branch} {before or 'new'}..{after or 'gone'}"
    received_at = heard.delivery.received_at
    return [
        e.BranchPushed(
            **heard.head(f" push {span}", received_at, -received_at),
            push=heard.key(f" {span}"),
            repository=heard.repository,
            branch=branch,
            before=before,
            after=after,
            commits=[commit.id for commit in (posted.commits or [])[:COMMITS_MAX]],
            actor=heard.reader.person_token(posted.user_username or ""),
        )
    ]


def read_tag(posted: TagPosted, heard: Heard) -> list[e.Event]:
    """A tag that was made or moved: what goes out under it is built from this commit.

    The payload does not say when, see ``read_push``. A tag that is gone takes nothing back: what went out
    under it did go out.
    """
    tag, sha = posted.ref.removeprefix(TAG), posted.checkout_sha or ""
    if not posted.ref.startswith(TAG) or not sha.strip("0"):
        return []
    received_at = heard.delivery.received_at
    return [
        e.ArtifactPackaged(
            **heard.head(f" tag {tag} {sha}", received_at, -received_at),
            artifact=f"{heard.repository}:{tag}",
            tag=tag,
            repository=heard.repository,
            sha=sha,
        )
    ]


def read_release(posted: ReleasePosted, heard: Heard) -> list[e.Event]:
    """A release that was made or edited; its end takes nothing back, for it did happen."""
    if posted.action not in ("create", "update"):
        return []
    time = moment(posted.created_at, "created_at")
    released_at = moment_of(posted.released_at, "released_at")
    if released_at is not None and released_at <= heard.delivery.received_at:
        # one that is announced for later counts from the day it was made
        time = released_at
    return [
        e.ReleasePublished(
            **heard.head(f" release {posted.tag}", time, int(posted.action == "update")),
            release=heard.key(f" {posted.tag}"),
            repository=heard.repository,
            tag=posted.tag,
            name=(posted.name or "")[:TITLE_CHARACTERS_MAX],
            target=posted.commit.id if posted.commit is not None else "",
        )
    ]


def project_of(posted: VulnerabilityPosted) -> str:
    """The project of a vulnerability; raises ``InvalidEvent`` when its address names none."""
    return _place(posted)["path"]


def _place(posted: VulnerabilityPosted) -> re.Match[str]:
    place = _VULNERABILITY.match(posted.object_attributes.url)
    if place is None:
        raise e.InvalidEvent("object_attributes.url: names no project and no vulnerability")
    return place


def read_vulnerability(posted: VulnerabilityPosted, heard: Heard) -> list[e.Event]:
    """What a scanner found, or what became of it."""
    found, number = posted.object_attributes, _place(posted)["number"]
    report = found.report_type or ""
    time = moment(_turned_at(found), "object_attributes.updated_at")
    version = moment(found.updated_at, "object_attributes.updated_at")
    return [
        e.FindingReported(
            **heard.head(f" vulnerability {number} {found.state}", time, version),
            finding=heard.key(f" vulnerability {number}"),
            repository=heard.repository,
            kind=_REPORTS.get(report, "code") if report else "",
            state=_STATES.get(found.state, found.state),
            severity=found.severity or "",
            rule=_rule(found.identifiers or []),
            tool=report,
            path=(found.location.file if found.location is not None else "") or "",
            url=found.url,
        )
    ]


def _turned_at(found: VulnerabilityAttributes) -> str:
    """When it came into its present state."""
    times = {
        "detected": found.created_at,
        "confirmed": found.confirmed_at,
        "dismissed": found.dismissed_at,
        "resolved": found.resolved_at,
    }
    return times.get(found.state) or found.updated_at


def _rule(identifiers: list[Identifier]) -> str:
    """The identifier that other scanners would give too, else the scanner's own."""
    for kind in _SHARED_IDENTIFIERS:
        for identifier in identifiers:
            if identifier.external_type == kind and identifier.name:
                return identifier.name
    return next((identifier.name for identifier in identifiers if identifier.name), "")
