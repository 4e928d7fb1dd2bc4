"""Answers for pages: once for all who look, kept until rows change, and never more than is bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from pipeline.pages import asking
from pipeline.pages.asking import Asking
from pipeline.store import StoreUnavailable
from pipeline.store.answering import Answer, EngineError

STATEMENT = "SELECT {workspace:String}"


class Counting:
    """Answers with how often it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[dict[str, str | int], dict[str, str]]] = []
        self.error = error

    def answer(
        self,
        statement: str,
        format_: str,
        settings: Mapping[str, str | int] = {},
        parameters: Mapping[str, str] = {},
        mark: str = "",
    ) -> Answer:
        self.asked.append((dict(settings), dict(parameters)))
        if self.error is not None:
            raise self.error
        body = json.dumps({"meta": [{"name": "n"}], "data": [[len(self.asked)]]}).encode()
        return Answer(body, 1, 1, 1, 0.0)


def test_many_ask_once_and_a_role_asks_for_itself() -> None:
    counting = Counting()

    async def looked() -> None:
        desk = Asking(counting, {"viewer": {"additional_table_filters": "{}"}}, lambda: 0)
        same = await asyncio.gather(
            *(desk.ask(STATEMENT, {"workspace": "a", "unused": number}, "admin") for number in range(20))
        )
        assert {answer.rows[0][0] for answer in same} == {1}
        assert (await desk.ask(STATEMENT, {"workspace": "a"}, "viewer")).rows == [[2]]
        assert (await desk.ask(STATEMENT, {"workspace": "b"}, "admin")).rows == [[3]]
        assert ["additional_table_filters" in settings for settings, _ in counting.asked] == [
            False,
            True,
            False,
        ]
        assert [parameters for _, parameters in counting.asked][0] == {"workspace": "a"}

    asyncio.run(looked())


def test_new_rows_are_seen_after_a_moment_and_old_answers_are_not_kept_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counting, now, rows = Counting(), [0.0], [0]
    monkeypatch.setattr("pipeline.pages.asking.time.monotonic", lambda: now[0])

    async def looked() -> None:
        desk = Asking(counting, {}, lambda: rows[0])

        async def found() -> int:
            return int((await desk.ask(STATEMENT, {"workspace": "a"}, "admin")).rows[0][0])

        assert await found() == 1
        rows[0] = 1
        assert await found() == 1  # so many viewers, one question each 5 s
        now[0] = asking.FRESH_SECONDS
        assert await found() == 2
        now[0] += asking.KEPT_SECONDS_MAX - 1
        assert await found() == 2
        now[0] += 1
        assert await found() == 3

    asyncio.run(looked())


@pytest.mark.parametrize(
    "error", [EngineError("Code: 60. Unknown table x"), StoreUnavailable("nobody answers")]
)
def test_what_is_wrong_is_an_answer(error: Exception) -> None:
    counting = Counting(error)

    async def looked() -> None:
        desk = Asking(counting, {}, lambda: 0)
        for _ in range(3):
            answer = await desk.ask(STATEMENT, {"workspace": "a"}, "admin")
            assert answer.trouble == str(error)
            assert answer.rows == []
        assert len(counting.asked) == 1  # a store that is away isn't asked by each panel of each viewer

    asyncio.run(looked())


def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ANSWERS_KEPT_MAX", 3)
    counting = Counting()

    async def looked() -> None:
        desk = Asking(counting, {}, lambda: 0)
        for name in ("a", "b", "c", "d", "d", "b", "a"):
            await desk.ask(STATEMENT, {"workspace": name}, "admin")
        assert [parameters["workspace"] for _, parameters in counting.asked] == ["a", "b", "c", "d", "a"]

    asyncio.run(looked())
