"""A small world while it is told: what exists so far, and the events that told it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.names import BEGINNING, STEP, envelope


class Place(NamedTuple):
    """A service, its repository, and its directory there (``""`` = the whole repository)."""

    service: str
    repository: str
    path: str


#: two services share a monorepo, one has a repository of its own
PLACES = (
    Place("web", "acme/shop", "web"),
    Place("billing", "acme/shop", "billing"),
    Place("api", "acme/api", ""),
)


class World:
    """One history being told: what exists so far, and the events that told it."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.now = BEGINNING
        self.events: list[e.Event] = []
        self.merged: dict[str, list[str]] = {}
        self.numbers: dict[str, int] = {}
        self.shas = 0
        self.changes: list[str] = []
        self.tags: dict[str, list[tuple[str, str]]] = {}
        self.deployments: list[str] = []
        self.incidents: list[str] = []

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values))

    def chance(self) -> bool:
        return self.draw(st.booleans())

    def wait(self, steps_max: int) -> None:
        """Let some steps of time go by; none at all is likely, so that events fall together."""
        self.now += self.draw(st.integers(0, steps_max)) * STEP

    def later(self, steps_max: int) -> int:
        return self.now + self.draw(st.integers(0, steps_max)) * STEP

    def tell(self, struct: type[e.Event], source: str, transition: str, time: int, **fields: Any) -> None:
        identifier = f"{source} {fields[struct.key_field]} {transition}"
        self.events.append(struct(**envelope(identifier, source, time), **fields))

    def sha(self) -> str:
        self.shas += 1
        return f"{self.shas:040x}"
