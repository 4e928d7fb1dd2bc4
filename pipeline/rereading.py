"""What a dead letter is about, read once more: a delivery, an event of the log, a line of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple, Union

import msgspec

from pipeline.appending import refusal
from pipeline.codec import Codec
from pipeline.core.events import RECORDS, Event, InvalidEvent
from pipeline.dead_letters import VALUE_BYTES_MAX, DeadLetter, of_line
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log, Record
from pipeline.log.topics import EVENTS, PARTITION, RECEIVED
from pipeline.normalize import Normalizer
from pipeline.sources.cdevents import UnusedEvent
from pipeline.sources.cloudevents import parse_line
from pipeline.sources.deliveries import Delivery, Reader


class CannotTry(Exception):
    """Why a letter stays as it is: its bytes are not there any more, or not all of them."""


class Attempt(NamedTuple):
    """What reading once more gave: events, values that are told again as they are, and new letters.

    ``partition`` is where the events belong.
    """

    events: Sequence[Event] = ()
    values: Sequence[bytes] = ()
    refused: Sequence[DeadLetter] = ()
    partition: int = PARTITION


_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(
    Union[tuple(RECORDS.values())]  # noqa: UP007 - made of a list
)


class Rereader:
    """Reads by the parsers of today, and writes nothing.

    ``reader`` and ``unseal`` are those of the normalize step, ``now`` is the machine's clock.
    """

    def __init__(
        self,
        log: Log,
        codec: Codec,
        reader: Reader,
        unseal: Callable[[bytes], Delivery],
        now: Callable[[], int],
    ) -> None:
        self._log = log
        self._codec = codec
        self._reader = reader
        self._unseal = unseal
        self._now = now
        self._normalizers: dict[int, Normalizer] = {}

    def attempt(self, letter: DeadLetter) -> Attempt:
        """What a letter, with its bytes, gives today. Raises ``CannotTry``."""
        if letter.topic == RECEIVED:
            return self._delivery(letter)
        if letter.topic == EVENTS:
            return self._told_event(letter)
        if letter.number < 0:
            return self._imported_event(letter)
        return self._line(letter)

    def _delivery(self, letter: DeadLetter) -> Attempt:
        record = self._record(letter)
        if record is None:
            raise CannotTry("the delivery is not kept any more: have the source send it again, or drop it")
        try:
            self._unseal(record.value)
        except InvalidEvent as error:
            raise CannotTry(f"the delivery can't be opened here: {error}") from None
        events, refused = self._normalizer(letter.partition).parsed(record)
        return Attempt(events, (), refused, letter.partition)

    def _told_event(self, letter: DeadLetter) -> Attempt:
        record = self._record(letter)
        value = record.value if record is not None else _whole(letter)
        failures = self._codec.decode([value]).failures
        if failures:
            again = msgspec.structs.replace(letter, reason=failures[0].reason, failed_at=self._now())
            return Attempt(refused=[again])
        return Attempt(values=[value], partition=letter.partition)

    def _imported_event(self, letter: DeadLetter) -> Attempt:
        try:
            event = imported_event(_whole(letter))
        except msgspec.DecodeError as error:
            raise CannotTry(f"what is kept of it is no event ({error}): import it again") from None
        if reason := refusal(event, self._now()):
            again = msgspec.structs.replace(letter, reason=reason, failed_at=self._now())
            return Attempt(refused=[again])
        return Attempt([event], partition=partition_in(self._log, letter.workspace))

    def _line(self, letter: DeadLetter) -> Attempt:
        """A line of a replayed file; one of a history means something beside its neighbours only."""
        line = _whole(letter)
        if not _is_cloud_event(line):
            raise CannotTry(
                "it is no CloudEvent: repair the file and import or replay it again, or drop the letter"
            )
        try:
            _, event = parse_line(line, person_token=self._reader.person_token)
            if reason := refusal(event, self._now()):
                raise InvalidEvent(reason)
        except UnusedEvent:
            return Attempt()
        except InvalidEvent as error:
            file = letter.place.rpartition(":")[0]
            again = of_line(letter.workspace, file, letter.number, str(error), line, self._now())
            return Attempt(refused=[again])
        return Attempt([event], partition=partition_in(self._log, letter.workspace))

    def _record(self, letter: DeadLetter) -> Record | None:
        """The record that a letter is about; ``None`` when it is not kept any more."""
        for record in self._log.read(letter.topic, letter.partition, letter.number, 1):
            if record.offset == letter.number:
                return record
        return None

    def _normalizer(self, partition: int) -> Normalizer:
        if partition not in self._normalizers:
            self._normalizers[partition] = Normalizer(
                self._log, self._codec, self._reader, self._unseal, self._now, partition=partition
            )
        return self._normalizers[partition]


def imported_event(value: bytes) -> Event:
    """The event that a letter of an import keeps; raises ``msgspec.DecodeError`` for none."""
    return _event.decode(value)


def _whole(letter: DeadLetter) -> bytes:
    if not letter.value:
        raise CannotTry("its bytes were erased")
    if len(letter.value) >= VALUE_BYTES_MAX:
        raise CannotTry(
            f"it has more bytes than the {VALUE_BYTES_MAX:,} that are kept: import or replay its file again"
        )
    return letter.value


def _is_cloud_event(line: bytes) -> bool:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "specversion" in told
