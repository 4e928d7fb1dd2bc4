"""Which earlier changes a revert takes back, and what is a re-land."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.sources.git.undoing import References
from pipeline.sources.git.walk import Landed

PLAIN, REVERT, RELAND = "plain", "revert", "reland"


@dataclass(frozen=True, slots=True)
class Undoing:
    """What one change takes back: positions on the main line, oldest first, and by what it was found.

    ``kind`` is ``revert`` or ``reland``; a reland's positions are the reverts it takes back. No
    positions: the message tells of a revert, but what it names is not on the main line.
    """

    kind: str
    places: tuple[int, ...]
    how: str


class _Resolver:
    def __init__(
        self, repository: str, numbers: Mapping[int, Sequence[int]], found: Mapping[str, int]
    ) -> None:
        self.repository = repository
        self.numbers = numbers
        self.found = found
        self.titles: dict[str, int] = {}

    def resolve(self, place: int, named: References) -> tuple[tuple[int, ...], str]:
        """The first kind of reference that leads to earlier changes wins; a sha is surest."""
        by_sha = [self.found[sha] for sha in named.shas if sha in self.found]
        by_number = self.latest(place, self.own_numbers(named))
        by_title = [self.titles[key] for key in (_title_key(named.title),) if key and key in self.titles]
        by_branch = self.latest(place, [named.branch_number or 0])
        ways = (("sha", by_sha), ("number", by_number), ("branch", by_branch), ("title", by_title))
        for how, places in ways:
            earlier = tuple(sorted({other for other in places if other < place}))
            if earlier:
                return earlier, how
        return (), ""

    def latest(self, place: int, numbers: Sequence[int]) -> list[int]:
        """The last commits before a position that name these numbers: united repositories share numbers."""
        found = ([other for other in self.numbers.get(number, ()) if other < place] for number in numbers)
        return [earlier[-1] for earlier in found if earlier]

    def own_numbers(self, named: References) -> list[int]:
        own = self.repository.rsplit("/", 1)[-1].lower()
        return [
            number
            for repository, number in named.numbers
            if not repository or repository.rsplit("/", 1)[-1].lower() == own
        ]


def resolve(
    repository: str, landed: Sequence[Landed], numbers: Mapping[int, Sequence[int]], found: Mapping[str, int]
) -> dict[int, Undoing]:
    """Reverts and re-lands of a main line by position. ``numbers`` and ``found`` (shas) lead to positions."""
    resolver = _Resolver(repository, numbers, found)
    undoings: dict[int, Undoing] = {}
    for place, change in enumerate(landed):
        if change.undoes and (change.references or change.back):
            places, how = resolver.resolve(place, change.references)
            kinds = {undoings[other].kind if other in undoings else PLAIN for other in places}
            if places and kinds == {REVERT}:
                undoings[place] = Undoing(RELAND, places, how)
            elif change.back:
                # what was found by title is the first landing, which nobody takes back here
                undoings[place] = Undoing(RELAND, (), "")
            else:
                undoings[place] = Undoing(REVERT, places, how)
        key = _title_key(change.title)
        if key:
            resolver.titles[key] = place
    return undoings


def _title_key(title: str) -> str:
    return " ".join(re.sub(r"\s*\(#\d+\)\s*$", "", title.casefold()).split())
