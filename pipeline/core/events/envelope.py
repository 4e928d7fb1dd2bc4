"""The envelope that every event carries."""

from __future__ import annotations

from typing import ClassVar

import msgspec

MICROSECONDS = 1_000_000


def _initials(name: str) -> str:
    """The tag of an event in the state: the capitals of its name, CM for ChangeMerged."""
    return "".join(letter for letter in name if letter.isupper())


class Event(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=_initials):
    """The envelope that every event carries."""

    #: name of the entity family the event belongs to ("": it is kept as told, and nothing is joined with
    #: it), and of the field that holds the entity's key
    entity: ClassVar[str] = ""
    key_field: ClassVar[str] = ""
    #: what holds the key of the entity where it is more than that field
    entity_key: ClassVar[str] = ""

    id: str
    source: str
    time: int
    received_at: int
    imported: bool
    source_version: int
    parser_version: int
    retracted: bool
    sequence: int


class InvalidEvent(ValueError):
    """The bytes or the values of one event are wrong: the step sends it to the dead letters."""
