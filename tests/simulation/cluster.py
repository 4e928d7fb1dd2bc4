"""A cluster of real steps on a log in memory, and everything that may happen to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from pipeline.core.parameters import Parameters
from pipeline.log.cluster_topics import CLUSTER_TOPICS
from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import Log, LogUnavailable
from pipeline.log.topics import EVENTS, RECEIVED, UNDIVIDED
from pipeline.measuring import ProgressCall
from pipeline.normalize import GROUP as NORMALIZE
from pipeline.sink import GROUP as SINK
from pipeline.standby import Standby, Standbys
from pipeline.state import GROUP as CORRELATE
from pipeline.store import StoreUnavailable
from pipeline.worker import OpenStep, Step, Worker
from tests.simulation import steps
from tests.simulation.disturbed import DisturbedLog, DisturbedStore, Faults
from tests.simulation.histories import History, Posted
from tests.simulation.knobs import TROUBLED_CHECKPOINTS_MAX, Knobs
from tests.simulation.memory_log import Brokers, MemoryLog, Place
from tests.simulation.rows_store import RowsStore
from tests.simulation.scheduling import Process, Scheduler, Stop
from tests.strategies import DAY

#: whether everything is done is looked at so often, in checkpoints
REST_LOOKED_AT_CHECKPOINTS = 50
_SECOND = 1_000_000


class Machine:
    """What a process could read of the machine that it runs on, and must not depend on."""

    def __init__(self) -> None:
        #: its clock, in microseconds UTC
        self.wall: Callable[[], int] = int
        #: with which its hashes are made
        self.hash_seed: Callable[[], int] = int


class Members:
    """Which partitions a process has; it learns of it when it asks."""

    def __init__(self, cluster: Cluster, step: str, standbys: Standbys) -> None:
        self._cluster = cluster
        self._step = step
        self._standbys = standbys

    def poll(self, seconds: float) -> frozenset[int]:
        scheduler = self._cluster.scheduler
        if seconds:
            scheduler.sleep(seconds)
        else:
            scheduler.checkpoint()
        self._standbys.follow()
        return self._cluster.owned(self._step, scheduler.running())

    def close(self) -> None:
        """Nothing is held here."""


class Noted(Standbys):
    """The real ones, without their thread: they follow whenever their process asks for its partitions."""

    def __init__(
        self, scheduler: Scheduler, log: Log, parameters: Parameters, partitions: Iterable[int]
    ) -> None:
        super().__init__(log, parameters, partitions, scheduler.monotonic)
        self._scheduler = scheduler

    def take(self, partition: int) -> Standby | None:
        standby = super().take(partition)
        if standby is not None and standby.workspaces:
            self._scheduler.note(f"{self._scheduler.running().name}: stood by for {partition}")
        return standby


class Running(NamedTuple):
    """A process of the cluster, and what it works with."""

    step: str
    process: Process
    worker: Worker
    stop: Stop
    faults: Faults
    version: steps.Release


class Cluster:
    """All processes, and what is done to them."""

    def __init__(self, random: Random, knobs: Knobs, told: History, machine: Machine) -> None:
        self.random, self.knobs, self.told = random, knobs, told
        self.scheduler = Scheduler(random, knobs.passing, self._on_checkpoint, self._on_desertion)
        self.brokers = Brokers(
            markers=knobs.markers,
            happened=lambda: random.random() < 0.5,
            timed_out=lambda: random.random() < 0.2,
        )
        self.store = RowsStore()
        self._log = MemoryLog(self.brokers)
        for topic, compacted in CLUSTER_TOPICS.items():
            count = 1 if topic in UNDIVIDED else knobs.partitions
            self._log.create_topic(topic, partitions=count, compacted=compacted)
        self._to_post = list(reversed(told.disturbed))
        self._posted_at = told.disturbed[0].at
        self._owners: dict[tuple[str, int], Process] = {}
        self._running: list[Running] = []
        self._sinks: dict[tuple[Process, int], Step] = {}
        self._started = 0
        self._settling = self._stopping = False
        self._version = steps.former_release(random) if knobs.upgrade_at else steps.release()
        machine.wall = self.wall
        machine.hash_seed = lambda: int(self.scheduler.running().name.rpartition(" ")[2])

    def run(self) -> None:
        for step in steps.STEPS:
            for _ in range(self.knobs.workers):
                self._start(step)
        self._rebalance()
        self.scheduler.run()

    def wall(self) -> int:
        """The clock of all machines: behind the newest delivery, in microseconds UTC."""
        ahead = self.scheduler.now * _SECOND + self.knobs.clock_days * DAY
        return self._posted_at + int(ahead)

    def owned(self, step: str, process: Process) -> frozenset[int]:
        mine = (number for (name, number), owner in self._owners.items() if name == step and owner is process)
        return frozenset(mine)

    # -- processes ------------------------------------------------------------------------------

    def _start(self, step: str) -> None:
        self._started += 1
        name = f"{step} {self._started}"
        faults = Faults(self.scheduler, self.knobs.rates, lambda: running.process, self._hand_over)
        faults.quiet = self._settling
        log = DisturbedLog(self.brokers, faults)
        version, stop = self._version, Stop(self.scheduler.sleep)
        following = range(self.knobs.partitions if step == CORRELATE and self.knobs.standby else 0)
        standbys = Noted(self.scheduler, log, version.parameters, following)
        store = DisturbedStore(self.store, faults)
        worker = Worker(Members(self, step, standbys), self._opener(step, log, store, version, standbys))

        def main() -> None:
            try:
                worker.run(stop)
            except (LogUnavailable, StoreUnavailable) as error:
                self.scheduler.note(f"{name}: gives up: {error}")

        self.scheduler.note(f"{name}: starts")
        process = self.scheduler.start(name, main)
        running = Running(step, process, worker, stop, faults, version)
        self._running.append(running)

    def _opener(
        self, step: str, log: DisturbedLog, store: DisturbedStore, version: steps.Release, standbys: Standbys
    ) -> OpenStep:
        def opened(partition: int, progress: ProgressCall) -> Step:
            if step == NORMALIZE:
                return steps.normalizing(log, partition, self.told.events, self.wall)
            if step == CORRELATE:
                return steps.correlating(log, partition, version, self.knobs.batch_events, standbys, progress)
            sink = steps.sinking(log, partition, version, store)
            self._sinks[self.scheduler.running(), partition] = sink
            return sink

        return opened

    def _kill(self, running: Running) -> None:
        self.scheduler.note(f"{running.process.name}: killed")
        running.process.dead = True

    def _replace_the_dead(self, likely: float) -> None:
        """What has died is started anew; its partitions go to others at once."""
        gone = [one for one in self._running if one.process.dead or one.process.finished]
        for one in gone:
            if self.random.random() < likely:
                self._running.remove(one)
                self._start(one.step)
                self._hand_over(one.process)

    def _hand_over(self, process: Process) -> None:
        """Its partitions go to others, if there are any."""
        for place, owner in list(self._owners.items()):
            if owner is process:
                self._give(place, process)

    def _rebalance(self) -> None:
        """Each partition goes to a process by lot: whoever had it learns of it when it asks."""
        for step in steps.STEPS:
            for partition in range(self.knobs.partitions):
                if (step, partition) not in self._owners or self.random.random() < 0.5:
                    self._give((step, partition))

    def _give(self, place: tuple[str, int], absent: Process | None = None) -> None:
        able = [one for one in self._running if one.step == place[0] and not one.process.dead]
        able = [one for one in able if one.process is not absent] or able
        if able:
            owner = self.random.choice(able).process
            if owner is not self._owners.get(place):
                self.scheduler.note(f"{place[0]} partition {place[1]} goes to {owner.name}")
            self._owners[place] = owner

    # -- the world ------------------------------------------------------------------------------

    def _on_checkpoint(self) -> None:
        if self._stopping:
            return
        if self._settling:
            self._settle_on()
            return
        random, knobs = self.random, self.knobs
        at = self.scheduler.checkpoints
        if random.random() < knobs.posting:
            self._post()
        lot = random.random()
        if lot < knobs.rebalance:
            self._rebalance()
        elif lot < knobs.rebalance + knobs.killing:
            self._kill(random.choice(self._running))
        elif lot < knobs.rebalance + knobs.killing + knobs.compaction:
            self._compact()
        if at == knobs.upgrade_at:
            self._version = steps.release()
            self.scheduler.note("from now on processes are started from the new release")
        self._replace_the_dead(knobs.starting)
        if (not self._to_post and at > knobs.troubled) or at > TROUBLED_CHECKPOINTS_MAX:
            self._settle()

    def _on_desertion(self) -> None:
        if not self._stopping:
            self._replace_the_dead(1.0)

    def _post(self) -> None:
        for _ in range(self.random.choice((1, 1, 5))):
            if self._to_post:
                self._append(self._to_post.pop())

    def _append(self, posted: Posted) -> None:
        self._posted_at = max(self._posted_at, posted.at)
        topic = EVENTS if posted.foreign else RECEIVED
        partition = partition_of(posted.workspace, self.knobs.partitions)
        self._log.append(topic, partition, [posted.record()])

    def _compact(self) -> None:
        for topic in self.brokers.topics.values():
            for partition in topic.partitions if topic.compacted else ():
                partition.compact()

    def _settle(self) -> None:
        """The trouble is over: whoever was paused goes on, and former releases are replaced."""
        self.scheduler.note("nothing goes wrong from now on")
        self._settling = True
        self._version = steps.release()
        while self._to_post:
            self._append(self._to_post.pop())
        for one in self._running:
            one.faults.quiet = True
            one.process.paused_until = 0
            if one.version != self._version:
                self._kill(one)
        self._replace_the_dead(1.0)
        # time goes on: whoever lost a partition while it was paused learns of it with the next commit
        for posted in self.told.ticks:
            self._append(posted)

    def _settle_on(self) -> None:
        self._replace_the_dead(1.0)
        if self.scheduler.checkpoints % REST_LOOKED_AT_CHECKPOINTS == 0 and self._at_rest():
            self.scheduler.note("everything is done")
            self._stopping = True
            for one in self._running:
                one.stop.set()

    def _at_rest(self) -> bool:
        """Whether every partition is somebody's who has opened it, and nothing is left to be taken in."""
        for one in self._running:
            if not one.worker.condition.restored >= self.owned(one.step, one.process):
                return False
        return all(
            self._is_done(place)
            for step in steps.STEPS
            for partition in range(self.knobs.partitions)
            for place in steps.followed(step, partition)
        )

    def _is_done(self, place: Place) -> bool:
        if place in self.brokers.doubts:
            return False
        if place.group == SINK:
            # a sink that was replaced may have put the offset back: so much is inserted again by the next one
            return self._sinks[self._owners[SINK, place.partition], place.partition].lag().records == 0
        end = self.brokers.partition(place.topic, place.partition).end
        return self.brokers.offsets.get(place, 0) >= end
