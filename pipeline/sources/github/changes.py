"""Pull requests, and how they get through the merge queue."""

from __future__ import annotations

import re
from typing import Any

from pipeline.core import events as e
from pipeline.sources.github.heard import Heard, branch_of, is_bot, names
from pipeline.sources.github.payloads import (
    MergeGroupPosted,
    PullRequest,
    PullRequestPosted,
)
from pipeline.sources.times import instant, micros

#: why a request left the queue by being merged
_MERGED = frozenset({"merge", "merged", "already_merged"})
_QUEUED = re.compile(r"(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>\d{1,18})-[0-9a-f]+")


def read_pull_request(posted: PullRequestPosted, heard: Heard) -> list[e.Event]:
    """A request's opening, its end, and what changed in between; what has no meaning gives nothing."""
    request, action = posted.pull_request, posted.action
    updated_at = micros(request.updated_at, "pull_request.updated_at")
    if action == "opened":
        return [_opened(request, heard, updated_at)]
    if action == "closed":
        return [_closed(request, heard, updated_at)]
    if action in ("review_requested", "review_request_removed"):
        return [_asked(posted, heard, updated_at)]
    if action in ("enqueued", "dequeued"):
        return [_queued(posted, heard, updated_at)]
    if request.merged_at is not None:
        # what is written on it after its merge belongs to the fact of the merge, told once more
        return [_closed(request, heard, updated_at)]
    if request.state == "closed":
        return []
    return [_updated(posted, heard, updated_at)]


def _described(request: PullRequest, heard: Heard) -> dict[str, Any]:
    """What the request says of itself."""
    return {
        **heard.change(request.number),
        "branch": request.base.ref,
        **heard.described(
            request.title or "",
            request.body or "",
            names(request.labels),
            author=heard.person(request.user),
            bot=is_bot(request.user),
        ),
    }


def _opened(request: PullRequest, heard: Heard, updated_at: int) -> e.Event:
    created_at = micros(request.created_at, "pull_request.created_at")
    return e.ChangeOpened(
        **heard.head(f"#{request.number} opened", created_at, updated_at),
        **_described(request, heard),
        head_sha=request.head.sha,
        draft=bool(request.draft),
    )


def _updated(posted: PullRequestPosted, heard: Heard, updated_at: int) -> e.Event:
    request, what = posted.pull_request, posted.action
    if posted.label is not None:
        what = f"{what} {posted.label.name}"
    elif what == "synchronize":
        what = f"{what} {request.head.sha}"
    return e.ChangeUpdated(
        **heard.head(f"#{request.number} {what} {instant(updated_at)}", updated_at),
        **_described(request, heard),
        head_sha=request.head.sha,
        draft=bool(request.draft),
    )


def _closed(request: PullRequest, heard: Heard, updated_at: int) -> e.Event:
    if request.merged_at is None:
        closed_at = micros(request.closed_at or request.updated_at, "pull_request.closed_at")
        head = heard.head(f"#{request.number} abandoned", closed_at, updated_at)
        return e.ChangeAbandoned(**head, **heard.change(request.number))
    merged_at = micros(request.merged_at, "pull_request.merged_at")
    return e.ChangeMerged(
        **heard.head(f"#{request.number} merged", merged_at, updated_at),
        **_described(request, heard),
        sha=request.merge_commit_sha or "",
        merged_by=heard.person(request.merged_by),
        opened_at=micros(request.created_at, "pull_request.created_at"),
        additions=request.additions,
        deletions=request.deletions,
        files=request.changed_files,
    )


def _asked(posted: PullRequestPosted, heard: Heard, updated_at: int) -> e.Event:
    request, reviewer = posted.pull_request, heard.person(posted.requested_reviewer)
    team = posted.requested_team.slug if posted.requested_team is not None else ""
    what = f"#{request.number} {posted.action} {reviewer or team} {instant(updated_at)}"
    return e.ReviewRequested(
        **heard.head(what, updated_at),
        **heard.change(request.number),
        reviewer=reviewer,
        team=team,
        withdrawn=posted.action == "review_request_removed",
    )


def _queued(posted: PullRequestPosted, heard: Heard, updated_at: int) -> e.Event:
    request, reason = posted.pull_request, (posted.reason or "").lower()
    return e.QueueChanged(
        **heard.head(f"#{request.number} {posted.action} {instant(updated_at)}", updated_at),
        **heard.change(request.number),
        branch=request.base.ref,
        state="entered" if posted.action == "enqueued" else _left(reason),
        reason=reason,
    )


def _left(reason: str) -> str:
    return "merged" if reason in _MERGED else "removed"


def read_merge_group(posted: MergeGroupPosted, heard: Heard) -> list[e.Event]:
    """A group of the merge queue: its head names the request that it was made for."""
    group = posted.merge_group
    named = _QUEUED.fullmatch(group.head_ref)
    if named is None:
        return []
    number, reason = int(named["number"]), (posted.reason or "").lower()
    what = f"#{number} queue {group.head_sha} {posted.action}"
    moment = group.head_commit.timestamp if group.head_commit is not None else None
    if posted.action == "checks_requested" and moment is not None:
        # the head of a group is a commit that the queue makes at this moment
        head = heard.head(what, micros(moment, "merge_group.head_commit.timestamp"))
    else:
        head = heard.untimed_head(what)
    return [
        e.QueueChanged(
            **head,
            **heard.change(number),
            branch=branch_of(group.base_ref) or named["base"],
            state="entered" if posted.action == "checks_requested" else _left(reason),
            reason=reason,
            sha=group.head_sha,
        )
    ]
