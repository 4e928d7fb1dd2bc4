"""What could not be taken in: kept with its bytes, its reason and its coordinates.

Letters go to the ``dead_letters`` topic first; the sink copies them into the table of that name. A letter
ceases to ask for attention when its place was read again and taken in (the letter follows once more, as
settled), or when a person has looked at it (the offset of a consumer group). It is dropped by age, and so
is the oldest of too many (``pipeline.retention``): whoever reads all of them reads a bounded number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from pipeline.log.protocol import Log, NewRecord
from pipeline.log.topics import DEAD_LETTERS, PARTITION

#: the group whose offset says up to where a person has looked
LOOKED_AT = "looked-at"
#: the bytes are kept to be looked at and repaired
VALUE_BYTES_MAX = 16_384
READ_RECORDS_MAX = 1_000
APPEND_RECORDS_MAX = 1_000

#: how a reason begins, and the kind it is counted as; senders choose what is in a reason, never its kind
_KINDS = (
    ("it can't be folded", "unfoldable"),
    ("the parser itself failed", "parser"),
    ("the payload is no UTF-8", "encoding"),
    ("unknown ", "type"),
)
#: words of ours in a reason, and the kind; the first that is found counts
_KINDS_BY_WORDS = (
    ("nested too deeply", "json"),
    ("JSON is malformed", "json"),
    ("Input data was truncated", "json"),
    ("at most ", "size"),
    ("is longer than ", "size"),
    (" is no time", "time"),
    ("RFC3339", "time"),
    (" is outside the years ", "time"),
    (" ahead of this machine", "time"),
)
OTHER_KIND = "content"


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused message. ``place`` is a file and line, an event's id, or topic, partition and offset.

    ``number`` is the line or the offset; ``failed_at`` is in microseconds UTC (0: not known) and takes no
    part in telling whether a letter is known already. With ``settled`` it is no refusal, but the note that
    the same letter before it no longer holds since ``failed_at``: it was taken in, or a person (``by``, a
    token) does not want it, ``because`` of something.
    """

    workspace: str
    topic: str
    partition: int
    number: int
    place: str
    reason: str
    value: bytes
    failed_at: int
    settled: bool = False
    because: str = ""
    by: str = ""

    @property
    def digest(self) -> bytes:
        """Equal for the same message refused for the same reason at the same place."""
        text = f"{self.workspace}\0{self.place}\0{self.reason}\0".encode()
        return hashlib.blake2b(text + self.value, digest_size=16).digest()


def kind_of(reason: str) -> str:
    """What kind of fault a reason tells of: one of few words, to count by."""
    for beginning, kind in _KINDS:
        if reason.startswith(beginning):
            return kind
    return next((kind for words, kind in _KINDS_BY_WORDS if words in reason), OTHER_KIND)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


def as_record(letter: DeadLetter) -> NewRecord:
    """The record of a letter in the topic."""
    shortened = msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX])
    return NewRecord(letter.workspace.encode(), _encoder.encode(shortened))


def settled_record(letter: DeadLetter, now: int, *, because: str = "", by: str = "") -> NewRecord:
    """The record that a letter ceases to hold since ``now``."""
    return as_record(msgspec.structs.replace(letter, failed_at=now, settled=True, because=because, by=by))


def decode_letter(value: bytes) -> DeadLetter:
    """The letter of a record of the topic."""
    return _decoder.decode(value)


def of_line(workspace: str, file: str, number: int, reason: str, value: bytes, failed_at: int) -> DeadLetter:
    """The letter of one line of a file."""
    return DeadLetter(workspace, "", -1, number, f"{file}:{number}", reason, value, failed_at)


def bury(log: Log, letters: Iterable[DeadLetter]) -> int:
    """Keep letters that are not kept yet, or settled since; returns how many there were, new or not.

    What a person did not want stays as it is.
    """
    known = set(unsettled(log)) | {letter.digest for letter in _unwanted(log)}
    count = 0
    records: list[NewRecord] = []
    for letter in letters:
        count += 1
        shortened = msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX])
        if shortened.digest not in known:
            known.add(shortened.digest)
            records.append(as_record(shortened))
    _append(log, records)
    return count


def bury_of_file(log: Log, workspace: str, file: str, letters: Iterable[DeadLetter], now: int) -> int:
    """Keep what a whole reading of one file refused; returns how many letters there were.

    What an earlier reading of this file refused and this one did not was repaired or removed: it is
    settled. ``now`` is in microseconds UTC.
    """
    refused: set[bytes] = set()

    def noted() -> Iterator[DeadLetter]:
        for letter in letters:
            refused.add(msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX]).digest)
            yield letter

    count = bury(log, noted())
    settle(
        log,
        [
            letter
            for digest, (_, letter) in unsettled(log).items()
            if digest not in refused
            and (letter.workspace, letter.place) == (workspace, f"{file}:{letter.number}")
        ],
        now,
    )
    return count


def settle(log: Log, letters: Iterable[DeadLetter], now: int) -> None:
    """Note that what was refused was taken in since."""
    _append(log, [settled_record(letter, now) for letter in letters])


def waiting(log: Log) -> list[DeadLetter]:
    """The letters that nobody has looked at and that no later reading settled, oldest first."""
    # what settles a letter comes after it: those before need not be read
    return [
        letter for _, letter in unsettled(log, log.committed(LOOKED_AT, DEAD_LETTERS, PARTITION)).values()
    ]


def mark_looked_at(log: Log) -> None:
    """Note that a person has looked at every letter there is."""
    log.commit(LOOKED_AT, DEAD_LETTERS, PARTITION, log.end(DEAD_LETTERS, PARTITION))


def unsettled(log: Log, since: int = 0) -> dict[bytes, tuple[int, DeadLetter]]:
    """By digest: the letters from an offset on that no later reading settled, each with its own."""
    found: dict[bytes, tuple[int, DeadLetter]] = {}
    for offset, letter in read_all(log, since):
        if letter.settled:
            found.pop(letter.digest, None)
        else:
            found.setdefault(letter.digest, (offset, letter))
    return found


def _unwanted(log: Log) -> Iterator[DeadLetter]:
    """The notes of persons that they don't want a letter."""
    return (letter for _, letter in read_all(log) if letter.settled and letter.because)


def _append(log: Log, records: list[NewRecord]) -> None:
    for start in range(0, len(records), APPEND_RECORDS_MAX):
        log.append(DEAD_LETTERS, PARTITION, records[start : start + APPEND_RECORDS_MAX])


def read_letters(log: Log, offset: int = 0) -> Iterator[tuple[int, DeadLetter]]:
    """What was refused, from an offset on, each letter with its offset; settled since or not."""
    return ((at, letter) for at, letter in read_all(log, offset) if not letter.settled)


def read_all(log: Log, offset: int = 0) -> Iterator[tuple[int, DeadLetter]]:
    """Letters and the notes that they are settled, from an offset on, each with its own."""
    while records := log.read(DEAD_LETTERS, PARTITION, offset, READ_RECORDS_MAX):
        for record in records:
            yield record.offset, decode_letter(record.value)
        offset = records[-1].offset + 1
