"""A broker, a disk, the registry or a record of the changelog fails: it is told, and no row is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from tests.cluster.histories import pieces
from tests.cluster.processes import DONE_SECONDS_MAX, STOP_SECONDS_MAX, cluster
from tests.kafka.servers import Brokers, brokers, one_registry
from tests.live.process import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

COPIES = 3
PARTITIONS = 2

Told = Mapping[str, Sequence[Event]]


# `kafka/test_outages.py` has the log alone before brokers of which one is gone
@pytest.mark.nightly
def test_one_of_three_brokers_stays_away(
    tmp_path: Path, workspaces: Told, undisturbed: dict[str, Any]
) -> None:
    first, second, *rest = pieces(workspaces)
    with brokers(COPIES) as three, cluster(tmp_path, three.bootstrap, PARTITIONS, COPIES) as made:
        made.start_steps()
        made.tell(first)
        three.nodes[1].kill()
        for piece in (second, *rest):
            made.tell(piece)
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


def test_the_disk_of_the_broker_is_full(
    tmp_path: Path, workspaces: Told, undisturbed: dict[str, Any]
) -> None:
    first, second, *rest = pieces(workspaces)
    with brokers() as one, cluster(tmp_path, one.bootstrap, PARTITIONS) as made:
        made.start_steps()
        made.tell(first)
        made.tell(second)
        one.nodes[0].fill_disk()
        one.start()
        for piece in rest:
            made.tell(piece)
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


@pytest.mark.nightly
def test_the_registry_does_not_answer(
    tmp_path: Path, bootstrap: str, workspaces: Told, undisturbed: dict[str, Any]
) -> None:
    first, second, *rest = pieces(workspaces)
    with one_registry() as known, cluster(tmp_path, bootstrap, PARTITIONS, registry_url=known.url) as made:
        made.start_steps()
        made.tell(first)
        made.wait_until_done()
        with known.server.frozen():
            # what is known is used; whoever begins now has to wait
            made.tell(second)
            made.wait_until_done()
            late = made.start("sink")
            eventually(
                lambda: "trying again" in made.said(), "nobody says what is waited for", DONE_SECONDS_MAX
            )
            assert late.poll() is None
        for piece in rest:
            made.tell(piece)
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


def test_a_damaged_changelog_stops_the_step_and_no_row_is_wrong(
    tmp_path: Path, workspaces: Told, undisturbed: dict[str, Any]
) -> None:
    first, *rest = pieces(workspaces)
    with brokers() as one, cluster(tmp_path, one.bootstrap, 1) as made:
        made.start_steps()
        made.tell(first)
        made.wait_until_done()
        (step,) = made.of("correlate")
        step.terminate()
        assert step.wait(STOP_SECONDS_MAX) == 0
        with damaged(one, made.settings.topic("state")):
            broken = made.start("correlate")
            assert broken.wait(STOP_SECONDS_MAX) == Exit.UNAVAILABLE, made.said()
            assert "the broker's copy is damaged, restore it from another replica" in made.said()
        # both have ended as they should
        made.running = [(name, process) for name, process in made.running if process.poll() is None]
        made.start("correlate")
        for piece in rest:
            made.tell(piece)
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        made.stop()


@contextmanager
def damaged(one: Brokers, topic: str) -> Iterator[None]:
    """One bit of a record is another one on the broker's disk, for a while."""
    change_a_bit(one, topic)
    yield
    change_a_bit(one, topic)


def change_a_bit(one: Brokers, topic: str) -> None:
    (segment,) = one.directory.glob(f"node1/{topic}-0/*.log")
    # kindly: what was not written to the end would be looked through at the start, and cut off
    one.nodes[0].stop()
    held = bytearray(segment.read_bytes())
    held[len(held) // 2] ^= 1
    segment.write_bytes(held)
    one.start()
