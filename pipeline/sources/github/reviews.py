"""Reviews and comments on pull requests: that they were given, what they amount to, never their text."""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.sources.github.heard import Heard, is_bot
from pipeline.sources.github.payloads import Comment, IssueCommentPosted, ReviewCommentPosted, ReviewPosted
from pipeline.sources.remarks import features
from pipeline.sources.times import micros

#: what a comment in the diff is about that is at none of its lines
WHOLE_FILE = "file"


def read_review(posted: ReviewPosted, heard: Heard) -> list[e.Event]:
    """A review that was submitted, or dismissed later; one that is still being written says nothing."""
    review, request = posted.review, posted.pull_request
    decision, dismissal = review.state.lower(), posted.action == "dismissed"
    if decision == "pending" or dismissal != (decision == "dismissed"):
        return []
    updated_at = micros(request.updated_at, "pull_request.updated_at")
    if dismissal or review.submitted_at is None:
        time = updated_at
    else:
        time = micros(review.submitted_at, "review.submitted_at")
    return [
        e.ReviewSubmitted(
            **heard.head(f"#{request.number} review {review.id} {decision}", time, updated_at),
            **heard.change(request.number),
            reviewer=heard.person(review.user),
            decision=decision,
            commit_sha=review.commit_id or "",
            bot=is_bot(review.user),
            **features(review.body or "")._asdict(),
        )
    ]


def read_review_comment(posted: ReviewCommentPosted, heard: Heard) -> list[e.Event]:
    """A comment on a line of a change, or on one of its files."""
    comment, number = posted.comment, posted.pull_request.number
    line = comment.subject_type != WHOLE_FILE
    return [_comment(comment, heard, number, "review comment", posted.action, line=line)]


def read_issue_comment(posted: IssueCommentPosted, heard: Heard) -> list[e.Event]:
    """A comment in the conversation of a change; comments on issues are not read."""
    if posted.issue.pull_request is None:
        return []
    return [_comment(posted.comment, heard, posted.issue.number, "comment", posted.action)]


def _comment(
    comment: Comment, heard: Heard, number: int, what: str, action: str, *, line: bool = False
) -> e.Event:
    deleted = action == "deleted"
    # a deletion leaves the time of the last edit as it was, and comes after it
    version = micros(comment.updated_at, "comment.updated_at") + deleted
    return e.CommentPosted(
        **heard.head(
            f"#{number} {what} {comment.id}",
            micros(comment.created_at, "comment.created_at"),
            version,
            retracted=deleted,
        ),
        **heard.change(number),
        author=heard.person(comment.user),
        bot=is_bot(comment.user),
        path=comment.path or "",
        commit_sha=comment.commit_id or "",
        in_reply=comment.in_reply_to_id is not None,
        line=line,
        **features(comment.body or "")._asdict(),
    )
