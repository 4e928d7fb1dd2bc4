"""Questions under way, and the statement that takes one back: `KILL QUERY WHERE query_id = '...'`.

A client that hangs up takes its question back without a word. JDBC's `Statement.cancel`, which DBeaver's
button calls, keeps its connection and says that statement on another one.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from pipeline.web.refusals import QUERY_WAS_CANCELLED, Refused

#: no other condition: what a client may stop, it names, and a name has neither quotes nor backslashes
_KILL: Final = re.compile(
    r"\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([\x21-\x26\x28-\x5b\x5d-\x7e]{1,100})'\s*(?:A?SYNC\s*)?;?\s*",
    re.IGNORECASE | re.ASCII,
)


class Asker(NamedTuple):
    """Whose question it is, and which; only who sent the same token stops it."""

    role: str
    token: str
    query_id: str


def taken_back(text: str) -> str:
    """The id of the question that a statement takes back; "": it is another statement."""
    found = _KILL.fullmatch(text)
    return found[1] if found else ""


class UnderWay:
    """What is being answered or waits for its turn. For one event loop."""

    def __init__(self) -> None:
        self._tasks: defaultdict[Asker, set[asyncio.Task[Response]]] = defaultdict(set)
        self._taken_back: set[asyncio.Task[Response]] = set()

    async def answered(self, asker: Asker, answering: Coroutine[Any, Any, Response]) -> Response:
        """What ``answering`` returns. Raises ``Refused`` when the asker took the question back meanwhile."""
        task = asyncio.ensure_future(answering)
        self._tasks[asker].add(task)
        try:
            return await task
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if task in self._taken_back and this is not None and not this.cancelling():
                raise Refused(QUERY_WAS_CANCELLED, "Query was cancelled") from None
            raise
        finally:
            self._taken_back.discard(task)
            self._tasks[asker].discard(task)
            if not self._tasks[asker]:
                del self._tasks[asker]

    def take_back(self, asker: Asker) -> None:
        """Stop the questions of this asker with this id; without a word when there is none."""
        # once each: a second cancelling would not let the first one wait until the engine has stopped
        for task in self._tasks.get(asker, set()) - self._taken_back:
            self._taken_back.add(task)
            task.cancel()
