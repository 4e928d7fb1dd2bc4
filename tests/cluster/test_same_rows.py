"""The same events give the same rows, in one process and in many (law 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.events import Event
from pipeline.log.partitioning import partition_in
from pipeline.log.topics import STATE
from tests.cluster.processes import cluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize(
    ("partitions", "workers"),
    [(1, 1), pytest.param(4, 2, marks=pytest.mark.nightly), pytest.param(4, 3, marks=pytest.mark.long)],
)
def test_a_cluster_has_the_rows_of_one_process(
    tmp_path: Path,
    bootstrap: str,
    workspaces: Mapping[str, Sequence[Event]],
    undisturbed: dict[str, Any],
    partitions: int,
    workers: int,
) -> None:
    with cluster(tmp_path, bootstrap, partitions) as made:
        made.start_steps(workers)
        made.tell(workspaces.items())
        made.wait_until_done()
        assert made.held(list(workspaces)) == undisturbed
        state = made.log.latest(STATE, partition_in(made.log, "fleet"))
        remembered = sum(key.startswith(b"fleet\0change/") for key in state)
        rows, _ = undisturbed["fleet"]["changes"]
        assert 0 < remembered < rows, "nothing was forgotten on the way"
        made.stop()
