"""The join in Quix Streams: one keyed, stateful function that gives any number of rows.

All of a workspace has one key, so the state of its key holds all that has to be joined, and no topic has to
be repartitioned first. (Its own `join_interval` joins two topics with equal keys; here, each pair has another
key, so each join would need two more topics.) State is in RocksDB with a changelog, as it comes; offsets are
committed with every checkpoint, at least once.

``python -m benchmarks.peers.with_quix FILE``, in an environment of ``quix.txt``.
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]
from quixstreams.models import Deserializer, TopicConfig  # type: ignore[import-not-found]

from benchmarks.peers import contest, join


class EventDeserializer(Deserializer):  # type: ignore[misc]
    """Decodes the records that the join reads, counts all, and stops the application behind the last."""

    def __init__(self, told: contest.Told, watch: contest.Stopwatch) -> None:
        super().__init__()
        self.application: Application | None = None
        self._read = contest.Reading(told)
        self._left = told.events
        self._watch = watch

    def __call__(self, value: bytes, ctx: Any) -> tuple[str, dict[str, Any]] | None:
        self._watch.first_event()
        self._left -= 1
        if self._left == 0 and self.application is not None:
            self.application.stop()
        return self._read(value)


def rows_of(event: tuple[str, dict[str, Any]], state: State) -> list[join.Row]:
    """What follows from one event."""
    record, fields = event
    return list(join.told(state, record, fields))


def main(told: contest.Told) -> None:
    """Run until the last event is joined, produced and committed."""
    watch = contest.Stopwatch()
    deserializer = EventDeserializer(told, watch)
    application = Application(
        broker_address=told.bootstrap,
        consumer_group=f"{told.prefix}join",
        auto_offset_reset="earliest",
        state_dir=told.directory,
        # its default of a second starves a consumer that empties its queue faster than that
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
        loglevel="WARNING",
    )
    deserializer.application = application
    one = TopicConfig(num_partitions=1, replication_factor=1)
    events = application.topic(
        told.events_topic, value_deserializer=deserializer, key_deserializer="bytes", config=one
    )
    results = application.topic(told.results_topic, key_serializer="str", value_serializer="json", config=one)
    frame = application.dataframe(events)
    frame = frame.filter(lambda event: event is not None)
    frame = frame.apply(rows_of, stateful=True, expand=True)
    frame.to_topic(results, key=join.key_of)
    application.run(collect=False)
    watch.report(told.events)


if __name__ == "__main__":
    main(contest.read_told(sys.argv[1]))
