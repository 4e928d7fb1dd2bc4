"""One delivery while it is read: whose it is, when it happened, and who did it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from pipeline.core.events import InvalidEvent
from pipeline.sources.forges import HeardFromForge
from pipeline.sources.gitlab.payloads import LABELS_MAX, Label, User
from pipeline.sources.times import micros

#: raise it whenever the events of one and the same payload become others
PARSER_VERSION = 4

_UTC = " UTC"
_OFFSET = " +0000"
_TIME_SHOWN_CHARACTERS_MAX = 64
#: bots of projects and groups have such user names; other programs are recognised by their own
_BOT = re.compile(
    r"(?:project|group)_\d+_bot(?:_\w+)?\Z|service_account_\w|(?:.*[-_])?bot\Z|.*\[bot\]\Z", re.I
)


def moment(text: str, field: str) -> int:
    """Microseconds UTC of a time as any hook writes it; raises ``InvalidEvent`` naming the field otherwise.

    Hooks write ``2013-12-03T17:23:34Z``, ``2021-04-28 21:50:00 +0200`` and ``2016-08-12 15:23:28 UTC``.
    """
    plain = text
    if plain.endswith(_UTC):
        plain = plain[: -len(_UTC)] + "+00:00"
    elif len(plain) > len(_OFFSET) and plain[-len(_OFFSET)] == " ":
        plain = plain[: -len(_OFFSET)] + plain[1 - len(_OFFSET) :]
    try:
        read = datetime.fromisoformat(plain)
    except ValueError:
        raise InvalidEvent(f"{field}: {text[:_TIME_SHOWN_CHARACTERS_MAX]!r} is no time") from None
    return micros(read, field)


def moment_of(text: str | None, field: str) -> int | None:
    """The same for a time that may be absent."""
    return moment(text, field) if text else None


class Heard(HeardFromForge, frozen=True):
    """A delivery of GitLab's."""

    family: ClassVar[str] = "gitlab"
    parser_version: ClassVar[int] = PARSER_VERSION

    def person(self, user: User | None) -> str:
        """A user's token; "" for a user who is gone."""
        return self.reader.person_token((user.username if user is not None else "") or "")


def is_bot(user: User | None) -> bool:
    """Whether a program acts under this name."""
    return user is not None and _BOT.match(user.username or "") is not None


def titles(*lists: Iterable[Label] | None) -> list[str]:
    """The names of the labels in the first list that holds any."""
    found = next((labels for labels in lists if labels), ())
    return [label.title for label in found if label.title][:LABELS_MAX]
