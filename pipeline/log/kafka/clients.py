"""Clients of librdkafka."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.log.kafka.configuration import Configuration, KafkaSettings


class _Lines(logging.LoggerAdapter[logging.Logger]):
    """librdkafka's own lines, several a second in an outage: the calls that fail tell the same once."""

    def log(self, level: int, msg: object, *args: object, **more: object) -> None:
        self.logger.debug(msg, *args)


_LINES = _Lines(logging.getLogger(__name__), {})


def reader(
    settings: KafkaSettings,
    group: str = "reader",
    more: Configuration | None = None,
    on_commit: Callable[[KafkaError | None, list[TopicPartition]], None] | None = None,
) -> Consumer:
    """A client that reads, asks where a partition begins and ends, or sets offsets of its group."""
    told = settings.consumer(group) | (more or {})
    if on_commit is not None:
        # the declared type of its settings leaves out the callbacks
        told = cast("Configuration", {**told, "on_commit": on_commit})
    return Consumer(told, logger=_LINES)


def writer(settings: KafkaSettings, transactional_id: str) -> Producer:
    """A client that writes transactions; it has not begun to be the only one yet."""
    return Producer(settings.producer(transactional_id), logger=_LINES)


def admin(
    settings: KafkaSettings, on_trouble: Callable[[KafkaError], None] = lambda error: None
) -> AdminClient:
    """A client that creates and describes, and tells of the troubles of its connections when it is polled."""
    # the declared type of its settings leaves out the callbacks
    told = cast("dict[str, str | int | float | bool]", {**settings.client(), "error_cb": on_trouble})
    return AdminClient(told, logger=_LINES)
