"""The join in Faust: one agent, one table, results sent to a topic.

All of a workspace has one key and is in one partition, and so is the table, so nothing has to be
repartitioned. (Its joins of streams raise `NotImplementedError`.) The table is in memory, which is the
default and the quickest, with its changelog; offsets are committed as it does by itself, at least once.

``python -m benchmarks.peers.with_faust FILE``, in an environment of ``faust.txt``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any

import faust  # type: ignore[import-not-found]

from benchmarks.peers import contest, join

#: with less, partitions are paused for a second at a time whenever the agent falls behind
BUFFER_EVENTS_MAX = 100_000
FETCH_BYTES_MAX = 8 << 20
LINGER_SECONDS = 0.005


class Remembered:
    """The table as the join's store."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: str) -> Any:
        return self._table.get(key)

    def set(self, key: str, value: Any) -> None:
        self._table[key] = value


def application_of(told: contest.Told) -> Any:
    """The application, with one partition of everything."""
    return faust.App(
        f"{told.prefix}join",
        broker=f"kafka://{told.bootstrap}",
        datadir=told.directory,
        consumer_auto_offset_reset="earliest",
        topic_partitions=1,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        stream_buffer_maxsize=BUFFER_EVENTS_MAX,
        stream_wait_empty=False,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        producer_linger=LINGER_SECONDS,
        producer_compression_type="lz4",
        cython_optimizations=True,
    )


def main(told: contest.Told) -> None:
    """Run until the last event is joined, produced and committed; then the process ends."""
    watch = contest.Stopwatch()
    read = contest.Reading(told)
    application = application_of(told)
    events = application.topic(
        told.events_topic, key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )
    results = application.topic(
        told.results_topic, key_type=str, key_serializer="raw", value_serializer="json"
    )
    store = Remembered(application.Table("joined", default=None, partitions=1))
    done = asyncio.Event()

    @application.agent(events)  # type: ignore[untyped-decorator]
    async def joined(stream: Any) -> None:
        left = told.events
        async for value in stream:
            watch.first_event()
            if (event := read(value)) is not None:
                for row in join.told(store, *event):
                    await results.send(key=join.key_of(row), value=row)
            left -= 1
            if left == 0:
                done.set()

    @application.task  # type: ignore[untyped-decorator]
    async def finish() -> None:
        await done.wait()
        await application.producer.flush()
        await application.consumer.commit()
        watch.report(told.events)
        # nothing is left to be done, and a worker takes seconds to leave its group
        os._exit(0)

    # whatever level it is told, its client makes a record of each message that it sends
    logging.disable(logging.WARNING)
    faust.Worker(application, loglevel="ERROR").execute_from_commandline()


if __name__ == "__main__":
    main(contest.read_told(sys.argv[1]))
