"""Every step in one process, fed live: normalize, correlate and write, turn by turn, until told to stop.

The receiver appends to the log from its own thread; this loop takes what is there. What is not there
for a moment (the store, the log's disk) is waited for with growing pauses, with the batch held and
nothing committed; what can't be mended by waiting ends the process.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.codec import Codec
from pipeline.core.parameters import DAY, MINUTE
from pipeline.correlate import Correlator, Summary
from pipeline.log.protocol import Log, LogUnavailable
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, RECEIVED
from pipeline.measuring import ProgressCall
from pipeline.normalize import GROUP as NORMALIZE
from pipeline.normalize import Normalized, Normalizer
from pipeline.retention import expire, expire_letters
from pipeline.sink import GROUP as SINK
from pipeline.sources.deliveries import Delivery
from pipeline.state import GROUP as CORRELATE
from pipeline.store import StoreUnavailable
from pipeline.ticking import Ticker

#: how long the loop sleeps at most when there is nothing to do
POLL_SECONDS = 0.2
#: turns begin at least this far apart: many small writes cost the store, and the receiver its core
TURN_EVERY_SECONDS = 0.5
#: so often the loop looks whether to stop while somebody else has the steps
STOP_LOOKED_AT_SECONDS = 0.5
#: how long the end may take once nothing more is received
FINISH_SECONDS_MAX = 30.0
RETRY_WAIT_SECONDS = 0.5
RETRY_WAIT_SECONDS_MAX = 30.0
#: a loop that has not turned for this long is stuck, and the process is not healthy
TURN_SECONDS_MAX = 300.0
EXPIRE_EVERY = 60 * MINUTE
#: this many turns follow each other before the garbage of all of them is collected
COLLECTED_AFTER_TURNS = 200

_log = logging.getLogger(__name__)


@dataclass
class Condition:
    """How the loop is doing; read by other threads. Times in microseconds UTC, 0: never."""

    prepared: bool = False
    turned_at: int = 0
    #: what is being waited for; "" when nothing is
    trouble: str = ""
    deliveries: int = 0
    events: int = 0
    folded: int = 0
    rows: int = 0
    unused: int = 0
    dead_letters: int = 0
    expired: int = 0


class Embedded:
    """The loop behind ``aftermerge up``.

    ``now`` is the machine's clock in microseconds UTC; ``workspaces`` are those that get ticks;
    ``kept_days`` is how long deliveries are kept, ``letters_days`` how long dead letters are.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        normalizer: Normalizer,
        correlator: Correlator,
        *,
        workspaces: Iterable[str],
        unseal: Callable[[bytes], Delivery],
        kept_days: int,
        letters_days: int,
        now: Callable[[], int],
    ) -> None:
        self.condition = Condition()
        #: held while the loop turns: whoever needs the steps to stand still takes it
        self.turning = threading.Lock()
        self._wake = threading.Event()
        self._log = log
        self._normalizer = normalizer
        self._correlator = correlator
        self._ticker = Ticker(log, codec, workspaces)
        self._unseal = unseal
        self._kept = kept_days * DAY
        self._letters_kept = letters_days * DAY
        self._now = now
        self._expired_at = 0

    def wake(self, appended: int = 0) -> None:
        """Something was received: turn now. Cheap, and called from any thread."""
        self._wake.set()

    def run(self, stop: threading.Event, check: Callable[[], None] = lambda: None) -> None:
        """Turn until told to stop.

        ``check`` is called at every turn and raises what has to end the process.
        """
        pause = RETRY_WAIT_SECONDS
        turns = 0
        while not stop.is_set():
            self._wake.clear()
            check()
            if not self.turning.acquire(timeout=STOP_LOOKED_AT_SECONDS):
                continue  # somebody else has the steps: a rebuild, which ends when the process does
            begun = time.monotonic()
            try:
                try:
                    worked = self.turn()
                finally:
                    self.turning.release()
                pause = RETRY_WAIT_SECONDS
                turns += worked
                if turns >= COLLECTED_AFTER_TURNS:
                    turns = 0
                    gc.collect()
                if worked:
                    stop.wait(max(0.0, TURN_EVERY_SECONDS - (time.monotonic() - begun)))
                else:
                    self._wake.wait(POLL_SECONDS)
            except (LogUnavailable, StoreUnavailable) as error:
                self._note(error)
                stop.wait(pause)
                pause = min(2 * pause, RETRY_WAIT_SECONDS_MAX)

    def finish(self) -> None:
        """Nothing more is received: take in what was, as far as that goes in a few seconds.

        What is left is safe in the log, and taken in at the next start.
        """
        until = time.monotonic() + FINISH_SECONDS_MAX
        try:
            with self.turning:
                while any(self.lag()) and time.monotonic() < until:
                    self.turn()
        except (LogUnavailable, StoreUnavailable) as error:
            self._note(error)

    def turn(self) -> bool:
        """One turn of all steps; whether there was anything to do."""
        condition = self.condition
        if not condition.prepared:
            condition.rows += self._correlator.prepare().rows
            gc.collect()
            # what was read at the beginning stays for good: it is never searched for garbage again
            gc.freeze()
            condition.prepared = True
        normalized = self._normalizer.run()
        self._count(normalized)
        self._ticker.tick(self._now())
        behind = self._log.end(EVENTS, PARTITION) > self._log.committed(CORRELATE, EVENTS, PARTITION)
        if behind or normalized.dead_letters:
            # dead letters become rows there, too
            summary = Summary()
            self._correlator.catch_up(summary)
            condition.folded += summary.folded
            condition.rows += summary.rows
            condition.dead_letters += summary.dead_letters
        self._expire()
        condition.turned_at = self._now()
        condition.trouble = ""
        return behind or normalized.deliveries > 0

    def alive(self, progress: ProgressCall) -> ProgressCall:
        """Progress of somebody who holds ``turning``, which also says that the loop stands still for it."""

        def told(phase: str, done: int, total: int | None) -> None:
            self.condition.turned_at = self._now()
            progress(phase, done, total)

        return told

    def lag(self) -> tuple[int, int]:
        """Deliveries that wait for their parser, and events that wait to be correlated."""
        log = self._log
        return (
            log.end(RECEIVED, PARTITION) - log.committed(NORMALIZE, RECEIVED, PARTITION),
            log.end(EVENTS, PARTITION) - log.committed(CORRELATE, EVENTS, PARTITION),
        )

    def waiting_for(self) -> str:
        """Why rows are not up to date now; "" when they are. Deliveries are taken in meanwhile."""
        condition = self.condition
        if not condition.prepared or not condition.turned_at:
            return "the rows of what was received before are being brought up to date"
        if condition.trouble:
            return condition.trouble
        return self.stuck()

    def stuck(self) -> str:
        """Why this process should be restarted; "" when it should not."""
        turned = self.condition.turned_at
        idle = (self._now() - turned) / 1e6 if turned else 0.0
        if idle > TURN_SECONDS_MAX and not self.condition.trouble:
            return f"the steps have not turned for {idle:.0f} s: they are stuck"
        return ""

    def _note(self, error: Exception) -> None:
        self.condition.trouble = str(error)
        _log.warning("%s; trying again", error)

    def _count(self, normalized: Normalized) -> None:
        condition = self.condition
        condition.deliveries += normalized.deliveries
        condition.events += normalized.events
        condition.unused += normalized.unused
        condition.dead_letters += normalized.dead_letters

    def _expire(self) -> None:
        now = self._now()
        if now - self._expired_at >= EXPIRE_EVERY:
            self._expired_at = now
            self.condition.expired += expire(self._log, self._unseal, now - self._kept)
            copied = self._log.committed(SINK, DEAD_LETTERS, PARTITION)
            if expire_letters(self._log, now - self._letters_kept, now, copied=copied):
                self._correlator.renew_dead_letters()


def machine_clock() -> int:
    """Now, in microseconds UTC."""
    return time.time_ns() // 1_000
