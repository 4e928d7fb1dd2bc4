"""The shared broker of the tests, and what one process makes of the same events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.core.parameters import DAY, Parameters
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS
from tests.cluster import histories
from tests.cluster.processes import BATCH_ROWS, HORIZON_DAYS, held
from tests.kafka import servers
from tests.live.test_store_gone import store
from tests.places import Place
from tests.ports import free_ports


@pytest.fixture(scope="session")
def bootstrap() -> str:
    return servers.bootstrap()


@pytest.fixture(scope="session")
def workspaces() -> Mapping[str, Sequence[Event]]:
    """Eight workspaces; some of their events come late and twice."""
    return histories.workspaces()


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, workspaces: Mapping[str, Sequence[Event]]
) -> dict[str, Any]:
    """The rows of one process on the embedded log, and a store of its own."""
    directory = tmp_path_factory.mktemp("one")
    (port,) = free_ports(1)
    parameters = Parameters(horizon=HORIZON_DAYS * DAY)
    with store(directory / "server", port), Place(directory, f"clickhouse://127.0.0.1:{port}") as place:
        for workspace, events in workspaces.items():
            values = Codec().encode(events)
            place.log.append(EVENTS, 0, [NewRecord(workspace.encode(), value) for value in values])
        place.correlate(BATCH_ROWS, parameters)
        return {workspace: held(place.store, workspace) for workspace in workspaces}
