"""What review changes needed and got, the plain way: each change alone, from all that was ever told.

Nothing of this is shared with the core but the events and the built-in classes. It is right for histories in
which nothing is told twice or taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from pipeline.core import events as e
from tests.strategies import DAY, HOUR

_ABOUT_A_CHANGE = (
    e.ChangeOpened, e.ChangeUpdated, e.ReviewSubmitted, e.CommentPosted, e.OwnersRequired, e.ReviewRequested,
    e.QueueChanged, e.ChangeMerged, e.ChangeAbandoned,
)  # fmt: skip
#: what every path of the strategies ends with; none of them belongs to a built-in class
_APP = "app"


def compliance(history: Sequence[e.Event]) -> dict[str, dict[str, Any]]:
    """What the rows of compliance have to say, by change."""
    found = {change: _row(events, history) for change, events in _told(history).items()}
    return {change: row for change, row in found.items() if row is not None}


def classes(history: Sequence[e.Event]) -> dict[str, list[str]]:
    """The classes of every change that anything is told of, governed or not."""
    return {change: _classes(events, history) for change, events in _told(history).items()}


def _told(history: Sequence[e.Event]) -> dict[str, list[Any]]:
    told: dict[str, list[Any]] = {}
    for event in sorted(history, key=lambda event: event.time):
        if isinstance(event, _ABOUT_A_CHANGE):
            told.setdefault(event.change, []).append(event)
    return told


def _row(events: list[Any], history: Sequence[e.Event]) -> dict[str, Any] | None:
    merge = next((event for event in events if isinstance(event, e.ChangeMerged)), None)
    request = any(event.number is not None for event in events)
    reviewed = [event for event in events if not isinstance(event, e.ChangeMerged | e.OwnersRequired)]
    if not (reviewed if request else merge):
        return None
    author = next(
        (event.author for event in events if isinstance(event, e.ChangeOpened | e.ChangeMerged)), ""
    )
    classes = _classes(events, history)
    need = _need(classes, _tier(events[0].repository, history), history, _day(events))
    approvals = _approvals(events, author, merge.time if merge else None)
    groups, owners_missing = _owners(events, approvals, history)
    roles_missing = [role for role in need["roles"] if not _any_speaks(approvals, role, history)]
    commits = {event.head_sha for event in events if isinstance(event, e.ChangeOpened | e.ChangeUpdated)}
    commits |= {merge.sha} if merge else set()
    here = [f"{events[0].repository}@{sha}" for sha in commits]
    overridden = any(isinstance(event, e.RuleBypassed) and event.commit in here for event in history)
    violations = _checks(here, merge.time if merge else None, history)
    row: dict[str, Any] = {
        "classes": classes, "policies": need["policies"], "approvals_needed": need["approvals"],
        "approvals": len(approvals), "roles_missing": roles_missing, "owners_needed": len(groups),
        "owners_missing": owners_missing, "bypassed": [], "retro_review_due_at": None,
        "retro_reviewed_at": None,
    }  # fmt: skip
    if merge:
        few = len(approvals) < need["approvals"]
        asked = owners_missing if need["owners"] else []
        broken = ["approvals"] * few + [f"role {role}" for role in roles_missing]
        # the strategies tell no sections
        broken += [f"section {section}" for section in need["sections"]] + [
            f"owners {group}" for group in asked
        ]
        leave = "waived" if merge.emergency or overridden else "merged"
        violations |= dict.fromkeys(broken, leave)
        ways = {
            "label": bool(merge.emergency),
            "push": not request and need["approvals"] > 0,
            "approvals": request and bool(few or roles_missing or asked),
            "rule": overridden,
        }
        row["bypassed"] = [way for way, went in ways.items() if went]
        if row["bypassed"]:
            row["retro_review_due_at"] = merge.time + need["retro"]
            later = [event for event in events if event.time > merge.time]
            row["retro_reviewed_at"] = next(
                (
                    event.time
                    for event in later
                    if (isinstance(event, e.ReviewSubmitted) and event.decision != "dismissed"
                        and event.reviewer != author)
                    or (isinstance(event, e.CommentPosted) and not request and event.author != author)
                ),
                None,
            )  # fmt: skip
    row["violations"] = sorted(violations)
    row["violation_states"] = [violations[rule] for rule in sorted(violations)]
    return row


def _in_force(struct: type[e.Event], key: str, history: Sequence[e.Event], day: int) -> dict[str, Any]:
    """Name -> the version of the day: the newest one before it, else the oldest."""
    found: dict[str, Any] = {}
    versions = sorted((event for event in history if isinstance(event, struct)), key=lambda event: event.time)
    for event in versions:
        name = getattr(event, key)
        if name not in found or event.time <= day:
            found[name] = event
    return found


def _day(events: list[Any]) -> int:
    merges = [event.time for event in events if isinstance(event, e.ChangeMerged)]
    return merges[0] if merges else max(event.time for event in events)


def _classes(events: list[Any], history: Sequence[e.Event]) -> list[str]:
    declared = _in_force(e.ClassDeclared, "change_class", history, _day(events))
    found = set()
    for path in next((event.paths for event in events if isinstance(event, e.ChangeMerged)), []):
        assert path.endswith(_APP)
        own = [name for name in sorted(declared) if any(_means(p, path) for p in declared[name].paths)]
        found.add(own[0] if own else "code")
    order = [*sorted(set(declared) - {"docs"}), "code", "docs"]
    # no label is told that a class has
    return sorted(found, key=order.index) or ["code"]


def _means(pattern: str, path: str) -> bool:
    if pattern == "**/app":
        return path == "app" or path.endswith("/app")
    if pattern.endswith("/"):
        return fnmatchcase(path, f"{pattern}*")
    return pattern in path.split("/")


def _need(classes: list[str], tier: int | None, history: Sequence[e.Event], day: int) -> dict[str, Any]:
    policies = [
        {
            "name": event.policy, "classes": event.classes, "tiers": event.tiers,
            "approvals": event.approvals or 0, "roles": event.roles, "sections": event.sections,
            "owners": event.owner_approval, "retro": event.retro_review_minutes,
        }
        for event in _in_force(e.PolicyDeclared, "policy", history, day).values()
    ]  # fmt: skip
    if not policies:
        nothing = {"tiers": [], "roles": [], "sections": [], "owners": False, "retro": None}
        policies = [
            {"name": "default", "classes": [], "approvals": 1, **nothing},
            {"name": "default-docs", "classes": ["docs"], "approvals": 0, **nothing},
        ]
    chosen: dict[str, Any] = {}
    for name in classes:
        exact: list[tuple[int, dict[str, Any]]] = []
        for policy in policies:
            if policy["classes"] and name not in policy["classes"]:
                continue
            if policy["tiers"] and tier not in policy["tiers"]:
                continue
            exact.append((2 * bool(policy["classes"]) + bool(policy["tiers"]), policy))
        most = max((rank for rank, _ in exact), default=0)
        chosen |= {policy["name"]: policy for rank, policy in exact if rank == most}
    retros = [policy["retro"] * HOUR // 60 for policy in chosen.values() if policy["retro"] is not None]
    return {
        "policies": sorted(chosen),
        "approvals": max((policy["approvals"] for policy in chosen.values()), default=0),
        "roles": sorted({role for policy in chosen.values() for role in policy["roles"]}),
        "sections": sorted({section for policy in chosen.values() for section in policy["sections"]}),
        "owners": any(policy["owners"] for policy in chosen.values()),
        "retro": min(retros, default=3 * DAY),
    }


def _tier(repository: str, history: Sequence[e.Event]) -> int | None:
    newest = {}
    for event in sorted(history, key=lambda event: event.time):
        if isinstance(event, e.ServiceDeclared):
            newest[event.service] = event
    built = [name for name, event in newest.items() if repository in event.repositories]
    name = built[0] if len(built) == 1 else repository.partition("/")[2]
    return newest[name].tier if name in newest else None


def _approvals(events: list[Any], author: str, until: int | None) -> dict[str, int]:
    standing = {}
    for event in events:
        if not isinstance(event, e.ReviewSubmitted) or event.reviewer == author:
            continue
        if event.decision != "commented" and (until is None or event.time <= until):
            standing[event.reviewer] = event
    return {name: event.time for name, event in standing.items() if event.decision == "approved"}


def _any_speaks(approvals: dict[str, int], name: str, history: Sequence[e.Event]) -> bool:
    name = name.removeprefix("@")
    return any(person == name or _is_member(person, name, history, at) for person, at in approvals.items())


def _is_member(person: str, name: str, history: Sequence[e.Event], at: int) -> bool:
    teams = _in_force(e.TeamDeclared, "team", history, at)
    if name not in teams:
        every: dict[str, set[str]] = {}
        for event in history:
            if isinstance(event, e.TeamDeclared):
                names = {part for alias in event.aliases for part in (alias, alias.rpartition("/")[2])}
                every.setdefault(event.team, set()).update(names)
        named = sorted(team for team, names in every.items() if name in names)
        if not named:
            return False
        name = named[0]
    return person in teams[name].members


def _owners(
    events: list[Any], approvals: dict[str, int], history: Sequence[e.Event]
) -> tuple[list[str], list[str]]:
    told = [event for event in events if isinstance(event, e.OwnersRequired)]
    groups = sorted(set(told[-1].groups)) if told else []
    missing = [
        group for group in groups if not any(_any_speaks(approvals, name, history) for name in group.split())
    ]
    return groups, missing


def _checks(commits: list[str], merged_at: int | None, history: Sequence[e.Event]) -> dict[str, str]:
    runs = [
        event
        for event in sorted(history, key=lambda event: (event.time, event.id))
        if isinstance(event, e.CheckFinished) and event.kind == "policy" and event.commit in commits
    ]
    found = {}
    for name in {run.name for run in runs}:
        mine = [run for run in runs if run.name == name]
        before = [run.outcome == "failure" for run in mine if merged_at is None or run.time <= merged_at]
        after = [run.outcome == "failure" for run in mine if merged_at is not None and run.time > merged_at]
        if merged_at is not None and before and before[-1]:
            found[f"check {name}"] = "waived"
        elif any(after):
            found[f"check {name}"] = "merged"
        elif any(before):
            found[f"check {name}"] = "caught"
    return found
