"""Who is there: the brokers of a cluster, and the processes that share a step."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from pipeline.log.kafka import clients
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import error_of, timed_out, translated
from pipeline.log.kafka.membership import members_of


class Watcher:
    """Asks, and takes part in nothing; safe to use from several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = clients.admin(settings, lambda error: None)

    def brokers(self) -> list[str]:
        """The brokers that are there now, as ``host:port``."""
        with translated(self._settings, "say which brokers there are"):
            found = self._admin.list_topics(timeout=self._settings.timeout_seconds).brokers
        return sorted(f"{broker.host}:{broker.port}" for broker in found.values())

    def members(self, step: str) -> int:
        """How many processes share the partitions of a step now."""
        group = self._settings.prefix + members_of(step)
        seconds = self._settings.timeout_seconds
        with translated(self._settings, f"say who is in group {group!r}"):
            try:
                answer = self._admin.describe_consumer_groups([group], request_timeout=seconds)[group]
                return len(answer.result(seconds).members)
            except TimeoutError:
                raise timed_out("describe a group") from None
            except KafkaException as raised:
                # nobody has ever been a member
                if error_of(raised).code() == KafkaError.GROUP_ID_NOT_FOUND:
                    return 0
                raise
