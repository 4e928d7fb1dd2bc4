"""Deployments, releases and pushes: what reached a branch, and what reached customers."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from pipeline.core import events as e
from pipeline.sources.forges import BRANCH, TITLE_CHARACTERS_MAX
from pipeline.sources.github.heard import Heard, branch_of
from pipeline.sources.github.payloads import (
    COMMITS_MAX,
    Deployment,
    DeploymentPosted,
    DeploymentStatusPosted,
    Push,
    ReleasePosted,
)
from pipeline.sources.times import MICROSECONDS, TIME_MAX, TIME_MIN, micros

#: states after which a deployment is over; ``inactive`` only says that a later one took its place
_OUTCOMES = {"success": "success", "failure": "failure", "error": "failure"}
_STAGES = {"created": "created", "queued": "queued", "pending": "pending", "waiting": "waiting"}
_STAGES["in_progress"] = "started"
#: where the payload of a deployment may name what is deployed
_TAGS = ("tag", "version", "image")
_VERSION = re.compile(r"(?:[\w./-]+@)?v?\d+(?:\.\d+)+[\w.+-]*|v\d+")
_SHA = re.compile(r"[0-9a-f]{7,64}")
TAG = "refs/tags/"
TEXT_CHARACTERS_MAX = 1_024


def read_deployment(posted: DeploymentPosted, heard: Heard) -> list[e.Event]:
    """A deployment that was asked for."""
    deployment = posted.deployment
    at = micros(deployment.created_at, "deployment.created_at")
    return [_progress(heard, deployment, deployment.environment, "created", at)]


def read_deployment_status(posted: DeploymentStatusPosted, heard: Heard) -> list[e.Event]:
    """A deployment that came a step further, or to its end."""
    status, deployment = posted.deployment_status, posted.deployment
    state = status.state.lower()
    at = micros(status.created_at, "deployment_status.created_at")
    environment = status.environment or deployment.environment
    if state in _STAGES:
        return [_progress(heard, deployment, environment, state, at)]
    if state not in _OUTCOMES:
        return []
    told = _payload(deployment)
    tag, branch = _reference(deployment, told)
    return [
        e.DeploymentFinished(
            **heard.head(f" deployment {deployment.id} {state}", at, at),
            deployment=_key(heard, deployment),
            service=_text(told, "service"),
            environment=environment,
            outcome=_OUTCOMES[state],
            tag=tag,
            repository=heard.repository,
            branch=branch,
            sha=deployment.sha,
            started_at=micros(deployment.created_at, "deployment.created_at"),
            rolled_back=deployment.task == "rollback",
            actor=heard.person(deployment.creator),
        )
    ]


def _key(heard: Heard, deployment: Deployment) -> str:
    return heard.key(f" deployment {deployment.id}")


def _progress(heard: Heard, deployment: Deployment, environment: str, state: str, at: int) -> e.Event:
    return e.DeploymentProgressed(
        **heard.head(f" deployment {deployment.id} {state}", at, at),
        deployment=_key(heard, deployment),
        service=_text(_payload(deployment), "service"),
        environment=environment,
        stage=_STAGES[state],
    )


def _payload(deployment: Deployment) -> dict[str, Any]:
    """What the deployer says in words of its own: an object, or an object written as a text."""
    raw = bytes(deployment.payload)
    if raw in (b"{}", b'""', b"null"):
        return {}
    try:
        told = msgspec.json.decode(raw)
        if isinstance(told, str):
            told = msgspec.json.decode(told)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value[:TEXT_CHARACTERS_MAX] if isinstance(value, str) else ""


def _reference(deployment: Deployment, told: dict[str, Any]) -> tuple[str, str]:
    """Deploy tag and branch: the payload's word, else what the name of the reference looks like."""
    ref = deployment.ref
    tag = next((text for name in _TAGS if (text := _text(told, name))), "")
    if ref.startswith(TAG):
        return tag or ref.removeprefix(TAG), ""
    if ref.startswith(BRANCH):
        return tag, branch_of(ref)
    if _VERSION.fullmatch(ref):
        return tag or ref, ""
    return tag, "" if _SHA.fullmatch(ref) else ref


def read_push(posted: Push, heard: Heard) -> list[e.Event]:
    """Commits on a branch; tags, and the removal of a branch, are not read."""
    if posted.deleted or not posted.ref.startswith(BRANCH):
        return []
    branch = branch_of(posted.ref)
    push = f"{heard.repository} {branch} {posted.before}..{posted.after}"
    what = f" push {branch} {posted.before}..{posted.after}"
    pushed_at = posted.repository.pushed_at
    head = heard.untimed_head(what) if pushed_at is None else heard.head(what, _pushed_at(pushed_at))
    return [
        e.BranchPushed(
            **head,
            push=push,
            repository=heard.repository,
            branch=branch,
            before=posted.before,
            after=posted.after,
            commits=[commit.id for commit in posted.commits[:COMMITS_MAX]],
            forced=posted.forced,
            actor=heard.person(posted.sender),
        )
    ]


def _pushed_at(moment: datetime | int) -> int:
    """The payload of a push says seconds where all others say a text."""
    if isinstance(moment, datetime):
        return micros(moment, "repository.pushed_at")
    if not TIME_MIN <= moment * MICROSECONDS <= TIME_MAX:
        raise e.InvalidEvent(f"repository.pushed_at: {moment} s is outside the years 1990 to 2262")
    return moment * MICROSECONDS


def read_release(posted: ReleasePosted, heard: Heard) -> list[e.Event]:
    """A release that was published."""
    release = posted.release
    if release.published_at is None:
        return []
    at = micros(release.published_at, "release.published_at")
    return [
        e.ReleasePublished(
            **heard.head(f" release {release.tag_name} published", at),
            release=f"{heard.repository} {release.tag_name}",
            repository=heard.repository,
            tag=release.tag_name,
            name=(release.name or "")[:TITLE_CHARACTERS_MAX],
            target=release.target_commitish or "",
            prerelease=release.prerelease,
            actor=heard.person(release.author),
        )
    ]
