"""Review histories: what an archive of pull requests and their reviews tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.core import events as e
from pipeline.sources.history_records import Request, Review, head
from pipeline.sources.times import micros


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


def review_event(record: Review, person: Callable[[str], str]) -> e.ReviewSubmitted:
    key = f"{record.repo}#{record.number}"
    return e.ReviewSubmitted(
        *head(f"github {key} review {record.id}", "github", micros(record.at, "at")),
        change=key,
        repository=record.repo,
        number=record.number,
        reviewer=person(record.author),
        decision=record.state,
        commit_sha=record.commit,
        comments=len(record.comments),
    )
