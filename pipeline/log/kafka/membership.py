"""Which partitions this process looks after: agreed upon with its equals, and with nobody else.

The consumer here is in its group to be given partitions, and never reads: what is in them is read and
committed through ``KafkaLog``, under a group of another name. So a member that the group has thrown out
can't hold anybody up, and what it still tries to commit is refused by the claim of its successor.
"""

from __future__ import annotations

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.configuration import KafkaSettings
from pipeline.log.kafka.failures import translated

#: a member that has been silent for so long is thought to be dead, and its partitions go to others
SESSION_SECONDS = 15
HEARTBEATS_IN_A_SESSION = 5
#: a member that has not asked for so long is stuck; it is thrown out, although its heart still beats
POLLED_WITHIN_SECONDS_MAX = 300


def members_of(step: str) -> str:
    """The group whose members share the partitions of a step; another one commits for it."""
    return f"{step}-members"


class Membership:
    """A place in the group of one step; not safe to use from several threads."""

    def __init__(
        self, settings: KafkaSettings, step: str, topic: str, *, session_seconds: float = SESSION_SECONDS
    ) -> None:
        """Ask to be taken in; partitions come with ``poll``. Raises ``LogUnavailable``.

        With an ``instance`` in the settings the membership is static: a process that comes back within
        the session under the same name finds its partitions where it left them.
        """
        self._topic = settings.topic(topic)
        self._assigned: frozenset[int] = frozenset()
        self._settings = settings
        milliseconds = int(session_seconds * 1000)
        more: dict[str, str | int | float | bool] = {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": milliseconds,
            "heartbeat.interval.ms": milliseconds // HEARTBEATS_IN_A_SESSION,
            "max.poll.interval.ms": max(POLLED_WITHIN_SECONDS_MAX * 1000, milliseconds),
            "enable.partition.eof": False,
        }
        if settings.instance:
            more["group.instance.id"] = settings.prefix + settings.instance
        with translated(settings, f"join the group of {step!r}"):
            self._consumer = clients.reader(settings, members_of(step), more)
            self._consumer.subscribe(
                [self._topic],
                on_assign=self._given,
                on_revoke=self._taken,
                on_lost=self._taken,
            )

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are this process's, as far as it knows."""
        return self._assigned

    def poll(self, seconds: float) -> frozenset[int]:
        """Stay a member, for at most so long; returns the partitions that are this process's then."""
        with translated(self._settings, "keep its place in the group"):
            # what comes is news of the group: the partitions themselves are paused
            self._consumer.poll(seconds)
        return self._assigned

    def close(self) -> None:
        """Leave, so that others take over at once; a static member keeps its place until the session ends."""
        self._consumer.close()
        self._assigned = frozenset()

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        given = [TopicPartition(self._topic, each.partition, OFFSET_END) for each in partitions]
        consumer.incremental_assign(given)
        consumer.pause(given)
        self._assigned |= {each.partition for each in given}

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # every turn has ended and is committed when this is called: there is nothing to hurry with
        self._assigned -= {each.partition for each in partitions}
        consumer.incremental_unassign(partitions)
