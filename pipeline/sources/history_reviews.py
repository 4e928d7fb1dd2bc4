"""Review histories: what an archive of pull requests and their reviews tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.core import events as e
from pipeline.sources.history_records import (
    REVIEWS_PARSER_VERSION,
    Comment,
    Head,
    Request,
    Review,
    Said,
    head,
)
from pipeline.sources.times import instant, micros


def request_events(record: Request, person: Callable[[str], str]) -> Iterator[e.Event]:
    """A request's opening and its end, if it has ended; under the ids that its forge's own events have."""
    key = f"{record.repo}#{record.number}"
    opened_at, author = micros(record.at, "at"), person(record.author)
    yield e.ChangeOpened(
        *head(f"github {key} opened", "github", opened_at),
        change=key,
        repository=record.repo,
        number=record.number,
        branch=record.base,
        title=record.title,
        author=author,
        head_sha=record.head or "",
        labels=record.labels,
    )
    if record.state == "merged" and record.merged_at is not None:
        yield e.ChangeMerged(
            *head(f"github {key} merged", "github", micros(record.merged_at, "merged_at")),
            change=key,
            repository=record.repo,
            number=record.number,
            branch=record.base,
            sha=record.sha or "",
            title=record.title,
            author=author,
            merged_by=person(record.merged_by or ""),
            opened_at=opened_at,
            additions=record.additions,
            deletions=record.deletions,
            files=None if record.files is None else len(record.files),
            paths=[path.rpartition(" => ")[2] for path in record.files or []],
            labels=record.labels,
        )
    elif record.state == "closed" and record.closed_at is not None:
        yield e.ChangeAbandoned(
            *head(f"github {key} abandoned", "github", micros(record.closed_at, "closed_at")),
            change=key,
            repository=record.repo,
            number=record.number,
        )


def review_events(record: Review, person: Callable[[str], str]) -> Iterator[e.Event]:
    """A review and its comments in the diff, whose ids are their places in it."""
    key = f"{record.repo}#{record.number}"
    at, reviewer = micros(record.at, "at"), person(record.author)
    yield e.ReviewSubmitted(
        *_head(f"{key} review {record.id}", at),
        change=key,
        repository=record.repo,
        number=record.number,
        reviewer=reviewer,
        decision=record.state,
        commit_sha=record.commit,
        comments=len(record.comments),
        **_said(record.body),
    )
    for place, comment in enumerate(record.comments, start=1):
        time = at if comment.at is None else micros(comment.at, "comments.at")
        yield e.CommentPosted(
            *_head(f"{key} review {record.id} comment {place}", time, place),
            change=key,
            repository=record.repo,
            number=record.number,
            author=reviewer,
            commit_sha=record.commit,
            line=comment.position is not None,
            **_said(comment),
        )


def comment_event(record: Comment, person: Callable[[str], str], place: int) -> e.CommentPosted:
    """A comment in the conversation; ``place`` = which one of its author and time it is, from 1 on.

    Most archives give such comments no name of their own. Author and time name one; a further one of the
    same author and second has its place in its id, too.
    """
    key, at, author = f"{record.repo}#{record.number}", micros(record.at, "at"), person(record.author)
    named = [record.id] if record.id else [instant(at), author, str(place) if place > 1 else ""]
    return e.CommentPosted(
        *_head(" ".join(filter(None, [key, "comment", *named])), at, place - 1),
        change=key,
        repository=record.repo,
        number=record.number,
        author=author,
        **_said(record),
    )


def _head(what: str, time: int, sequence: int = 0) -> Head:
    return head(f"github {what}", "github", time, sequence, REVIEWS_PARSER_VERSION)


def _said(said: Said | None) -> dict[str, Any]:
    """What a text amounts to, as the fields of an event; not told at all, it says nothing."""
    return {} if said is None else {name: getattr(said, name) for name in Said.__struct_fields__}
