"""What is read of GitHub's payloads: the few fields that events need, and nothing else.

Fields that GitHub sends as null are ``None`` here. What ends up in a key or a number is checked while it
is decoded, so that a strange delivery is named as such instead of becoming a strange event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

LABELS_MAX = 100
COMMITS_MAX = 2_048

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Sha = Annotated[str, Meta(pattern=r"^[0-9a-f]{0,64}\Z")]
RepositoryName = Annotated[str, Meta(pattern=r"^[\w.-]{1,100}/[\w.-]{1,100}\Z")]
#: names of branches, actions, services of GitHub: never longer than this in a sane delivery
Short = Annotated[str, Meta(max_length=1_024)]


class Struct(msgspec.Struct, frozen=True, gc=False):
    """What the structs here have in common: they are decoded, read once and thrown away."""


class User(Struct, frozen=True):
    login: str = ""
    type: str | None = None


class Repository(Struct, frozen=True):
    full_name: RepositoryName
    updated_at: datetime | Number | None = None
    #: seconds in the payload of a push, text in all others
    pushed_at: datetime | Number | None = None


class Organization(Struct, frozen=True):
    login: Annotated[str, Meta(pattern=r"^[\w.-]{1,100}\Z")]


class Label(Struct, frozen=True):
    name: Short = ""


class Team(Struct, frozen=True):
    slug: Short = ""


class Posted(Struct, frozen=True, kw_only=True):
    """What every payload that is read has."""

    repository: Repository
    action: Short = ""
    sender: User | None = None


class Head(Struct, frozen=True):
    sha: Sha = ""
    ref: Short = ""


class PullRequest(Struct, frozen=True, kw_only=True):
    number: Number
    base: Head
    head: Head
    created_at: datetime
    updated_at: datetime
    state: Short = ""
    title: str | None = None
    body: str | None = None
    user: User | None = None
    draft: bool | None = False
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: Sha | None = None
    additions: Number | None = None
    deletions: Number | None = None
    changed_files: Number | None = None
    labels: list[Label] = []


class PullRequestPosted(Posted, frozen=True, kw_only=True):
    pull_request: PullRequest
    label: Label | None = None
    requested_reviewer: User | None = None
    requested_team: Team | None = None
    reason: Short | None = None


class ReviewedRequest(Struct, frozen=True, kw_only=True):
    """A pull request as far as reviews and comments tell of it."""

    number: Number
    updated_at: datetime


class Review(Struct, frozen=True, kw_only=True):
    id: Number
    state: Short
    user: User | None = None
    submitted_at: datetime | None = None
    commit_id: Sha | None = None
    body: str | None = None


class ReviewPosted(Posted, frozen=True, kw_only=True):
    review: Review
    pull_request: ReviewedRequest


class Comment(Struct, frozen=True, kw_only=True):
    id: Number
    created_at: datetime
    updated_at: datetime
    user: User | None = None
    body: str | None = None
    path: str | None = None
    commit_id: Sha | None = None
    in_reply_to_id: Number | None = None
    subject_type: Short | None = None


class ReviewCommentPosted(Posted, frozen=True, kw_only=True):
    comment: Comment
    pull_request: ReviewedRequest


class Link(Struct, frozen=True):
    url: str | None = None


class CommentedIssue(Struct, frozen=True, kw_only=True):
    number: Number
    pull_request: Link | None = None


class IssueCommentPosted(Posted, frozen=True, kw_only=True):
    comment: Comment
    issue: CommentedIssue


class PushedCommit(Struct, frozen=True):
    id: Sha


class Push(Posted, frozen=True, kw_only=True):
    ref: Short
    before: Sha
    after: Sha
    deleted: bool = False
    forced: bool = False
    commits: list[PushedCommit] = []


class HeadCommit(Struct, frozen=True, kw_only=True):
    timestamp: datetime | None = None


class MergeGroup(Struct, frozen=True, kw_only=True):
    head_sha: Sha
    head_ref: Short
    base_ref: Short = ""
    head_commit: HeadCommit | None = None


class MergeGroupPosted(Posted, frozen=True, kw_only=True):
    merge_group: MergeGroup
    reason: Short | None = None


class App(Struct, frozen=True):
    slug: str | None = None


class Branch(Struct, frozen=True):
    head_branch: Short | None = None


class CheckRun(Struct, frozen=True, kw_only=True):
    id: Number
    name: Short
    head_sha: Sha
    conclusion: Short | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    html_url: Short | None = None
    app: App | None = None
    check_suite: Branch | None = None


class CheckRunPosted(Posted, frozen=True, kw_only=True):
    check_run: CheckRun


class CheckSuite(Struct, frozen=True, kw_only=True):
    id: Number
    head_sha: Sha
    updated_at: datetime
    created_at: datetime | None = None
    conclusion: Short | None = None
    head_branch: Short | None = None
    app: App | None = None


class CheckSuitePosted(Posted, frozen=True, kw_only=True):
    check_suite: CheckSuite


class WorkflowJob(Struct, frozen=True, kw_only=True):
    id: Number
    name: Short
    head_sha: Sha
    conclusion: Short | None = None
    run_attempt: Number | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    html_url: Short | None = None
    head_branch: Short | None = None
    workflow_name: Short | None = None


class WorkflowJobPosted(Posted, frozen=True, kw_only=True):
    workflow_job: WorkflowJob


class WorkflowRun(Struct, frozen=True, kw_only=True):
    id: Number
    head_sha: Sha
    updated_at: datetime
    name: Short | None = None
    conclusion: Short | None = None
    run_attempt: Number | None = None
    run_started_at: datetime | None = None
    html_url: Short | None = None
    head_branch: Short | None = None


class WorkflowRunPosted(Posted, frozen=True, kw_only=True):
    workflow_run: WorkflowRun


class StatusBranch(Struct, frozen=True):
    name: Short = ""


class Status(Posted, frozen=True, kw_only=True):
    id: Number
    sha: Sha
    state: Short
    context: Short
    created_at: datetime
    target_url: Short | None = None
    branches: list[StatusBranch] = []


class Deployment(Struct, frozen=True, kw_only=True):
    id: Number
    sha: Sha
    created_at: datetime
    ref: Short = ""
    task: Short | None = None
    environment: Short = ""
    #: whatever the person or program that deploys wants to tell
    payload: msgspec.Raw = msgspec.Raw(b"null")
    creator: User | None = None


class DeploymentPosted(Posted, frozen=True, kw_only=True):
    deployment: Deployment


class DeploymentStatus(Struct, frozen=True, kw_only=True):
    state: Short
    created_at: datetime
    environment: Short | None = None


class DeploymentStatusPosted(Posted, frozen=True, kw_only=True):
    deployment: Deployment
    deployment_status: DeploymentStatus


class Release(Struct, frozen=True, kw_only=True):
    tag_name: Short
    name: Short | None = None
    target_commitish: Short | None = None
    prerelease: bool = False
    published_at: datetime | None = None
    author: User | None = None


class ReleasePosted(Posted, frozen=True, kw_only=True):
    release: Release
