"""The SQL console: a statement that reads, its answer, and the views with what they answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import anyio.to_thread
from anyio import CapacityLimiter

from pipeline import resources
from pipeline.pages.asking import Answer, Asking
from pipeline.store.answering import EngineError
from pipeline.store.migrations import read_views
from pipeline.web.guard import Checked
from pipeline.web.refusals import Refused

ROWS_SHOWN_MAX: Final = 500
STATEMENT_CHARACTERS_MAX: Final = 20_000
CELL_CHARACTERS_MAX: Final = 2_000
#: statements of people, beside those of panels
AT_ONCE_MAX: Final = 2
FIRST: Final = """SELECT incident, opened_at, answer, deployment, change, change_title
FROM which_change_broke_it
LIMIT 20"""

#: statement and role -> the statement as it may be asked; raises ``Refused`` or ``EngineError``
Check = Callable[[str, str], Checked]
#: an answer is not made larger than this, whoever asks
ROWS_ANSWERED_MAX: Final = 10_000
ANSWER_BYTES_MAX: Final = 8 * 2**20

_HEAD = re.compile(r"--\s?(.*)")


class Documented(NamedTuple):
    """A view: its question, and what its rows and columns mean."""

    name: str
    question: str
    about: str


class Console:
    """Answers one statement at a time for each who asks, with the limits of all readers."""

    def __init__(self, asking: Asking, check: Check | None) -> None:
        """``check`` is ``None`` where a server answers for itself."""
        self._asking = asking
        self._check = check
        self._limiter = CapacityLimiter(AT_ONCE_MAX)
        self.views = documented()

    @property
    def open(self) -> bool:
        """Whether statements are answered here."""
        return self._check is not None

    async def answer(self, statement: str, workspace: str, role: str) -> Answer:
        """Rows, or what is wrong with the statement."""
        assert self._check is not None
        if len(statement) > STATEMENT_CHARACTERS_MAX:
            return Answer([], [], f"a statement here has at most {STATEMENT_CHARACTERS_MAX:,} characters")
        try:
            checked = await anyio.to_thread.run_sync(
                partial(self._check, statement, role), limiter=self._limiter
            )
        except (Refused, EngineError) as error:
            return Answer([], [], str(error)[:CELL_CHARACTERS_MAX])
        if checked.format:
            return Answer([], [], f"leave FORMAT {checked.format} out: here every answer is a table")
        return await self._asking.ask(checked.statement, {"workspace": workspace}, role)


def console_context(console: Console, statement: str, answer: Answer | None) -> dict[str, Any]:
    """What the template is told."""
    rows = answer.rows[:ROWS_SHOWN_MAX] if answer is not None else []
    return {
        "statement": statement or FIRST,
        "asked": answer is not None,
        "answer": answer,
        "rows": [[_plain(value) for value in row] for row in rows],
        "figures": [isinstance(value, int | float) for value in rows[0]] if rows else [],
        "left_out": max(0, len(answer.rows) - ROWS_SHOWN_MAX) if answer is not None else 0,
        "views": console.views,
        "open": console.open,
    }


def _plain(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= CELL_CHARACTERS_MAX else text[:CELL_CHARACTERS_MAX] + "…"


def documented() -> list[Documented]:
    """All views with the words at their heads."""
    found = []
    for view in read_views(resources.sql() / "views"):
        head: list[str] = []
        for line in view.text.splitlines():
            match = _HEAD.fullmatch(line)
            if match is None:
                break
            head.append(match[1])
        found.append(Documented(view.name, head[0] if head else "", "\n".join(head[1:])))
    return found
