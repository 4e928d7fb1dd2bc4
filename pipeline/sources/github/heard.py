"""One delivery while it is read: whose it is, when it happened, and who did it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pipeline.sources.forges import BRANCH, HeardFromForge
from pipeline.sources.github.payloads import LABELS_MAX, Label, User
from pipeline.sources.times import instant, micros

#: raise it whenever the events of one and the same payload become others
PARSER_VERSION = 3


class Heard(HeardFromForge, frozen=True):
    """A delivery of GitHub's."""

    family: ClassVar[str] = "github"
    parser_version: ClassVar[int] = PARSER_VERSION

    def untimed_head(self, what: str) -> dict[str, Any]:
        """``head`` for a payload that doesn't say when: the time of receipt stands in, the earliest wins."""
        received_at = self.delivery.received_at
        return self.head(what, received_at, -received_at)

    def timed_head(self, what: str, moment: datetime | None, field: str) -> dict[str, Any]:
        """The same for what happens again and again: its time, where it is known, is part of the id."""
        if moment is None:
            return self.untimed_head(what)
        time = micros(moment, field)
        return self.head(f"{what} {instant(time)}", time)

    def person(self, user: User | None) -> str:
        """A user's token; "" for a user who is gone."""
        return self.reader.person_token(user.login) if user is not None else ""


def optional_micros(moment: datetime | None, field: str) -> int | None:
    """The microseconds of a time that may be absent."""
    return None if moment is None else micros(moment, field)


def is_bot(user: User | None) -> bool:
    """Whether a program acts under this name."""
    return user is not None and (user.type == "Bot" or user.login.endswith("[bot]"))


def names(labels: list[Label]) -> list[str]:
    """The names of the first labels."""
    return [label.name for label in labels[:LABELS_MAX]]


def branch_of(ref: str) -> str:
    """``main`` for ``refs/heads/main``, and for ``main`` itself."""
    return ref.removeprefix(BRANCH)
