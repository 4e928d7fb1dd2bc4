"""One ``ChangeMerged`` for every commit of the main line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.events import MICROSECONDS, ChangeMerged
from pipeline.sources.git.diffs import Diff
from pipeline.sources.git.gitops import Moves
from pipeline.sources.git.history import GitOptions, Report, telling
from pipeline.sources.git.repository import Repository
from pipeline.sources.git.resolving import RELAND, REVERT, Undoing, resolve
from pipeline.sources.git.walk import Landed, Walked

#: what stands for the title of a revert whose culprit is to be found
REVERT_TITLE = "Revert"
RELAND_TITLE = "Re-land"


@dataclass(frozen=True)
class Changes:
    """The changes of a main line; ``keys`` leads from a position to (change key, sha)."""

    events: list[ChangeMerged]
    keys: dict[int, tuple[str, str]]
    undoings: dict[int, Undoing]
    opened_at: dict[int, int]


def changes_of(
    repository: Repository,
    walked: Walked,
    times: Sequence[int],
    diffs: Mapping[int, Diff],
    moves: Moves,
    options: GitOptions,
    person_token: Callable[[str], str],
    report: Report,
) -> Changes:
    """Turn what the passes found into events. ``times`` are seconds by position."""
    landed = walked.landed
    numbers = _numbers(landed)
    keys = {place: _key(repository.name, place, one, numbers) for place, one in enumerate(landed)}
    undoings = resolve(repository.name, landed, numbers, walked.found)
    _count(repository, landed, numbers, undoings, report)
    opened_at: dict[int, int] = {}
    events: list[ChangeMerged] = []
    hidden = undoings if "reverts" in options.incidents_from else {}
    for place, one in enumerate(landed):
        # of a squash, the author's date is mostly the time of the merge itself, which tells nothing
        if one.opened is not None and 0 < one.opened < times[place]:
            opened_at[place] = one.opened * MICROSECONDS
        diff = diffs.get(place)
        if _is_tag_change_alone(place, diff, moves):
            report.count("commits_of_image_tags_alone")
            continue
        undoing = undoings.get(place)
        events.append(
            ChangeMerged(
                **telling(repository.name, keys[place][0], "merged", times[place] * MICROSECONDS, place),
                change=keys[place][0],
                repository=repository.name,
                number=one.number if keys[place][0].endswith(f"#{one.number}") else None,
                branch=repository.branch,
                sha=one.sha,
                commits=one.commits,
                title=_title(one, hidden.get(place)),
                author=person_token(one.author),
                merged_by=person_token(one.merged_by) if one.merged_by else "",
                opened_at=opened_at.get(place),
                additions=diff.additions if diff else None,
                deletions=diff.deletions if diff else None,
                files=diff.files if diff else None,
                paths=list(diff.paths) if diff else [],
                owners=list(diff.owners) if diff else [],
                labels=["bot"] if one.bot else [],
                reverts=_reverts(one, undoing, keys) if place not in hidden else [],
                first_commit_at=_first_commit_at(one, times[place]),
                picked_from=one.picked,
                generated_additions=diff.generated_additions if diff else None,
                generated_deletions=diff.generated_deletions if diff else None,
            )
        )
    return Changes(events, keys, undoings, opened_at)


def _numbers(landed: Sequence[Landed]) -> dict[int, list[int]]:
    """Request number -> positions that name it. The oldest is the request: a later import finds the same."""
    numbers: dict[int, list[int]] = {}
    for place, one in enumerate(landed):
        if one.number is not None:
            numbers.setdefault(one.number, []).append(place)
    return numbers


def _key(repository: str, place: int, one: Landed, numbers: Mapping[int, list[int]]) -> tuple[str, str]:
    if one.number is not None and numbers[one.number][0] == place:
        return f"{repository}#{one.number}", one.sha
    return f"{repository}@{one.sha}", one.sha


def _title(one: Landed, undoing: Undoing | None) -> str:
    if undoing is None:
        return one.title
    return RELAND_TITLE if undoing.kind == RELAND else REVERT_TITLE


def _reverts(one: Landed, undoing: Undoing | None, keys: Mapping[int, tuple[str, str]]) -> list[str]:
    if undoing is None:
        return []
    if undoing.places:
        return [keys[place][0] for place in undoing.places]
    # what isn't on the main line may still be known to others by its sha
    return list(one.references.shas) if undoing.kind == REVERT else []


def _first_commit_at(one: Landed, merged: int) -> int | None:
    """When the oldest commit of a change was written, in microseconds.

    A forge gives the squash of a request the time of its merge: that tells nothing about its commits.
    """
    first = one.opened if one.opened is not None else one.authored
    if first is None or not 0 < first <= merged or (one.kind == "squash" and first == merged):
        return None
    return first * MICROSECONDS


def _is_tag_change_alone(place: int, diff: Diff | None, moves: Moves) -> bool:
    """Whether a commit changed nothing but image tags: it is a deployment, not a change of its own."""
    files, tags = moves.touched.get(place, (0, 0))
    if diff is None or not files:
        return False
    return diff.files == files and diff.additions is not None and diff.additions <= tags


def _count(
    repository: Repository,
    landed: Sequence[Landed],
    numbers: Mapping[int, list[int]],
    undoings: Mapping[int, Undoing],
    report: Report,
) -> None:
    report.count("commits", len(landed) + sum(one.commits_count for one in landed))
    report.count("main_line", len(landed))
    for one in landed:
        report.count({"merge": "merges", "squash": "squashes", "direct": "direct_commits"}[one.kind])
    shared = sum(one.number is not None for one in landed) - len(numbers)
    if shared:
        report.count("numbers_named_twice", shared)
        report.note(
            repository.name,
            f"{shared} commits name the number of an earlier one: they count as direct commits",
        )
    pulls = sum(one.pull for one in landed)
    if pulls:
        report.count("pulls", pulls)
        report.note(
            repository.name,
            f"{pulls} merges on {repository.branch} pulled {repository.branch} itself: what they brought "
            "counts as one change each",
        )
    for undoing in undoings.values():
        if undoing.kind == RELAND:
            report.count("relands")
        else:
            report.count("reverts")
            report.count("reverts_unresolved", not undoing.places)
    report.count("reverts_within_other_changes", sum(one.partial_undoing for one in landed))
