"""What is read of GitLab's payloads: the few fields that events need, and nothing else.

GitLab sends almost everything as null at some time, so what is optional may be ``None``. What ends up in a
key or a number is checked while it is decoded. Times stay text here: their formats differ between hooks
and versions (``moments`` reads them).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LABELS_MAX = 100
PERSONS_MAX = 100
JOBS_MAX = 5_000
COMMITS_MAX = 2_048

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Sha = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{4,64})?\Z")]
#: groups can lie inside groups
Path = Annotated[str, Meta(pattern=r"^[\w.+-]{1,255}(?:/[\w.+-]{1,255}){1,20}\Z")]
#: names, references and addresses: never longer than this in a sane delivery
Short = Annotated[str, Meta(max_length=1_024)]
Moment = Annotated[str, Meta(max_length=64)]


class Struct(msgspec.Struct, frozen=True, gc=False):
    """What the structs here have in common: they are decoded, read once and thrown away."""


class Posted(Struct, frozen=True):
    """What tells the kinds of hooks apart."""

    object_kind: Short | None = None
    event_name: Short | None = None


class Project(Struct, frozen=True):
    path_with_namespace: Path
    web_url: Short | None = None


class User(Struct, frozen=True):
    id: int | None = None
    username: Short | None = None
    #: of reviewers, in newer versions
    state: Short | None = None
    re_requested: bool | None = None


class Label(Struct, frozen=True):
    title: Short | None = None


class Commit(Struct, frozen=True):
    id: Sha


class RequestAttributes(Struct, frozen=True, kw_only=True):
    iid: Number
    created_at: Moment
    updated_at: Moment
    #: when what the hook tells was done; since GitLab 18.10
    actioned_at: Moment | None = None
    merged_at: Moment | None = None
    action: Short | None = None
    state: Short | None = None
    title: str | None = None
    description: str | None = None
    target_branch: Short | None = None
    author_id: int | None = None
    draft: bool | None = None
    work_in_progress: bool | None = None
    last_commit: Commit | None = None
    merge_commit_sha: Sha | None = None
    squash_commit_sha: Sha | None = None
    labels: list[Label] | None = None
    system: bool | None = None


class Users(Struct, frozen=True):
    """A list of persons before and after."""

    previous: list[User] | None = None
    current: list[User] | None = None


class Labels(Struct, frozen=True):
    """Labels before and after."""

    previous: list[Label] | None = None
    current: list[Label] | None = None


class Changes(Struct, frozen=True):
    """What a hook says has become another; newer versions tell reviewers as two lists."""

    reviewers: Users | list[list[User]] | None = None
    labels: Labels | None = None


class RequestPosted(Struct, frozen=True, kw_only=True):
    project: Project
    object_attributes: RequestAttributes
    user: User | None = None
    labels: list[Label] | None = None
    assignees: list[User] | None = None
    reviewers: list[User] | None = None
    changes: Changes | None = None


class Position(Struct, frozen=True):
    new_path: Short | None = None
    head_sha: Sha | None = None
    old_line: Number | None = None
    new_line: Number | None = None


class NoteAttributes(Struct, frozen=True, kw_only=True):
    id: Number
    created_at: Moment
    updated_at: Moment | None = None
    note: str | None = None
    noteable_type: Short | None = None
    system: bool | None = None
    commit_id: Sha | None = None
    line_code: Short | None = None
    position: Position | str | None = None
    st_diff: Position | None = None


class NotedRequest(Struct, frozen=True):
    iid: Number


class NotePosted(Struct, frozen=True, kw_only=True):
    project: Project
    object_attributes: NoteAttributes
    user: User | None = None
    merge_request: NotedRequest | None = None


class PipelineAttributes(Struct, frozen=True, kw_only=True):
    id: Number
    sha: Sha
    status: Short
    name: Short | None = None
    ref: Short | None = None
    tag: bool | None = None
    created_at: Moment | None = None
    finished_at: Moment | None = None
    url: Short | None = None


class PipelineRequest(Struct, frozen=True):
    source_branch: Short | None = None


class Build(Struct, frozen=True, kw_only=True):
    """A job, as the hook of its pipeline tells it."""

    id: Number
    name: Short
    status: Short
    stage: Short | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    failure_reason: Short | None = None
    allow_failure: bool | None = None


class PipelinePosted(Struct, frozen=True, kw_only=True):
    project: Project
    object_attributes: PipelineAttributes
    merge_request: PipelineRequest | None = None
    builds: list[Build] | None = None


class PipelineName(Struct, frozen=True):
    """What a job's hook calls its commit is its pipeline."""

    name: Short | None = None


class JobRepository(Struct, frozen=True):
    homepage: Short | None = None


class JobPosted(Struct, frozen=True, kw_only=True):
    """A job, as its own hook tells it; older versions name its project by the address alone."""

    build_id: Number
    build_name: Short
    build_status: Short
    sha: Sha
    project: Project | None = None
    repository: JobRepository | None = None
    ref: Short | None = None
    tag: bool | None = None
    build_stage: Short | None = None
    build_started_at: Moment | None = None
    build_finished_at: Moment | None = None
    build_failure_reason: Short | None = None
    build_allow_failure: bool | None = None
    retries_count: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    commit: PipelineName | None = None


class DeploymentPosted(Struct, frozen=True, kw_only=True):
    project: Project
    status: Short
    status_changed_at: Moment
    deployment_id: Number
    environment: Short
    commit_url: Short | None = None
    user: User | None = None


class PushPosted(Struct, frozen=True, kw_only=True):
    project: Project
    ref: Short
    before: Sha
    after: Sha
    user_username: Short | None = None
    commits: list[Commit] | None = None


class TagPosted(Struct, frozen=True, kw_only=True):
    project: Project
    ref: Short
    #: the commit, also of a tag with a message, which is an object of its own; null when the tag is gone
    checkout_sha: Sha | None = None


class ReleasePosted(Struct, frozen=True, kw_only=True):
    project: Project
    tag: Annotated[str, Meta(min_length=1, max_length=1_024)]
    created_at: Moment
    released_at: Moment | None = None
    name: str | None = None
    action: Short | None = None
    commit: Commit | None = None


class IssueAttributes(Struct, frozen=True, kw_only=True):
    iid: Number
    created_at: Moment
    updated_at: Moment
    closed_at: Moment | None = None
    action: Short | None = None
    state: Short | None = None
    type: Short | None = None
    title: str | None = None
    description: str | None = None
    url: Short | None = None
    severity: Short | None = None
    escalation_status: Short | None = None
    labels: list[Label] | None = None


class IssuePosted(Struct, frozen=True, kw_only=True):
    project: Project
    object_attributes: IssueAttributes
    labels: list[Label] | None = None
    assignees: list[User] | None = None
    changes: Changes | None = None


class Location(Struct, frozen=True):
    file: Short | None = None


class Identifier(Struct, frozen=True):
    name: Short | None = None
    external_type: Short | None = None


class VulnerabilityAttributes(Struct, frozen=True, kw_only=True):
    """A vulnerability; its project is told by its address alone."""

    url: Short
    state: Short
    created_at: Moment
    updated_at: Moment
    confirmed_at: Moment | None = None
    dismissed_at: Moment | None = None
    resolved_at: Moment | None = None
    severity: Short | None = None
    report_type: Short | None = None
    location: Location | None = None
    identifiers: list[Identifier] | None = None


class VulnerabilityPosted(Struct, frozen=True):
    object_attributes: VulnerabilityAttributes
