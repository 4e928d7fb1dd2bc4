"""The records of the compact history format, as they stand in its lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Any, TypeAlias

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.sources.lines import LINE_BYTES_MAX
from pipeline.sources.times import AwareTime, micros

PARSER_VERSION = 1
#: of reviews and comments, which tell more than they did; the other records became nothing else
REVIEWS_PARSER_VERSION = 2

_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Change(msgspec.Struct):
    """A change on the main line; ``dirs`` = its directories, two levels deep, by churn."""

    repo: _Name
    sha: _Name
    merged_at: AwareTime
    number: _Count | None = None
    opened_at: AwareTime | None = None
    author: str = ""
    title: str = ""
    additions: _Count | None = None
    deletions: _Count | None = None
    files: _Count | None = None
    dirs: list[str] = []
    labels: list[str] = []


class Deployment(msgspec.Struct):
    """A production deployment; ``sha`` = the newest change it holds, ``back`` = older than the one before."""

    repo: _Name
    sha: _Name
    at: AwareTime
    tag: str = ""
    back: bool = False


class Revert(msgspec.Struct):
    """A change that takes back another (``reverts_sha``); ``redo`` = it brings a reverted one back."""

    repo: _Name
    sha: _Name
    merged_at: AwareTime
    reverts_sha: _Name
    number: _Count | None = None
    opened_at: AwareTime | None = None
    dirs: list[str] = []
    reverts_number: _Count | None = None
    also: list[str] = []
    how: str = ""
    redo: bool = False
    cause: str = ""


class Rollback(msgspec.Struct):
    """Production went back to an older version; ``next`` = what went out after that."""

    repo: _Name
    at: AwareTime
    from_sha: _Name
    next: str = ""
    apps_within_30m: _Count = 1
    reverted_after: list[str] = []


class Request(msgspec.Struct):
    """A pull request of a review history, told once with everything that became of it."""

    repo: _Name
    number: _Count
    at: AwareTime
    state: str
    author: str = ""
    title: str = ""
    labels: list[str] = []
    base: str = ""
    head: str | None = None
    merged_at: AwareTime | None = None
    closed_at: AwareTime | None = None
    merged_by: str | None = None
    sha: str | None = None
    additions: _Count | None = None
    deletions: _Count | None = None
    files: list[str] | None = None


class Said(msgspec.Struct, kw_only=True):
    """What a text amounts to; the text itself is in no history."""

    words: _Count | None = None
    code: bool = False
    suggestion: bool = False
    question: bool = False
    request: bool = False
    filler: bool = False


class InlineComment(Said, kw_only=True):
    """A comment of a review; ``position`` = its line in the diff, ``at`` = the review's when left out."""

    at: AwareTime | None = None
    position: int | None = None


class Review(msgspec.Struct):
    """A review of a pull request with its inline comments; ``body`` = what its own text amounts to."""

    repo: _Name
    number: _Count
    id: _Name
    at: AwareTime
    author: str = ""
    state: str = ""
    commit: str = ""
    comments: list[InlineComment] = []
    body: Said | None = None


class Comment(Said, kw_only=True):
    """A comment in the conversation of a pull request; an archive that numbers them gives an ``id``."""

    repo: _Name
    number: _Count
    at: AwareTime
    author: str = ""
    id: str = ""


Record: TypeAlias = Change | Deployment | Revert | Rollback | Request | Review | Comment


#: the envelope of an event, in the order of its fields
Head: TypeAlias = tuple[str, str, int, int, bool, int, int, bool, int]


def head(
    identifier: str, source: str, time: int, sequence: int = 0, parser_version: int = PARSER_VERSION
) -> Head:
    """The envelope of an imported event."""
    return (identifier, source, time, time, True, 0, parser_version, False, sequence)


class _Kind(msgspec.Struct):
    kind: str
    state: Any = None


_kind_decoder = msgspec.json.Decoder(_Kind)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    struct.__name__.lower(): msgspec.json.Decoder(struct)
    for struct in (Change, Deployment, Revert, Rollback, Request, Review, Comment)
}
_KIND_SHOWN_CHARACTERS_MAX = 60


def read_record(line: bytes) -> Record:
    """One line as its record; raises ``InvalidEvent`` naming the kind and the field.

    A ``change`` with a ``state`` belongs to a review history: it is a request.
    """
    if len(line) > LINE_BYTES_MAX:
        raise InvalidEvent(f"the line is longer than {LINE_BYTES_MAX} bytes")
    kind = "record"
    try:
        head = _kind_decoder.decode(line)
        kind = "request" if head.kind == "change" and head.state is not None else head.kind
        decoder = _DECODERS.get(kind)
        if decoder is None or head.kind == "request":
            raise InvalidEvent(f"unknown kind {head.kind[:_KIND_SHOWN_CHARACTERS_MAX]!r}")
        record: Record = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(f"{kind}: {error}") from None
    except RecursionError:
        raise InvalidEvent(f"{kind}: the JSON is nested too deeply") from None
    for field, value in _values(record):
        if isinstance(value, datetime):
            micros(value, f"{kind}.{field}")
    return record


def _values(record: Record) -> Iterator[tuple[str, Any]]:
    for field in record.__struct_fields__:
        yield field, getattr(record, field)
    for number, comment in enumerate(record.comments if isinstance(record, Review) else ()):
        yield f"comments[{number}].at", comment.at


class Survey:
    """What a first look at all lines tells: whose number is whose, which changes are reverts."""

    def __init__(self) -> None:
        self.reverts: dict[tuple[str, str], Revert] = {}
        self.repositories: set[str] = set()
        self.deployed: set[str] = set()
        self._owners: dict[tuple[str, int], tuple[int, str]] = {}
        self._namesakes: defaultdict[str, set[str]] = defaultdict(set)
        self._instant: tuple[int, int] = (0, 0)
        self._comments = _Comments()

    def note(self, record: Record) -> None:
        self.repositories.add(record.repo)
        self._namesakes[record.repo.rpartition("/")[2]].add(record.repo)
        if isinstance(record, Deployment):
            self.deployed.add(record.repo)
        elif isinstance(record, Comment):
            self._comments.note(record)
        elif isinstance(record, Revert):
            self.reverts[record.repo, record.sha] = record
        elif isinstance(record, Change) and record.number is not None:
            place = (record.repo, record.number)
            mine = (micros(record.merged_at, "merged_at"), record.sha)
            self._owners[place] = min(mine, self._owners.get(place, mine))

    def key(self, repository: str, number: int | None, sha: str) -> str:
        """The key of a change: its number if that is still its own, else its commit."""
        owner = self._owners.get((repository, number)) if number is not None else None
        return f"{repository}#{number}" if owner and owner[1] == sha else f"{repository}@{sha}"

    def place(self, comment: Comment) -> int:
        """Which of its author's comments of that time on that request it is, from 1 on."""
        return self._comments.place(comment)

    def service(self, repository: str) -> str:
        """The name of a repository without its owner, unless two owners have one of that name."""
        name = repository.rpartition("/")[2]
        return name if len(self._namesakes[name]) == 1 else repository

    def sequence(self, time: int) -> int:
        """The place of a record among those of one instant, in the order of the lines."""
        last, place = self._instant
        self._instant = (time, place + 1 if time == last else 0)
        return self._instant[1]


class _Comments:
    """Tells the comments of one author at one time on one request from each other, where they have no id.

    Their places follow from what they say, so that the order of the lines, a line that is there twice and
    another import change none. Two that say the same are one. Numbers stand for both, to keep this small.
    """

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._several: defaultdict[int, set[int]] = defaultdict(set)

    def note(self, comment: Comment) -> None:
        if comment.id:
            return
        where, what = _where(comment), _what(comment)
        if (first := self._first.setdefault(where, what)) != what:
            self._several[where] |= {first, what}

    def place(self, comment: Comment) -> int:
        several = self._several.get(_where(comment))
        return 1 if several is None or comment.id else sorted(several).index(_what(comment)) + 1


def _where(comment: Comment) -> int:
    return _digest([comment.repo, comment.number, comment.at.timestamp(), comment.author])


def _what(comment: Comment) -> int:
    return _digest([getattr(comment, field) for field in Said.__struct_fields__])


def _digest(values: list[Any]) -> int:
    return int.from_bytes(blake2b(msgspec.json.encode(values), digest_size=8).digest(), "big")
