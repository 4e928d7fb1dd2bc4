"""The registry dies under load and comes back with what it knew: no value is unknown, and no row is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.world import organisation
from pipeline.codec.schemas import EVENTS, FACTS
from pipeline.core.events import Event
from pipeline.log.partitioning import partition_in
from pipeline.log.topics import DEAD_LETTERS, PARKED, STATE, fact_topic
from pipeline.registry import Registry as RegistryClient
from pipeline.registry import RegistrySettings, known
from tests.cluster.faults.shared import (
    Alone,
    committed,
    end,
    said_by,
    tell_pieces,
    wait_for,
    wait_until_assigned,
)
from tests.cluster.processes import STEPS, Cluster, cluster
from tests.kafka.registries import durable
from tests.kafka.servers import Registry
from tests.places import ACME, Place, history

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

PARTITIONS = 2
EVENTS_MANY = 3_000
#: a turn is a small part of a piece, so that the registry dies in the middle
FEW_ROWS = "50"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry that keeps its schemas on a disk."""
    directory = tmp_path / "registry"
    directory.mkdir()
    found = durable(directory)
    found.start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def made(tmp_path: Path, bootstrap: str, registry: Registry) -> Iterator[Cluster]:
    with cluster(tmp_path, bootstrap, PARTITIONS, registry_url=registry.url) as found:
        yield found


def ids_of(registry: Registry, kind: str) -> Mapping[str, int]:
    """What the registry counts the records of a kind as."""
    with closing(RegistryClient(RegistrySettings.of(registry.url))) as asked:
        return known(asked, kind).ids


def events() -> list[Event]:
    """All records there are, behind many of a few."""
    return [*organisation(EVENTS_MANY, seed=11), *history()]


def test_the_registry_is_killed_under_load_and_a_step_is_started_meanwhile(
    made: Cluster, registry: Registry, tmp_path: Path, dsn: str
) -> None:
    told, before = events(), ids_of(registry, EVENTS)
    for step in STEPS:
        made.start(step, batch_rows=FEW_ROWS)
    for step in STEPS:
        (process,) = made.of(step)
        wait_until_assigned(made, process, PARTITIONS)
    for piece in tell_pieces(made, ACME, told, 3):
        if piece == 0:
            wait_for(made, lambda: committed(made, ACME)[0] > 0, "nothing was folded")
            reached, behind = committed(made, ACME)
            assert reached < behind, "there is no load"
            registry.server.kill()
            made.wait_until_done()
        elif piece == 1:
            (process,) = made.of("correlate")
            end(made, process, signal.SIGTERM, 0)
            process = made.start("correlate", batch_rows=FEW_ROWS)
            wait_for(
                made,
                lambda started=process: "does not answer" in said_by(made, started),  # type: ignore[misc]
                "who starts does not say what it waits for",
            )
            assert process.poll() is None
    registry.start()
    made.wait_until_done()
    assert made.log.end(DEAD_LETTERS, 0) == 0
    for partition in range(PARTITIONS):
        assert made.log.latest(PARKED, partition) == {}
        assert not [key for key in made.log.latest(STATE, partition) if b"parked/" in key]
    assert ids_of(registry, EVENTS) == before
    # and nothing was written under an id that the registry did not give
    given = ids_of(registry, FACTS)
    for table, number in given.items():
        held = made.log.latest(fact_topic(table), partition_in(made.log, ACME))
        assert {int.from_bytes(value[1:5], "big") for value in held.values()} == {number}, table
    with Place(tmp_path, dsn) as place:
        assert made.held([ACME])[ACME] == Alone(place).rows(ACME, told)
    made.stop()
