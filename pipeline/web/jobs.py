"""Actions that a running process was asked for: each runs in a thread, and says how far it is."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from pipeline.log.protocol import LogUnavailable
from pipeline.log.served.calls import Failure
from pipeline.log.served.jobs import JobState

#: actions that run at a time; one more is refused, since nobody knows how long it would wait
ACTIONS_AT_ONCE_MAX = 4
#: the newest so many jobs can be asked how they ended
JOBS_KEPT_MAX = 64


class Stopped(LogUnavailable):
    """The process ends: the action ends where it next tells its progress."""


class Job:
    """One call of one action."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        #: the result in JSON, or why there is none; never an error, which nobody might look at
        self.future: Future[bytes | Failure]
        self._stopped = False
        self._progress: tuple[str, int, int | None] = ("", 0, None)

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """What the action calls, as often as it likes."""
        if self._stopped:
            raise Stopped(f"the process ends, and {self.name} with it: ask again when it runs")
        self._progress = phase, done, total

    def stop(self) -> None:
        """End at the next telling."""
        self._stopped = True

    def state(self) -> JobState:
        """How far it is, or how it ended."""
        phase, done, total = self._progress
        state = JobState(self.number, self.name, self.future.done(), phase, done, total)
        if not state.ended:
            return state
        found = self.future.result()
        if isinstance(found, Failure):
            return msgspec.structs.replace(state, failure=found)
        return msgspec.structs.replace(state, result=msgspec.Raw(found))


class Jobs:
    """The actions there are, and what became of the calls."""

    def __init__(self, actions: Mapping[str, Callable[..., object]]) -> None:
        self._actions = dict(actions)
        self._threads = ThreadPoolExecutor(ACTIONS_AT_ONCE_MAX, thread_name_prefix="action")
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._begun = 0

    def begin(self, name: str, arguments: Mapping[str, Any]) -> Job:
        """Call an action in a thread.

        Raises ``KeyError`` for an unknown one, ``ValueError`` for arguments that it doesn't take,
        ``LogUnavailable`` when too many run.
        """
        action = self._actions.get(name)
        if action is None:
            raise KeyError(f"no action {name!r}; there are {sorted(self._actions)}")
        with self._lock:
            if sum(not job.future.done() for job in self._jobs.values()) >= ACTIONS_AT_ONCE_MAX:
                raise LogUnavailable(f"{ACTIONS_AT_ONCE_MAX} actions run already: wait until one has ended")
            self._begun += 1
            job = Job(self._begun, name)
            given = dict(arguments)
            signature = inspect.signature(action)
            if "progress" in signature.parameters:
                given["progress"] = job.progress
            try:
                signature.bind(**given)
            except TypeError as error:
                raise ValueError(f"action {name}: {error}") from None
            job.future = self._threads.submit(_outcome, action, given)
            self._jobs[job.number] = job
            for number in list(self._jobs)[:-JOBS_KEPT_MAX]:
                if self._jobs[number].future.done():
                    del self._jobs[number]
        return job

    def __getitem__(self, number: int) -> Job:
        with self._lock:
            if number not in self._jobs:
                raise KeyError(f"no action under number {number}: it ended long ago, or was never begun")
            return self._jobs[number]

    def stop(self) -> None:
        """End what runs where it next tells its progress, and wait for that."""
        with self._lock:
            for job in self._jobs.values():
                job.stop()
        self._threads.shutdown(wait=True)


def _outcome(action: Callable[..., object], arguments: Mapping[str, Any]) -> bytes | Failure:
    try:
        return msgspec.json.encode(action(**arguments))
    except Exception as error:  # noqa: BLE001 - whatever it was is told to who asked
        return Failure.of(error)
