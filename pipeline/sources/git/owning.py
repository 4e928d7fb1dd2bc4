"""One ``OwnersRequired`` for every change of the main line before which there was a CODEOWNERS file."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.events import OwnersRequired
from pipeline.sources.git.changes import Changes
from pipeline.sources.git.diffs import Diff
from pipeline.sources.git.history import telling
from pipeline.sources.git.stale import StaleEntries


def owners_required(changes: Changes, diffs: Mapping[int, Diff], stale: StaleEntries) -> list[OwnersRequired]:
    """Whose approval each change needed by the file of its base commit, told at the time of its merge."""
    told = []
    for merged in changes.events:
        place = merged.sequence
        diff = diffs.get(place)
        if diff is None or diff.groups is None:
            continue
        told.append(
            OwnersRequired(
                **telling(merged.repository, merged.change, "owners", merged.time, place),
                change=merged.change,
                repository=merged.repository,
                number=merged.number,
                groups=list(diff.groups),
                unowned_files=diff.unowned,
                stale_entries=list(stale.before(place)),
            )
        )
    return told
