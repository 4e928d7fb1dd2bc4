"""How far the steps of a cluster have come: by the offsets that they commit, wherever they run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline import normalize, sink, state
from pipeline.core.facts import TABLES
from pipeline.log.protocol import Log
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARTITION, RECEIVED, fact_topic

#: the groups under which the steps commit
NORMALIZE, CORRELATE, SINK = normalize.GROUP, state.GROUP, sink.GROUP
STEPS = (NORMALIZE, CORRELATE, SINK)


class Place(NamedTuple):
    """What one step follows: a partition of a topic."""

    step: str
    topic: str
    partition: int


def places(step: str, partition: int) -> Iterator[Place]:
    """All that a step follows in one partition; the one partition of dead letters belongs to the first."""
    if step == NORMALIZE:
        yield Place(step, RECEIVED, partition)
        return
    yield Place(step, EVENTS, partition)
    if step == SINK:
        yield from (Place(step, fact_topic(table), partition) for table in TABLES)
        if partition == PARTITION:
            yield Place(step, DEAD_LETTERS, partition)


def ends(log: Log, found: Iterable[Place]) -> dict[Place, int]:
    """Where each place ends now."""
    return {place: log.end(place.topic, place.partition) for place in found}


def reached(log: Log, place: Place) -> int:
    """How far a step has come there."""
    return log.committed(place.step, place.topic, place.partition)


class Standing(NamedTuple):
    """Where the topics of a step end, all together, and how many records before that it has not taken in."""

    end: int
    behind: int


def standing(log: Log, step: str, partition: int) -> Standing:
    """How a step stands in one partition."""
    found = ends(log, places(step, partition))
    behind = sum(max(0, end - reached(log, place)) for place, end in found.items())
    return Standing(sum(found.values()), behind)


def lags(log: Log, step: str) -> dict[int, int]:
    """By partition: how many records a step has before it."""
    topic = RECEIVED if step == NORMALIZE else EVENTS
    return {partition: standing(log, step, partition).behind for partition in range(log.partitions(topic))}
