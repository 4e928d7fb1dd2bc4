"""Whether somebody looked: comments that say something, and approvals that nothing was said before.

Text alone is a weak signal of whether a comment is useful, and whether something was changed after it is a
strong one (Bosu, Greiler and Bird, "Characteristics of useful code reviews", 2015). So a comment gets points
for what is known of it; nobody reads its text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pipeline.core.events import CommentPosted, Event, ReviewSubmitted
from pipeline.core.limits import Remarks


def points_of(remark: CommentPosted | ReviewSubmitted, *, changed_after: bool, weights: Remarks) -> int:
    """What a comment, or the text of a review, amounts to; ``changed_after`` = a push followed it.

    Only thanks, praise or emoji are worth nothing, wherever they stand.
    """
    words = remark.words or 0
    # an older source told how long it is, and no more
    said = words if remark.words is not None else remark.characters
    if remark.filler or not (said or remark.code or remark.suggestion or remark.question):
        return 0
    points = 0
    if isinstance(remark, CommentPosted) and (remark.line or remark.path):
        points += weights.anchored
        if changed_after:
            points += weights.changed_after
    if remark.code or remark.suggestion:
        points += weights.code
    if remark.question or remark.request:
        points += weights.question
    if words >= weights.words_min:
        points += weights.words
    if 0 < words <= weights.mark_words_max and not (remark.code or remark.suggestion or remark.question):
        return min(points, weights.mark)
    return points


def remarks_of(events: Iterable[Event], author: str, until: int) -> list[CommentPosted | ReviewSubmitted]:
    """What other persons said about a request before a time: comments, and reviews with a text of their own.

    ``events`` are in order of their times.
    """
    found: list[CommentPosted | ReviewSubmitted] = []
    for event in events:
        if event.time >= until:
            break
        if isinstance(event, CommentPosted):
            said = not event.bot and event.author != author
        elif isinstance(event, ReviewSubmitted):
            # who dismisses a review repeats its text
            said = (
                not event.bot
                and event.reviewer != author
                and event.decision != "dismissed"
                and bool(event.words or event.characters)
            )
        else:
            continue
        if said:
            found.append(event)
    return found


def points_of_all(
    remarks: Collection[CommentPosted | ReviewSubmitted], pushes: Sequence[int], weights: Remarks
) -> list[int]:
    """What each of these amounts to; ``pushes`` = when the newest commit became another one, in order."""
    last_push = pushes[-1] if pushes else -1
    if not remarks:
        return []
    return [points_of(remark, changed_after=remark.time < last_push, weights=weights) for remark in remarks]


def substantive(points: Iterable[int], weights: Remarks) -> int:
    """How many remarks that amount to this say something."""
    return len([worth for worth in points if worth >= weights.substantive_from])


def is_rubber_stamp(
    points: Sequence[int], approval_seconds: int | None, limit_seconds: int | None, limits: Remarks
) -> bool:
    """Whether it was approved too fast for its size (``measures/paces.py``), without a word.

    ``points`` is what the remarks amount to. ``approval_seconds`` is the time from its being ready, or
    the last push, to an approval: longer than anybody had the change before his eyes, so this finds fewer
    than there are.
    """
    if approval_seconds is None or limit_seconds is None:
        return False
    return max(points, default=0) < limits.looked_from and approval_seconds < limit_seconds
