"""Where the log is a cluster's: its processes correlate and insert, and a command waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.cli.exits import Exit, Problem
from pipeline.measuring import ProgressCall, silent
from pipeline.reached import CORRELATE, SINK, Place, ends, places, reached
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.cli.cluster.opening import Codecs
    from pipeline.cli.reporting import Outcome
    from pipeline.log.kafka import KafkaLog
    from pipeline.log.protocol import Log

#: how long nothing may move before a command stops waiting
STALLED_SECONDS_MAX = 300.0
#: ... where no process of the step is there: one that was just started has joined by then
NOBODY_SECONDS_MAX = 45.0
POLL_SECONDS = 0.1
READ_RECORDS_MAX = 20_000
#: a transaction reaches its partitions one after another: what is behind is looked for so often
PASSES = 2
#: a partition is claimed so often for a rebuild, where it is taken away before the first row
CLAIMS_MAX = 3

_PHASES = {CORRELATE: "correlating", SINK: "inserting"}


@dataclass(frozen=True)
class ClusterFollower:
    """What a command sees of the processes: how far they were when it began, in some partitions."""

    settings: Settings
    log: KafkaLog
    codecs: Codecs
    workspace: str
    #: that of the workspace, or all that the command writes
    partitions: Sequence[int]
    #: where the topics of dead letters and of the workspace's state ended then
    letters_end: int
    state_end: int

    @property
    def partition(self) -> int:
        """That of the workspace."""
        from pipeline.log.partitioning import partition_in

        return partition_in(self.log, self.workspace)

    def of(self, workspace: str) -> ClusterFollower:
        """The same for another workspace, from now on."""
        return cluster_follower(self.settings, self.log, self.codecs, workspace)

    def everywhere(self) -> ClusterFollower:
        """The same, waiting for all partitions."""
        from pipeline.log.topics import EVENTS

        return replace(self, partitions=range(self.log.partitions(EVENTS)))

    def caught_up(self, log: Log, outcome: Outcome, progress: ProgressCall = silent) -> Outcome:
        """Wait until the tables hold what the log holds now; events from behind the horizon are applied."""
        self._wait_for_all(progress)
        outcome.elsewhere = True
        outcome.correlated += outcome.appended
        outcome.dead_letters += self._letters()
        if behind := self._behind_horizon(again=outcome.unchanged > 0):
            outcome.behind_horizon += behind
            done = self.rebuild(progress)
            outcome.rows += done["rows"]
            outcome.dead_letters += done["dead_letters"]
            outcome.rebuilt = True
        return outcome

    def rebuild(self, progress: ProgressCall = silent) -> dict[str, Any]:
        """Compute the workspace anew, while the process that has its partition stands still.

        That one notices with its next event, waits, and reads the state again. If it comes back before
        all is done, it finds the beginning of a rebuild, and makes a whole one itself.
        """
        for _ in range(CLAIMS_MAX):
            if (done := self._rebuild(progress)) is not None:
                self._wait_for_all(progress)
                return done
        raise Problem(
            f"partition {self.partition} was taken away {CLAIMS_MAX} times before the rebuild began",
            hint="its processes are being restarted: run the same command again when that is over",
            code=Exit.UNAVAILABLE,
        )

    def _rebuild(self, progress: ProgressCall) -> dict[str, Any] | None:
        """What was read, folded and written; None when nothing was begun."""
        from pipeline.cli.modelling import parameters
        from pipeline.correlate import Correlator
        from pipeline.log.protocol import LogFenced
        from pipeline.log.topics import EVENTS, STATE
        from pipeline.publish import Publisher

        log = self.log
        log.claim(CORRELATE, EVENTS, self.partition)
        begun = log.end(STATE, self.partition)
        try:
            step = Correlator(
                log,
                self.codecs.events(),
                Publisher(log, self.codecs.facts(), self.partition),
                parameters(self.settings),
                self.settings.batch_rows,
                partition=self.partition,
            )
            return asdict(step.rebuild(self.workspace, progress))
        except LogFenced:
            if not self._rebuilt_elsewhere(begun, progress):
                return None
            # it counts for itself: what it read is known here
            return {"folded": self._told(), "rows": 0, "dead_letters": 0}
        finally:
            log.release(CORRELATE, EVENTS, self.partition)

    def _rebuilt_elsewhere(self, begun: int, progress: ProgressCall) -> bool:
        """Wait until a process has ended the rebuild that was begun; false when none was."""
        from pipeline.log.topics import STATE
        from pipeline.state import told_epochs

        stalled = _Stalled(self, CORRELATE)
        while True:
            told = list(told_epochs(self.log, self.workspace, self.partition, begun))
            if not any(epoch.rebuilding for epoch in told):
                return False
            if not told[-1].rebuilding:
                return True
            written = ends(self.log, places(SINK, self.partition)).values()
            moved = self.log.end(STATE, self.partition) + sum(written)
            stalled.judge(moved, "a rebuild")
            progress("rebuilding in the process that correlates", moved, None)
            time.sleep(POLL_SECONDS)

    def _told(self) -> int:
        """How many events of the workspace are on the log."""
        from pipeline.log.topics import EVENTS

        count = offset = 0
        key = self.workspace.encode()
        while records := self.log.read(EVENTS, self.partition, offset, READ_RECORDS_MAX):
            count += sum(record.key == key for record in records)
            offset = records[-1].offset + 1
        return count

    def _wait_for_all(self, progress: ProgressCall) -> None:
        for _ in range(PASSES):
            for step in (CORRELATE, SINK):
                self._wait(step, progress)

    def _wait(self, step: str, progress: ProgressCall) -> None:
        """Wait until a step has reached what is there now."""
        found = [place for partition in self.partitions for place in places(step, partition)]
        wanted = ends(self.log, found)
        left = self._left(wanted, found)
        total, stalled = sum(left.values()), _Stalled(self, step)
        while left:
            waiting = sum(left.values())
            progress(_PHASES[step], total - waiting, total)
            stalled.judge(total - waiting, f"{waiting:,} records")
            time.sleep(POLL_SECONDS)
            left = self._left(wanted, left)
        if total:
            progress(_PHASES[step], total, total)

    def _left(self, wanted: Mapping[Place, int], found: Iterable[Place]) -> dict[Place, int]:
        """How much is missing, where something is."""
        missing = {place: wanted[place] - reached(self.log, place) for place in found}
        return {place: count for place, count in missing.items() if count > 0}

    def _letters(self) -> int:
        """How many events of the workspace could not be read or folded since the command began."""
        from pipeline.dead_letters import read_letters
        from pipeline.log.topics import EVENTS

        return sum(
            letter.topic == EVENTS and letter.workspace == self.workspace
            for _, letter in read_letters(self.log, self.letters_end)
        )

    def _behind_horizon(self, *, again: bool) -> int:
        """How many events were too old to be folded, as it was told since then: a rebuild applies them.

        ``again``: some events were there already, so it may have been told before, to an import that ended
        too soon.
        """
        from pipeline.log.topics import STATE
        from pipeline.state import told_behind_horizon

        since = self.log.begin(STATE, self.partition) if again else self.state_end
        return told_behind_horizon(self.log, self.workspace, self.partition, since)


def cluster_follower(settings: Settings, log: KafkaLog, codecs: Codecs, workspace: str) -> ClusterFollower:
    """How far the processes of a cluster are now."""
    from pipeline.log.partitioning import partition_in
    from pipeline.log.topics import DEAD_LETTERS, PARTITION, STATE

    partition = partition_in(log, workspace)
    return ClusterFollower(
        settings,
        log,
        codecs,
        workspace,
        (partition,),
        log.end(DEAD_LETTERS, PARTITION),
        log.end(STATE, partition),
    )


class _Stalled:
    """Ends a command's waiting when nothing moves, and says which processes are missing."""

    def __init__(self, follower: ClusterFollower, step: str) -> None:
        self._follower = follower
        self._step = step
        self._moved_at = time.monotonic()
        self._before = -1
        self._asked = False

    def judge(self, done: int, what: str) -> None:
        """Raises ``Problem`` when it has lasted too long; ``what`` waits."""
        now = time.monotonic()
        if done != self._before:
            self._moved_at, self._before, self._asked = now, done, False
            return
        still = now - self._moved_at
        if still > NOBODY_SECONDS_MAX and not self._asked:
            self._asked = True
            if not self._members():
                raise self._problem(f"no process of `aftermerge {self._step}` is there", what)
        if still > STALLED_SECONDS_MAX:
            raise self._problem(
                f"the processes of `aftermerge {self._step}` have taken in nothing for {still:.0f} s", what
            )

    def _members(self) -> int:
        from pipeline.log.kafka.watching import Watcher

        return Watcher(self._follower.log.settings).members(self._step)

    def _problem(self, said: str, what: str) -> Problem:
        found = ", ".join(map(str, self._follower.partitions))
        return Problem(
            f"{said}: group {self._step!r} is behind in partition {found}; of what is there, {what} wait",
            hint="everything is safe in the log, nothing has to be told again: start it, or see what it says",
            code=Exit.UNAVAILABLE,
        )
