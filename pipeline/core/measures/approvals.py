"""Whose approval a change has, and whose it lacks of those that policies and owners of files ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipeline.core.changes import ChangeSummary
from pipeline.core.events import CommentPosted, Event, OwnersRequired, ReviewSubmitted
from pipeline.core.policies import Need
from pipeline.core.teams import Teams

#: decisions that hold until the same person decides otherwise
_STANDING = frozenset({"approved", "changes_requested", "dismissed"})
_PERSON = "p:"


class Approval(NamedTuple):
    """A person's approval that stood when a change was merged."""

    person: str
    at: int


class Owners:
    """Whose approval the files of a change need, and whose it has.

    A source that knows the paths tells the groups; else all owners that are told count as one group.
    """

    def __init__(
        self,
        events: Iterable[Event],
        flat: Sequence[str],
        approvals: Sequence[Approval],
        teams: Teams,
        day: int,
    ) -> None:
        told = [event for event in events if isinstance(event, OwnersRequired)]
        self.unowned_files: int | None = None
        self.stale_entries: list[str] = []
        self.groups: list[str] = [" ".join(sorted(set(flat)))] if flat else []
        if told:
            self.groups = sorted(set(filter(None, told[-1].groups)))
            self.unowned_files = told[-1].unowned_files
            self.stale_entries = list(told[-1].stale_entries)
        self.told = bool(told or flat)
        names = {name for group in self.groups for name in group.split()}
        approved = {name for name in names for approval in approvals if speaks_for(approval, name, teams)}
        self.missing = [group for group in self.groups if approved.isdisjoint(group.split())]
        # who is in no team any more, where teams are declared at all
        self.gone = sorted(
            name
            for name in names
            if name.startswith(_PERSON) and teams.declared and not teams.teams_of(name, day)
        )


class Missing:
    """What a change did not have when it was merged, of what it needed."""

    def __init__(
        self, need: Need, approvals: Sequence[Approval], owners: Owners, summary: ChangeSummary, teams: Teams
    ) -> None:
        self.roles = [
            role
            for role in need.roles
            if not any(speaks_for(approval, role, teams) for approval in approvals)
        ]
        self.sections = [section for section in need.sections if section not in summary.sections]
        too_few = len(approvals) < need.approvals
        unasked = owners.missing if need.owners else []
        #: whether it lacks anybody's approval
        self.approval = too_few or bool(self.roles or unasked)
        self.rules = [
            *(["approvals"] if too_few else []),
            *(f"role {role}" for role in self.roles),
            *(f"section {section}" for section in self.sections),
            *(f"owners {group}" for group in unasked),
        ]


def standing_approvals(events: Iterable[Event], author: str, merged_at: int | None) -> list[Approval]:
    """The approvals of other persons that stood at the merge, or stand (``None``), by person."""
    last: dict[str, ReviewSubmitted] = {}
    for event in events:
        if (
            isinstance(event, ReviewSubmitted)
            and event.decision in _STANDING
            and not event.bot
            and event.reviewer != author
            and (merged_at is None or event.time <= merged_at)
        ):
            last[event.reviewer] = event
    return [
        Approval(person, event.time) for person, event in sorted(last.items()) if event.decision == "approved"
    ]


def speaks_for(approval: Approval, name: str, teams: Teams) -> bool:
    """Whether an approval is that of a person, or of a member of a team on that day."""
    name = name.removeprefix("@")
    return approval.person == name or teams.belongs(approval.person, name, approval.at)


def reviewed_after(events: Iterable[Event], author: str, merged_at: int, *, direct: bool) -> int | None:
    """When another person first reviewed a merged change; a direct commit can only be commented."""
    for event in events:
        if event.time <= merged_at:
            continue
        if isinstance(event, ReviewSubmitted):
            if not event.bot and event.reviewer != author and event.decision != "dismissed":
                return event.time
        elif isinstance(event, CommentPosted) and direct and not event.bot and event.author != author:
            return event.time
    return None
