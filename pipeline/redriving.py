"""Dead letters brought back: what each of them is about is read once more, by the parsers of today.

A delivery is parsed again; a line of a file and an event of an import are read again from the bytes that
the letter kept; an event of the log that could not be decoded or folded is told once more at its end, for
the step there to take in. Its first place is passed over for good: a rebuild that met it there would stop.

All that follows from some letters (events, persons, letters with new reasons, and that the old ones are
settled) is one transaction of the log. A crash leaves all of it or nothing, and what is told twice is once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from pipeline.appending import Digests, encoded, fresh, known_values, place_of
from pipeline.codec import Codec
from pipeline.dead_letters import VALUE_BYTES_MAX, DeadLetter, as_record, settled_record
from pipeline.letters import Entry, Number, entries, letter_at
from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, PERSONS
from pipeline.measuring import ProgressCall
from pipeline.normalize import Names
from pipeline.poison import UNFOLDABLE
from pipeline.rereading import Attempt, CannotTry, Rereader
from pipeline.sources.deliveries import Delivery, Reader

GROUP = "redrive"
#: one transaction holds what follows from so many letters, or from fewer when it has so many bytes
BATCH_LETTERS_MAX = 500
BATCH_BYTES_MAX = 8 << 20


class Outcome(StrEnum):
    """What became of a letter."""

    TAKEN_IN = "taken in"
    #: the log held its events already
    KNOWN = "known already"
    #: it can be read, and nothing is made of its kind
    UNUSED = "no use"
    #: it fails again, with the same reason or another one
    REFUSED = "refused again"
    #: it could not be tried: its bytes are not there any more, or not all of them
    LEFT = "left alone"


class Redriven(msgspec.Struct, frozen=True):
    """What became of one letter, and why; ``remark`` is for people."""

    number: str
    workspace: str
    place: str
    outcome: Outcome
    remark: str = ""


class Result(msgspec.Struct):
    """What became of all of them; ``events`` were appended, and so have to be correlated."""

    letters: list[Redriven] = []
    events: int = 0


class _Batch:
    """What one transaction will append."""

    def __init__(self) -> None:
        self.letters = 0
        self.size_bytes = 0
        self.appended: dict[tuple[str, int], list[NewRecord]] = {}

    @property
    def full(self) -> bool:
        return self.letters >= BATCH_LETTERS_MAX or self.size_bytes >= BATCH_BYTES_MAX

    def add(self, topic: str, partition: int, records: Iterable[NewRecord]) -> None:
        for record in records:
            self.appended.setdefault((topic, partition), []).append(record)
            self.size_bytes += len(record.value)


_Place = tuple[str, str, int, str]


class Redriver:
    """Brings letters back into the log that this process may write.

    ``reader`` and ``unseal`` are those of the normalize step, ``now`` is the machine's clock, ``names``
    knows whose the tokens are that ``reader.person_token`` gives.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        reader: Reader,
        unseal: Callable[[bytes], Delivery],
        now: Callable[[], int],
        names: Names | None = None,
    ) -> None:
        self._log = log
        self._codec = codec
        self._now = now
        self._names = names
        self._rereader = Rereader(log, codec, reader, unseal, now)
        self._known: dict[str, Digests] = {}
        #: digests of values that this object appended
        self._told: set[bytes] = set()

    def redrive(
        self, chosen: Iterable[Number], *, dry_run: bool = False, progress: ProgressCall = lambda *_: None
    ) -> Result:
        """Try letters again; with ``dry_run`` nothing is written.

        All letters of one delivery are tried together. A number that no unsettled letter has is left out.
        Raises ``LogUnavailable`` with some of them done: made again, it goes on with the others.
        """
        wanted = set(chosen)
        places: dict[_Place, list[Entry]] = {}
        for entry in entries(self._log):
            letter = entry.letter
            place = letter.workspace, letter.topic, letter.partition, letter.place
            places.setdefault(place, []).append(entry)
        self._known.clear()
        self._told.clear()
        result, batch = Result(), _Batch()
        tried = [place for place, found in places.items() if any(one.number in wanted for one in found)]
        for count, place in enumerate(tried, start=1):
            for told in self._try(places[place], places, batch, result):
                result.letters.append(told)
            if batch.full:
                batch = self._commit(batch, dry_run)
            progress("reading letters again", count, len(tried))
        self._commit(batch, dry_run)
        return result

    def _try(
        self, found: list[Entry], places: dict[_Place, list[Entry]], batch: _Batch, result: Result
    ) -> Iterator[Redriven]:
        """What becomes of the letters of one place; what follows from it is added to the batch."""
        letter = letter_at(self._log, found[0].number)
        try:
            attempt = self._rereader.attempt(letter)
        except CannotTry as reason:
            yield from (_told(entry, Outcome.LEFT, str(reason)) for entry in found)
            return
        refused = list(attempt.refused)
        values = encoded(self._codec, list(attempt.events), refused, letter.workspace, self._now())
        new = [*self._fresh(letter.workspace, values), *attempt.values]
        key = letter.workspace.encode()
        batch.add(EVENTS, attempt.partition, (NewRecord(key, value) for value in new))
        result.events += len(new)
        before = {entry.digest for entry in found}
        again = {_shortened(one).digest: one for one in refused}
        fails_anew = [one for digest, one in again.items() if digest not in before]
        batch.add(DEAD_LETTERS, found[0].number.partition, map(as_record, fails_anew))
        self._settle(batch, (entry for entry in found if entry.digest not in again))
        for event in attempt.events:
            taken_in = places.get((letter.workspace, "", -1, place_of(event)), ())
            if taken_in is not found and not refused:
                self._settle(batch, taken_in)
        batch.letters += len(found)
        for entry in found:
            if entry.digest in again:
                yield _told(entry, Outcome.REFUSED, "for the same reason")
            elif fails_anew:
                yield _told(entry, Outcome.REFUSED, fails_anew[0].reason)
            elif new:
                yield _told(entry, Outcome.TAKEN_IN, _taken_in(attempt, len(new)))
            else:
                yield _told(entry, Outcome.KNOWN if values else Outcome.UNUSED)

    def _settle(self, batch: _Batch, settled: Iterable[Entry]) -> None:
        for entry in settled:
            record = settled_record(letter_at(self._log, entry.number), self._now())
            batch.add(DEAD_LETTERS, entry.number.partition, [record])

    def _fresh(self, workspace: str, values: list[bytes]) -> list[bytes]:
        """Those that neither the log nor this transaction holds."""
        if values and workspace not in self._known:
            self._known[workspace] = known_values(self._log, workspace)
        found = []
        for value in fresh(values, self._known[workspace]) if values else ():
            digest = hashlib.blake2b(workspace.encode() + b"\0" + value, digest_size=16).digest()
            if digest not in self._told:
                self._told.add(digest)
                found.append(value)
        return found

    def _commit(self, batch: _Batch, dry_run: bool) -> _Batch:
        """Write what a batch holds, if anything, and begin the next one."""
        if batch.letters and not dry_run:
            named = self._names.new_records() if self._names is not None else []
            batch.add(PERSONS, PARTITION, named)
            appended = [(topic, partition, records) for (topic, partition), records in batch.appended.items()]
            # nobody goes on from this offset: a commit is how several topics are written as one
            end = self._log.end(DEAD_LETTERS, PARTITION)
            self._log.commit(GROUP, DEAD_LETTERS, PARTITION, end, appended=appended)
            if self._names is not None:
                self._names.written()
        return _Batch()


def _shortened(letter: DeadLetter) -> DeadLetter:
    return msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX])


def _taken_in(attempt: Attempt, events: int) -> str:
    if attempt.values:
        return "told once more at the end of the log"
    return f"{events} event{'s' * (events != 1)}"


def _told(entry: Entry, outcome: Outcome, remark: str = "") -> Redriven:
    return Redriven(str(entry.number), entry.letter.workspace, entry.letter.place, outcome, remark)


def failed_again(log: Log, result: Result, before: Sequence[int]) -> Iterator[Redriven]:
    """The letters of a result as they are when the events were correlated: some could not be folded again.

    ``before`` are the ends of the partitions of the dead letters, before anything was taken in again.
    """
    anew = {
        (entry.letter.workspace, _hash(letter_at(log, entry.number).value)): entry
        for entry in entries(log)
        if entry.letter.topic == EVENTS
        and entry.letter.reason.startswith(UNFOLDABLE)
        and entry.number.offset >= before[entry.number.partition]
    }
    for told in result.letters:
        entry = None
        if anew and told.outcome == Outcome.TAKEN_IN:
            value = letter_at(log, Number.of(told.number)).value
            entry = anew.get((told.workspace, _hash(value)))
        if entry is None:
            yield told
        else:
            remark = f"now number {entry.number}: {entry.letter.reason}"
            yield msgspec.structs.replace(told, outcome=Outcome.REFUSED, remark=remark)


def _hash(value: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=16).digest()
