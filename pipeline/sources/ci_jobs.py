"""What the environment of a CI job says of itself: GitHub Actions and GitLab CI.

Only what can mean one thing is taken. The commit in the environment is often not the one that a job is
about (a trial merge that nobody keeps, the main line's head while an older version is deployed), so
each fact says which variable it came from, and the commit says how far it can be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

GITHUB, GITLAB = "GitHub Actions", "GitLab CI"

#: GitHub's events whose GITHUB_SHA is the commit that the job is about
_OWN_COMMIT = frozenset(
    {"create", "deployment", "deployment_status", "merge_group", "push", "release"}
    | {"repository_dispatch", "schedule", "workflow_dispatch"}
)
#: starts of a pipeline that a new commit caused: what it deploys is that commit
_BY_COMMIT = frozenset({"push", "create", "release", "deployment"})
_TRIAL_MERGES = frozenset({"merged_result", "merge_train"})
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Fact(NamedTuple):
    """A value, and the variable that told it; both empty when nothing did."""

    value: str = ""
    variable: str = ""


NOTHING = Fact()


class CiJob(NamedTuple):
    """What is known of the job that runs; ``ci`` is "" outside of a CI that we know."""

    ci: str = ""
    repository: Fact = NOTHING
    sha: Fact = NOTHING
    #: whether a commit started the job, so that a deployment in it can only be of that commit
    by_commit: bool = False
    branch: Fact = NOTHING
    #: the git tag that the job runs for
    tag: Fact = NOTHING
    #: differs between two runs of the job, equal for everything that one run does
    run: Fact = NOTHING
    attempt: Fact = NOTHING
    job: Fact = NOTHING
    workflow: Fact = NOTHING
    url: Fact = NOTHING
    actor: Fact = NOTHING
    #: address of the repository for people
    home: Fact = NOTHING
    #: why a commit that is there was not taken
    remark: str = ""


def read_ci_job(environment: Mapping[str, str]) -> CiJob:
    """What the variables of a job say; nothing at all outside of a CI."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    return CiJob()


def _first(environment: Mapping[str, str], *variables: str) -> Fact:
    for variable in variables:
        if value := environment.get(variable, "").strip():
            return Fact(value, variable)
    return NOTHING


def _commit(environment: Mapping[str, str], variable: str) -> Fact:
    fact = _first(environment, variable)
    return fact if _SHA.fullmatch(fact.value) else NOTHING


def _github(environment: Mapping[str, str]) -> CiJob:
    event = environment.get("GITHUB_EVENT_NAME", "")
    ref = _first(environment, "GITHUB_REF_NAME")
    kind = environment.get("GITHUB_REF_TYPE", "")
    sha, branch, remark = _commit(environment, "GITHUB_SHA"), NOTHING, ""
    if kind == "branch":
        branch = _first(environment, "GITHUB_HEAD_REF") if event.startswith("pull_request") else ref
    if event and event not in _OWN_COMMIT:
        sha, remark = NOTHING, f"GITHUB_SHA of a job started by {event} is not the commit that it is about"
        if not event.startswith("pull_request"):
            branch = NOTHING
    server, repository = environment.get("GITHUB_SERVER_URL", ""), _first(environment, "GITHUB_REPOSITORY")
    run, attempt = _first(environment, "GITHUB_RUN_ID"), _first(environment, "GITHUB_RUN_ATTEMPT")
    home = url = NOTHING
    if server and repository.value:
        home = Fact(f"{server}/{repository.value}", "GITHUB_REPOSITORY")
        if run.value:
            url = Fact(f"{home.value}/actions/runs/{run.value}", "GITHUB_RUN_ID")
    if run.value and attempt.value not in ("", "1"):
        # run again, a job deploys again: that is how many go back to an older version
        run = Fact(f"{run.value}.{attempt.value}", f"{run.variable} and {attempt.variable}")
    return CiJob(
        ci=GITHUB,
        repository=repository,
        sha=sha,
        by_commit=event in _BY_COMMIT,
        branch=branch,
        tag=ref if kind == "tag" else NOTHING,
        run=run,
        attempt=attempt,
        job=_first(environment, "GITHUB_JOB"),
        workflow=_first(environment, "GITHUB_WORKFLOW"),
        url=url,
        actor=_first(environment, "GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
        home=home,
        remark=remark,
    )


def _gitlab(environment: Mapping[str, str]) -> CiJob:
    sha, remark = _commit(environment, "CI_COMMIT_SHA"), ""
    if environment.get("CI_MERGE_REQUEST_EVENT_TYPE") in _TRIAL_MERGES:
        sha = _commit(environment, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA")
        remark = "CI_COMMIT_SHA is a trial merge, the commit at the head of the source branch counts"
    return CiJob(
        ci=GITLAB,
        repository=_first(environment, "CI_PROJECT_PATH"),
        sha=sha,
        by_commit=environment.get("CI_PIPELINE_SOURCE") == "push",
        branch=_first(environment, "CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
        tag=_first(environment, "CI_COMMIT_TAG"),
        # a job that is run again gets a new number; GitLab's own rollback does that
        run=_first(environment, "CI_JOB_ID"),
        job=_first(environment, "CI_JOB_NAME"),
        workflow=_first(environment, "CI_PIPELINE_NAME"),
        url=_first(environment, "CI_JOB_URL"),
        actor=_first(environment, "GITLAB_USER_LOGIN"),
        home=_first(environment, "CI_PROJECT_URL"),
        remark=remark,
    )
