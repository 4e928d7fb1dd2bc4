"""Topics: created with all that matters for keeping what is in them, described, and compared."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names no exports
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from pipeline.log.kafka.configuration import MESSAGE_BYTES_MAX, KafkaSettings
from pipeline.log.kafka.failures import error_of, patiently, timed_out, translated
from pipeline.log.protocol import LogUnavailable

#: kept until somebody trims it: the log never forgets by itself
FOREVER = -1
CREATED_POLL_SECONDS = 0.02
_NOT_THERE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.LEADER_NOT_AVAILABLE})


@dataclass(frozen=True)
class TopicSettings:
    """What a topic promises. ``retention_milliseconds`` is ``FOREVER``, or the age at which records go;
    ``retention_bytes`` how large a partition gets until they do."""

    partitions: int = 1
    compacted: bool = False
    retention_milliseconds: int = FOREVER
    replication_factor: int = 3
    min_insync_replicas: int = 2
    message_bytes_max: int = MESSAGE_BYTES_MAX
    retention_bytes: int = FOREVER

    def configuration(self) -> dict[str, str]:
        """The same in Kafka's own names."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": str(self.retention_milliseconds),
            "retention.bytes": str(self.retention_bytes),
            "min.insync.replicas": str(self.min_insync_replicas),
            "max.message.bytes": str(self.message_bytes_max),
        }

    def differences(self, found: TopicSettings) -> list[str]:
        """What is not as it is here, one line for each."""
        return [
            f"{name.replace('_', ' ')}: {getattr(found, name)}, not {getattr(self, name)}"
            for name in self.__dataclass_fields__
            if getattr(found, name) != getattr(self, name)
        ]


class Topics:
    """The topics of a cluster, by the names that they have with us. What was seen once is remembered."""

    def __init__(self, settings: KafkaSettings, admin: AdminClient) -> None:
        self._settings = settings
        self._admin = admin
        self._lock = threading.Lock()
        self._seen: dict[str, TopicSettings] = {}

    def create(self, topic: str, wanted: TopicSettings) -> None:
        """Make a topic, or see that it is there.

        Raises ``ValueError`` when it is there with other partitions or another way of being cleaned.
        """
        if wanted.partitions < 1:
            raise ValueError(f"topic {topic!r} needs at least one partition, not {wanted.partitions}")
        found = self._described(topic) or self._create(topic, wanted)
        same = replace(wanted, partitions=found.partitions, compacted=found.compacted)
        if wrong := wanted.differences(same):
            raise ValueError(
                f"topic {topic!r} at {self._settings.bootstrap} has other settings ({'; '.join(wrong)}):"
                " use those, or another topic"
            )

    def known(self, topic: str) -> TopicSettings:
        """The settings of a topic; ``KeyError`` for one that nobody created."""
        with self._lock:
            found = self._seen.get(topic)
        found = found or self._described(topic)
        if found is None:
            raise KeyError(f"no topic {topic!r} at {self._settings.bootstrap}: create it")
        return found

    def described(self, topic: str) -> TopicSettings | None:
        """The settings of a topic as the cluster has them now; nothing for one that isn't there."""
        return self._described(topic)

    def present(self) -> dict[str, int]:
        """The topics that are there now, by the names they have with us, and how many partitions each has."""
        prefix = self._settings.prefix
        with translated(self._settings, "list the topics"):
            found = patiently(self._settings, lambda seconds: self._admin.list_topics(timeout=seconds))
        return {
            name.removeprefix(prefix): len(topic.partitions)
            for name, topic in found.topics.items()
            if name.startswith(prefix)
        }

    def forget(self, topic: str) -> None:
        """Look it up again when it is needed."""
        with self._lock:
            self._seen.pop(topic, None)

    def delete(self, topic: str) -> None:
        """Delete a topic and everything in it; nothing happens when it isn't there."""
        self.forget(topic)
        seconds = self._settings.timeout_seconds
        with translated(self._settings, f"delete topic {topic!r}"):
            answer = self._admin.delete_topics([self._settings.topic(topic)], operation_timeout=seconds)
            try:
                answer[self._settings.topic(topic)].result(seconds)
            except KafkaException as raised:
                if error_of(raised).code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise

    def _create(self, topic: str, wanted: TopicSettings) -> TopicSettings:
        name, seconds = self._settings.topic(topic), self._settings.timeout_seconds
        new = NewTopic(
            name,
            num_partitions=wanted.partitions,
            replication_factor=wanted.replication_factor,
            config=wanted.configuration(),
        )
        with translated(self._settings, f"create topic {topic!r}"):
            answers = self._admin.create_topics([new], operation_timeout=seconds, request_timeout=seconds)
            try:
                answers[name].result(seconds)
            except KafkaException as raised:
                code = error_of(raised).code()
                if code in (KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.TOPIC_EXCEPTION):
                    raise ValueError(
                        f"topic {topic!r} can't be created at {self._settings.bootstrap}"
                        f" ({error_of(raised).str()}): ask for another name, or fewer copies"
                    ) from raised
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            except TimeoutError:
                raise timed_out("create a topic") from None
        # the brokers learn of it one after another
        until = time.monotonic() + seconds
        while (found := self._described(topic, spreading=True)) is None:
            if time.monotonic() > until:
                raise LogUnavailable(
                    f"topic {topic!r} was created at {self._settings.bootstrap}, but has no leader within"
                    f" {seconds:g} s: look at the brokers"
                )
            time.sleep(CREATED_POLL_SECONDS)
        return found

    def _described(self, topic: str, *, spreading: bool = False) -> TopicSettings | None:
        with translated(self._settings, f"describe topic {topic!r}"):
            found = patiently(self._settings, lambda seconds: self._describe(topic, seconds, spreading))
        if found is not None:
            with self._lock:
                self._seen[topic] = found
        return found

    def _describe(self, topic: str, seconds: float, spreading: bool) -> TopicSettings | None:
        name = self._settings.topic(topic)
        seen = self._admin.list_topics(name, timeout=seconds).topics.get(name)
        if seen is None:
            return None
        if seen.error is not None:
            if seen.error.code() in _NOT_THERE:
                return None
            raise KafkaException(seen.error)
        if any(partition.leader < 0 for partition in seen.partitions.values()):
            if spreading:
                return None
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            answer = self._admin.describe_configs([resource], request_timeout=seconds)[resource]
            values = {each.name: each for each in answer.result(seconds).values()}
        except TimeoutError:
            raise timed_out("describe a topic") from None
        except KafkaException as raised:
            if error_of(raised).code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise
        retention = values["retention.ms"]
        return TopicSettings(
            partitions=len(seen.partitions),
            compacted="compact" in str(values["cleanup.policy"].value).split(","),
            retention_milliseconds=int(str(retention.value)),
            replication_factor=min(len(partition.replicas) for partition in seen.partitions.values()),
            min_insync_replicas=int(str(values["min.insync.replicas"].value)),
            message_bytes_max=int(str(values["max.message.bytes"].value)),
            retention_bytes=int(str(values["retention.bytes"].value)),
        )
