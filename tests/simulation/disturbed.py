"""Log and store as one process sees them: every call may be its last one, fail, or have an unknown end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from pipeline.codec.blocks import Block
from pipeline.log.protocol import LogFenced, LogUnavailable, LogUncertain, NewRecord, Record
from pipeline.store import StoreUnavailable
from tests.simulation.memory_log import Appended, Brokers, Doubt, MemoryLog
from tests.simulation.rows_store import RowsStore
from tests.simulation.scheduling import Killed, Process, Scheduler

T = TypeVar("T")


class Rates(NamedTuple):
    """How likely each thing goes wrong at a call."""

    kill: float
    unavailable: float
    uncertain: float
    pause: float
    #: for so many checkpoints at most
    pause_checkpoints: int


class Faults:
    """Decides what goes wrong with one process's calls. Without ``left`` nothing does any more."""

    def __init__(
        self,
        scheduler: Scheduler,
        rates: Rates,
        process: Callable[[], Process],
        on_absence: Callable[[Process], None],
    ) -> None:
        """``on_absence``: a process has stopped for so long that the others think it is dead."""
        self._scheduler = scheduler
        self._random: Random = scheduler.random
        self._rates = rates
        self._process = process
        self._on_absence = on_absence
        self.quiet = False

    def before(self, what: str, error: type[RuntimeError]) -> None:
        """Something that happens instead of a call."""
        self._refuse_the_dead()
        if not self.quiet:
            lot, rates = self._random.random(), self._rates
            if lot < rates.kill:
                self._kill(f"before {what}")
            elif lot < rates.kill + rates.unavailable:
                self.note(f"{what} is refused")
                raise error(f"{what} is refused")
            elif lot < rates.kill + rates.unavailable + rates.pause:
                self._pause(what)
        self._scheduler.checkpoint()

    def after(self, what: str, error: type[RuntimeError] | None) -> None:
        """Something that happens after a call has had its effect."""
        if not self.quiet:
            lot, rates = self._random.random(), self._rates
            if lot < rates.kill:
                self._kill(f"after {what}")
            elif error is not None and lot < rates.kill + rates.uncertain:
                self.note(f"{what} has happened, the answer is lost")
                raise error(f"the answer to {what} is lost")
        self._scheduler.checkpoint()

    def in_doubt(self) -> bool:
        """Whether the end of a commit is unknown to everybody for a while."""
        return not self.quiet and self._random.random() < self._rates.uncertain

    def note(self, what: str) -> None:
        self._scheduler.note(f"{self._process().name}: {what}")

    def _refuse_the_dead(self) -> None:
        if self._process().dead:
            raise Killed

    def _kill(self, where: str) -> None:
        self.note(f"killed {where}")
        self._process().dead = True
        raise Killed

    def _pause(self, what: str) -> None:
        checkpoints = self._random.randint(1, self._rates.pause_checkpoints)
        self.note(f"stops before {what} for {checkpoints} checkpoints")
        self._process().paused_until = self._scheduler.checkpoints + checkpoints
        if self._random.random() < 0.5:
            self._on_absence(self._process())


class DisturbedLog(MemoryLog):
    """What a process asks of the brokers, and what may happen then."""

    def __init__(self, brokers: Brokers, faults: Faults) -> None:
        super().__init__(brokers)
        self._faults = faults

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        what = f"append to {topic}/{partition}"
        return self._writing(what, lambda: MemoryLog.append(self, topic, partition, records))

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        return self._reading(f"read {topic}", lambda: MemoryLog.read(self, topic, partition, offset, limit))

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        return self._reading(f"read all of {topic}", lambda: MemoryLog.latest(self, topic, partition))

    def claim(self, group: str, topic: str, partition: int) -> int:
        what = f"claim {group} {topic}/{partition}"
        return self._writing(what, lambda: MemoryLog.claim(self, group, topic, partition), LogUnavailable)

    def release(self, group: str, topic: str, partition: int) -> None:
        self._faults.before(f"release {group}", LogUnavailable)
        super().release(group, topic, partition)

    def committed(self, group: str, topic: str, partition: int) -> int:
        what = f"ask where {group} is in {topic}"
        return self._reading(what, lambda: MemoryLog.committed(self, group, topic, partition))

    def commit(self, group: str, topic: str, partition: int, offset: int, *, appended: Appended = ()) -> None:
        what = f"commit {group} {topic}/{partition} @{offset}"
        self._faults.before(what, LogUnavailable)
        try:
            place = self.prepared(group, topic, partition, offset, appended)
        except LogFenced:
            self._faults.note(f"{what} is fenced")
            raise
        if self.is_claimed(place) and self._faults.in_doubt():
            # copies: whoever hands over lists may go on using them
            told = [(name, number, list(records)) for name, number, records in appended]
            self.brokers.doubts[place] = Doubt(offset, told)
            self._faults.note(f"{what} is in doubt")
            raise LogUncertain(f"{what}: no answer")
        self.brokers.write(place, offset, appended)
        self._faults.after(what, LogUncertain)

    def _reading(self, what: str, call: Callable[[], T]) -> T:
        self._faults.before(what, LogUnavailable)
        return call()

    def _writing(self, what: str, call: Callable[[], T], lost: type[LogUnavailable] = LogUncertain) -> T:
        self._faults.before(what, LogUnavailable)
        found = call()
        self._faults.after(what, lost)
        return found


class DisturbedStore(RowsStore):
    """What a process asks of the store that all share."""

    def __init__(self, shared: RowsStore, faults: Faults) -> None:
        self.blocks = shared.blocks
        self._faults = faults

    def insert_block(self, table: str, block: Block) -> None:
        what = f"insert {block.num_rows} rows into {table}"
        self._faults.before(what, StoreUnavailable)
        super().insert_block(table, block)
        self._faults.after(what, StoreUnavailable)


class _Done:
    """What became of a call: its answer or its error."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call: Callable[[], Any] | None = call
        self._answer: Any = None
        self._error: Exception | None = None

    def happen(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            try:
                self._answer = call()
            except Exception as error:  # noqa: BLE001 - it is raised where the answer is asked for
                self._error = error

    def result(self) -> Any:
        self.happen()
        if self._error is not None:
            raise self._error
        return self._answer


class Executor:
    """Takes the place of a thread beside the process's own: what it is given happens now, or at the end."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: list[_Done] = []

    def __call__(self, **_: object) -> Executor:
        return Executor(self._random)

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        for given in self._given:
            given.happen()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> _Done:
        done = _Done(lambda: function(*arguments))
        self._given.append(done)
        if self._random.random() < 0.5:
            done.happen()
        return done
