"""What the deliveries of all forges have in common: how facts are named, what is kept of texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from pipeline.sources.deliveries import Delivery, Reader, envelope

TITLE_CHARACTERS_MAX = 1_000
BRANCH = "refs/heads/"
#: the label of what a program wrote
BOT = "bot"


class HeardFromForge(msgspec.Struct, frozen=True):
    """A delivery, what may be used to read it, and the repository (or organisation) that sent it.

    A forge gives its ``family``, with which ids and keys begin, and its ``parser_version``.
    """

    delivery: Delivery
    reader: Reader
    repository: str

    family: ClassVar[str]
    parser_version: ClassVar[int]

    def key(self, what: str) -> str:
        """What is known here by a number or a name, among all sources: `` deployment 42``, ``#17 merged``."""
        return f"{self.family} {self.repository}{what}"

    def head(
        self, what: str, time: int, source_version: int = 0, *, retracted: bool = False
    ) -> dict[str, Any]:
        """The envelope of the fact ``what``, said of this repository: ``#17 merged``, `` check 5``."""
        return envelope(
            self.delivery,
            id=self.key(what),
            source=f"{self.family}/{self.repository}",
            time=time,
            parser_version=self.parser_version,
            source_version=source_version,
            retracted=retracted,
        )

    def change(self, number: int) -> dict[str, Any]:
        """The fields that name a request."""
        return {
            "change": f"{self.repository}#{number}",
            "repository": self.repository,
            "number": number,
        }

    def commit(self, sha: str) -> dict[str, Any]:
        """The fields that name a commit."""
        return {"commit": f"{self.repository}@{sha}", "repository": self.repository, "sha": sha}

    def described(
        self, title: str, text: str, labels: list[str], *, author: str, bot: bool
    ) -> dict[str, Any]:
        """The fields that tell what a request says of itself, and who opened it (``author``, a token)."""
        said = self.reader.patterns.read(self.repository, title, text, labels)
        return {
            "title": title[:TITLE_CHARACTERS_MAX],
            "author": author,
            "labels": [*labels, BOT] if bot and BOT not in labels else labels,
            "reverts": said.reverts,
            "emergency": said.emergency,
            "incidents": said.incidents,
            "sections": said.sections,
        }

    def is_incident(self, labels: Iterable[str]) -> bool:
        """Whether one of an issue's labels makes it an incident."""
        wanted = {name.casefold() for name in self.reader.incident_labels}
        return any(label.casefold() in wanted for label in labels)
