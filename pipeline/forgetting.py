"""Forgetting a person: the one entry that names them is erased, and never written again.

Events carry tokens and stay. What still names a person are the deliveries that are kept as they came, and
the bytes of dead letters: those that hold the login are emptied where they stand. What a text says on its
own (a title, the name of a branch or a repository) is part of an event: it is counted, and stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.dead_letters import DeadLetter
from pipeline.log.protocol import Log, Record
from pipeline.log.sqlite.upkeep import LogUpkeep
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, PERSONS, RECEIVED
from pipeline.measuring import ProgressCall
from pipeline.normalize import GROUP
from pipeline.persons import BLOCKED, KnownPersons
from pipeline.poison import UNFOLDABLE, is_unfoldable
from pipeline.sink import Sink
from pipeline.sources.deliveries import Delivery
from pipeline.store import Store
from pipeline.store.letters import empty_letters, letters_hold

#: stands in the place of a delivery that was erased: no parser reads it, and it expires like the others
ERASED = b""
LOGIN_CHARACTERS_MAX = 200
READ_RECORDS_MAX = 10_000

_letter = msgspec.json.Decoder(DeadLetter)


class Forgotten(msgspec.Struct):
    """What was done, and what is left: counts of records; ``standing_times`` are places in the log's file."""

    token: str
    was_known: bool = False
    deliveries_erased: int = 0
    letters_erased: int = 0
    #: deliveries that can't be opened here (their key is not set): they may hold the login until they expire
    deliveries_sealed: int = 0
    #: deliveries that no step has read yet
    deliveries_waiting: int = 0
    #: events in whose texts the login stands
    events_naming: int = 0
    standing_times: int = 0


class Forgetting:
    """Erases from the log that this process holds, and from its store. The steps stand still meanwhile."""

    def __init__(
        self,
        log: Log,
        upkeep: LogUpkeep,
        store: Store,
        persons: KnownPersons,
        unseal: Callable[[bytes], Delivery],
    ) -> None:
        self._log = log
        self._upkeep = upkeep
        self._store = store
        self._persons = persons
        self._unseal = unseal

    def forget(self, login: str, *, all_deliveries: bool, progress: ProgressCall) -> Forgotten:
        """Erase and block a login. Made again after a crash, it goes on where that one stopped.

        ``all_deliveries`` drops every kept delivery that was read, whether the login is in it or not. Raises
        ``ValueError`` for what can be no login, ``LogUnavailable``, ``StoreUnavailable``.
        """
        login = login.strip()
        if not login or len(login) > LOGIN_CHARACTERS_MAX:
            raise ValueError(f"a login has 1 to {LOGIN_CHARACTERS_MAX} characters")
        needles = _needles(login)
        held = self._log.latest(PERSONS, PARTITION)
        found = Forgotten(self._persons.block(login))
        key = found.token.encode()
        found.was_known = held.get(key, BLOCKED) != BLOCKED
        self._upkeep.rewrite(PERSONS, lambda record: BLOCKED if record.key == key else None)
        self._erase_deliveries(needles, all_deliveries, found, progress)
        self._erase_letters(needles, found)
        found.events_naming = self._events_naming(needles, progress)
        progress("searching the log's file", 0, None)
        # the log keeps the bytes of letters in base64, which a search for the login passes over
        found.standing_times = self._upkeep.scrub(needles, anew=found.letters_erased > 0)
        return found

    def _erase_deliveries(
        self, needles: list[bytes], everything: bool, found: Forgotten, progress: ProgressCall
    ) -> None:
        begin, end = self._log.begin(RECEIVED, PARTITION), self._log.end(RECEIVED, PARTITION)
        read_up_to = self._log.committed(GROUP, RECEIVED, PARTITION)
        found.deliveries_waiting = max(0, end - max(begin, read_up_to))
        if everything:
            found.deliveries_erased = self._log.trim(RECEIVED, PARTITION, read_up_to)
            return

        def change(record: Record) -> bytes | None:
            progress("searching deliveries", record.offset - begin, read_up_to - begin)
            if record.offset >= read_up_to or record.value == ERASED:
                return None
            try:
                delivery = self._unseal(record.value)
            except InvalidEvent:
                found.deliveries_sealed += 1
                return None
            told = b"\n".join([delivery.body, *(text.encode() for text in delivery.headers.values())])
            return ERASED if _holds(told, needles) else None

        found.deliveries_erased = self._upkeep.rewrite(RECEIVED, change)

    def _erase_letters(self, needles: list[bytes], found: Forgotten) -> None:
        """The letter stays, with its place; a reason that quotes the login is not repeated."""

        def change(record: Record) -> bytes | None:
            letter = _letter.decode(record.value)
            said = "\n".join((letter.reason, letter.place, letter.because))
            quoted = _holds(said.encode(), needles)
            if not quoted and not _holds(letter.value, needles):
                return None
            return msgspec.json.encode(
                msgspec.structs.replace(
                    letter,
                    value=b"",
                    # an event that is passed over is known by how its reason begins
                    reason=f"{UNFOLDABLE * is_unfoldable(letter)}{_ERASED_REASON}"
                    if quoted
                    else letter.reason,
                    because=_ERASED_REASON if quoted and letter.because else letter.because,
                    place=f"erased {letter.digest.hex()}" if quoted else letter.place,
                )
            )

        found.letters_erased = self._upkeep.rewrite(DEAD_LETTERS, change)
        if found.letters_erased or letters_hold(self._store, needles):
            empty_letters(self._store)
            Sink(self._store).write_dead_letters(self._log)

    def _events_naming(self, needles: list[bytes], progress: ProgressCall) -> int:
        count, offset, end = 0, 0, self._log.end(EVENTS, PARTITION)
        while records := self._log.read(EVENTS, PARTITION, offset, READ_RECORDS_MAX):
            offset = records[-1].offset + 1
            count += sum(_holds(record.value, needles) for record in records)
            progress("searching events", offset, end)
        return count


_ERASED_REASON = "what was said here named somebody who is forgotten"


def _needles(login: str) -> list[bytes]:
    """The bytes of a login in small letters: as they are, and as JSON may write them."""
    small = login.lower()
    return list(dict.fromkeys([small.encode(), json.dumps(small)[1:-1].encode()]))


def _holds(told: bytes, needles: list[bytes]) -> bool:
    told = told.lower()
    return any(needle in told for needle in needles)
