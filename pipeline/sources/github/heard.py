"""One delivery while it is read: whose it is, when it happened, and who did it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pipeline.sources.deliveries import Delivery, Reader, envelope
from pipeline.sources.github.payloads import User
from pipeline.sources.times import instant, micros

#: raise it whenever the events of one and the same payload become others
PARSER_VERSION = 1

TITLE_CHARACTERS_MAX = 1_000
BRANCH = "refs/heads/"


class Heard(NamedTuple):
    """A delivery, what may be used to read it, and the repository (or organisation) that sent it."""

    delivery: Delivery
    reader: Reader
    repository: str

    def head(
        self, what: str, time: int, source_version: int = 0, *, retracted: bool = False
    ) -> dict[str, Any]:
        """The envelope of the fact ``what``, said of this repository: ``#17 merged``, `` check 5``."""
        return envelope(
            self.delivery,
            id=f"github {self.repository}{what}",
            source=f"github/{self.repository}",
            time=time,
            parser_version=PARSER_VERSION,
            source_version=source_version,
            retracted=retracted,
        )

    def untimed_head(self, what: str) -> dict[str, Any]:
        """The same for a payload that doesn't say when: the time of receipt stands in, the earliest wins."""
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


def branch_of(ref: str) -> str:
    """``main`` for ``refs/heads/main``, and for ``main`` itself."""
    return ref.removeprefix(BRANCH)
