"""What is in a dead letter, as far as it can be read: a delivery, an event, a line; or its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pipeline.cli.instants import moment
from pipeline.cli.output import iso_time

if TYPE_CHECKING:
    from pipeline.codec import Codec
    from pipeline.core.events import Event
    from pipeline.dead_letters import DeadLetter
    from pipeline.log.protocol import Log
    from pipeline.sources.deliveries import Delivery

#: of what can't be read, so many bytes are shown
DUMPED_BYTES_MAX = 16_384
_LINE_BYTES = 16


class Contents(NamedTuple):
    """``kind`` in words, what else is known of it, and its text or JSON value."""

    kind: str
    about: dict[str, Any]
    #: what JSON it is; None when it is none
    value: Any
    text: str


def contents_of(log: Log, codec: Codec, letter: DeadLetter, unseal: Callable[[bytes], Delivery]) -> Contents:
    """What a letter is about; where the letter points into the log, as it stands there."""
    from pipeline.log.topics import EVENTS, RECEIVED

    if letter.topic == RECEIVED:
        return _of_delivery(_standing(log, letter), unseal)
    if letter.topic == EVENTS:
        kept = _standing(log, letter)
        return _of_told_event(codec, letter.value if kept is None else kept)
    if letter.number < 0:
        return _of_imported_event(letter.value)
    return _of_bytes(letter.value, "line")


def _standing(log: Log, letter: DeadLetter) -> bytes | None:
    for record in log.read(letter.topic, letter.partition, letter.number, 1):
        if record.offset == letter.number:
            return record.value
    return None


def _of_delivery(value: bytes | None, unseal: Callable[[bytes], Delivery]) -> Contents:
    from pipeline.core.events import InvalidEvent

    if value is None:
        return Contents("delivery, not kept any more", {}, None, "")
    try:
        delivery = unseal(value)
    except InvalidEvent as error:
        return Contents("delivery that can't be opened here", {"note": str(error)}, None, "")
    about = {
        "source": delivery.source,
        "received_at": moment(delivery.received_at),
        "headers": dict(sorted(delivery.headers.items())),
    }
    found = _of_bytes(delivery.body, "delivery")
    return found._replace(about=about | found.about)


def _of_told_event(codec: Codec, value: bytes) -> Contents:
    decoded = codec.decode([value])
    for column in decoded.columns:
        for event in column.events():
            return _of_event(event, "event in Avro")
    about = {"note": decoded.failures[0].reason} if decoded.failures else {}
    kind = (
        "bytes that are no event" if decoded.failures else "event of a schema that this version does not know"
    )
    return Contents(kind, about, None, hex_dump(value))


def _of_imported_event(value: bytes) -> Contents:
    from pipeline.rereading import imported_event

    try:
        return _of_event(imported_event(value), "event of an import")
    except msgspec.DecodeError:
        return _of_bytes(value, "event of an import")


def _of_event(event: Event, kind: str) -> Contents:
    from pipeline.core.events import RECORD_OF

    told = {
        name: iso_time(moment(value)) if _is_time(name, value) else value
        for name, value in msgspec.structs.asdict(event).items()
    }
    return Contents(kind, {"record": RECORD_OF[type(event)]}, told, _pretty(told))


def _is_time(name: str, value: object) -> bool:
    sane = isinstance(value, int) and abs(value) < 250_000_000_000 * 1_000_000
    return sane and (name == "time" or name.endswith("_at"))


def _of_bytes(value: bytes, what: str) -> Contents:
    """JSON when it is JSON, else text, else what the bytes are."""
    if not value:
        return Contents(f"{what}, empty or erased", {}, None, "")
    try:
        told = json.loads(value)
    except (ValueError, RecursionError):
        pass
    else:
        return Contents(f"{what} in JSON", {}, told, _pretty(told))
    try:
        return Contents(f"{what}, no JSON", {}, None, value.decode("utf-8"))
    except UnicodeDecodeError as error:
        reason = f"no text in UTF-8 from byte {error.start} on"
        return Contents(f"{what}, no text", {"note": reason}, None, hex_dump(value))


def _pretty(told: object) -> str:
    return json.dumps(told, ensure_ascii=False, indent=2)


def hex_dump(value: bytes) -> str:
    """Offset, sixteen bytes, and their ASCII characters, a line each."""
    return "\n".join(_dumped(value))


def _dumped(value: bytes) -> Iterator[str]:
    for start in range(0, min(len(value), DUMPED_BYTES_MAX), _LINE_BYTES):
        row = value[start : start + _LINE_BYTES]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<{3 * _LINE_BYTES - 1}}  |{text}|"
    if len(value) > DUMPED_BYTES_MAX:
        yield f"and {len(value) - DUMPED_BYTES_MAX:,} more bytes"
