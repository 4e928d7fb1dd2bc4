"""How requests were reviewed, the slow way: every ten minutes of their lives are looked at from scratch.

Nothing of this is shared with the core but the events: no turns, no sums of windows. It is right for
histories whose times lie on the grid of the strategies, and in which nothing is told twice or taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.core import events as e
from tests.strategies import DAY, STEP

_OF_A_CHANGE = (
    e.ChangeOpened, e.ChangeUpdated, e.ReviewRequested, e.ReviewSubmitted, e.CommentPosted, e.QueueChanged,
    e.ChangeMerged, e.ChangeAbandoned,
)  # fmt: skip
_RANK: dict[type[e.Event], int] = {
    e.ChangeOpened: 1, e.ChangeUpdated: 2, e.ReviewRequested: 3, e.QueueChanged: 5, e.ChangeMerged: 6,
    e.ChangeAbandoned: 6,
}  # fmt: skip


class Step(NamedTuple):
    """Ten minutes of a request."""

    at: int
    whose: str
    waited_on: tuple[str, ...]
    works: bool


def reviews(history: Sequence[e.Event]) -> dict[str, dict[str, Any]]:
    """What the rows of reviews have to say, by change."""
    told: dict[str, list[e.Event]] = {}
    for event in history:
        if isinstance(event, _OF_A_CHANGE):
            told.setdefault(event.change, []).append(event)
    found = {}
    for change, events in told.items():
        events.sort(key=lambda event: (event.time, event.sequence, _RANK.get(type(event), 4), event.id))
        row = _row(events, history)
        if row is not None:
            found[change] = row
    return found


def _row(events: list[e.Event], history: Sequence[e.Event]) -> dict[str, Any] | None:
    opening = [event for event in events if isinstance(event, e.ChangeOpened)]
    ends = [event for event in events if isinstance(event, e.ChangeMerged | e.ChangeAbandoned)]
    if not opening:
        return None
    opened_at, author = opening[0].time, opening[0].author
    closed_at = ends[-1].time if ends else None
    life = [event for event in events if closed_at is None or event.time < closed_at]
    until = closed_at if closed_at is not None else max(event.time for event in history) + DAY
    steps = _steps(life, author, range(opened_at, until, STEP), history)
    response = _first_response(life, author)
    whose, running = "", until
    if closed_at is None:
        # the turn that lasts is in no sum
        whose, waited_on = steps[-1].whose, steps[-1].waited_on
        while steps and (steps[-1].whose, steps[-1].waited_on) == (whose, waited_on):
            running = steps.pop().at
    mine = [step for step in steps if step.whose == "reviewers"]
    row = {
        "opened_at": opened_at,
        "closed_at": closed_at,
        "first_response_at": response,
        "waiting_seconds": _seconds(mine),
        "waiting_working_seconds": _seconds([step for step in mine if step.works]),
        "author_seconds": _seconds([step for step in steps if step.whose == "author"]),
        "merging_seconds": _seconds([step for step in steps if step.whose == "merge"]),
        "turn": whose,
    }
    if response is not None and response <= running:
        before = [step for step in mine if step.at < response]
        row["response_seconds"] = _seconds(before)
        row["response_working_seconds"] = _seconds([step for step in before if step.works])
    return row


def _steps(life: list[e.Event], author: str, times: range, history: Sequence[e.Event]) -> list[Step]:
    steps: list[Step] = []
    start = times.start
    for at in times:
        whose, waited_on = _state(life, author, at, history)
        if steps and (steps[-1].whose, steps[-1].waited_on) != (whose, waited_on):
            start = at
        works = whose == "reviewers" and _works(waited_on, start, at, history, life[0])
        steps.append(Step(at, whose, waited_on, works))
    return steps


def _seconds(steps: list[Step]) -> int:
    return len(steps) * STEP // e.MICROSECONDS


def _first_response(life: list[e.Event], author: str) -> int | None:
    ready = False
    for event in life:
        if isinstance(event, e.ChangeOpened | e.ChangeUpdated):
            ready = ready or not event.draft
        if ready and _speaker(event, author):
            return event.time
    return None


def _speaker(event: e.Event, author: str) -> str:
    """Who says something about somebody else's request; nobody, for any other event."""
    if isinstance(event, e.ReviewSubmitted) and event.decision != "dismissed":
        return event.reviewer if event.reviewer != author else ""
    if isinstance(event, e.CommentPosted):
        return event.author if event.author != author else ""
    return ""


def _state(
    life: list[e.Event], author: str, at: int, history: Sequence[e.Event]
) -> tuple[str, tuple[str, ...]]:
    """Whose turn it is at an instant, and who was asked and has not answered."""
    past = [event for event in life if event.time <= at]
    updates = [event for event in past if isinstance(event, e.ChangeOpened | e.ChangeUpdated)]
    draft = updates[-1].draft if updates else False
    head, pushed = "", -1
    for place, event in enumerate(past):
        if isinstance(event, e.ChangeOpened | e.ChangeUpdated) and event.head_sha not in ("", head):
            pushed = place if head else pushed
            head = event.head_sha
    approved = blocked = False
    for reviewer in {event.reviewer for event in past if isinstance(event, e.ReviewSubmitted)} - {author}:
        said = [
            (place, event.decision)
            for place, event in enumerate(past)
            if isinstance(event, e.ReviewSubmitted)
            and event.reviewer == reviewer
            and event.decision in ("approved", "changes_requested", "dismissed")
        ]
        if not said:
            continue
        place, decision = said[-1]
        asked_again = any(
            isinstance(event, e.ReviewRequested) and event.reviewer == reviewer for event in past[place:]
        )
        approved |= decision == "approved"
        blocked |= decision == "changes_requested" and pushed < place and not asked_again
    if draft or blocked or _red(head, at, history):
        return "author", ()
    return ("merge", ()) if approved else ("reviewers", _waited_on(past, author, history))


def _waited_on(past: list[e.Event], author: str, history: Sequence[e.Event]) -> tuple[str, ...]:
    waited_on: dict[str, None] = {}
    for event in past:
        if isinstance(event, e.ReviewRequested):
            waited_on[event.reviewer or event.team] = None
        elif speaker := _speaker(event, author):
            for name in list(waited_on):
                version = _version(name, event.time, history)
                if name == speaker or (version is not None and speaker in version.members):
                    del waited_on[name]
    return tuple(waited_on)


def _red(head: str, at: int, history: Sequence[e.Event]) -> bool:
    last: dict[str, tuple[int, int, str]] = {}
    for event in history:
        if isinstance(event, e.CheckFinished) and head and event.sha == head and event.time <= at:
            said = (event.attempt, event.time, event.outcome)
            last[event.name] = max(last.get(event.name, said), said)
    return any(outcome == "failure" for _, _, outcome in last.values())


def _version(name: str, at: int, history: Sequence[e.Event]) -> e.TeamDeclared | None:
    """What is declared of a team at a time, under its name or an alias that is no other team's name."""
    teams = [event for event in history if isinstance(event, e.TeamDeclared)]
    if all(version.team != name for version in teams):
        known_as = sorted(
            version.team
            for version in teams
            if any(name in (alias, alias.rpartition("/")[2]) for alias in version.aliases)
        )
        name = known_as[0] if known_as else ""
    versions = sorted((v for v in teams if v.team == name), key=lambda v: (v.time, v.id))
    if not versions:
        return None
    return [version for version in versions if version is versions[0] or version.time <= at][-1]


def _works(
    waited_on: tuple[str, ...], start: int, at: int, history: Sequence[e.Event], change: e.Event
) -> bool:
    """Whether any of those who are waited on since ``start`` is at work."""
    versions = []
    names = sorted({event.team for event in history if isinstance(event, e.TeamDeclared)})
    for name in waited_on:
        own = _version(name, start, history)
        if own is not None:
            versions.append(own)
            continue
        for team in names:
            version = _version(team, start, history)
            if version is not None and name in version.members:
                versions.append(version)
    if not versions:
        owner = _owner(change.repository, history)  # type: ignore[attr-defined]
        own = _version(owner, start, history) if owner else None
        versions = [own] if own is not None else []
    if not versions:
        return _at_work([], 540, 1020, [], 0, at)
    return any(
        _at_work(
            version.days,
            540 if version.opens_minute is None else version.opens_minute,
            1020 if version.closes_minute is None else version.closes_minute,
            version.holidays,
            version.offsets_seconds[sum(at >= change_at for change_at in version.offsets_from)],
            at,
        )
        for version in versions
    )


def _owner(repository: str, history: Sequence[e.Event]) -> str:
    """The team of the one service that a repository is declared to be built into."""
    newest: dict[str, e.ServiceDeclared] = {}
    for event in sorted(history, key=lambda event: (event.time, event.sequence, event.id)):
        if isinstance(event, e.ServiceDeclared):
            newest[event.service] = event
    services = [entry for entry in newest.values() if repository in entry.repositories]
    if len(services) == 1:
        return services[0].team
    entry = newest.get(repository.rsplit("/", 1)[-1])
    return entry.team if entry is not None else ""


def _at_work(days: list[int], opens: int, closes: int, holidays: list[int], offset: int, at: int) -> bool:
    minutes = (at // e.MICROSECONDS + offset) // 60
    date, minute = divmod(minutes, 1440)
    weekday = (date + 3) % 7 + 1
    return weekday in (days or range(1, 6)) and date not in holidays and opens <= minute < closes
