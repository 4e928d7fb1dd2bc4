"""What the errors of librdkafka mean in the words of the protocol, and what a person can do about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.protocol import LogCorrupt, LogFenced, LogUnavailable

FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_CORRUPT = frozenset({KafkaError._BAD_MSG, KafkaError.INVALID_MSG, KafkaError._BAD_COMPRESSION})
_FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_STRANGERS = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL})
_TOO_FEW = frozenset({KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND})
_GONE = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
)
#: what brokers say for a moment, while they start or a partition changes its leader
_PASSING = _GONE | {
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
    KafkaError._TIMED_OUT,
}
PASSING_POLL_SECONDS = 0.1
#: a request that was queued for a broker that went away waits for it; the next one is sent to another
TRY_SECONDS_MAX = 10.0

Answer = TypeVar("Answer")


def error_of(raised: KafkaException) -> KafkaError:
    """The error inside of an exception."""
    error = raised.args[0]
    assert isinstance(error, KafkaError)
    return error


def stranger_among(troubles: list[KafkaError]) -> KafkaError | None:
    """The trouble that only another password or certificate ends."""
    return next((error for error in troubles if error.code() in _STRANGERS), None)


def timed_out(action: str) -> KafkaException:
    """The same as librdkafka would raise for what took too long."""
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{action}: no answer in time"))


def told(settings: KafkaSettings, action: str, error: KafkaError) -> Exception:
    """What to raise for an error: what can't be done, where, why, and what to do."""
    where = f"Kafka at {settings.bootstrap} can't {action} ({error.str()})"
    code = error.code()
    if code in FENCED:
        return LogFenced(f"{where}: another process has taken over, leave it to that one")
    if code in _CORRUPT:
        return LogCorrupt(f"{where}: the broker's copy is damaged, restore it from another replica")
    return LogUnavailable(f"{where}: {_advice(code)}")


def _advice(code: int) -> str:
    if code in _FORBIDDEN:
        return "grant it to the user of this process"
    if code in _STRANGERS:
        return "look at the user name, the password and the certificates"
    if code in _TOO_FEW:
        return "bring back the brokers that are down, too few copies are in step"
    if code == KafkaError.UNSTABLE_OFFSET_COMMIT:
        return "a transaction of the group is open, claim the partition to end it, or wait"
    if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return "look whether the topic is still there and its brokers run"
    return "look whether its brokers run and can be reached from here"


def patiently(settings: KafkaSettings, ask: Callable[[float], Answer]) -> Answer:
    """Ask, with the seconds of one try, until something other than a passing trouble comes back."""
    until = time.monotonic() + settings.timeout_seconds
    while True:
        try:
            return ask(max(min(until - time.monotonic(), TRY_SECONDS_MAX), 0))
        except KafkaException as raised:
            if error_of(raised).code() not in _PASSING or time.monotonic() > until:
                raise
        time.sleep(PASSING_POLL_SECONDS)


@contextmanager
def translated(settings: KafkaSettings, action: str) -> Iterator[None]:
    """Tell librdkafka's errors in the words of the protocol."""
    try:
        yield
    except KafkaException as raised:
        raise told(settings, action, error_of(raised)) from raised
