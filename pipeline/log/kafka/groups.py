"""How far each group has come: asked of the cluster, and moved within transactions."""

from __future__ import annotations

import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Place
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import patiently, timed_out, translated
from pipeline.log.kafka.transactions import GroupMetadata

MOVED_POLL_SECONDS = 0.002


class Groups:
    """The groups this process asks about. None of its clients joins: who reads what is decided elsewhere."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[str, Consumer] = {}
        self._moving = threading.Lock()
        self._movers: dict[str, _Mover] = {}

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
        with translated(self._settings, f"move group {group!r} in {place}"), self._moving:
            mover = self._movers.get(group)
            if mover is None:
                mover = self._movers[group] = _Mover(self._settings, group)
            patiently(self._settings, lambda seconds: mover.move(moved, seconds))

    def metadata(self, group: str) -> GroupMetadata:
        """What a transaction has to show to move the group."""
        return self._client(group).consumer_group_metadata()

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
        with self._moving:
            for mover in self._movers.values():
                mover.close()
            self._movers.clear()

    def _client(self, group: str) -> Consumer:
        with self._lock:
            if group not in self._clients:
                self._clients[group] = clients.reader(self._settings, group)
            return self._clients[group]


class _Mover:
    """A client that sets offsets of a group it is no member of; not safe to use from several threads.

    Not an ``AdminClient``: where a coordinator goes away meanwhile, an assertion of librdkafka (its issue
    4605) ends the process.
    """

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        self._asked = 0
        #: the answers, in the order in which was asked
        self._told: list[KafkaError | None] = []
        self._client = clients.reader(settings, group, on_commit=self._answered)

    def move(self, moved: TopicPartition, seconds: float) -> None:
        """Set the offset, and wait for the answer so long at most. Raises ``KafkaException``."""
        until = time.monotonic() + seconds
        self._client.commit(offsets=[moved], asynchronous=True)
        self._asked += 1
        # what was asked before, and not waited for any longer, is answered before
        while len(self._told) < self._asked:
            if time.monotonic() > until:
                raise timed_out("move a group")
            self._client.poll(MOVED_POLL_SECONDS)
        error = self._told[-1]
        self._asked = 0
        self._told.clear()
        if error is not None:
            raise KafkaException(error)

    def close(self) -> None:
        if self._asked == 0:
            self._client.close()
        else:
            # waits for answers until it gives up, most of a minute
            threading.Thread(target=self._client.close, name="aftermerge-offsets", daemon=True).start()

    def _answered(self, error: KafkaError | None, moved: list[TopicPartition]) -> None:
        self._told.append(error or next((each.error for each in moved if each.error is not None), None))
