"""One process of the cluster: the steps of those partitions that its group gives it, turn by turn.

A turn takes in a bounded batch and commits it. Partitions are given and taken between two turns, so that
nothing is half done when one goes to another process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipeline.log.protocol import LogFenced, LogUnavailable
from pipeline.measuring import ProgressCall
from pipeline.store import StoreUnavailable

#: how long a process waits for news when there is nothing to do
IDLE_SECONDS = 0.05
RETRY_WAIT_SECONDS = 0.5
RETRY_WAIT_SECONDS_MAX = 15.0
#: what is not there is waited for so long in all; then the process ends, and its supervisor decides
OUTAGE_SECONDS_MAX = 300.0
#: whoever was fenced believes for a while that the partition is its own, and does not ask for it again
FENCED_WAIT_SECONDS = 20.0
LAGS_EVERY_SECONDS = 2.0
#: a turn that lasts longer is stuck, and so is the opening of a partition that tells of nothing for so long
TURN_SECONDS_MAX = 240.0
#: who opens a partition asks so often whether it is still this process's
NEWS_EVERY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Lag(NamedTuple):
    """How far a step is behind: in records, and for how many seconds it has been so without a break."""

    records: int
    seconds: float


class Step(Protocol):
    """What one process does for one partition."""

    def turn(self) -> int:
        """Take in what is there, up to a batch, and commit it; returns how many records that were.

        Raises ``LogUnavailable`` or ``StoreUnavailable``: nothing was committed, and the next turn does
        it again.
        """

    def lag(self) -> Lag:
        """How far behind it is."""

    def close(self) -> None:
        """The partition is somebody else's now."""


class OpeningAbandoned(BaseException):
    """A partition that is being opened was taken away, or the process has to stop.

    As with ``asyncio.CancelledError``: nothing went wrong, and whoever handles what does lets it pass.
    """


#: opens a partition, and tells of it meanwhile: what it tells raises ``OpeningAbandoned``
OpenStep = Callable[[int, ProgressCall], Step]


class Opening(NamedTuple):
    """How far the opening of a partition is: what is being done, and how much of it (None: not known)."""

    phase: str
    done: int
    total: int | None


class Members(Protocol):
    """Who looks after which partition."""

    def poll(self, seconds: float) -> frozenset[int]:
        """The partitions of this process, after waiting at most so long for news of them."""

    def close(self) -> None:
        """Leave: others take over."""


@dataclass
class Condition:
    """How the process is doing; read by other threads. Times in seconds of the monotonic clock."""

    assigned: frozenset[int] = frozenset()
    #: partitions that were opened and read what they need to go on
    restored: frozenset[int] = frozenset()
    opening: dict[int, Opening] = field(default_factory=dict)
    #: what is being waited for; "" when nothing is
    trouble: str = ""
    turns: int = 0
    records: int = 0
    rebalances: int = 0
    fenced: int = 0
    lags: dict[int, Lag] = field(default_factory=dict)
    turn_began: float = 0.0


class Worker:
    """Turns the steps of the partitions that are this process's, until it is told to stop."""

    def __init__(self, members: Members, open_step: OpenStep) -> None:
        """``open_step`` claims a partition and reads what is needed to go on with it; it may raise as a
        turn does."""
        self.condition = Condition()
        self._members = members
        self._open_step = open_step
        self._steps: dict[int, Step] = {}
        self._fenced_until: dict[int, float] = {}
        self._looked_at = 0.0

    def run(self, stop: threading.Event, check: Callable[[], None] = lambda: None) -> None:
        """Turn until told to stop; then leave the group, with everything committed.

        ``check`` is called at every turn and raises what has to end the process. Raises the last error
        when something was not there for longer than ``OUTAGE_SECONDS_MAX``.
        """
        pause, since, idle = RETRY_WAIT_SECONDS, 0.0, False
        try:
            while not stop.is_set():
                check()
                try:
                    self._follow(self._members.poll(IDLE_SECONDS if idle else 0.0), stop)
                    idle = not self._turn_all(stop) and not self._to_open()
                    self._look_at_lags()
                except (LogUnavailable, StoreUnavailable) as error:
                    now = time.monotonic()
                    since = since or now
                    if now - since > OUTAGE_SECONDS_MAX:
                        raise
                    self.condition.trouble = str(error)
                    _log.warning("%s; trying again", error)
                    if isinstance(error, StoreUnavailable):
                        # the log is there: how much waits for the store is told
                        with suppress(LogUnavailable):
                            self._look_at_lags()
                    self._wait(stop, pause)
                    pause = min(2 * pause, RETRY_WAIT_SECONDS_MAX)
                else:
                    pause, since, self.condition.trouble = RETRY_WAIT_SECONDS, 0.0, ""
        finally:
            try:
                self._follow_less(frozenset())
            finally:
                self._members.close()

    def stuck(self) -> str:
        """Why this process should be restarted; "" when it should not."""
        began = self.condition.turn_began
        lasted = time.monotonic() - began if began else 0.0
        return f"a turn lasts for {lasted:.0f} s already: it is stuck" if lasted > TURN_SECONDS_MAX else ""

    def is_opening(self) -> bool:
        """Whether there are partitions of this process that it has not opened."""
        return self.condition.assigned != self.condition.restored

    def waiting_for(self) -> str:
        """Why work is not being done now; "" when it is, or when there is none for this process."""
        condition = self.condition
        if condition.trouble:
            return condition.trouble
        missing = sorted(condition.assigned - condition.restored)
        return f"partitions {missing} are being restored" if missing else ""

    def _follow(self, assigned: frozenset[int], stop: threading.Event) -> None:
        """Open what was given, close what was taken."""
        self._follow_less(assigned)
        now = time.monotonic()
        self._fenced_until = {
            partition: until
            for partition, until in self._fenced_until.items()
            if partition in assigned and until > now
        }
        for partition in self._to_open()[:1]:
            # one at a time: each may have much to read, and who does not ask for news is taken for dead
            self._open(partition, stop)

    def _open(self, partition: int, stop: threading.Event) -> None:
        """Open a partition, and stay a member meanwhile, however long that takes."""
        condition, asked = self.condition, time.monotonic()

        def told(phase: str, done: int, total: int | None) -> None:
            nonlocal asked
            condition.opening = {partition: Opening(phase, done, total)}
            condition.turn_began = now = time.monotonic()
            if now >= asked + NEWS_EVERY_SECONDS:
                asked = now
                self._follow_less(self._members.poll(0.0))
            if stop.is_set() or partition not in condition.assigned:
                raise OpeningAbandoned(phase)

        condition.turn_began = asked
        try:
            self._steps[partition] = self._open_step(partition, told)
            condition.restored = frozenset(self._steps)
        except OpeningAbandoned as error:
            _log.warning("partition %d: %s was given up", partition, error)
        finally:
            condition.turn_began, condition.opening = 0.0, {}

    def _to_open(self) -> list[int]:
        return sorted(self.condition.assigned - self._steps.keys() - self._fenced_until.keys())

    def _drop(self, partition: int) -> None:
        step = self._steps.pop(partition)
        self.condition.restored = frozenset(self._steps)
        step.close()

    def _turn_all(self, stop: threading.Event) -> bool:
        """One turn of each partition; whether any had something to do."""
        condition, worked = self.condition, 0
        for partition, step in list(self._steps.items()):
            if stop.is_set():
                break
            condition.turn_began = time.monotonic()
            try:
                records = step.turn()
            except LogFenced as error:
                # somebody else has it already: the group will say so, too
                _log.warning("partition %d: %s", partition, error)
                condition.fenced += 1
                self._fenced_until[partition] = time.monotonic() + FENCED_WAIT_SECONDS
                self._drop(partition)
                continue
            except LogUnavailable:
                # whether it was committed is in doubt: it is claimed anew, which says so
                self._drop(partition)
                raise
            finally:
                condition.turn_began = 0.0
            condition.turns += records > 0
            condition.records += records
            worked += records
        return worked > 0

    def _look_at_lags(self) -> None:
        """Here, and not where somebody asks: the answer comes from the brokers."""
        now = time.monotonic()
        if now >= self._looked_at + LAGS_EVERY_SECONDS:
            self._looked_at = now
            self.condition.lags = {partition: step.lag() for partition, step in self._steps.items()}

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        """Pause, and stay a member meanwhile."""
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            try:
                self._follow_less(self._members.poll(min(left, RETRY_WAIT_SECONDS)))
            except LogUnavailable:
                stop.wait(min(left, RETRY_WAIT_SECONDS))

    def _follow_less(self, assigned: frozenset[int]) -> None:
        """Close what was taken; what was given waits."""
        self.condition.rebalances += assigned != self.condition.assigned
        self.condition.assigned = assigned
        for partition in sorted(self._steps.keys() - assigned):
            self._drop(partition)
