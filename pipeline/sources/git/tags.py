"""Deployments from tags: which tags stand for one, and when it happened."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipeline.sources.git.history import AUTO, GitOptions, Report
from pipeline.sources.git.naming import NamedTime, date_in, local_offsets
from pipeline.sources.git.repository import Repository, Tag
from pipeline.sources.git.walk import Walked

EXAMPLES_SHOWN_MAX = 3
FAMILIES_SHOWN_MAX = 6

_WORDS = re.compile(r"[a-z]+")
_VERSION = re.compile(r"v?#(?:\.#){0,3}")

_PRODUCTION = {"production", "prod", "prd", "live"}
_DEPLOYED = {"deploy", "deployed", "deployment", "deployments", "deploys"}
_RELEASED = {"release", "released", "releases", "rel"}
_ELSEWHERE = {
    "staging",
    "stage",
    "stg",
    "integration",
    "qa",
    "uat",
    "test",
    "testing",
    "preprod",
    "demo",
    "sandbox",
    "canary",
}
_UNFINISHED = {
    "rc",
    "alpha",
    "beta",
    "pre",
    "preview",
    "dev",
    "snapshot",
    "nightly",
    "draft",
    "candidate",
    "failed",
    "ci",
    "build",
}


@dataclass(frozen=True, slots=True)
class TagDeployment:
    """A deployment that a tag tells: the position on the main line it brought, and its time in seconds.

    ``commit`` is what the tag names, on the main line or off it.
    """

    tag: str
    commit: str
    place: int
    time: int


def family(name: str) -> str:
    """A tag's name with its numbers blanked: ``production-2018-07-09`` -> ``production-#-#-#``."""
    return re.sub(r"\d+", "#", name)


def rank_of(kind: str) -> int | None:
    """How clearly a family of tags tells of production deployments: 1 is clearest, ``None`` not at all."""
    words = set(_WORDS.findall(kind.lower()))
    if "#" not in kind or words & (_ELSEWHERE | _UNFINISHED):
        return None
    for rank, telling in enumerate((_PRODUCTION, _DEPLOYED, _RELEASED), 1):
        if words & telling:
            return rank
    return 4 if _VERSION.fullmatch(kind.lower()) else None


def candidates(tags: Sequence[Tag], options: GitOptions) -> list[Tag]:
    """Tags that may stand for deployments, before their times are known."""
    if options.deploy_tags == AUTO:
        ranked = {kind: rank_of(kind) for kind in {family(tag.name) for tag in tags}}
        return [tag for tag in tags if ranked[family(tag.name)] is not None]
    return [tag for tag in tags if any(fnmatchcase(tag.name, one) for one in options.deploy_tags)]


def tag_deployments(
    repository: Repository,
    tags: Sequence[Tag],
    walked: Walked,
    times: Sequence[int],
    options: GitOptions,
    now: int,
    report: Report,
) -> list[TagDeployment]:
    """The deployments that tags tell, by (time, position, name). ``times`` are of the main line."""
    found: list[tuple[Tag, TagDeployment]] = []
    timed: list[tuple[Tag, int, int]] = []
    for tag in candidates(tags, options):
        place = walked.held.get(tag.commit)
        if place is not None:
            committed = max(times[place], min(walked.times.get(tag.commit, 0), now))
            timed.append((tag, place, committed))
    timed.sort(key=lambda one: (one[1], one[0].name))
    unheld = len(candidates(tags, options)) - len(timed)
    off_line = sum(tag.commit not in repository.position for tag, _, _ in timed)
    named = [NamedTime(date_in(tag.name) if tag.time is None else None, least) for tag, _, least in timed]
    early = local = 0
    for (tag, place, committed), moment, offset in zip(timed, named, local_offsets(named), strict=True):
        local += offset > 0
        told = moment.named + offset if moment.named is not None else tag.time
        if told is not None and told < committed:
            early += 1
        time = committed if told is None or told > now else max(told, committed)
        found.append((tag, TagDeployment(tag.name, tag.commit, place, time)))
    if local:
        report.count("tags_in_local_time", local)
        report.note(repository.name, f"{local} deploy tags are named in a local time behind UTC: corrected")
    if options.deploy_tags == AUTO:
        found = _choose(found, repository.name, report)
        _other_families(tags, repository.name, report)
    elif options.deploy_tags and not found:
        report.note(repository.name, f"no tag matches {', '.join(options.deploy_tags)}; {_shown(tags)}")
    if early:
        report.count("tags_dated_before_their_commit", early)
        report.note(repository.name, f"{early} deploy tags are dated before their commit: its time is used")
    if off_line:
        report.count("tags_off_the_main_line", off_line)
        report.note(
            repository.name,
            f"{off_line} deploy tags are not on {repository.branch}: each counts as the newest change of "
            f"{repository.branch} that it holds",
        )
    if unheld:
        report.count("tags_without_a_change", unheld)
        report.note(repository.name, f"{unheld} deploy tags hold no commit of {repository.branch}: left out")
    return sorted((one for _, one in found), key=lambda one: (one.time, one.place, one.tag))


def _choose(
    found: list[tuple[Tag, TagDeployment]], name: str, report: Report
) -> list[tuple[Tag, TagDeployment]]:
    """The clearest families; a less clear one only for the times before and after, when names changed."""
    ranks: dict[int, list[tuple[Tag, TagDeployment]]] = {}
    for tag, one in found:
        ranks.setdefault(rank_of(family(tag.name)) or 0, []).append((tag, one))
    chosen: list[tuple[Tag, TagDeployment]] = []
    for rank in sorted(ranks):
        if chosen:
            first = min(one.time for _, one in chosen)
            last = max(one.time for _, one in chosen)
            chosen += [(tag, one) for tag, one in ranks[rank] if not first <= one.time <= last]
        else:
            chosen = list(ranks[rank])
    if chosen:
        kinds = Counter(family(tag.name) for tag, _ in chosen)
        told = ", ".join(f"{count} like {kind!r}" for kind, count in kinds.most_common(FAMILIES_SHOWN_MAX))
        report.note(name, f"took as production deployments the tags {told} (choose with --deploy-tags)")
    return chosen


def _other_families(tags: Sequence[Tag], name: str, report: Report) -> None:
    kinds = Counter(family(tag.name) for tag in tags)
    elsewhere = [
        (count, kind)
        for kind, count in kinds.items()
        if "#" in kind and set(_WORDS.findall(kind.lower())) & _ELSEWHERE
    ]
    for count, kind in sorted(elsewhere, reverse=True)[:EXAMPLES_SHOWN_MAX]:
        pattern = kind.partition("#")[0] + "*"
        report.note(
            name,
            f"left out {count} tags like {kind!r} of another environment "
            f"(read them with --deploy-tags '{pattern}' --environment NAME)",
        )


def _shown(tags: Sequence[Tag]) -> str:
    if not tags:
        return "the clone has no tags (git fetch --tags gets them)"
    kinds = Counter(family(tag.name) for tag in tags).most_common(FAMILIES_SHOWN_MAX)
    return "there are " + ", ".join(f"{count} like {kind!r}" for kind, count in kinds)
