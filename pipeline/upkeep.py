"""What a running process does to look after its directory: the log belongs to it, and nobody else can.

Each action takes the lock of the loop, so that the steps stand still; deliveries are received meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.backup import back_up
from pipeline.codec import Codec
from pipeline.core.events import InvalidEvent
from pipeline.dead_letters import read_letters
from pipeline.embedded import Embedded, machine_clock
from pipeline.forgetting import Forgetting
from pipeline.letters import Number
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.upkeep import LogUpkeep
from pipeline.log.topics import DEAD_LETTERS, PARTITION, RECEIVED, TOPICS
from pipeline.measuring import ProgressCall
from pipeline.normalize import Normalizer
from pipeline.persons import KnownPersons
from pipeline.redriving import Redriver, Result
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.store import Store

LOOKED_AT_MAX = 500


class Kept(msgspec.Struct, frozen=True):
    """What one topic holds; ``oldest_at`` is in microseconds UTC, 0 where nobody can tell."""

    topic: str
    records: int
    size_bytes: int
    compacted: bool
    oldest_at: int = 0


def kept_in(log: SqliteLog, unseal: Callable[[bytes], Delivery]) -> list[Kept]:
    """What each topic of a log holds, and since when."""
    upkeep = LogUpkeep(log)
    oldest = {RECEIVED: _oldest_delivery(log, unseal), DEAD_LETTERS: _oldest_letter(log)}
    return [
        Kept(topic, *upkeep.usage(topic), compacted, oldest.get(topic, 0))
        for topic, compacted in TOPICS.items()
    ]


def _oldest_delivery(log: SqliteLog, unseal: Callable[[bytes], Delivery]) -> int:
    """That of the first one that can be opened."""
    for record in log.read(RECEIVED, PARTITION, log.begin(RECEIVED, PARTITION), LOOKED_AT_MAX):
        try:
            return unseal(record.value).received_at
        except InvalidEvent:
            continue
    return 0


def _oldest_letter(log: SqliteLog) -> int:
    return next((letter.failed_at for _, letter in read_letters(log) if letter.failed_at), 0)


class Upkeep:
    """Looks after a directory that this process holds; the steps stand still while a method runs.

    ``reader`` reads the mappings anew, and raises ``ValueError`` when one is wrong.
    """

    def __init__(
        self,
        log: SqliteLog,
        store: Store,
        persons: KnownPersons,
        normalizer: Normalizer,
        unseal: Callable[[bytes], Delivery],
        *,
        reader: Callable[[], Reader],
        version: str,
    ) -> None:
        self._log = log
        self._store = store
        self._persons = persons
        self._normalizer = normalizer
        self._unseal = unseal
        self._reader = reader
        self._version = version

    def renormalize(self, source: str, since: int, progress: ProgressCall) -> dict[str, Any]:
        """Parse kept deliveries of a source again, by the mappings as they are now."""
        self._normalizer.reader = self._reader()
        done = self._normalizer.again(
            source, since, lambda done, total: progress("reading deliveries", done, total)
        )
        return done._asdict()

    def redrive(self, numbers: Sequence[str], dry_run: bool, progress: ProgressCall) -> Result:
        """Try dead letters again, by the mappings as they are now."""
        reader = self._reader()
        if not dry_run:
            self._normalizer.reader = reader
        redriver = Redriver(self._log, Codec(), reader, self._unseal, machine_clock, self._persons)
        return redriver.redrive(map(Number.of, numbers), dry_run=dry_run, progress=progress)

    def backup(self, target: str, deliveries: bool, progress: ProgressCall) -> object:
        """Write a backup; ``target`` is absolute."""
        return back_up(
            self._log, Path(target), version=self._version, deliveries=deliveries, progress=progress
        )

    def take_in(self) -> None:
        """Read what was received and not read yet, so that nothing of it is passed over."""
        self._normalizer.run()

    def forget(self, login: str, all_deliveries: bool, progress: ProgressCall) -> object:
        """Erase and block a login."""
        forgetting = Forgetting(self._log, LogUpkeep(self._log), self._store, self._persons, self._unseal)
        return forgetting.forget(login, all_deliveries=all_deliveries, progress=progress)

    def kept(self) -> list[Kept]:
        """What each topic holds."""
        return kept_in(self._log, self._unseal)


def upkeep_actions(embedded: Embedded, upkeep: Upkeep) -> Mapping[str, Callable[..., object]]:
    """``renormalize``, ``redrive``, ``backup``, ``forget``, ``kept``, for ``pipeline.web.control_socket``."""

    def renormalize(source: str, since: int, progress: ProgressCall) -> object:
        with embedded.turning:
            return upkeep.renormalize(source, since, embedded.alive(progress))

    def redrive(numbers: list[str], dry_run: bool, progress: ProgressCall) -> object:
        with embedded.turning:
            return upkeep.redrive(numbers, dry_run, embedded.alive(progress))

    def backup(target: str, deliveries: bool, progress: ProgressCall) -> object:
        # a moment of the log is copied: nobody has to stand still
        return upkeep.backup(target, deliveries, progress)

    def forget(login: str, all_deliveries: bool, progress: ProgressCall) -> object:
        with embedded.turning:
            upkeep.take_in()
            return upkeep.forget(login, all_deliveries, embedded.alive(progress))

    return {
        "renormalize": renormalize,
        "redrive": redrive,
        "backup": backup,
        "forget": forget,
        "kept": upkeep.kept,
    }
