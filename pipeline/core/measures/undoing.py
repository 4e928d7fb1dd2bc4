"""Whether a change is in effect on its branch: reverts, reverts of reverts, and so on.

A change is out as long as any change that reverts it is in. Only what stands later on the same branch of the
same repository takes something back there: a revert on a release branch leaves the main line as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.building import Building
from pipeline.core.change_index import Position, stands
from pipeline.core.changes import ChangeSummary


class Undoings(NamedTuple):
    """When a change was first taken back and by which one, and when it came back for good."""

    reverted_at: int | None = None
    reverted_by: str = ""
    restored_at: int | None = None
    restored_by: str = ""


#: most changes stay
_NEVER = Undoings()


def undoings_of(building: Building, key: str, summary: ChangeSummary, until: int, limit: int) -> Undoings:
    """What was done about a merged change up to a time; at most ``limit`` reverts are followed."""
    place = stands(key, summary)
    if place is None:
        return Undoings()
    if not building.reverted_by(key):
        return _NEVER
    reverters: dict[str, list[Position]] = {}
    waiting = [place[2]]
    for position in waiting:
        if position[2] in reverters:
            continue
        later = _reverters(building, position, until)
        reverters[position[2]] = later
        waiting.extend(later[: max(0, limit - len(waiting))])
    # who reverts stands later, so the last ones are what they are whatever comes before them
    turns: dict[str, list[tuple[Position, bool]]] = {}
    for position in sorted(set(waiting), reverse=True):
        turns[position[2]] = _turns(reverters.get(position[2], []), turns)
    own = turns[key]
    if not own:
        return _NEVER
    (first, _), (last, out) = own[0], own[-1]
    if out:
        return Undoings(first[0], first[2])
    return Undoings(first[0], first[2], last[0], last[2])


def reverted_in_turn(building: Building, references: list[str]) -> dict[str, None]:
    """The changes that these names mean, those that they take back, and so on."""
    found: dict[str, None] = {}
    waiting = list(references)
    for reference in waiting:
        for target in (reference, *building.index.by_sha.get(reference, ())):
            summary = building.summary_of(target)
            if summary is not None and target not in found:
                found[target] = None
                waiting.extend(summary.reverts)
    return found


def _reverters(building: Building, position: Position, until: int) -> list[Position]:
    summary = building.summary_of(position[2])
    assert summary is not None
    found = []
    for at, by in building.reverted_by(position[2]):
        other = building.summary_of(by)
        place = stands(by, other)
        if place is None or at > until or place[2] <= position:
            continue
        repository, branch, later = place
        if repository == summary.repository and (
            not branch or not summary.branch or branch == summary.branch
        ):
            found.append(later)
    return sorted(found)


def _turns(
    reverters: list[Position], turns: dict[str, list[tuple[Position, bool]]]
) -> list[tuple[Position, bool]]:
    """When a change went out (true) and came in again: out is whatever a revert that is in reverts."""
    steps: dict[Position, int] = {}
    for later in reverters:
        steps[later] = steps.get(later, 0) + 1
        for at, out in turns.get(later[2], ()):
            steps[at] = steps.get(at, 0) + (-1 if out else 1)
    found: list[tuple[Position, bool]] = []
    held = 0
    for at in sorted(steps):
        held += steps[at]
        if (held > 0) != bool(found and found[-1][1]):
            found.append((at, held > 0))
    return found
