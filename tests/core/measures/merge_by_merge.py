"""What became of changes, the slow way: the branch is looked at again, whole, after every merge.

Nothing of this is shared with the core but the events: no indexes, no turns that are added up. It is right
for histories in which nothing is told twice or taken back, and each change is merged once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.core import events as e
from tests.strategies import DAY

WITHIN = 7 * DAY
FAILED, SAYS_NOTHING = ("failure", "failed", "error"), ("skipped", "cancelled", "neutral")
OUT_BY_WISH = ("manual", "dequeued", "invalidated", "queue_cleared", "roll_back")


def outcomes(history: Sequence[e.Event]) -> dict[str, dict[str, Any]]:
    """What the rows of outcomes have to say, by change."""
    merges = sorted(
        (event for event in history if isinstance(event, e.ChangeMerged)),
        key=lambda event: (event.time, event.sequence, event.change),
    )
    found = {merge.change: _row(merge, merges, history) for merge in merges}
    removed = [event for event in history if isinstance(event, e.QueueChanged) and event.state == "removed"]
    for event in sorted(removed, key=lambda event: (event.time, event.sequence, event.id)):
        if event.reason not in OUT_BY_WISH:
            row = found.setdefault(event.change, {"merged_at": None, "ejections": [], "ejected_for": []})
            row["ejections"].append(event.time)
            row["ejected_for"].append(event.reason)
    return found


def _row(merge: e.ChangeMerged, merges: list[e.ChangeMerged], history: Sequence[e.Event]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "merged_at": merge.time, "undoes": bool(merge.reverts), "ejections": [], "ejected_for": [],
        "reverted_at": None, "reverted_by": "", "restored_at": None, "restored_by": "",
        "green_at": None, "green_by": "",
    }  # fmt: skip
    was_in = True
    for number in range(merges.index(merge) + 1, len(merges) + 1):
        newest = merges[number - 1]
        is_in = _is_in(merge, merges[:number], history)
        if was_in and not is_in and row["reverted_at"] is None:
            row["reverted_at"], row["reverted_by"] = newest.time, newest.change
        if is_in and not was_in:
            row["restored_at"], row["restored_by"] = newest.time, newest.change
        if not is_in:
            row["restored_at"], row["restored_by"] = None, ""
        was_in = is_in
    line = [m for m in merges if (m.repository, m.branch) == (merge.repository, merge.branch)]
    place = line.index(merge)
    mine = _ends(merge, history)
    row["checks"] = len(mine)
    row["flaky_checks"] = sorted(
        name
        for name, ends in mine.items()
        if not _red(ends) and any(end.outcome in FAILED for end in _in_force(ends))
    )
    row["red_checks"] = []
    greens: list[tuple[int, int, str]] = []
    for name in sorted(mine):
        before = [m for m in line[:place] if m.time >= merge.time - WITHIN and name in _ends(m, history)]
        if not _red(mine[name]) or (before and _red(_ends(before[-1], history)[name])):
            continue
        row["red_checks"].append(name)
        after = [
            (line.index(m), _last(ends[name]).time, m.change)
            for m in line[place + 1 :]
            if m.time <= merge.time + WITHIN and name in (ends := _ends(m, history)) and not _red(ends[name])
        ]
        greens += after[:1]
    row["red_at"] = min((_last(mine[name]).time for name in row["red_checks"]), default=None)
    if row["red_checks"] and len(greens) == len(row["red_checks"]):
        _, row["green_at"], row["green_by"] = max(greens)
    return row


def _is_in(change: e.ChangeMerged, merges: list[e.ChangeMerged], history: Sequence[e.Event]) -> bool:
    """Whether a change is in effect once these are merged: nothing later that is in effect reverts it."""
    names = {change.change, change.sha, *change.commits}
    names |= {
        event.head_sha
        for event in history
        if isinstance(event, e.ChangeOpened | e.ChangeUpdated) and event.change == change.change
    }
    return not any(
        names & set(other.reverts) - {""}
        and other.repository == change.repository
        and (other.branch == change.branch or not other.branch or not change.branch)
        and _is_in(other, merges, history)
        for other in merges[merges.index(change) + 1 :]
    )


def _ends(merge: e.ChangeMerged, history: Sequence[e.Event]) -> dict[str, list[e.CheckFinished]]:
    """What each check said about the commit of a merge, in order of time."""
    told = [
        event
        for event in history
        if isinstance(event, e.CheckFinished)
        and (event.repository, event.sha) == (merge.repository, merge.sha)
        and event.outcome not in SAYS_NOTHING
        and abs(event.time - merge.time) <= WITHIN
    ]
    jobs = [event for event in told if event.kind != "workflow"]
    found: dict[str, list[e.CheckFinished]] = {}
    for event in sorted(jobs or told, key=lambda event: (event.time, event.sequence, event.id)):
        found.setdefault(event.name, []).append(event)
    return found


def _in_force(ends: list[e.CheckFinished]) -> list[e.CheckFinished]:
    """Without the ends of attempts that came after the end of a later attempt."""
    return [
        end for place, end in enumerate(ends) if all(other.attempt <= end.attempt for other in ends[:place])
    ]


def _last(ends: list[e.CheckFinished]) -> e.CheckFinished:
    return _in_force(ends)[-1]


def _red(ends: list[e.CheckFinished]) -> bool:
    return _last(ends).outcome in FAILED
