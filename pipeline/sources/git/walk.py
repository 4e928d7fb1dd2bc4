"""One pass over the history: what every commit of the main line brought with it.

``git log --topo-order`` shows children before parents, so a commit's place is known when it comes:
it belongs to the oldest main-line commit that reaches it. Only the frontier is kept in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.sources.git.command import text
from pipeline.sources.git.messages import (
    is_bot,
    is_pull,
    login_of,
    picked_from,
    request_of,
    subject_and_body,
)
from pipeline.sources.git.repository import Repository, Tag
from pipeline.sources.git.undoing import (
    References,
    brings_back,
    cause_of,
    is_whole,
    references,
    undoes,
)

COMMITS_MAX = 50
WORDS_CHARACTERS_MAX = 4_000
SHA_DIGITS_MIN = 7
_FIELDS = 8
_FORMAT = "--format=%H%x00%P%x00%at%x00%ct%x00%aN%x00%aE%x00%cE%x00%B"


@dataclass(slots=True)
class Landed:
    """One commit of the main line and what it merged. Times are seconds; persons still have names."""

    sha: str
    time: int
    number: int | None
    title: str
    branch: str
    kind: str
    author: str
    merged_by: str
    bot: bool
    commits: list[str] = field(default_factory=list)
    commits_count: int = 0
    opened: int | None = None
    authored: int | None = None
    picked: list[str] = field(default_factory=list)
    pull: bool = False
    undoes: bool = False
    back: bool = False
    partial_undoing: bool = False
    references: References = field(default_factory=References)
    cause: str = "unknown"


@dataclass(slots=True)
class _Side:
    """What is gathered about the merged side of one merge until the walk is over."""

    authors: Counter[tuple[str, str]] = field(default_factory=Counter)
    whole: int = 0
    others: int = 0
    references: list[References] = field(default_factory=list)
    words: str = ""


@dataclass
class Walked:
    """The main line oldest first; where wanted shas (by prefix) and tags off the line belong.

    ``found`` maps a wanted sha to the position of the main-line commit that brought it; ``held`` maps
    the commit of a tag to the position of the newest main-line commit it holds; ``times`` its clock.
    """

    landed: list[Landed]
    found: dict[str, int]
    held: dict[str, int]
    times: dict[str, int]


class _Walk:
    def __init__(self, repository: Repository, tags: Iterable[Tag], wanted: Iterable[str]) -> None:
        self.position = repository.position
        self.wanted: dict[int, set[str]] = {}
        for sha in wanted:
            self.want(sha)
        self.found: dict[str, int] = {}
        self.times: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.off_line: set[str] = set()
        for tag in tags:
            place = self.position.get(tag.commit)
            if place is None:
                self.off_line.add(tag.commit)
            else:
                self.held[tag.commit] = place
        self.owners: dict[str, int] = {}
        self.carried: dict[str, frozenset[str]] = {}
        self.landed: dict[int, Landed] = {}
        self.sides: dict[int, _Side] = {}

    def want(self, sha: str) -> None:
        if len(sha) >= SHA_DIGITS_MIN:
            self.wanted.setdefault(len(sha), set()).add(sha)

    def commit(self, row: list[bytes]) -> None:
        sha = row[0].decode("ascii")
        parents = row[1].decode("ascii").split()
        place = self.position.get(sha)
        owner = self.owners.pop(sha, None) if place is None else place
        self._tags(sha, place, parents, row)
        if owner is None:
            return
        for digits, wanted in self.wanted.items():
            if sha[:digits] in wanted:
                self.found[sha[:digits]] = min(owner, self.found.get(sha[:digits], owner))
        if place is not None:
            self.landed[place] = self._land(sha, place, len(parents) > 1, row)
            parents = parents[1:]
        else:
            self._gather(sha, owner, len(parents) > 1, row)
        for parent in parents:
            if parent not in self.position:
                self.owners[parent] = min(owner, self.owners.get(parent, owner))

    def _tags(self, sha: str, place: int | None, parents: list[str], row: list[bytes]) -> None:
        """Carry the tags off the line down to the newest main-line commit they hold."""
        carried = self.carried.pop(sha, None)
        if sha in self.off_line:
            self.times[sha] = _seconds(row[3])
            carried = (carried or frozenset()) | {sha}
        if not carried:
            return
        if place is not None:
            for tagged in carried:
                self.held.setdefault(tagged, place)
            return
        if len(parents) > 1:
            carried = frozenset(tagged for tagged in carried if tagged not in self.held)
        for parent in parents:
            known = self.carried.get(parent)
            self.carried[parent] = carried if known is None or known is carried else known | carried

    def _land(self, sha: str, place: int, merge: bool, row: list[bytes]) -> Landed:
        message = text(row[7])
        name, email = text(row[4]), text(row[5])
        subject, body = subject_and_body(message)
        request = request_of(message, merge)
        kind = "merge" if merge else "direct" if request.number is None else "squash"
        committer = login_of("", text(row[6]).lower())
        landed = Landed(
            sha=sha,
            time=_seconds(row[3]),
            number=request.number,
            title=request.title,
            branch=request.branch,
            kind=kind,
            author=login_of(name, email.lower()) or name.lower(),
            merged_by="" if kind == "direct" else committer,
            bot=is_bot(name, email, request.branch),
            authored=None if merge else _seconds(row[2]) or None,
            picked=picked_from(body),
        )
        if merge:
            landed.merged_by = login_of(name, email.lower()) or committer
            landed.pull = request.number is None and is_pull(message)
            self.sides[place] = _Side()
        elif request.number is not None:
            landed.opened = _seconds(row[2]) or None
        self._judge(landed, request.title, f"{subject}\n{body}", merge)
        return landed

    def _judge(self, landed: Landed, title: str, message: str, merge: bool) -> None:
        """Whether a main-line commit takes something back, as far as its own message tells."""
        subject, body = subject_and_body(message)
        found = references(title, message, landed.branch)
        by_branch = found.branch_number is not None or landed.branch.startswith("revert-")
        landed.undoes = undoes(title) or by_branch or (not merge and is_whole(subject, body))
        if landed.undoes:
            landed.references = found
            landed.back = brings_back(title, landed.branch)
            landed.cause = cause_of(message)
        landed.partial_undoing = bool(found.shas) and not landed.undoes
        for sha in found.shas:
            self.want(sha)

    def _gather(self, sha: str, owner: int, merge: bool, row: list[bytes]) -> None:
        """Add a merged commit to the main-line commit that brought it."""
        landed, side = self.landed[owner], self.sides.setdefault(owner, _Side())
        landed.commits_count += 1
        if len(landed.commits) < COMMITS_MAX:
            landed.commits.append(sha)
        if merge:
            return
        authored = _seconds(row[2])
        if authored > 0 and (landed.opened is None or authored < landed.opened):
            landed.opened = authored
        side.authors[text(row[4]), text(row[5])] += 1
        subject, body = subject_and_body(text(row[7]))
        landed.picked = list(dict.fromkeys((*landed.picked, *picked_from(body))))[:COMMITS_MAX]
        if is_whole(subject, body):
            side.whole += 1
            found = references(subject, body)
            side.references.append(found)
            if not side.words:
                side.words = f"{subject}\n{body}"[:WORDS_CHARACTERS_MAX]
            for reference in found.shas:
                self.want(reference)
        else:
            side.others += 1

    def finish(self) -> list[Landed]:
        for place, side in self.sides.items():
            landed = self.landed[place]
            landed.commits.reverse()
            _credit(landed, side)
            if side.whole and not side.others and not landed.undoes:
                landed.undoes = True
                # the request's own title may say "reapply" though its commits are plain reverts
                landed.back = brings_back(landed.title)
            if side.whole and not landed.undoes:
                landed.partial_undoing = True
            if landed.undoes and side.references:
                landed.references = _united(landed.references, side.references)
                if landed.cause == "unknown":
                    landed.cause = cause_of(side.words)
        return [self.landed[place] for place in sorted(self.landed)]


def _credit(landed: Landed, side: _Side) -> None:
    """A change's author is who wrote most of its commits, not who pressed the button."""
    if not side.authors:
        return
    (name, email), _ = min(side.authors.items(), key=lambda item: (-item[1], item[0]))
    landed.author = login_of(name, email.lower()) or name.lower()
    landed.bot = is_bot(name, email, landed.branch)


def _united(own: References, others: list[References]) -> References:
    shas = dict.fromkeys(own.shas)
    numbers = dict.fromkeys(own.numbers)
    title = own.title
    for other in others:
        shas.update(dict.fromkeys(other.shas))
        numbers.update(dict.fromkeys(other.numbers))
        title = title or other.title
    return References(tuple(shas), tuple(numbers), title, own.branch_number)


def _seconds(raw: bytes) -> int:
    try:
        return int(raw)
    except ValueError:
        return 0


def walk(repository: Repository, tags: list[Tag], wanted: Iterable[str]) -> Walked:
    """Read every commit of the main line, of what it merged, and of the given tags' own lines.

    ``wanted`` are shas or prefixes of them (7 digits at least) whose main-line commit is asked for;
    the commits that reverts name are wanted by themselves.
    """
    state = _Walk(repository, tags, wanted)
    starts = dict.fromkeys([repository.head, *sorted(state.off_line)])
    command = ("log", "--topo-order", "--encoding=UTF-8", "-z", _FORMAT, "--stdin")
    row: list[bytes] = []
    for record in repository.git.records(*command, lines=starts):
        row.append(record)
        if len(row) == _FIELDS:
            state.commit(row)
            row = []
    return Walked(state.finish(), state.found, state.held, state.times)
