"""CloudEvents over HTTP: one event (structured), several (batched), or attributes as headers (binary).

What an event says is read as it is in a file (``sources.cloudevents``), with three differences: it was
received now, whatever it says of an earlier receipt; its workspace is that of the address it was
sent to; and neither verdicts nor the time are told from outside. A type that nothing is made of is
counted, not refused.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

from pipeline.core.events import (
    ClassDeclared,
    ClockTicked,
    Event,
    InvalidEvent,
    PolicyDeclared,
    VerdictGiven,
)
from pipeline.core.vocabulary import word_of
from pipeline.sources.cdevents import unused_word
from pipeline.sources.cloudevents import parse_line
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded, nothing_read
from pipeline.sources.lines import LINE_BYTES_MAX

PARSER_VERSION = 1
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
JSON = "application/json"
ATTRIBUTE_PREFIX = "ce-"

BATCH_EVENTS_MAX = 10_000
EVENT_BYTES_MAX = LINE_BYTES_MAX
ATTRIBUTES_MAX = 100
_TYPE_SHOWN_CHARACTERS_MAX = 120

#: what nobody tells from outside: every CI job may know the token, and must not judge or rule, or move clocks
_NOT_FROM_OUTSIDE = {
    ClockTicked: "only the receiver itself tells the time",
    VerdictGiven: "verdicts are given with `aftermerge verdict`",
    ClassDeclared: "classes of changes are declared with `aftermerge import catalogue`",
    PolicyDeclared: "policies are declared with `aftermerge import catalogue`",
}

_NAME = re.compile(r"[a-z0-9]{1,40}")
_QUOTED_PAIR = re.compile(r"\\(.)")
#: attributes that are no texts; headers have nothing else
_BOOLEANS = {"true": True, "false": False}
_BOOLEAN_ATTRIBUTES = frozenset({"imported", "retracted"})


class _Kind(msgspec.Struct, frozen=True):
    specversion: str
    id: str
    source: str
    type: str


_kind_decoder = msgspec.json.Decoder(_Kind)
_batch_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_encode = msgspec.json.Encoder().encode


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """The events of one request.

    Of a batch the good events are kept, and the reasons of the others are told; raises
    ``InvalidEvent`` when none is good.
    """
    return _reading(delivery, reader, _events_in(delivery))


def _events_in(delivery: Delivery) -> list[tuple[str, bytes]]:
    """The place and the bytes of each event, in structured form."""
    media, parameters = _content_type(delivery.header("content-type"))
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8", "us-ascii"}:
        raise InvalidEvent(f"content-type: charset {charset[:40]!r}, this reads UTF-8")
    if media == BATCHED:
        return _batch(delivery.body)
    if media == STRUCTURED:
        return [("", delivery.body)]
    if media.startswith("application/cloudevents"):
        raise InvalidEvent(f"content-type: {media[:80]!r}, this reads {STRUCTURED} and {BATCHED}")
    if delivery.header(f"{ATTRIBUTE_PREFIX}specversion"):
        return [("", _from_headers(delivery, media))]
    if media in {JSON, ""}:
        # many senders say no more than that it is JSON
        return _batch(delivery.body) if delivery.body.lstrip().startswith(b"[") else [("", delivery.body)]
    raise InvalidEvent(
        f"content-type: {media[:80]!r} without ce- headers is no CloudEvent: send {STRUCTURED} or headers"
    )


def _batch(body: bytes) -> list[tuple[str, bytes]]:
    events = decoded(_batch_decoder, body)
    if len(events) > BATCH_EVENTS_MAX:
        raise InvalidEvent(f"the batch has {len(events)} events, at most {BATCH_EVENTS_MAX} are read")
    return [(f"[{place}]: ", bytes(event)) for place, event in enumerate(events)]


def _from_headers(delivery: Delivery, media: str) -> bytes:
    """A binary event, put into structured form: attributes from the headers, the body as its data."""
    attributes: dict[str, Any] = {}
    for header, text in delivery.headers.items():
        name = header.removeprefix(ATTRIBUTE_PREFIX)
        if name == header or name in {"data", "datacontenttype"}:
            continue
        if not _NAME.fullmatch(name):
            raise InvalidEvent(f"header {header[:60]!r}: attributes are named with letters and digits")
        value = _header_text(text)
        if name in _BOOLEAN_ATTRIBUTES:
            attributes[name] = _BOOLEANS.get(value, value)
        else:
            attributes[name] = value
    if len(attributes) > ATTRIBUTES_MAX:
        raise InvalidEvent(f"{len(attributes)} ce- headers, at most {ATTRIBUTES_MAX} are read")
    attributes["datacontenttype"] = media or JSON
    if len(delivery.body) > EVENT_BYTES_MAX:
        raise InvalidEvent(f"the event is longer than {EVENT_BYTES_MAX} bytes")
    if not delivery.body.strip():
        attributes["data"] = None
    elif attributes["datacontenttype"].endswith("json"):
        # decoding checks that the body is one value, and so can't add members of its own
        attributes["data"] = decoded(_raw_decoder, delivery.body)
    else:
        # whether that matters depends on the type
        attributes["data"] = {}
    return _encode(attributes)


def _reading(delivery: Delivery, reader: Reader, told: list[tuple[str, bytes]]) -> Reading:
    events: list[Event] = []
    unused: dict[str, None] = {}
    refused: list[str] = []
    for place, event in told:
        try:
            if word := _unused(event):
                unused[word] = None
            else:
                events.append(_event(delivery, reader, event))
        except InvalidEvent as error:
            refused.append(f"{place}{error}")
    if refused and not events and not unused:
        raise nothing_read(refused)
    if not told:
        unused["empty batch"] = None
    return Reading(events, ", ".join(unused), refused)


def _unused(event: bytes) -> str:
    """The type of a good CloudEvent that nothing is made of; "" for one to be read, or a bad one."""
    if len(event) > EVENT_BYTES_MAX:
        raise InvalidEvent(f"the event is longer than {EVENT_BYTES_MAX} bytes")
    kind = decoded(_kind_decoder, event)
    try:
        word_of(kind.type)
    except InvalidEvent:
        if kind.specversion == "1.0" and kind.id and kind.source and kind.type:
            return unused_word(kind.type) or kind.type[:_TYPE_SHOWN_CHARACTERS_MAX]
    return ""


def _event(delivery: Delivery, reader: Reader, line: bytes) -> Event:
    workspace, event = parse_line(line, person_token=reader.person_token)
    if workspace not in {"", delivery.workspace}:
        raise InvalidEvent(
            f"workspace: {workspace[:80]!r}, but it was sent to the workspace {delivery.workspace[:80]!r}"
        )
    if reason := _NOT_FROM_OUTSIDE.get(type(event)):
        raise InvalidEvent(reason)
    return msgspec.structs.replace(
        event,
        received_at=delivery.received_at,
        imported=False,
        # what a sender claims here would let it overrule the tellings of other sources
        parser_version=PARSER_VERSION,
    )


def _content_type(text: str) -> tuple[str, dict[str, str]]:
    """The media type in lower case, and its parameters."""
    media, *rest = text.split(";")
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return media.strip().lower(), parameters


def _header_text(text: str) -> str:
    """An attribute's value as the binding writes it: perhaps in double quotes, and percent-encoded."""
    text = text.strip()
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = _QUOTED_PAIR.sub(r"\1", text[1:-1])
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidEvent(f"header value {text[:60]!r}: its percent-encoding is no UTF-8") from None
