"""What could not be taken in: kept with its bytes, its reason and its coordinates.

Letters go to the ``dead_letters`` topic first; the sink copies them into the table of that name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from pipeline.log.protocol import Log, NewRecord

TOPIC = "dead_letters"
#: the bytes are kept to be looked at and repaired
VALUE_BYTES_MAX = 16_384
READ_RECORDS_MAX = 1_000
APPEND_RECORDS_MAX = 1_000


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused message. ``place`` is a file and line, or topic, partition and offset.

    ``number`` is the line or the offset; ``failed_at`` is in microseconds UTC and takes no part in
    telling whether a letter is known already.
    """

    workspace: str
    topic: str
    partition: int
    number: int
    place: str
    reason: str
    value: bytes
    failed_at: int

    @property
    def digest(self) -> bytes:
        """Equal for the same message refused for the same reason at the same place."""
        text = f"{self.workspace}\0{self.place}\0{self.reason}\0".encode()
        return hashlib.blake2b(text + self.value, digest_size=16).digest()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


def as_record(letter: DeadLetter) -> NewRecord:
    """The record of a letter in the topic."""
    shortened = msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX])
    return NewRecord(letter.workspace.encode(), _encoder.encode(shortened))


def bury(log: Log, letters: Iterable[DeadLetter]) -> int:
    """Keep letters that are not kept yet; returns how many there were, new or not."""
    known = {letter.digest for _, letter in read_letters(log)}
    count = 0
    records: list[NewRecord] = []
    for letter in letters:
        count += 1
        shortened = msgspec.structs.replace(letter, value=letter.value[:VALUE_BYTES_MAX])
        if shortened.digest not in known:
            known.add(shortened.digest)
            records.append(as_record(shortened))
    for start in range(0, len(records), APPEND_RECORDS_MAX):
        log.append(TOPIC, 0, records[start : start + APPEND_RECORDS_MAX])
    return count


def read_letters(log: Log, offset: int = 0) -> Iterator[tuple[int, DeadLetter]]:
    """Letters from an offset on, each with its offset."""
    while records := log.read(TOPIC, 0, offset, READ_RECORDS_MAX):
        for record in records:
            yield record.offset, _decoder.decode(record.value)
        offset = records[-1].offset + 1
