"""The steps of a cluster for one partition each, in the form in which a worker turns them.

Opening one claims its partition: whoever had it before can't commit any more, and what it had committed is
complete, so the offset from which to go on is the true one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import islice

from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.collector import collector_held_off
from pipeline.correlate import Correlator, Summary
from pipeline.inserting import Inserter
from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS, RECEIVED
from pipeline.measuring import UNMEASURED, Meter, ProgressCall
from pipeline.normalize import Normalizer
from pipeline.reached import CORRELATE, NORMALIZE, Standing, standing
from pipeline.store import Store
from pipeline.worker import Lag

#: a turn of the normalize step takes in about so many deliveries
TURN_DELIVERIES_MAX = 10_000
#: a turn of the correlate step takes in so many batches: they are folded and written side by side
TURN_BATCHES_MAX = 4
#: moments that are remembered to tell how old a record is; of more, every second one is let go
AGES_MAX = 1_000


class Normalizing:
    """Deliveries of one partition become events."""

    def __init__(self, log: Log, partition: int, make: Callable[[int], Normalizer]) -> None:
        self._log, self._partition = log, partition
        self._age = _Age()
        log.claim(NORMALIZE, RECEIVED, partition)
        self._step = make(partition)
        self.dead_letters = 0

    def turn(self) -> int:
        """See ``worker.Step``."""
        done = self._step.run(TURN_DELIVERIES_MAX)
        self.dead_letters += done.dead_letters
        return done.deliveries

    def lag(self) -> Lag:
        """See ``worker.Step``."""
        return self._age.lag(standing(self._log, NORMALIZE, self._partition))

    def close(self) -> None:
        """See ``worker.Step``."""
        self._log.release(NORMALIZE, RECEIVED, self._partition)


class Correlating:
    """Events of one partition become rows on topics."""

    def __init__(
        self,
        log: Log,
        partition: int,
        make: Callable[[int], Correlator],
        batch_events: int,
        leave: Callable[[int], None] = lambda partition: None,
        progress: ProgressCall | None = None,
    ) -> None:
        """``leave`` is told when the partition is somebody else's again; ``progress`` of what is computed
        anew or read back before it can go on."""
        self._log, self._partition, self._leave = log, partition, leave
        self._events_max = TURN_BATCHES_MAX * batch_events
        self._age = _Age()
        log.claim(CORRELATE, EVENTS, partition)
        try:
            self._step = make(partition)
            # what is folded is held for long and in no circles: searching it for garbage costs a fifth
            with collector_held_off():
                self._step.prepare(progress)
                self._step.restore(progress)
        except BaseException:
            leave(partition)
            raise
        self.dead_letters = 0

    def turn(self) -> int:
        """See ``worker.Step``."""
        summary = Summary()
        with collector_held_off():
            self._step.catch_up(summary, events_max=self._events_max)
        self.dead_letters += summary.dead_letters
        return summary.read

    def lag(self) -> Lag:
        """See ``worker.Step``."""
        return self._age.lag(standing(self._log, CORRELATE, self._partition))

    def close(self) -> None:
        """See ``worker.Step``."""
        self._log.release(CORRELATE, EVENTS, self._partition)
        self._leave(self._partition)


class Sinking:
    """Events and rows of one partition go into the store."""

    def __init__(
        self,
        log: Log,
        partition: int,
        codec: Codec,
        facts: FactCodec,
        store: Store,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._step = Inserter(log, codec, facts, store, partition, meter)
        self._age = _Age()

    def turn(self) -> int:
        """See ``worker.Step``."""
        return self._step.turn()

    def lag(self) -> Lag:
        """See ``worker.Step``."""
        return self._age.lag(self._step.standing())

    def close(self) -> None:
        """See ``worker.Step``: nothing is held, and what another process inserts again changes nothing."""


class _Age:
    """How old the oldest record is that a step has not taken in: since when the topic reaches beyond it.

    Known to ``worker.LAGS_EVERY_SECONDS``, and from when it is first asked on.
    """

    def __init__(self) -> None:
        #: when the topic was seen to end where, oldest first; ends rise
        self._seen: deque[tuple[float, int]] = deque(maxlen=AGES_MAX)

    def lag(self, found: Standing) -> Lag:
        """``found`` is how the step stands now."""
        now, end, reached = time.monotonic(), found.end, found.end - found.behind
        while self._seen and self._seen[0][1] <= reached:
            self._seen.popleft()
        if reached < end and (not self._seen or self._seen[-1][1] < end):
            if len(self._seen) == AGES_MAX:
                self._seen = deque(islice(self._seen, 0, None, 2), AGES_MAX)
            self._seen.append((now, end))
        return Lag(found.behind, now - self._seen[0][0] if self._seen else 0.0)
