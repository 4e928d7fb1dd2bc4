"""A worker follows its group: what it opens, closes, waits for and gives up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from pipeline import worker as working
from pipeline.health import application
from pipeline.log.protocol import LogFenced, LogUnavailable
from pipeline.measuring import ProgressCall
from pipeline.store import StoreUnavailable
from pipeline.worker import Lag, Worker


@dataclass
class Group:
    """A group that gives partitions, one answer after the other; the last one stays."""

    answers: list[Sequence[int]]
    left: bool = False

    def poll(self, seconds: float) -> frozenset[int]:
        time.sleep(min(seconds, 0.001))
        return frozenset(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def close(self) -> None:
        self.left = True


@dataclass
class Counting:
    """A step that counts what is asked of it, and raises what it is told to."""

    partition: int
    told: list[str]
    raises: list[Exception] = field(default_factory=list)
    #: since when a turn is under way, as the worker tells
    began: Callable[[], float] = lambda: 1.0

    def turn(self) -> int:
        self.told.append(f"turn {self.partition}")
        assert self.began() > 0, "nobody could tell that it is stuck"
        if self.raises:
            raise self.raises.pop(0)
        return 1

    def lag(self) -> Lag:
        return Lag(7 * self.partition, 1.5)

    def close(self) -> None:
        self.told.append(f"close {self.partition}")


def run(
    group: Group,
    until: Callable[[list[str]], bool],
    raises: Sequence[Exception] = (),
) -> tuple[Worker, list[str]]:
    """Let a worker run until something was told."""
    told: list[str] = []
    left = list(raises)

    def opened(partition: int, progress: ProgressCall) -> Counting:
        told.append(f"open {partition}")
        return Counting(partition, told, left, lambda: worker.condition.turn_began)

    worker, stop = Worker(group, opened), threading.Event()

    def check() -> None:
        if until(told):
            stop.set()

    worker.run(stop, check)
    return worker, told


def test_partitions_are_opened_and_closed_as_the_group_says() -> None:
    group = Group([[0, 1], [0, 1], [1, 2], [1, 2]])
    worker, told = run(group, lambda told: "turn 2" in told)
    # one at a time: the group is asked for news in between
    assert told[:5] == ["open 0", "turn 0", "open 1", "turn 0", "turn 1"]
    assert told.index("close 0") < told.index("open 2")
    assert told[-2:] == ["close 1", "close 2"]
    assert told.count("open 1") == 1
    assert group.left
    assert worker.condition.rebalances == 3  # the first, the second, and its leaving


def test_whoever_was_fenced_does_not_take_the_partition_back_at_once() -> None:
    fenced = LogFenced("another process has taken over")
    worker, told = run(Group([[0]]), lambda told: len(told) > 2 or "close 0" in told, [fenced])
    assert told == ["open 0", "turn 0", "close 0"]
    assert worker.condition.fenced == 1


def test_after_the_wait_it_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "FENCED_WAIT_SECONDS", 0.01)
    _, told = run(Group([[0]]), lambda told: told.count("turn 0") > 1, [LogFenced("taken")])
    assert told[:5] == ["open 0", "turn 0", "close 0", "open 0", "turn 0"]


def test_a_log_that_was_away_is_claimed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "RETRY_WAIT_SECONDS", 0.01)
    worker, told = run(Group([[0]]), lambda told: told.count("turn 0") > 1, [LogUnavailable("no answer")])
    assert told[:5] == ["open 0", "turn 0", "close 0", "open 0", "turn 0"]
    assert worker.condition.trouble == ""


def test_a_store_that_was_away_leaves_the_partition_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "RETRY_WAIT_SECONDS", 0.01)
    _, told = run(Group([[0]]), lambda told: told.count("turn 0") > 1, [StoreUnavailable("no answer")])
    assert told[:3] == ["open 0", "turn 0", "turn 0"]


def test_an_outage_that_does_not_end_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "RETRY_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(working, "OUTAGE_SECONDS_MAX", 0.05)
    group = Group([[0]])
    with pytest.raises(StoreUnavailable, match="gone for good"):
        run(group, lambda told: False, [StoreUnavailable("gone for good")] * 100)
    assert group.left


def test_a_fault_of_the_program_ends_it_at_once() -> None:
    group = Group([[0]])
    with pytest.raises(ZeroDivisionError):
        run(group, lambda told: False, [ZeroDivisionError()])
    assert group.left


def test_a_turn_that_does_not_end_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(Group([[]]), lambda partition, progress: Counting(partition, []))
    assert worker.stuck() == ""
    worker.condition.turn_began = time.monotonic() - working.TURN_SECONDS_MAX - 1
    assert "stuck" in worker.stuck()


def opening(group: Group, stop: threading.Event, told: list[str]) -> Worker:
    """A worker whose partition takes for ever to be opened; it tells of it."""

    def opened(partition: int, progress: ProgressCall) -> Counting:
        told.append(f"open {partition}")
        for done in range(100_000):
            condition = worker.condition
            assert condition.turn_began > 0
            progress("rebuilding", done, None)
            assert condition.opening == {partition: ("rebuilding", done, None)}
            assert worker.waiting_for() == "partitions [0] are being restored"
            if done == 3:
                told.append("under way")
        raise AssertionError("nobody told it to stop")

    worker = Worker(group, opened)
    worker.run(stop, lambda: stop.set() if len(told) > 2 else None)
    return worker


def test_a_partition_that_is_taken_while_it_is_opened_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "NEWS_EVERY_SECONDS", 0.0)
    told: list[str] = []
    group = Group([[0], *[[0]] * 5, [], [], [0], *[[0]] * 5, [], []])
    worker = opening(group, threading.Event(), told)
    # its group was asked for news meanwhile, and when the partition came back it was begun anew
    assert told == ["open 0", "under way", "open 0", "under way"]
    assert worker.condition.opening == {}
    assert worker.condition.turn_began == 0
    assert worker.condition.restored == frozenset()


def test_whoever_has_to_stop_opens_no_further() -> None:
    told: list[str] = []
    stop = threading.Event()

    class Stopping(list[str]):
        def append(self, line: str) -> None:
            super().append(line)
            if line == "under way":
                stop.set()

    told = Stopping()
    worker = opening(Group([[0]]), stop, told)
    assert told == ["open 0", "under way"]
    assert worker.stuck() == ""


def test_health_readiness_and_numbers() -> None:
    why = {"stuck": "", "waiting": ""}
    app = application(
        lambda: why["stuck"],
        lambda: why["waiting"],
        {
            "lag_records": ("Waiting", ("partition",), lambda: {("0",): 7.0, ("1",): 0.0}),
            "broken": ("Not there", (), lambda: {(): 1 / 0}),
        },
    )
    with TestClient(app, client=("127.0.0.1", 1)) as local, TestClient(app, client=("10.1.1.1", 1)) as other:
        assert local.get("/healthz").json() == local.get("/readyz").json() == {"status": "ok"}
        why.update(stuck="a turn lasts", waiting="kafka at 10.0.0.7 is away")
        assert local.get("/healthz").status_code == local.get("/readyz").status_code == 503
        assert local.get("/readyz").json() == {"status": "waiting", "why": "kafka at 10.0.0.7 is away"}
        # addresses are told on this machine alone
        assert other.get("/readyz").json() == {"status": "waiting"}
        text = local.get("/metrics").text
        assert 'aftermerge_lag_records{partition="0"} 7.0' in text
        assert "aftermerge_broken NaN" in text
