"""How far each group has come: asked of the cluster, and moved within transactions."""

from __future__ import annotations

import threading
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import patiently, timed_out, translated
from pipeline.log.kafka.transactions import GroupMetadata

#: one try to move a group; the next one is made by a new client
MOVE_SECONDS_MAX = 5.0
MOVE_PAUSE_SECONDS = 0.2


class Groups:
    """The groups this process asks about. None of its clients joins: who reads what is decided elsewhere."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, Consumer] = {}
        self._moving = threading.Lock()
        self._admin: AdminClient | None = None

    def committed(self, group: str, place: Place) -> int:
        """The offset from which a group goes on, once no transaction is about to move it; 0 at first."""
        asked = TopicPartition(self._settings.topic(place.topic), place.partition)
        client = self._client(group)
        with translated(self._settings, f"say how far group {group!r} is in {place}"):
            client.poll(0)  # hands over the log lines

            def ask(seconds: float) -> int:
                (found,) = client.committed([asked], seconds)
                if found.error is not None:
                    raise KafkaException(found.error)
                return found.offset

            try:
                return max(patiently(self._settings, ask), 0)
            except KafkaException:
                # a coordinator that refuses to be found tells it apart from the answer, which never comes
                message = client.poll(0)
                if message is not None and (error := message.error()) is not None:
                    raise KafkaException(error) from None
                raise

    def move(self, group: str, place: Place, offset: int) -> None:
        """Set the offset from which a group goes on, outside of a transaction. Raises ``LogUnavailable``."""
        moved = TopicPartition(self._settings.topic(place.topic), place.partition, offset)
        asked = ConsumerGroupTopicPartitions(self._settings.prefix + group, [moved])
        until = time.monotonic() + self._settings.timeout_seconds
        with translated(self._settings, f"move group {group!r} in {place}"), self._moving:
            while (found := self._moved(asked)) is None:
                if time.monotonic() > until:
                    raise timed_out("move a group")
                time.sleep(MOVE_PAUSE_SECONDS)
            if found.error is not None:
                raise KafkaException(found.error)

    def _moved(self, asked: ConsumerGroupTopicPartitions) -> TopicPartition | None:
        """One try; nothing when it is to be made again."""
        admin = self._admin or clients.admin(self._settings)
        # one that asked while the brokers were away may wait for its answer for ever
        self._admin = None
        try:
            (answer,) = admin.alter_consumer_group_offsets([asked], request_timeout=MOVE_SECONDS_MAX).values()
            told: list[TopicPartition] = answer.result(MOVE_SECONDS_MAX).topic_partitions
        except (TimeoutError, KafkaException):
            return None
        self._admin = admin
        return told[0]

    def metadata(self, group: str) -> GroupMetadata:
        """What a transaction has to show to move the group."""
        return self._client(group).consumer_group_metadata()

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _client(self, group: str) -> Consumer:
        with self._lock:
            if group not in self._clients:
                self._clients[group] = clients.reader(self._settings, group)
            return self._clients[group]
