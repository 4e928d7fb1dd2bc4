"""Answers for pages: asked once for all who look, and kept until rows change."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import anyio.to_thread
import msgspec
from anyio import CapacityLimiter

from pipeline.store import StoreUnavailable
from pipeline.store.answering import Answer as Bytes
from pipeline.store.answering import EngineError

#: an answer holds so long however many rows come meanwhile: what a page costs doesn't grow with its viewers
FRESH_SECONDS = 5.0
#: and so long when none come: time goes on, too
KEPT_SECONDS_MAX = 60.0
ANSWERS_KEPT_MAX = 1_000
KEPT_BYTES_MAX = 64 * 2**20
#: of several that ask the same, one asks; of all others so many at once
ASKED_AT_ONCE_MAX = 4
#: different questions that wait or are being answered
WAITING_MAX = 500

#: how the engine writes values, so that every number is one
FORMAT = "JSONCompact"
SETTINGS: Mapping[str, str | int] = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "output_format_json_named_tuples_as_objects": 0,
}


class Answering(Protocol):
    """Whoever answers statements: the engine in this process, or a server."""

    def answer(
        self,
        statement: str,
        format_: str,
        settings: Mapping[str, str | int] = {},
        parameters: Mapping[str, str] = {},
        mark: str = "",
    ) -> Bytes: ...


class Answer(NamedTuple):
    """Columns and rows as JSON has them: times are texts, UTC; ``trouble`` is why there are none."""

    columns: list[str]
    rows: list[list[Any]]
    trouble: str = ""
    seconds: float = 0.0

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by the names of their columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class _Meta(msgspec.Struct):
    name: str


class _Document(msgspec.Struct):
    meta: list[_Meta]
    data: list[list[Any]]


class _Kept(NamedTuple):
    answer: Answer
    generation: object
    at: float
    size: int


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_decode = msgspec.json.Decoder(_Document).decode
_Key = tuple[str, tuple[tuple[str, str], ...], str]


class Asking:
    """Asks for one event loop. ``generation`` is another value after rows have changed."""

    def __init__(
        self,
        answering: Answering,
        filters: Mapping[str, Mapping[str, str | int]],
        generation: Callable[[], object],
        *,
        escapes: bool = True,
        limits: Mapping[str, str | int] = {},
    ) -> None:
        """``filters``: settings with which a role asks, so that it sees what it may.

        ``escapes``: the engine in this process reads values of parameters as it reads tab-separated text.
        ``limits`` are lower ones than those that all answers have.
        """
        self._answering = answering
        self._filters = filters
        self._generation = generation
        self._escapes = escapes
        self._limits = limits
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[_Key, asyncio.Task[Answer]] = {}
        self._limiter = CapacityLimiter(ASKED_AT_ONCE_MAX)

    async def ask(self, statement: str, parameters: Mapping[str, str | int], role: str) -> Answer:
        """The answer, or what is wrong in its place: a page must not fail for one of its panels."""
        wanted = tuple(
            sorted((name, str(value)) for name, value in parameters.items() if f"{{{name}:" in statement)
        )
        key = (statement, wanted, role)
        kept = self._kept.get(key)
        if kept is not None and self._holds(kept):
            self._kept.move_to_end(key)
            return kept.answer
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= WAITING_MAX:
                return Answer([], [], "too much is being asked at once: look again in a moment")
            task = asyncio.ensure_future(self._asked(key))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    def _holds(self, kept: _Kept) -> bool:
        age = time.monotonic() - kept.at
        return age < FRESH_SECONDS or (age < KEPT_SECONDS_MAX and kept.generation == self._generation())

    async def _asked(self, key: _Key) -> Answer:
        generation = self._generation()
        answer, size = await anyio.to_thread.run_sync(partial(self._answered, key), limiter=self._limiter)
        self._keep(key, _Kept(answer, generation, time.monotonic(), size))
        return answer

    def _answered(self, key: _Key) -> tuple[Answer, int]:
        """In a thread: the answer, or what is wrong, and how large it was."""
        statement, wanted, role = key
        settings = {**SETTINGS, **self._limits, **self._filters.get(role, {})}
        given = {name: escaped(value) if self._escapes else value for name, value in wanted}
        begun = time.monotonic()
        try:
            found = self._answering.answer(statement, FORMAT, settings, given)
            document = _decode(found.body) if found.body else _Document([], [])
        except (EngineError, StoreUnavailable) as error:
            return Answer([], [], in_short(str(error))), 0
        except msgspec.MsgspecError as error:
            return Answer([], [], f"the answer is not what was asked for, or is cut off: {error}"), 0
        columns = [column.name for column in document.meta]
        return Answer(columns, document.data, "", time.monotonic() - begun), len(found.body)

    def _keep(self, key: _Key, kept: _Kept) -> None:
        before = self._kept.pop(key, None)
        self._bytes += kept.size - (before.size if before is not None else 0)
        self._kept[key] = kept
        while self._kept and (self._bytes > KEPT_BYTES_MAX or len(self._kept) > ANSWERS_KEPT_MAX):
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size


def escaped(value: str) -> str:
    """A value of a parameter as the engine reads it back."""
    return value.translate(_ESCAPES)


def in_short(trouble: str) -> str:
    """The engine's words without where in the statement it stood."""
    return trouble.partition(". In scope ")[0].partition(": In scope ")[0].strip()[:500]
