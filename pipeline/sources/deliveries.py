"""What a source hands in: one delivery as it came, and what a parser makes of it.

A parser is a pure function ``(Delivery, Reader) -> Reading``: no clock, no network, no state. It raises
``InvalidEvent`` when the bytes are not what the source sends; what it understands and has no use for it
names in ``Reading.unused``, so that it can be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from pipeline.core.events import Event, InvalidEvent
from pipeline.sources.texts import Patterns

_SHOWN_CHARACTERS_MAX = 200

T = TypeVar("T")


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """One request as it was received: its bytes, and the headers that a parser may need.

    ``headers`` have lower-case names and hold none that carries a secret or a signature; ``received_at``
    is in microseconds UTC.
    """

    workspace: str
    source: str
    received_at: int
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """A header's value; "" when it was not sent."""
        return self.headers.get(name, "")


class Reader(NamedTuple):
    """What a parser may use beside the delivery."""

    #: login -> the person's token
    person_token: Callable[[str], str]
    #: what to look for in titles, texts and labels
    patterns: Patterns
    #: names of the labels that make an issue an incident
    incident_labels: frozenset[str] = frozenset({"incident"})
    #: name of a mapped source -> its checked mapping (``sources.mapping``)
    mappings: Mapping[str, object] = {}


class Reading(NamedTuple):
    """What one delivery says: events, and the kind of it when nothing is made of it.

    ``refused`` gives the reasons of those parts of it that could not be read, while others could.
    """

    events: list[Event]
    unused: str = ""
    refused: Sequence[str] = ()


Parser = Callable[[Delivery, Reader], Reading]


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """A body as a struct; raises ``InvalidEvent`` with the place of what is wrong."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(str(error)[:_SHOWN_CHARACTERS_MAX]) from None
    except RecursionError:
        raise InvalidEvent("the JSON is nested too deeply") from None


def nothing_read(refused: Sequence[str]) -> InvalidEvent:
    """The error of a delivery of which no part could be read: the first reason, and how many more."""
    return InvalidEvent(refused[0] if len(refused) == 1 else f"{refused[0]} (and {len(refused) - 1} more)")


def envelope(
    delivery: Delivery,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    time: int,
    parser_version: int,
    source_version: int = 0,
    sequence: int = 0,
    retracted: bool = False,
) -> dict[str, object]:
    """The nine fields that every event begins with, for ``Struct(**envelope(...), ...)``."""
    return {
        "id": id,
        "source": source,
        "time": time,
        "received_at": delivery.received_at,
        "imported": False,
        "source_version": source_version,
        "parser_version": parser_version,
        "retracted": retracted,
        "sequence": sequence,
    }
