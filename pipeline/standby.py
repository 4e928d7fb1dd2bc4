"""Partitions that another process folds, kept in step with it: whoever takes one over goes on at once.

A standby reads the changelog only. It makes no rows and writes nothing, so it can be late or wrong
without harm; where it is not in step any more, it is thrown away and begun anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from pipeline.collector import collector_held_off
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from pipeline.log.protocol import Log, LogUnavailable
from pipeline.log.topics import STATE
from pipeline.state import READ_RECORDS_MAX, State

#: how often a standby looks for more
FOLLOW_EVERY_SECONDS = 0.5
#: a partition that nobody here has for so long is followed: at a start, the group gives them one by one
BEGUN_AFTER_SECONDS = 5.0
#: after something went wrong it is tried again so much later, and each time later still
RETRY_WAIT_SECONDS = 10.0
RETRY_WAIT_SECONDS_MAX = 300.0
#: whoever takes over catches up for so long at most: a restore is quicker then
CATCH_UP_SECONDS_MAX = 20.0
#: who was up to date so long ago can take over at once
WARM_WITHIN_SECONDS = 10.0
#: a process ends without its standbys when these take longer
CLOSED_WITHIN_SECONDS_MAX = 2.0
#: each has a client with its threads and buffers, and its state in memory
STANDBYS_MAX = 16

_log = logging.getLogger(__name__)


class OutOfStep(Exception):
    """A standby is not what the process is that it follows: begin another one."""


class Standby:
    """The state and the workspaces of one partition, as far as its changelog was read."""

    def __init__(self, log: Log, parameters: Parameters, partition: int) -> None:
        """Read all that there is, and restore it. Raises ``LogUnavailable``."""
        self._log = log
        self._parameters = parameters
        self._partition = partition
        self.position = 0
        self.workspaces: dict[str, Workspace] = {}
        latest: dict[bytes, bytes] = {}
        while records := log.read(STATE, partition, self.position, READ_RECORDS_MAX):
            latest.update((record.key, record.value) for record in records)
            self.position = records[-1].offset + 1
        self.state = State(log, partition, {key: value for key, value in latest.items() if value})
        latest.clear()
        for name in self.state.workspaces():
            if self._can_be_followed(name):
                self.workspaces[name] = Workspace.restore(parameters, self.state.load(name, parameters))

    @property
    def complete(self) -> bool:
        """Whether nothing has to be computed anew before it can go on."""
        return self.workspaces.keys() == set(self.state.workspaces())

    def follow(self) -> int:
        """Take in a part of what was committed since; how many records that were, 0 at the end.

        Raises ``OutOfStep`` and ``LogUnavailable``.
        """
        records = self._log.read(STATE, self._partition, self.position, READ_RECORDS_MAX)
        for name, snapshot in self.state.follow(records):
            if not self._can_be_followed(name):
                self.workspaces.pop(name, None)
            elif snapshot is None or name not in self.workspaces:
                # a part of what it begins with may be known by later records only: all are read again
                raise OutOfStep(f"partition {self._partition}: workspace {name!r} begins anew")
            elif not self.workspaces[name].follow(snapshot):
                raise OutOfStep(f"partition {self._partition}: workspace {name!r} is not in step any more")
        if records:
            self.position = records[-1].offset + 1
        return len(records)

    def _can_be_followed(self, name: str) -> bool:
        try:
            return not self.state.epoch(name).outdated(self._parameters)
        except KeyError:
            raise OutOfStep(f"partition {self._partition}: workspace {name!r} has no epoch yet") from None


#: gives the standby of a partition that was claimed just now, if there is one
StoodBy = Callable[[], Standby | None]


class Standbys:
    """The standbys of a process; one thread follows with all of them."""

    def __init__(
        self,
        log: Log,
        parameters: Parameters,
        partitions: Iterable[int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` tells seconds. ``ValueError`` for more than ``STANDBYS_MAX`` partitions."""
        self._log = log
        self._parameters = parameters
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        #: partitions to follow, and when to begin with each
        self._since = dict.fromkeys(partitions, clock() + BEGUN_AFTER_SECONDS)
        if len(self._since) > STANDBYS_MAX:
            raise ValueError(
                f"{len(self._since)} partitions are too many to stand by for: at most {STANDBYS_MAX}"
            )
        #: held while a standby is worked with, so also for as long as its restore lasts
        self._working = {partition: threading.Lock() for partition in sorted(self._since)}
        self._held: dict[int, Standby] = {}
        #: when each was begun, when it was at the end of its changelog last, and how long to wait the next
        #: time that it is out of step
        self._begun_at: dict[int, float] = {}
        self._up_to_date: dict[int, float] = {}
        self._waits: dict[int, float] = {}

    @property
    def warm(self) -> int:
        """How many partitions could be taken over at once."""
        since = self._clock() - WARM_WITHIN_SECONDS
        held = list(self._held.items())
        return sum(one.complete and self._up_to_date.get(number, since) > since for number, one in held)

    def start(self, busy: Callable[[], bool] = lambda: False) -> None:
        """Begin to follow; while the process is ``busy`` with partitions of its own, none is begun."""
        if self._since:
            self._thread = threading.Thread(
                target=self._run, args=(busy,), name="aftermerge-standby", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread; a restore that is under way is not waited for."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(CLOSED_WITHIN_SECONDS_MAX)

    def take(self, partition: int) -> Standby | None:
        """The standby of a partition that this process claimed just now, up to date; it is followed no more.

        ``None`` when there is none, or it is not in step: then the state has to be read. Raises
        ``LogUnavailable``, and can be called again then.
        """
        if partition not in self._working:
            return None
        with self._working[partition]:
            self._since.pop(partition, None)
            standby = self._held.get(partition)
            if standby is not None and not self._catches_up(standby):
                standby = None
            self._held.pop(partition, None)
        return standby

    def _catches_up(self, standby: Standby) -> bool:
        until = self._clock() + CATCH_UP_SECONDS_MAX
        try:
            with collector_held_off():
                while standby.follow():
                    if self._clock() > until:
                        _log.warning("standby: it is too far behind: the state is read instead")
                        return False
        except LogUnavailable:
            raise
        except OutOfStep as error:
            _log.warning("standby: %s: the state is read instead", error)
            return False
        except Exception:  # noqa: BLE001 - it is no more than a help
            _log.exception("standby: it can't be taken: the state is read instead")
            return False
        return True

    def leave(self, partition: int) -> None:
        """Somebody else has a partition from now on: follow it, if that is wanted here."""
        if partition in self._working:
            self._since[partition] = self._clock() + BEGUN_AFTER_SECONDS
            self._waits.pop(partition, None)

    def _run(self, busy: Callable[[], bool]) -> None:
        while not self._stop.wait(FOLLOW_EVERY_SECONDS):
            while self.follow(busy) and not self._stop.is_set():
                pass

    def follow(self, busy: Callable[[], bool] = lambda: False) -> bool:
        """One round: begin with what is due, and take in a part of what was committed since.

        Whether there may be more at once.
        """
        more = False
        for partition, working in self._working.items():
            with working:
                due = self._since.get(partition)
                if due is None or self._clock() < due or self._stop.is_set():
                    continue
                if partition in self._held or not busy():
                    more = self._work_with(partition) or more
        return more

    def _work_with(self, partition: int) -> bool:
        try:
            with collector_held_off():
                standby = self._held.get(partition)
                if standby is None:
                    self._begun_at[partition] = self._clock()
                    standby = self._held[partition] = Standby(self._log, self._parameters, partition)
                if standby.follow():
                    return True
            self._up_to_date[partition] = self._clock()
        except LogUnavailable as error:
            if not self._stop.is_set():
                _log.warning("standby: %s; trying again", error)
            self._since[partition] = self._clock() + RETRY_WAIT_SECONDS
        except OutOfStep as error:
            _log.warning("standby: %s; it is begun anew", error)
            self._begin_anew(partition)
        except Exception:  # noqa: BLE001 - it is no more than a help
            # whoever folds this partition says what is wrong with it, and ends with it
            _log.exception("standby: partition %d can't be followed; it is begun anew", partition)
            self._begin_anew(partition)
        return False

    def _begin_anew(self, partition: int) -> None:
        now = self._clock()
        lasted = now - self._begun_at.get(partition, now)
        wait = RETRY_WAIT_SECONDS
        if lasted < RETRY_WAIT_SECONDS_MAX:
            wait = self._waits.get(partition, RETRY_WAIT_SECONDS)
        self._waits[partition] = min(2 * wait, RETRY_WAIT_SECONDS_MAX)
        self._since[partition] = now + wait
        self._held.pop(partition, None)
