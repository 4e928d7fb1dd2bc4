"""Merge requests: their life, who was asked, who approved, and what was said."""

from __future__ import annotations

from typing import Any

from pipeline.core import events as e
from pipeline.sources.gitlab.heard import Heard, is_bot, moment, titles
from pipeline.sources.gitlab.payloads import (
    PERSONS_MAX,
    NoteAttributes,
    NotePosted,
    Position,
    RequestPosted,
    User,
    Users,
)
from pipeline.sources.remarks import features
from pipeline.sources.times import instant

#: one person's click is one hook: the second word of each pair says that this settled the whole
DECISIONS = {
    "approval": "approved",
    "approved": "approved",
    "unapproval": "dismissed",
    "unapproved": "dismissed",
}
#: what a reviewer's state says that no hook of its own says
_STATES = {"requested_changes": "changes_requested", "reviewed": "commented"}


def read_request(posted: RequestPosted, heard: Heard) -> list[e.Event]:
    """What one hook tells of a merge request; what has no meaning gives nothing."""
    request = posted.object_attributes
    action = request.action or ""
    at = moment(request.actioned_at or request.updated_at, "object_attributes.updated_at")
    if action == "open":
        return [_opened(posted, heard), *_asked(posted.reviewers or [], posted, heard, None)]
    if action == "merge":
        return [_merged(posted, heard, at)]
    if action == "close":
        head = heard.head(f"#{request.iid} abandoned", at, at)
        return [e.ChangeAbandoned(**head, **heard.change(request.iid))]
    if action in DECISIONS:
        return _decided(posted, heard, DECISIONS[action], at)
    if action == "reopen":
        return [_updated(posted, heard, "reopened", at)]
    if action == "update":
        # whoever edits a closed request does not open it again
        updated = [] if request.state == "closed" else [_updated(posted, heard, "updated", at)]
        return [*updated, *_reviewers(posted, heard, at)]
    return []


def _author(posted: RequestPosted) -> User | None:
    """Who opened it, where the hook names them: it gives a number, and the names of those who take part."""
    number = posted.object_attributes.author_id
    known = [posted.user, *(posted.assignees or []), *(posted.reviewers or [])]
    return next(
        (user for user in known if user is not None and number is not None and user.id == number), None
    )


def _described(posted: RequestPosted, heard: Heard) -> dict[str, Any]:
    """What the request says of itself."""
    request = posted.object_attributes
    author = _author(posted)
    return {
        **heard.change(request.iid),
        "branch": request.target_branch or "",
        **heard.described(
            request.title or "",
            request.description or "",
            titles(request.labels, posted.labels),
            author=heard.person(author),
            bot=is_bot(author),
        ),
    }


def _head_of(posted: RequestPosted) -> dict[str, Any]:
    request = posted.object_attributes
    return {
        "head_sha": request.last_commit.id if request.last_commit is not None else "",
        "draft": bool(request.draft or request.work_in_progress),
    }


def _opened(posted: RequestPosted, heard: Heard) -> e.Event:
    request = posted.object_attributes
    head = heard.head(
        f"#{request.iid} opened",
        moment(request.created_at, "object_attributes.created_at"),
        moment(request.updated_at, "object_attributes.updated_at"),
    )
    return e.ChangeOpened(**head, **_described(posted, heard), **_head_of(posted))


def _updated(posted: RequestPosted, heard: Heard, what: str, at: int) -> e.Event:
    head = heard.head(f"#{posted.object_attributes.iid} {what} {instant(at)}", at, at)
    return e.ChangeUpdated(**head, **_described(posted, heard), **_head_of(posted))


def _merged(posted: RequestPosted, heard: Heard, at: int) -> e.Event:
    request = posted.object_attributes
    last = request.last_commit.id if request.last_commit is not None else ""
    # a fast-forward makes no merge commit: the last commit itself reaches the branch
    sha = request.merge_commit_sha or request.squash_commit_sha or last
    time = moment(request.merged_at, "object_attributes.merged_at") if request.merged_at else at
    commits = dict.fromkeys(filter(None, (request.squash_commit_sha, last)))
    commits.pop(sha, None)
    return e.ChangeMerged(
        **heard.head(f"#{request.iid} merged", time, at),
        **_described(posted, heard),
        sha=sha,
        commits=list(commits),
        merged_by=heard.person(posted.user),
        opened_at=moment(request.created_at, "object_attributes.created_at"),
    )


def _review(posted: RequestPosted, heard: Heard, user: User | None, decision: str, at: int) -> e.Event:
    request, reviewer = posted.object_attributes, heard.person(user)
    return e.ReviewSubmitted(
        **heard.head(f"#{request.iid} review {reviewer} {decision} {instant(at)}", at, at),
        **heard.change(request.iid),
        reviewer=reviewer,
        decision=decision,
        commit_sha=request.last_commit.id if request.last_commit is not None else "",
        bot=is_bot(user),
    )


def _decided(posted: RequestPosted, heard: Heard, decision: str, at: int) -> list[e.Event]:
    """An approval, or the end of one. After a push GitLab itself ends them, in the name of who pushed.

    Then only the reviewers' states, where the hook has them, say whose approval ended.
    """
    if not posted.object_attributes.system:
        named = heard.person(posted.user)
        return [_review(posted, heard, posted.user, decision, at)] if named else []
    return [
        _review(posted, heard, user, decision, at)
        for user in (posted.reviewers or [])[:PERSONS_MAX]
        if user.state == "unapproved" and decision == "dismissed"
    ]


def _asked(
    users: list[User], posted: RequestPosted, heard: Heard, at: int | None, *, withdrawn: bool = False
) -> list[e.Event]:
    """Requests for review, or their end; those named when the request was opened are asked from then on."""
    request = posted.object_attributes
    time = moment(request.created_at, "object_attributes.created_at") if at is None else at
    what = "review_request_removed" if withdrawn else "review_requested"
    return [
        e.ReviewRequested(
            **heard.head(f"#{request.iid} {what} {reviewer} {instant(time)}", time, time),
            **heard.change(request.iid),
            reviewer=reviewer,
            withdrawn=withdrawn,
        )
        for user in users[:PERSONS_MAX]
        if (reviewer := heard.person(user))
    ]


def _reviewers(posted: RequestPosted, heard: Heard, at: int) -> list[e.Event]:
    """What changed among the reviewers: asked, asked again, no longer asked, or done with their review."""
    told = posted.changes.reviewers if posted.changes is not None else None
    if told is None:
        return []
    if isinstance(told, Users):
        before, after = told.previous or [], told.current or []
    else:
        before, after = (told[0], told[1]) if len(told) == 2 else ([], [])
    old, new = {user.username: user for user in before}, {user.username: user for user in after}
    asked = [user for name, user in new.items() if name not in old or user.re_requested]
    gone = [user for name, user in old.items() if name not in new]
    decided = [
        _review(posted, heard, user, _STATES[user.state], at)
        for name, user in new.items()
        if name and user.state in _STATES and (name not in old or old[name].state != user.state)
    ]
    return [
        *_asked(asked, posted, heard, at),
        *_asked(gone, posted, heard, at, withdrawn=True),
        *decided[:PERSONS_MAX],
    ]


def _is_at_a_line(note: NoteAttributes) -> bool:
    """Comments on a file or a picture have a position, too, and older ones at a line have only its code."""
    place = note.position
    if isinstance(place, Position) and (place.new_line is not None or place.old_line is not None):
        return True
    return bool(note.line_code)


def read_note(posted: NotePosted, heard: Heard) -> list[e.Event]:
    """A comment on a merge request; on anything else, and by GitLab itself, it gives nothing."""
    note, request = posted.object_attributes, posted.merge_request
    if request is None or note.noteable_type != "MergeRequest" or note.system:
        return []
    created_at = moment(note.created_at, "object_attributes.created_at")
    place = note.position if isinstance(note.position, Position) else note.st_diff
    version = moment(note.updated_at, "object_attributes.updated_at") if note.updated_at else created_at
    return [
        e.CommentPosted(
            **heard.head(f"#{request.iid} comment {note.id}", created_at, version),
            **heard.change(request.iid),
            author=heard.person(posted.user),
            bot=is_bot(posted.user),
            path=(place.new_path if place is not None else "") or "",
            commit_sha=note.commit_id or (place.head_sha if place is not None else "") or "",
            line=_is_at_a_line(note),
            **features(note.note or "")._asdict(),
        )
    ]
