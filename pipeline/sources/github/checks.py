"""Checks: what check runs, jobs, whole workflow runs and commit statuses tell of a commit.

A job of GitHub Actions arrives twice, as a job and as a check run, and both carry one number: they are
tellings of one fact, and the job's, which knows its workflow and its attempt, holds.
"""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.sources.check_kinds import WORKFLOW, kind_reader
from pipeline.sources.github.heard import Heard, optional_micros
from pipeline.sources.github.payloads import (
    CheckRunPosted,
    CheckSuitePosted,
    Status,
    WorkflowJobPosted,
    WorkflowRunPosted,
)
from pipeline.sources.times import micros

ACTIONS = "github-actions"

_OUTCOMES = {
    "success": "success",
    "failure": "failure",
    "action_required": "failure",
    # what was cut off came to no result: that is no finding about the commit
    "timed_out": "error",
    "startup_failure": "error",
    "error": "error",
    "cancelled": "cancelled",
    # GitHub gave up waiting for it, two weeks later: no result, and by then nobody waits
    "stale": "cancelled",
    "skipped": "skipped",
    "neutral": "skipped",
}
#: what a job's name says it is for; the first that fits
kind_of = kind_reader({
    "smoke": r"smoke",
    "security": r"codeql|security|sast|dast|trivy|snyk|semgrep|secrets?|vulnerabilit\w+",
    "policy": r"lint\w*|format\w*|style|polic(?:y|ies)|licen[cs]e\w*|dco|cla|codeowners|conventional",
    "test": r"tests?|testing|unit|integration|e2e|end-to-end|specs?|pytest|jest|coverage",
    "build": r"build\w*|compile\w*|packag\w+|image|docker|wheels?",
})  # fmt: skip


def read_check_run(posted: CheckRunPosted, heard: Heard) -> list[e.Event]:
    """A check run that ended."""
    run = posted.check_run
    if not run.conclusion or run.completed_at is None:
        return []
    completed_at = micros(run.completed_at, "check_run.completed_at")
    of_actions = run.app is not None and run.app.slug == ACTIONS
    return [
        e.CheckFinished(
            **heard.head(f" check {run.id}", completed_at, 0 if of_actions else completed_at),
            **heard.commit(run.head_sha),
            name=run.name,
            kind=kind_of(run.name),
            outcome=_OUTCOMES.get(run.conclusion, run.conclusion),
            started_at=optional_micros(run.started_at, "check_run.started_at"),
            url=run.html_url or "",
            branch=(run.check_suite and run.check_suite.head_branch) or "",
        )
    ]


def read_check_suite(posted: CheckSuitePosted, heard: Heard) -> list[e.Event]:
    """All checks of one program on a commit ended. GitHub Actions tells its own by workflow runs."""
    suite = posted.check_suite
    program = (suite.app and suite.app.slug) or ""
    if not suite.conclusion or program == ACTIONS:
        return []
    updated_at = micros(suite.updated_at, "check_suite.updated_at")
    return [
        e.CheckFinished(
            **heard.head(f" suite {suite.id}", updated_at, updated_at),
            **heard.commit(suite.head_sha),
            name=program or "check suite",
            kind=WORKFLOW,
            outcome=_OUTCOMES.get(suite.conclusion, suite.conclusion),
            started_at=optional_micros(suite.created_at, "check_suite.created_at"),
            branch=suite.head_branch or "",
        )
    ]


def read_workflow_job(posted: WorkflowJobPosted, heard: Heard) -> list[e.Event]:
    """A job of GitHub Actions that ended."""
    job = posted.workflow_job
    if not job.conclusion or job.completed_at is None:
        return []
    completed_at = micros(job.completed_at, "workflow_job.completed_at")
    return [
        e.CheckFinished(
            **heard.head(f" check {job.id}", completed_at, completed_at),
            **heard.commit(job.head_sha),
            name=job.name,
            kind=kind_of(job.name),
            attempt=job.run_attempt or 1,
            outcome=_OUTCOMES.get(job.conclusion, job.conclusion),
            started_at=optional_micros(job.started_at, "workflow_job.started_at"),
            url=job.html_url or "",
            workflow=job.workflow_name or "",
            branch=job.head_branch or "",
        )
    ]


def read_workflow_run(posted: WorkflowRunPosted, heard: Heard) -> list[e.Event]:
    """A whole workflow that ended: it also tells of runs that died before their first job."""
    run = posted.workflow_run
    if not run.conclusion:
        return []
    updated_at = micros(run.updated_at, "workflow_run.updated_at")
    name, attempt = run.name or "", run.run_attempt or 1
    # a run that waits for a person's permission has not run
    outcome = (
        "skipped" if run.conclusion == "action_required" else _OUTCOMES.get(run.conclusion, run.conclusion)
    )
    return [
        e.CheckFinished(
            **heard.head(f" run {run.id} attempt {attempt}", updated_at, updated_at),
            **heard.commit(run.head_sha),
            name=name,
            kind=WORKFLOW,
            attempt=attempt,
            outcome=outcome,
            started_at=optional_micros(run.run_started_at, "workflow_run.run_started_at"),
            url=run.html_url or "",
            workflow=name,
            branch=run.head_branch or "",
        )
    ]


def read_status(posted: Status, heard: Heard) -> list[e.Event]:
    """A status that a program outside of GitHub put on a commit; a pending one says nothing yet."""
    if posted.state == "pending":
        return []
    branches = posted.branches
    return [
        e.CheckFinished(
            **heard.head(f" status {posted.id}", micros(posted.created_at, "created_at")),
            **heard.commit(posted.sha),
            name=posted.context,
            kind=kind_of(posted.context),
            outcome=_OUTCOMES.get(posted.state, posted.state),
            url=posted.target_url or "",
            branch=branches[0].name if len(branches) == 1 else "",
        )
    ]
