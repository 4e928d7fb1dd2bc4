"""How far each group has come: asked of the cluster, and moved within transactions."""

from __future__ import annotations

import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import patiently, translated
from pipeline.log.kafka.transactions import GroupMetadata


class Groups:
    """The groups this process asks about. None of its clients joins: who reads what is decided elsewhere."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, Consumer] = {}

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
