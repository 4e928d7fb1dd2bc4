"""The same events give the same rows, in one process and in many (law 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.events import Event
from tests.cluster.processes import cluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize(("partitions", "workers"), [(1, 1), (4, 1), (4, 3)])
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
        made.stop()
