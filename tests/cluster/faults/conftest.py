"""One small cluster for the tests of faults, each of which has workspaces of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.log.topics import TOPICS
from tests.cluster.faults.shared import PARTITIONS, Alone
from tests.cluster.processes import Cluster
from tests.places import Place
from tests.store.failing import Failing, listening


@pytest.fixture(scope="session")
def failing(dsn: str) -> Iterator[Failing]:
    """The store of the cluster: it fails when it is told to."""
    with listening(dsn) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, bootstrap: str, failing: Failing) -> Iterator[Cluster]:
    """A cluster with topics and tables in which nothing runs."""
    directory = tmp_path_factory.mktemp("cluster")
    with Cluster(directory, bootstrap, PARTITIONS, failing.server_address[1]) as made:
        made.prepare()
        yield made


@pytest.fixture
def made(prepared: Cluster, failing: Failing) -> Iterator[Cluster]:
    """The same; what a test starts there ends with 0, or was ended by it."""
    try:
        yield prepared
        prepared.stop()
    finally:
        failing.fails = failing.fails_after = None
        prepared.kill()
        prepared.running.clear()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> Iterator[Alone]:
    """One process that nothing happens to."""
    with Place(tmp_path_factory.mktemp("alone"), dsn, TOPICS) as place:
        yield Alone(place)
