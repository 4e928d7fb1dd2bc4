"""What a command does itself where the log is a cluster's: the steps go on meanwhile, in their processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.codec import Codec
from pipeline.letters import Number
from pipeline.log.protocol import Log
from pipeline.log.topics import RECEIVED
from pipeline.measuring import ProgressCall
from pipeline.normalize import Normalized, Normalizer
from pipeline.persons import KnownPersons
from pipeline.redriving import Redriver, Result
from pipeline.sources.deliveries import Delivery, Reader


class ClusterUpkeep:
    """Parses again and brings letters back: both append, and claim nothing that a step has claimed.

    ``reader``, ``unseal`` and ``now`` are those of the normalize step.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        persons: KnownPersons,
        reader: Reader,
        unseal: Callable[[bytes], Delivery],
        now: Callable[[], int],
    ) -> None:
        self._log = log
        self._codec = codec
        self._persons = persons
        self._reader = reader
        self._unseal = unseal
        self._now = now

    def renormalize(self, source: str, since: int, progress: ProgressCall) -> dict[str, Any]:
        """Parse the kept deliveries of a source again, in every partition.

        Raises ``ValueError`` for a source that nobody knows.
        """
        total = Normalized()
        for partition in range(self._log.partitions(RECEIVED)):
            step = Normalizer(
                self._log,
                self._codec,
                self._reader,
                self._unseal,
                self._now,
                self._persons,
                partition=partition,
            )
            done = step.again(source, since, lambda done, all_: progress("reading deliveries", done, all_))
            total = Normalized._make(map(sum, zip(total, done, strict=True)))
        return total._asdict()

    def redrive(self, numbers: Sequence[str], dry_run: bool, progress: ProgressCall) -> Result:
        """Try dead letters again."""
        redriver = Redriver(self._log, self._codec, self._reader, self._unseal, self._now, self._persons)
        return redriver.redrive(map(Number.of, numbers), dry_run=dry_run, progress=progress)
