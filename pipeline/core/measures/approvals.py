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
        told: OwnersRequired | None = None
        for event in events:
            if isinstance(event, OwnersRequired):
                told = event
        self.unowned_files: int | None = None
        self.stale_entries: list[str] = []
        self.groups: list[str] = [" ".join(sorted(set(flat)))] if flat else []
        if told is not None:
            self.groups = sorted({group for group in told.groups if group})
            self.unowned_files = told.unowned_files
            self.stale_entries = list(told.stale_entries)
        self.told = told is not None or bool(flat)
        #: groups nobody of whom approved, and names that are in no team any more, where any is declared
        self.missing: list[str] = []
        self.gone: list[str] = []
        if self.groups:
            self._look_up(approvals, teams, day)

    def _look_up(self, approvals: Sequence[Approval], teams: Teams, day: int) -> None:
        approved: dict[str, bool] = {}
        for group in self.groups:
            found = False
            for name in group.split():
                known = approved.get(name)
                if known is None:
                    known = approved[name] = any(speaks_for(approval, name, teams) for approval in approvals)
                found = found or known
            if not found:
                self.missing.append(group)
        if teams.declared:
            self.gone = sorted(
                [name for name in approved if name.startswith(_PERSON) and not teams.teams_of(name, day)]
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
        self.rules = ["approvals"] if too_few else []
        self.rules += [f"role {role}" for role in self.roles]
        self.rules += [f"section {section}" for section in self.sections]
        self.rules += [f"owners {group}" for group in unasked]


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
        Approval(person, last[person].time) for person in sorted(last) if last[person].decision == "approved"
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
