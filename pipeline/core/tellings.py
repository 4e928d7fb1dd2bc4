"""Several tellings of one fact: which one wins, whatever the order in which they came.

The order is total, so merging is commutative, associative and idempotent: by the source's own
version, the parser's version, an assertion over a retraction, more fields over fewer, and last the
content itself. The time of receipt takes no part.
"""

from __future__ import annotations

import msgspec

from pipeline.core.events import Event

_ABSENT: tuple[object, ...] = ("", None, [])
_encode = msgspec.msgpack.Encoder().encode


def filled_fields(event: Event) -> int:
    """How many fields of an event say something."""
    return sum(1 for value in msgspec.structs.astuple(event) if value not in _ABSENT)


def content(event: Event) -> bytes:
    """The telling without what depends on its way to us (time of receipt, live or imported)."""
    return _encode(msgspec.structs.replace(event, received_at=0, imported=False))


def said(event: Event) -> tuple[object, ...]:
    """What an event says of the thing itself, beside where, when and from whom it comes."""
    return msgspec.structs.astuple(event)[len(Event.__struct_fields__) :]


def _receipt(event: Event) -> tuple[bool, int]:
    return (event.imported, event.received_at)


def winner(one: Event, other: Event) -> Event:
    """The telling that holds; of equal tellings the one with the earliest live time of receipt."""
    if one.source_version != other.source_version:
        return one if one.source_version > other.source_version else other
    if one.parser_version != other.parser_version:
        return one if one.parser_version > other.parser_version else other
    if one.retracted != other.retracted:
        return other if one.retracted else one
    if type(one) is not type(other):
        return one if type(one).__name__ > type(other).__name__ else other
    one_content, other_content = content(one), content(other)
    if one_content == other_content:
        return one if _receipt(one) <= _receipt(other) else other
    one_filled, other_filled = filled_fields(one), filled_fields(other)
    if one_filled != other_filled:
        return one if one_filled > other_filled else other
    return one if one_content > other_content else other
