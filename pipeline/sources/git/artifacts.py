"""Which commit an image tag was built from: the tags of the application's repository, or a sha in the tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.events import MICROSECONDS, ArtifactPackaged
from pipeline.sources.git.history import telling
from pipeline.sources.git.repository import Repository, Tag
from pipeline.sources.git.walk import Walked

_SHA_IN_TAG = re.compile(r"(?:^|[-_.+])(?:sha-?|g)?([0-9a-f]{7,40})(?=$|[-_.+])")
_VERSION = re.compile(r"v?\d+(?:\.\d+){0,3}(?:[-+.][\w.-]{1,40})?")
SHA_DIGITS = 40


def shas_in(tag: str) -> list[str]:
    """What may be commit shas in an image tag (``main-3f2a9c1-1700000000``); numbers and dates are not."""
    return [
        sha
        for sha in _SHA_IN_TAG.findall(tag)
        if len(sha) == SHA_DIGITS or not (sha.isdigit() or sha.isalpha())
    ]


def places_of_tags(
    wanted: Iterable[str], tags: Sequence[Tag], walked: Walked
) -> dict[str, tuple[int, int | None]]:
    """Position and tagger's time (seconds) of the image tags that a repository can tell.

    Told are its own version-like tags, and of the ``wanted`` ones those that are tags (with or without
    a leading v) or hold a sha of the main line.
    """
    named = {tag.name: tag for tag in tags}
    found: dict[str, tuple[int, int | None]] = {}
    versions = [tag.name for tag in tags if _VERSION.fullmatch(tag.name)]
    for name in (*versions, *wanted):
        tag = named.get(name) or named.get(f"v{name}") or named.get(name.removeprefix("v"))
        place = walked.held.get(tag.commit) if tag else None
        if tag is not None and place is not None:
            found[name] = (place, tag.time)
            continue
        for sha in shas_in(name):
            if sha in walked.found:
                found[name] = (walked.found[sha], None)
                break
    return found


def packaged(
    repository: Repository, found: Mapping[str, tuple[int, int | None]], times: Sequence[int]
) -> list[ArtifactPackaged]:
    """One event per image tag: built from this commit, not before it."""
    return [
        ArtifactPackaged(
            **telling(
                repository.name,
                f"{repository.name}:{tag}",
                "packaged",
                max(times[place], when or 0) * MICROSECONDS,
                place,
            ),
            artifact=f"{repository.name}:{tag}",
            tag=tag,
            repository=repository.name,
            sha=repository.line[place],
        )
        for tag, (place, when) in found.items()
    ]
