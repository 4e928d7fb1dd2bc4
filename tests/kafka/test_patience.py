"""What brokers say for a moment is asked again; everything else is an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import patiently

SETTINGS = KafkaSettings("127.0.0.1:1")


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        # the new leader does not know yet how far the others have come
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._TIMED_OUT,
    ],
)
def test_a_passing_trouble_is_asked_again(code: int) -> None:
    said = [KafkaException(KafkaError(code)), KafkaException(KafkaError(code))]

    def ask(seconds: float) -> int:
        if said:
            raise said.pop()
        return 5

    assert patiently(SETTINGS, ask) == 5
    assert said == []


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.INVALID_MSG])
def test_another_one_is_told_at_once(code: int) -> None:
    asked = []

    def ask(seconds: float) -> int:
        asked.append(seconds)
        raise KafkaException(KafkaError(code))

    with pytest.raises(KafkaException):
        patiently(SETTINGS, ask)
    assert len(asked) == 1


def test_patience_ends() -> None:
    asked = []

    def ask(seconds: float) -> int:
        asked.append(seconds)
        raise KafkaException(KafkaError(KafkaError.OFFSET_NOT_AVAILABLE))

    with pytest.raises(KafkaException):
        patiently(replace(SETTINGS, timeout_seconds=0.3), ask)
    assert 1 < len(asked) < 10
