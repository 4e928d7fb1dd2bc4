"""An entity is the map of its events, and nothing else: id -> the telling that holds.

Merging two such maps is commutative, associative and idempotent by construction; whatever else is
known about an entity is computed from its map. An entity that rests is packed to bytes, and those
bytes are also its record in the changelog.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import msgspec

from pipeline.core.events import RECORDS, Event
from pipeline.core.tellings import winner

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(list[reduce(or_, RECORDS.values())])  # type: ignore[misc]


class Entity:
    """One object of one source: a request, a commit, a deployment report, an incident."""

    __slots__ = ("_asserted", "_packed", "_tellings", "key", "newest_at", "summary")

    def __init__(self, key: str) -> None:
        self.key = key
        self._tellings: dict[str, Event] | None = {}
        #: what is asserted, in order, since somebody asked for it
        self._asserted: list[Event] | None = None
        #: the record of the map as it is; none after a change that was not saved yet
        self._packed: bytes = b""
        #: own time of the newest event that was ever put in (for eviction)
        self.newest_at = 0
        #: what the indexes hold about this entity, kept so that they can be corrected
        self.summary: object | None = None

    @property
    def tellings(self) -> dict[str, Event]:
        """The map; unpacked when it was packed. Change it with ``put`` only."""
        tellings = self._tellings
        if tellings is None:
            tellings = self._tellings = {}
            for event in _decoder.decode(self._packed):
                tellings[event.id] = event
                if event.time > self.newest_at:
                    self.newest_at = event.time
        return tellings

    def put(self, event: Event) -> bool:
        """Take in one telling; false when it changes nothing."""
        tellings = self.tellings
        held = tellings.get(event.id)
        if held is not None:
            event = winner(held, event)
            if event is held:
                return False
        tellings[event.id] = event
        self._packed = b""
        self._asserted = None
        if event.time > self.newest_at:
            self.newest_at = event.time
        return True

    def events(self) -> list[Event]:
        """What is asserted, oldest first, by (own time, the source's sequence, type, id).

        The list is kept for whoever asks next: it must not be changed.
        """
        asserted = self._asserted
        if asserted is None:
            asserted = self._asserted = self._in_order()
        return asserted

    def _in_order(self) -> list[Event]:
        tellings = self.tellings
        if len(tellings) == 1:
            (event,) = tellings.values()
            return [] if event.retracted else [event]
        asserted = [event for event in tellings.values() if not event.retracted]
        last = -1
        for event in asserted:
            if event.time <= last:
                asserted.sort(key=moment)
                break
            last = event.time
        return asserted

    def snapshot(self) -> bytes:
        """The bytes of the entity's record in the changelog; equal maps give equal bytes."""
        tellings = self._tellings
        if tellings is not None and not self._packed:
            ordered = (
                [tellings[key] for key in sorted(tellings)] if len(tellings) > 1 else list(tellings.values())
            )
            self._packed = _encoder.encode(ordered)
        return self._packed

    def pack(self) -> None:
        """Keep the bytes only, where they are what the entity is: after ``snapshot`` or ``take_over``."""
        if self._packed:
            self._tellings = self._asserted = None

    def take_over(self, packed: bytes) -> None:
        """Hold what the entity that wrote these bytes held; ``newest_at`` is known when it was unpacked."""
        self._packed = packed
        self._tellings = self._asserted = None
        self.newest_at = 0

    @classmethod
    def restore(cls, key: str, packed: bytes) -> Entity:
        """The entity that wrote these bytes."""
        entity = cls(key)
        entity.take_over(packed)
        return entity


#: the kinds of entities
FAMILIES = (
    "service",
    "team",
    "class",
    "policy",
    "threshold",
    "change",
    "commit",
    "artifact",
    "finding",
    "verdict",
    "deployment",
    "burn",
    "drift",
    "incident",
    "objective",
    "counter",
)
#: families of what is declared: a first version holds for what was before it, too
DECLARED = frozenset({"service", "team", "objective", "class", "policy", "threshold"})


def position(event: Event) -> int:
    """Where a rebuild stands when it reads an event: what is declared comes first, and makes nothing old."""
    return 0 if event.entity in DECLARED else event.time


#: of two events at one instant, the one that comes later in a life stands later
_LIFECYCLE = {
    "ServiceDeclared": 0,
    "TeamDeclared": 0,
    "ClassDeclared": 0,
    "PolicyDeclared": 0,
    "ThresholdSet": 0,
    "ObjectiveDeclared": 0,
    "ObjectiveCounted": 1,
    "ChangeOpened": 1,
    "ChangeUpdated": 2,
    "ReviewRequested": 3,
    "ReviewSubmitted": 4,
    "CommentPosted": 4,
    "QueueChanged": 5,
    "ChangeMerged": 6,
    "ChangeAbandoned": 6,
    "DeploymentProgressed": 1,
    "DeploymentFinished": 2,
    "IncidentDetected": 1,
    "IncidentUpdated": 2,
    "IncidentResolved": 3,
    "BurnStarted": 2,
    "BurnEnded": 1,
    "DriftDetected": 2,
    "DriftCorrected": 1,
}


def moment(event: Event) -> tuple[int, int, int, str]:
    """Where an event stands in the life of its entity."""
    return (event.time, event.sequence, _LIFECYCLE.get(type(event).__name__, 0), event.id)
