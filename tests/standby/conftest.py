"""A data directory with the topics of a cluster, and what an undisturbed process makes of the same events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.log.cluster_topics import CLUSTER_TOPICS
from tests.places import Place, held_undisturbed
from tests.standby.standing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn, CLUSTER_TOPICS) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> dict[str, Any]:
    return held_undisturbed(tmp_path_factory.mktemp("undisturbed"), dsn)
