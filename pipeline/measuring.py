"""What a step tells of its work: how long a stage takes, how much a batch holds, what is refused and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

#: is told of long work: what is being done, how much of it is done, and of how much (where that is known)
ProgressCall = Callable[[str, int, int | None], None]


def silent(phase: str, done: int, total: int | None = None) -> None:
    """Progress that nobody looks at."""


class Meter(Protocol):
    """Takes down the numbers of one step; safe to call from several threads."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time one stage of a batch; ``name`` is one of few words of ours."""

    def batch(self, records: int) -> None:
        """A batch of so many records was committed."""

    def refused(self, reasons: Iterable[str]) -> None:
        """Records became dead letters for these reasons."""


class _Unmeasured:
    def stage(self, name: str) -> AbstractContextManager[object]:
        return nullcontext()

    def batch(self, records: int) -> None:
        """Nobody asked."""

    def refused(self, reasons: Iterable[str]) -> None:
        """Nobody asked."""


#: where nobody looks at the numbers
UNMEASURED: Meter = _Unmeasured()
