"""What a seed's organisations did, and how it was told: late, twice, out of order, or unreadably."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from pipeline.core import events as e
from pipeline.log.protocol import NewRecord
from pipeline.sources.deliveries import Delivery
from tests.strategies import BEGINNING, DAY, HOUR, PLACES, STEP, World
from tests.strategies.worlds import ACTIONS, declaration

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

#: the source's name: a delivery's body is the number of its event
SOURCE = "simulated"
WORKSPACES = ("acme", "globex", "initech", "umbrella")
DELAY_MAX = 72 * HOUR
#: bodies of which nothing is made
UNUSED = b"nothing of interest"
UNREADABLE = b"not readable"

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Delivery).decode


class Posted(NamedTuple):
    """Something that comes at a moment: a delivery, or bytes put into ``events`` by somebody else."""

    at: int
    workspace: str
    value: bytes
    foreign: bool = False

    def record(self) -> NewRecord:
        return NewRecord(self.workspace.encode(), self.value)


class History(NamedTuple):
    """The same deliveries told twice: as they came, and in order; a delivery names one of the events."""

    events: list[e.Event]
    disturbed: list[Posted]
    in_order: list[Posted]
    #: what also tells every workspace, at the end, that time passed
    ticks: list[Posted]


class SeededWorld(World):
    """A world whose lots are drawn by a seed."""

    def __init__(self, random: Random) -> None:
        super().__init__(cast("DrawFn", _refuse))
        self.random = random

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def chance(self) -> bool:
        return self.random.random() < 0.5

    def wait(self, steps_max: int) -> None:
        self.now += self.random.randint(0, steps_max) * STEP

    def later(self, steps_max: int) -> int:
        return self.now + self.random.randint(0, steps_max) * STEP


def _refuse(strategy: object) -> Any:
    raise AssertionError(f"this draws from Hypothesis, and not from the seed: {strategy}")


def _declare(world: World) -> None:
    place, other = world.one_of(PLACES), world.one_of(PLACES)
    world.tell(
        e.ServiceDeclared,
        "catalogue",
        f"declared {world.now}",
        world.now,
        service=place.service,
        team="shop",
        repositories=[place.repository] if world.chance() else [],
        depends_on=[other.service] if world.chance() else [],
        aliases=world.one_of(([], ["shop-frontend"])),
    )


_ACTIONS: tuple[Callable[[World], None], ...] = (
    _declare,
    *(action for action in ACTIONS if action is not declaration),
)


def history(random: Random, workspaces: int, actions: int) -> History:
    """Up to so many actions in each of so many workspaces."""
    events: list[e.Event] = []
    disturbed: list[Posted] = []
    in_order: list[Posted] = []
    ticks: list[Posted] = []
    for name in WORKSPACES[:workspaces]:
        world = SeededWorld(random)
        for _ in range(random.randint(1, actions)):
            random.choice(_ACTIONS)(world)
            world.wait(90)
        told = list({event.id: event for event in world.events}.values())
        told += [_again(random, event) for event in told if random.random() < 0.1]
        for event in told:
            _post(random, name, event, events, disturbed, in_order)
    last = max((event.received_at for event in events), default=BEGINNING)
    # so that some verdicts are final by then, and some are not
    last += random.randint(0, DELAY_MAX)
    for name in WORKSPACES[:workspaces]:
        tick = e.ClockTicked(f"clock {last}", "clock", last, last, False, 0, 1, False, 0, "clock")
        events.append(tick)
        posted = _posted(name, tick, len(events) - 1, last)
        disturbed.append(posted)
        in_order.append(posted)
        ticks.append(posted)
    for name in WORKSPACES[:workspaces]:
        _post_noise(random, name, last, disturbed, in_order)
    return History(events, sorted(disturbed), sorted(in_order), ticks)


def _again(random: Random, event: e.Event) -> e.Event:
    """Another telling of it, perhaps that it never happened."""
    return msgspec.structs.replace(
        event, source_version=random.randint(0, 2), retracted=random.random() < 0.5
    )


def _posted(workspace: str, event: e.Event, number: int, at: int) -> Posted:
    return Posted(at, workspace, packed(workspace, event.received_at, b"%d" % number))


def _post(
    random: Random,
    workspace: str,
    event: e.Event,
    events: list[e.Event],
    disturbed: list[Posted],
    in_order: list[Posted],
) -> None:
    """Receive an event, perhaps late; let it come in its place or elsewhere, perhaps more than once."""
    delay = random.choice((0, 0, random.randint(0, HOUR), random.randint(0, DELAY_MAX)))
    imported = random.random() < 0.1
    first = msgspec.structs.replace(
        event, imported=imported, received_at=event.time if imported else event.time + delay
    )
    events.append(first)
    in_order.append(_posted(workspace, first, len(events) - 1, event.time))
    jitter = random.choice((0, 0, random.randint(0, DAY)))
    disturbed.append(_posted(workspace, first, len(events) - 1, event.time + delay + jitter))
    while random.random() < 0.1:
        received_at = first.received_at + (0 if imported else random.randint(0, DAY))
        redelivered = msgspec.structs.replace(first, received_at=received_at)
        events.append(redelivered)
        at = event.time + delay + DAY + random.randint(0, DELAY_MAX)
        disturbed.append(_posted(workspace, redelivered, len(events) - 1, at))


def _post_noise(
    random: Random, workspace: str, last: int, disturbed: list[Posted], in_order: list[Posted]
) -> None:
    """What is no event: a body of which nothing is made, one that can't be read, somebody else's bytes."""
    for number in range(random.choice((0, 0, 1, 3))):
        at = random.randint(BEGINNING, last)
        kind = random.choice((UNUSED, UNREADABLE, b""))
        value = b"\xff%d" % number
        if kind:
            value = packed(workspace, at, kind + b" %d" % number)
        for told in (disturbed, in_order):
            told.append(Posted(at, workspace, value, foreign=not kind))


def packed(workspace: str, received_at: int, body: bytes) -> bytes:
    """The value of a delivery in its topic."""
    return _pack(Delivery(workspace, SOURCE, received_at, {}, body))


def opened(value: bytes) -> Delivery:
    """The delivery of a record."""
    return _unpack(value)
