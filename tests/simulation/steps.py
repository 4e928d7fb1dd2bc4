"""The real steps, as processes of the simulated cluster have them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import NamedTuple

from pipeline.assigned import Correlating, Normalizing, Sinking
from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.codec.schemas import shipped_schemas
from pipeline.core.events import Event, InvalidEvent
from pipeline.core.facts import TABLES
from pipeline.core.parameters import Parameters
from pipeline.correlate import Correlator
from pipeline.log.protocol import Log
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, RECEIVED, fact_topic
from pipeline.measuring import ProgressCall
from pipeline.normalize import GROUP as NORMALIZE
from pipeline.normalize import Normalizer
from pipeline.publish import Publisher
from pipeline.sink import GROUP as SINK
from pipeline.sources.deliveries import Delivery, Reader, Reading
from pipeline.sources.texts import Patterns
from pipeline.standby import Standbys
from pipeline.state import GROUP as CORRELATE
from pipeline.store import Store
from pipeline.worker import Step
from tests.simulation.histories import UNUSED, opened
from tests.simulation.memory_log import Place
from tests.strategies import HORIZON

STEPS = (NORMALIZE, CORRELATE, SINK)
PARAMETERS = Parameters(horizon=HORIZON)
#: what an earlier release was set to: its rows are made anew after the upgrade
FORMER_PARAMETERS = Parameters(horizon=HORIZON, model="last-deployment", hindsight=False)
#: record types that an earlier release did not know
LATER_RECORDS = frozenset({"deployment_finished", "verdict_given"})


@cache
def codec() -> Codec:
    return Codec()


@cache
def former_codec() -> Codec:
    known = shipped_schemas().items()
    return Codec({number: schema for number, schema in known if schema.record not in LATER_RECORDS})


@cache
def fact_codec() -> FactCodec:
    return FactCodec()


class Release(NamedTuple):
    """What differs between two versions of the program."""

    codec: Codec
    parameters: Parameters


def release() -> Release:
    return Release(codec(), PARAMETERS)


def former_release(random: Random) -> Release:
    """One that knows less, or computes otherwise, or both, or neither."""
    return Release(random.choice((codec(), former_codec())), random.choice((PARAMETERS, FORMER_PARAMETERS)))


class Parsing(Normalizer):
    """The step itself, with a parser that costs nothing: a delivery's body is the number of its event."""

    told: list[Event]

    def _parse(self, delivery: Delivery) -> Reading:
        if delivery.body.startswith(UNUSED):
            return Reading([], UNUSED.decode())
        try:
            return Reading([self.told[int(delivery.body)]])
        except ValueError:
            raise InvalidEvent("its body is no number") from None


def normalizer(log: Log, told: list[Event], now: Callable[[], int], partition: int = PARTITION) -> Normalizer:
    step = Parsing(log, codec(), Reader(str, Patterns()), opened, now, partition=partition)
    step.told = told
    return step


def normalizing(log: Log, partition: int, told: list[Event], now: Callable[[], int]) -> Step:
    return Normalizing(log, partition, lambda number: normalizer(log, told, now, number))


def correlating(
    log: Log,
    partition: int,
    version: Release,
    batch_events: int,
    standbys: Standbys | None = None,
    progress: ProgressCall | None = None,
) -> Step:
    standbys = standbys or Standbys(log, version.parameters, ())

    def make(number: int) -> Correlator:
        publisher = Publisher(log, fact_codec(), number)
        codec, parameters = version.codec, version.parameters
        return Correlator(
            log,
            codec,
            publisher,
            parameters,
            batch_events,
            partition=number,
            stood_by=lambda: standbys.take(number),
        )

    return Correlating(log, partition, make, batch_events, standbys.leave, progress)


def sinking(log: Log, partition: int, version: Release, store: Store) -> Step:
    return Sinking(log, partition, version.codec, fact_codec(), store)


def followed(step: str, partition: int) -> list[Place]:
    """What a step commits for a partition."""
    if step != SINK:
        return [Place(step, RECEIVED if step == NORMALIZE else EVENTS, partition)]
    topics = [EVENTS, *(fact_topic(table) for table in TABLES)]
    topics += [DEAD_LETTERS] if partition == PARTITION else []
    return [Place(SINK, topic, partition) for topic in topics]
