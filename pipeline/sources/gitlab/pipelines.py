"""Jobs and deployments: what ran on a commit, and what reached an environment.

A job is told by its own hook, and by that of its pipeline each time the pipeline's status changes. Both
give one fact, the job's, under one id; the job's own hook, which knows the attempt, holds. So a pipeline
is no check of its own, or each failure would count twice; only one that ended without any job is.
"""

from __future__ import annotations

import re

from pipeline.core import events as e
from pipeline.sources.check_kinds import WORKFLOW, kind_reader
from pipeline.sources.gitlab.heard import Heard, moment, moment_of
from pipeline.sources.gitlab.payloads import (
    JOBS_MAX,
    Build,
    DeploymentPosted,
    JobPosted,
    PipelinePosted,
)

#: which telling of a job holds: its own hook's, over that of its pipeline
JOB_HOOK_VERSION = 2
PIPELINE_HOOK_VERSION = 1

_OUTCOMES = {"success": "success", "failed": "failure", "canceled": "cancelled"}
#: reasons of a failure that say nothing about the commit
_MACHINERY = frozenset({
    "api_failure",
    "archived_failure",
    "builds_disabled",
    "ci_quota_exceeded",
    "data_integrity_failure",
    # the job's own limit: it was cut off before it came to a result
    "job_execution_timeout",
    "no_matching_runner",
    "project_deleted",
    "runner_provisioning_timeout",
    "runner_system_failure",
    "runner_unsupported",
    "scheduler_failure",
    "stale_schedule",
    "stuck_or_timeout_failure",
    "unmet_prerequisites",
})  # fmt: skip
#: what a job's name says it is for, else its stage; the first that fits
kind_of = kind_reader({
    "smoke": r"smoke",
    "security": r"security|sast|dast|secret_detection|\w+_scanning|trivy|snyk|semgrep|gitleaks|api_fuzzing",
    "policy": r"lint\w*|format\w*|style|polic(?:y|ies)|licen[cs]e\w*|compliance|danger\w*|commitlint",
    "test": r"tests?|testing|unit|integration|e2e|end-to-end|specs?|pytest|rspec|jest|coverage|verify",
    "build": r"build\w*|compile\w*|packag\w+|image|docker|wheels?",
})  # fmt: skip
_STAGES = {"running": "started"}
_FINISHED = {"success": "success", "failed": "failure", "canceled": "cancelled"}
_COMMIT_URL = re.compile(r"/commit/([0-9a-f]{40}(?:[0-9a-f]{24})?)(?:[?#].*)?\Z")


def _outcome(build: Build) -> str:
    """How a job ended; "" while it has not, or when it never ran.

    A failure that the pipeline allows is ``neutral``, one of the machinery an ``error``.
    """
    if build.status == "failed":
        if build.allow_failure:
            return "neutral"
        if build.failure_reason in _MACHINERY:
            return "error"
    return _OUTCOMES.get(build.status, "")


def read_job(posted: JobPosted, heard: Heard) -> list[e.Event]:
    """A job that ended; one that was skipped gives nothing, for nothing ran."""
    build = Build(
        id=posted.build_id,
        name=posted.build_name,
        status=posted.build_status,
        stage=posted.build_stage,
        started_at=posted.build_started_at,
        finished_at=posted.build_finished_at,
        failure_reason=posted.build_failure_reason,
        allow_failure=posted.build_allow_failure,
    )
    return _check(
        build,
        heard,
        sha=posted.sha,
        workflow=(posted.commit.name if posted.commit is not None else "") or "",
        branch=_branch(posted.ref, posted.tag),
        url=(posted.project.web_url if posted.project is not None else "") or "",
        attempt=(posted.retries_count or 0) + 1,
        version=JOB_HOOK_VERSION,
    )


def read_pipeline(posted: PipelinePosted, heard: Heard) -> list[e.Event]:
    """The jobs of a pipeline that have ended so far; of a pipeline without jobs, its own end."""
    pipeline, builds = posted.object_attributes, posted.builds or []
    branch = _branch(pipeline.ref, pipeline.tag)
    if posted.merge_request is not None:
        branch = posted.merge_request.source_branch or branch
    if not builds:
        return _empty_pipeline(posted, heard, branch)
    return [
        event
        for build in builds[:JOBS_MAX]
        for event in _check(
            build,
            heard,
            sha=pipeline.sha,
            workflow=pipeline.name or "",
            branch=branch,
            url=posted.project.web_url or "",
            attempt=1,
            version=PIPELINE_HOOK_VERSION,
        )
    ]


def _empty_pipeline(posted: PipelinePosted, heard: Heard, branch: str) -> list[e.Event]:
    """A pipeline that could not make its jobs: its configuration is wrong, and nothing else would say so."""
    pipeline = posted.object_attributes
    time = moment_of(pipeline.finished_at or pipeline.created_at, "object_attributes.finished_at")
    if time is None or pipeline.status not in _OUTCOMES or not pipeline.sha:
        return []
    return [
        e.CheckFinished(
            **heard.head(f" pipeline {pipeline.id}", time, PIPELINE_HOOK_VERSION),
            **heard.commit(pipeline.sha),
            name=pipeline.name or "pipeline",
            kind=WORKFLOW,
            outcome=_OUTCOMES[pipeline.status],
            started_at=moment_of(pipeline.created_at, "object_attributes.created_at"),
            url=pipeline.url or "",
            workflow=pipeline.name or "",
            branch=branch,
        )
    ]


def _check(
    build: Build,
    heard: Heard,
    *,
    sha: str,
    workflow: str,
    branch: str,
    url: str,
    attempt: int,
    version: int,
) -> list[e.Event]:
    outcome = _outcome(build)
    time = moment_of(build.finished_at, "finished_at")
    if not outcome or time is None or not sha:
        return []
    return [
        e.CheckFinished(
            **heard.head(f" job {build.id}", time, version),
            **heard.commit(sha),
            name=build.name,
            kind=kind_of(build.name, build.stage or ""),
            attempt=attempt,
            outcome=outcome,
            started_at=moment_of(build.started_at, "started_at"),
            url=f"{url}/-/jobs/{build.id}" if url else "",
            workflow=workflow,
            branch=branch,
        )
    ]


def _branch(ref: str | None, tag: bool | None) -> str:
    """A job's branch; tags and the references of merge requests are none."""
    return "" if tag or ref is None or ref.startswith("refs/") else ref


def read_deployment(posted: DeploymentPosted, heard: Heard) -> list[e.Event]:
    """A deployment that began or ended. The project stands for the service, so no service is named here."""
    at = moment(posted.status_changed_at, "status_changed_at")
    key = heard.key(f" deployment {posted.deployment_id}")
    head = heard.head(f" deployment {posted.deployment_id} {posted.status}", at, at)
    if posted.status in _STAGES:
        stage = _STAGES[posted.status]
        return [e.DeploymentProgressed(**head, deployment=key, environment=posted.environment, stage=stage)]
    if posted.status not in _FINISHED:
        return []
    commit = _COMMIT_URL.search(posted.commit_url or "")
    return [
        e.DeploymentFinished(
            **head,
            deployment=key,
            environment=posted.environment,
            outcome=_FINISHED[posted.status],
            repository=heard.repository,
            sha=commit[1] if commit is not None else "",
            actor=heard.person(posted.user),
        )
    ]
