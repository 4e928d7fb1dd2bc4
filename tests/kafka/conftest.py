"""The shared broker, and a broker of one's own for tests that kill it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest

from pipeline.log.kafka import KafkaLog, KafkaSettings
from tests.kafka import servers
from tests.kafka.servers import Brokers

#: outages are told after this time
SHORT_SECONDS = 5.0


def settings_for(bootstrap: str, copies: int = 1, in_step: int = 1, seconds: float = 30.0) -> KafkaSettings:
    """A part of a cluster that nobody else uses."""
    return KafkaSettings(
        bootstrap,
        prefix=f"{uuid.uuid4().hex[:8]}.",
        replication_factor=copies,
        min_insync_replicas=in_step,
        timeout_seconds=seconds,
    )


@pytest.fixture
def settings() -> KafkaSettings:
    return settings_for(servers.bootstrap())


@pytest.fixture
def log(settings: KafkaSettings) -> Iterator[KafkaLog]:
    with closing(KafkaLog(settings)) as log:
        yield log


@pytest.fixture
def mortal() -> Iterator[Brokers]:
    """A broker that may be killed, frozen and started again."""
    with servers.brokers() as found:
        yield found


@pytest.fixture
def impatient(mortal: Brokers) -> Iterator[KafkaLog]:
    """A log on the mortal broker that gives up soon."""
    with closing(KafkaLog(settings_for(mortal.bootstrap, seconds=SHORT_SECONDS))) as log:
        yield log
