"""Explanations for many who ask: once each, with patience, and the past keeps nobody from the present."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from pipeline.explain import Explanation, SeveralFindings
from pipeline.pages import explaining
from pipeline.pages.explaining import WAITING_MAX, Explaining, NotYet
from pipeline.receive.problems import Problem
from pipeline.store import StoreUnavailable

FOUND = SeveralFindings("acme", None, "x", [])


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked: list[tuple[str, str, int | None]] = []

    def __call__(self, workspace: str, name: str, as_of: int | None) -> Explanation | None:
        self.asked.append((workspace, name, as_of))
        if as_of is not None:
            assert self.free.wait(30)
        return FOUND


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "PATIENCE_SECONDS", 0.2)


def test_what_takes_long_is_worked_out_for_who_asks_again() -> None:
    slow = Slow()

    async def looked() -> None:
        desk = Explaining(slow)
        for _ in range(2):
            with pytest.raises(NotYet):
                await desk.findings("acme", "x", 5)
        slow.free.set()
        for _ in range(100):
            try:
                assert await desk.findings("acme", "x", 5) is FOUND
                break
            except NotYet:
                continue
        assert desk.later("acme", "x", 5) is FOUND
        assert slow.asked == [("acme", "x", 5)]

    asyncio.run(looked())


def test_the_past_keeps_nobody_from_the_present() -> None:
    slow = Slow()

    async def looked() -> None:
        desk = Explaining(slow)
        for moment in range(WAITING_MAX):
            assert desk.later("acme", "x", moment) is None
        with pytest.raises(Problem, match="too much"):
            await desk.findings("acme", "x", WAITING_MAX)
        assert await desk.findings("acme", "x") is FOUND
        slow.free.set()

    asyncio.run(looked())


def _fails(error: Exception) -> Callable[[str, str, int | None], Explanation | None]:
    def explain(workspace: str, name: str, as_of: int | None) -> Explanation | None:
        raise error

    return explain


def test_what_nobody_foresaw_is_not_waited_for() -> None:
    async def looked() -> None:
        with pytest.raises(ZeroDivisionError):
            await Explaining(_fails(ZeroDivisionError())).findings("acme", "x", 5)
        with pytest.raises(Problem, match="no space"):
            await Explaining(_fails(OSError("no space left"))).findings("acme", "x", 5)

    asyncio.run(looked())


def test_a_store_that_is_away_is_said_to_be() -> None:
    async def looked() -> None:
        desk = Explaining(_fails(StoreUnavailable("nobody answers")))
        for _ in range(2):
            with pytest.raises(Problem, match="nobody answers") as refused:
                await desk.findings("acme", "x")
            assert refused.value.status == 503
        assert desk.later("acme", "x", 1) is None

    asyncio.run(looked())
