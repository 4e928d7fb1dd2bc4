"""The log on a real Kafka broker passes the same contract as the one in a file."""

from __future__ import annotations

import uuid

import pytest

from pipeline.log.kafka import KafkaLog, KafkaSettings
from tests.kafka.servers import bootstrap
from tests.log.contract import LogContract, Opener

pytestmark = pytest.mark.kafka


class TestKafkaLog(LogContract):
    @pytest.fixture
    def opener(self) -> Opener:
        settings = KafkaSettings(
            bootstrap(), prefix=f"{uuid.uuid4().hex[:8]}.", replication_factor=1, min_insync_replicas=1
        )
        return lambda: KafkaLog(settings)
