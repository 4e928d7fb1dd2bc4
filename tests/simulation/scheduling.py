"""Processes that take turns by lot: each is a thread, and one of them runs at a time.

Whoever runs passes on at a ``checkpoint``; so the seed alone decides what happens before what.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from random import Random

#: a run that is not over by then never comes to rest
CHECKPOINTS_MAX = 30_000
#: what a call takes on the simulated clock
CALL_SECONDS = 0.001


class Killed(BaseException):
    """The process dies here, without a chance to catch anything."""


class Stop(threading.Event):
    """Tells a process to stop; waiting for it takes no time but the simulated one."""

    def __init__(self, wait: Callable[[float], None]) -> None:
        super().__init__()
        self._wait_for = wait

    def wait(self, timeout: float | None = None) -> bool:
        self._wait_for(timeout or 0.0)
        return self.is_set()


class Process:
    """One process, from its start to its end."""

    def __init__(self, scheduler: Scheduler, name: str, run: Callable[[], None]) -> None:
        self.name = name
        self.dead = False
        self.finished = False
        #: it is not given a turn before this checkpoint: it was stopped, or its machine swaps
        self.paused_until = 0
        self.baton = threading.Semaphore(0)
        self._scheduler = scheduler
        self._run = run
        threading.Thread(target=self._main, name=name, daemon=True).start()

    def _main(self) -> None:
        self.baton.acquire()
        try:
            if not self.dead:
                self._run()
        except Killed:
            pass
        except BaseException:  # noqa: BLE001 - whatever it is, the seed has found it
            self._scheduler.failures.append(f"{self.name} failed:\n{traceback.format_exc()}")
            self._scheduler.over = True
        finally:
            self.finished = True
            self._scheduler.leave(self)


class Scheduler:
    """Gives turns, keeps the simulated clock, and writes down what happened."""

    def __init__(
        self,
        random: Random,
        passing: float,
        on_checkpoint: Callable[[], None],
        on_desertion: Callable[[], None],
    ) -> None:
        """``passing`` is how likely a process passes on at a checkpoint; ``on_desertion``: nobody is left."""
        self.random = random
        self.passing = passing
        self.checkpoints = 0
        #: seconds since the beginning
        self.now = 1.0
        self.processes: list[Process] = []
        self.trace: list[str] = []
        self.failures: list[str] = []
        #: nobody runs any more
        self.over = False
        self._on_checkpoint = on_checkpoint
        self._on_desertion = on_desertion
        self._current: Process | None = None
        self._ended = threading.Semaphore(0)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.checkpoints:>6} {self.now:8.1f} s  {what}")

    def start(self, name: str, run: Callable[[], None]) -> Process:
        process = Process(self, name, run)
        self.processes.append(process)
        return process

    def run(self) -> None:
        """Let them run until all have ended."""
        if self.processes:
            self._give(self._chosen())
            self._ended.acquire()

    def monotonic(self) -> float:
        """The clock of all machines, in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """A process waits: time passes."""
        self.now += seconds + self.random.random() * seconds
        self.checkpoint(passing=1.0)

    def checkpoint(self, passing: float | None = None) -> None:
        """Others may run now; raises ``Killed`` in a process that has been killed meanwhile."""
        process = self.running()
        self._refuse_the_dead(process)
        self.checkpoints += 1
        self.now += CALL_SECONDS
        self._on_checkpoint()
        if self.checkpoints > CHECKPOINTS_MAX:
            self.failures.append(f"no rest after {CHECKPOINTS_MAX:,} checkpoints")
            self.over = True
        self._refuse_the_dead(process)
        paused = process.paused_until > self.checkpoints
        if paused or self.random.random() < (self.passing if passing is None else passing):
            chosen = self._chosen()
            if chosen is not process:
                self._give(chosen)
                process.baton.acquire()
        self._refuse_the_dead(process)

    def _refuse_the_dead(self, process: Process) -> None:
        if process.dead or self.over:
            raise Killed

    def running(self) -> Process:
        """The process whose turn it is."""
        assert self._current is not None
        return self._current

    def leave(self, process: Process) -> None:
        """A process has ended."""
        self.processes.remove(process)
        if not self.processes and not self.over:
            self._on_desertion()
        if self.processes:
            self._give(self._chosen())
        else:
            self._ended.release()

    def _chosen(self) -> Process:
        # the dead leave at once: nothing that they do has any effect
        for process in self.processes:
            if process.dead or self.over:
                return process
        awake = [process for process in self.processes if process.paused_until <= self.checkpoints]
        return self.random.choice(awake or self.processes)

    def _give(self, process: Process) -> None:
        self._current = process
        process.baton.release()
