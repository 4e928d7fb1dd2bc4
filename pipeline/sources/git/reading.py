"""Clones -> one history: the passes over each repository.

The passes: GitOps files first (they say which image tags are asked for), then one walk over all
commits, one reading of CODEOWNERS, the diffs of the main line in parallel, and which files came and went.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.core.events import MICROSECONDS
from pipeline.sources.git.artifacts import places_of_tags, shas_in
from pipeline.sources.git.changes import changes_of
from pipeline.sources.git.clocks import Straightened, duration, straighten
from pipeline.sources.git.diffs import DiffReader
from pipeline.sources.git.generated import GeneratedOverTime
from pipeline.sources.git.gitops import Moves, read_moves
from pipeline.sources.git.history import SHALLOW, GitOptions, History, Report
from pipeline.sources.git.joining import Clone, together
from pipeline.sources.git.owners import OwnersOverTime
from pipeline.sources.git.owning import owners_required
from pipeline.sources.git.repository import Repository, open_repository, read_tags
from pipeline.sources.git.stale import StaleEntries
from pipeline.sources.git.tags import candidates
from pipeline.sources.git.walk import walk


def read_history(
    path: Path,
    options: GitOptions,
    person_token: Callable[[str], str],
    progress: Callable[[int, int], None] | None = None,
) -> History:
    """Read one clone; see ``read_histories``."""
    return read_histories([path], options, person_token, progress)


def read_histories(
    paths: Sequence[Path],
    options: GitOptions,
    person_token: Callable[[str], str],
    progress: Callable[[int, int], None] | None = None,
) -> History:
    """Read clones that belong together: applications, and the GitOps repositories that deploy them.

    ``person_token`` turns a login or an address into the token that stands for the person.
    ``progress(done, total)`` is told commits of the main lines. Raises ``GitError`` when a clone
    can't be read, and ``ValueError`` when two paths are the same repository.
    """
    now = clock.time_ns() // 1_000_000_000 if options.now is None else options.now // MICROSECONDS
    report = Report()
    repositories = [open_repository(path, options) for path in paths]
    names = [repository.name for repository in repositories]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is given twice: read one clone of it, or copies under other names")
    report.repositories = names
    services = frozenset(repository.service for repository in repositories)
    moves = [
        read_moves(repository, services, options.environment) if options.gitops else Moves()
        for repository in repositories
    ]
    total = sum(len(repository.line) for repository in repositories)
    clones: list[Clone] = []
    done = 0
    for repository, told in zip(repositories, moves, strict=True):
        wanted = {
            move.tag
            for other in moves
            for move in other.moves
            if repository.service in (move.service, move.image)
        }
        told_so_far = done
        clones.append(
            _read(
                repository,
                told,
                wanted,
                options,
                person_token,
                (lambda more: progress(told_so_far + more, total)) if progress else None,  # noqa: B023
                now,
                report,
            )
        )
        done += len(repository.line)
        if progress:
            progress(done, total)
    return together(clones, options, now, report)


def _read(
    repository: Repository,
    moves: Moves,
    wanted: set[str],
    options: GitOptions,
    person_token: Callable[[str], str],
    progress: Callable[[int], None] | None,
    now: int,
    report: Report,
) -> Clone:
    tags, odd = read_tags(repository.git)
    report.count("tags", len(tags))
    if odd:
        report.count("tags_of_no_commit", len(odd))
        report.note(repository.name, f"{len(odd)} tags name no commit ({', '.join(odd[:3])}): left out")
    asked = {tag.name for tag in candidates(tags, options)}
    asked |= {name for tag in wanted for name in (tag, f"v{tag}", tag.removeprefix("v"))}
    walked = walk(
        repository,
        [tag for tag in tags if tag.name in asked],
        {sha for tag in wanted for sha in shas_in(tag)},
    )
    straight = straighten([one.time for one in walked.landed], now)
    owners = OwnersOverTime(person_token)
    owners.read(repository)
    since = options.since // MICROSECONDS if options.since is not None else None
    places = [place for place, when in enumerate(straight.times) if since is None or when >= since]
    generated = GeneratedOverTime()
    generated.read(repository)
    reader = DiffReader(repository, owners, generated, progress)
    diffs = reader.read(places)
    stale = StaleEntries()
    stale.read(repository, owners, places)
    changes = changes_of(repository, walked, straight.times, diffs, moves, options, person_token, report)
    _remark(repository, straight, reader.unsized, moves, report)
    return Clone(
        repository,
        tags,
        moves,
        walked,
        straight,
        diffs,
        places_of_tags(wanted, tags, walked),
        changes,
        [*changes.events, *owners_required(changes, diffs, stale)],
    )


def _remark(
    repository: Repository, straight: Straightened, unsized: int, moves: Moves, report: Report
) -> None:
    """Say what was odd about a clone."""
    name = repository.name
    if repository.shallow & set(repository.line):
        report.count(SHALLOW)
        report.note(
            name,
            "shallow clone: changes before the cut, and what they made, are missing; "
            "`git fetch --unshallow --tags` gets them",
        )
    if straight.moved:
        report.count("clocks_off", straight.moved)
        where = repository.line[straight.worst][:10] if straight.worst is not None else ""
        report.note(
            name,
            f"{straight.moved} commits with a clock off ({straight.moved_days} by more than a day, the worst "
            f"{where} by {duration(straight.worst_seconds)}): moved between their neighbours",
        )
    if unsized:
        report.count("changes_without_size", unsized)
        report.note(
            name,
            f"{unsized} changes have no size: the clone lacks their files (`git fetch --refetch` gets them)",
        )
    if moves.missing:
        report.count("files_missing", moves.missing)
        report.note(name, f"{moves.missing} versions of GitOps files are missing from the clone or too big")
