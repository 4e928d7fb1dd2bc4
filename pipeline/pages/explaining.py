"""Findings for pages: what is known of an incident, a change or a deployment, now or at a moment."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import anyio.to_thread
from anyio import CapacityLimiter

from pipeline.explain import Explanation
from pipeline.log.protocol import LogCorrupt, LogUnavailable
from pipeline.receive.problems import Problem
from pipeline.store import InvalidQuery, StoreUnavailable
from pipeline.store.errors import StoreMissing

#: workspace, name, and the moment in microseconds UTC (``None``: now) -> what is known; called in a thread
Explain = Callable[[str, str, int | None], Explanation | None]

EXPLAINED_AT_ONCE_MAX: Final = 2
#: what was known at a moment is folded anew from the log, which takes a core for seconds: one at a time
FOLDED_AT_ONCE_MAX: Final = 1
#: that wait at once, of either kind: folds of the past must not keep what is known now from anybody
WAITING_MAX: Final = 16
KEPT_MAX: Final = 100
#: who waits longer than this is told to ask again, and is answered by what was found meanwhile
PATIENCE_SECONDS: Final = 3.0
#: what is known now is old soon; what took long is kept until whoever was told to ask again has done so
NOW_SECONDS: Final = 2.0
LONG_SECONDS: Final = 15.0
#: what was known at a moment is the same when somebody asks again, but for what came late
THEN_SECONDS: Final = 600.0

_Key = tuple[str, str, int | None]


class NotYet(Exception):  # noqa: N818 - nothing went wrong
    """It is being worked out: ask again in a moment."""


class _Kept(NamedTuple):
    #: what is known, or what is wrong
    found: Explanation | Problem | None
    until: float


class Explaining:
    """Asks for one event loop; each question once for all who ask it meanwhile."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain
        self._live, self._then = CapacityLimiter(EXPLAINED_AT_ONCE_MAX), CapacityLimiter(FOLDED_AT_ONCE_MAX)
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[None]] = {}

    async def findings(self, workspace: str, name: str, as_of: int | None = None) -> Explanation | None:
        """What is known; ``None`` for a name that nothing has.

        Raises ``Problem`` (503), ``NotYet`` when it takes longer than anybody likes to wait: it is worked out
        further, for who asks again.
        """
        key = (workspace, name, as_of)
        kept = self._known(key)
        if kept is None:
            task = self._begun(key)
            if task is None:
                raise Problem(503, "too much is being explained at once: ask again in a moment")
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            if task.done():
                task.result()  # what nobody foresaw is an error here, not something to wait for
            kept = self._known(key)
        if kept is None:
            raise NotYet
        if isinstance(kept.found, Problem):
            raise kept.found
        return kept.found

    def later(self, workspace: str, name: str, as_of: int) -> Explanation | None:
        """What was known then, where that was asked before; otherwise it is asked now, for the next one."""
        kept = self._known((workspace, name, as_of))
        if kept is None:
            self._begun((workspace, name, as_of))
            return None
        return None if isinstance(kept.found, Problem) else kept.found

    def forget(self, workspace: str, name: str) -> None:
        """Ask anew what is known now."""
        self._kept.pop((workspace, name, None), None)

    def _known(self, key: _Key) -> _Kept | None:
        kept = self._kept.get(key)
        return kept if kept is not None and time.monotonic() < kept.until else None

    def _begun(self, key: _Key) -> asyncio.Task[None] | None:
        """The task that works it out; ``None`` where too many wait already."""
        task = self._under_way.get(key)
        if task is not None:
            return task
        waiting = sum((known[2] is None) == (key[2] is None) for known in self._under_way)
        if waiting >= WAITING_MAX:
            return None
        task = asyncio.ensure_future(self._asked(key))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return task

    async def _asked(self, key: _Key) -> None:
        limiter = self._live if key[2] is None else self._then
        begun = time.monotonic()
        found: Explanation | Problem | None
        try:
            found = await anyio.to_thread.run_sync(partial(self._explain, *key), limiter=limiter)
        except (StoreUnavailable, LogUnavailable, LogCorrupt, StoreMissing, InvalidQuery, OSError) as error:
            found = Problem(503, f"log or store can't answer: {error}")
        ended = time.monotonic()
        soon = NOW_SECONDS if ended - begun < PATIENCE_SECONDS / 2 else LONG_SECONDS
        lasts = THEN_SECONDS if key[2] is not None and not isinstance(found, Problem) else soon
        self._kept.pop(key, None)
        self._kept[key] = _Kept(found, ended + lasts)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
