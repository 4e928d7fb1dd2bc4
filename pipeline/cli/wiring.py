"""The composition root: opens the parts of one data directory, or of a cluster, for the commands.

Everything heavy is imported where it is used, so that ``--help`` answers at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.holding import Held, held
from pipeline.cli.modelling import parameters
from pipeline.log.topics import EVENTS, TOPICS
from pipeline.measuring import UNMEASURED, Meter, ProgressCall
from pipeline.running import live
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.cli.following import Follower
    from pipeline.codec import Codec
    from pipeline.core.events import Event
    from pipeline.correlate import Correlator
    from pipeline.evaluate import Evaluation
    from pipeline.explain import Explanation
    from pipeline.log.protocol import Log
    from pipeline.persons import KnownPersons, Persons
    from pipeline.running import Running
    from pipeline.store import Store
    from pipeline.store.comparing import TableDifference

READ_RECORDS_MAX = 10_000


@dataclass(frozen=True)
class Parts:
    """The opened parts of one data directory, or of a cluster."""

    settings: Settings
    log: Log
    codec: Codec
    store: Store
    persons: KnownPersons
    #: set where others correlate: the process that holds the directory, or those of a cluster
    follower: Follower | None = None
    #: set while another process holds the directory, and answers for log and store
    running: Running | None = None

    @property
    def workspace(self) -> str:
        """The workspace in force."""
        return self.settings.workspace

    @property
    def partition(self) -> int:
        """That of the workspace, in every topic with several."""
        from pipeline.log.partitioning import partition_in

        return partition_in(self.log, self.workspace)

    @property
    def scratch(self) -> Path:
        """Where what does not fit in memory may go meanwhile."""
        data = self.settings.data
        # beside the data, since the system's place for such files is memory on many machines
        return data if data.is_dir() else Path(tempfile.gettempdir())

    @property
    def person_token(self) -> Callable[[str], str]:
        """Turns a login into the token that stands for the person."""
        return self.persons.person_token


@contextmanager
def opened(settings: Settings, *, create: bool) -> Iterator[Parts]:
    """Hold the data directory, open log and store, and bring the store's tables up to date.

    With ``create`` the directory is made when it is missing; without, a missing one is exit 5. Where
    ``aftermerge up`` holds it, the log is its log, the store can only be asked, and it correlates. Where
    Kafka is named, log and store are the cluster's, and its processes correlate.
    """
    if settings.kafka_bootstrap:
        with _opened_apart(settings) as parts:
            yield parts
        return
    with opened_log(settings, create=create) as log, opened_store(settings) as store:
        from pipeline.cli.following import follower
        from pipeline.codec import Codec
        from pipeline.log.served import ServedLog
        from pipeline.persons import KnownPersons

        running = live(settings.data) if isinstance(log, ServedLog) else None
        yield Parts(
            settings,
            log,
            Codec(),
            store,
            KnownPersons(persons_of(settings), log),
            None if running is None else follower(running, settings.workspace),
            running,
        )


@contextmanager
def _opened_apart(settings: Settings) -> Iterator[Parts]:
    """Log and store of a cluster; nothing is made there, and no data directory is needed."""
    from pipeline.cli.cluster.opening import opened_cluster, opened_codecs
    from pipeline.cli.waiting import cluster_follower
    from pipeline.persons import KnownPersons

    with (
        opened_cluster(settings) as log,
        opened_store(settings) as store,
        opened_codecs(settings) as codecs,
    ):
        persons = KnownPersons(persons_for(settings), log)
        follower = cluster_follower(settings, log, codecs, settings.workspace)
        yield Parts(settings, log, codecs.events(), store, persons, follower)


@contextmanager
def opened_codec(settings: Settings) -> Iterator[Codec]:
    """What reads the events of the log, for who needs nothing else."""
    if not settings.kafka_bootstrap:
        from pipeline.codec import Codec

        yield Codec()
        return
    from pipeline.cli.cluster.opening import opened_codecs

    with opened_codecs(settings) as codecs:
        yield codecs.events()


@contextmanager
def opened_log(settings: Settings, *, create: bool) -> Iterator[Log]:
    """Hold the data directory and open its log with all topics; or talk to ``aftermerge up``, or Kafka."""
    with ExitStack() as stack:
        if settings.kafka_bootstrap:
            from pipeline.cli.cluster.opening import opened_cluster

            yield stack.enter_context(opened_cluster(settings))
            return
        try:
            stack.enter_context(held(settings.data, create=create))
        except Held as problem:
            running = live(settings.data)
            if running is None:
                if "(aftermerge up" in problem.message:
                    problem.hint = "it is starting or stopping: run the same command again in a moment"
                raise
            from pipeline.log.served import ServedLog

            yield stack.enter_context(closing(ServedLog(running.control_socket)))
            return
        # Not before: whoever can't have the directory learns it at once.
        from pipeline.log.sqlite import SqliteLog

        with closing(SqliteLog(settings.log_path)) as log:
            for topic, compacted in TOPICS.items():
                log.create_topic(topic, compacted=compacted)
            yield log


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """Open the store, embedded or a server, and bring its tables and views up to date.

    While ``aftermerge up`` runs, this is its store, and it can only be asked. That of a cluster is brought up
    to date by ``aftermerge migrate``.
    """
    if settings.kafka_bootstrap:
        from pipeline.cli.cluster.opening import opened_server

        with opened_server(settings) as server:
            yield server
        return
    # a note of this directory is live only while its writer, and not this process, holds it
    if (running := live(settings.data)) is not None and running.clickhouse_url:
        from pipeline.store.attached import attach

        if not running.clickhouse_url and settings.embedded:
            raise Problem(
                f"process {running.pid} (aftermerge up) answers no queries",
                hint="start it with AFTERMERGE_CLICKHOUSE_LISTEN=127.0.0.1:8123, or stop it meanwhile",
                code=Exit.UNAVAILABLE,
            )
        dsn = running.dsn or settings.resolved_dsn()
        with closing(attach(dsn, settings.database)) as attached:
            yield attached
        return
    from pipeline.store import Store

    with closing(Store.open(settings.resolved_dsn(), settings.database)) as store:
        store.migrate()
        yield store


def persons_of(settings: Settings) -> Persons:
    """The tokens of persons: by the secret that all processes share, or by that of the data directory."""
    from pipeline.persons import PersonKeyUnusable, Persons, open_persons

    told = settings.person_key.get_secret_value()
    if not told:
        return open_persons(settings.data)
    try:
        return Persons(bytes.fromhex(told))
    except (ValueError, PersonKeyUnusable):
        raise Problem(
            "AFTERMERGE_PERSON_KEY is no key",
            hint="it has 64 hexadecimal digits: `openssl rand -hex 32` makes one",
            code=Exit.USAGE,
        ) from None


def persons_for(settings: Settings) -> Persons:
    """The tokens of persons for a command: on a cluster, by no other secret than the one that all share."""
    if settings.kafka_bootstrap and not settings.person_key.get_secret_value():
        from pipeline.cli.apart import Keyless

        return Keyless()
    return persons_of(settings)


def events_of(parts: Parts) -> Iterator[tuple[int, Event]]:
    """Every event of the workspace with its offset, in the order of the log.

    What can't be decoded is left out; the correlate step has counted it among the dead letters.
    """
    offset, key, partition = 0, parts.workspace.encode(), parts.partition
    while records := parts.log.read(EVENTS, partition, offset, READ_RECORDS_MAX):
        mine = [record for record in records if record.key == key]
        decoded = parts.codec.decode([record.value for record in mine])
        events = {
            position: event
            for columns in decoded.columns
            for position, event in zip(columns.positions.tolist(), columns.events(), strict=True)
        }
        for position in sorted(events):
            yield mine[position].offset, events[position]
        offset = records[-1].offset + 1


def correlator(parts: Parts, meter: Meter = UNMEASURED) -> Correlator:
    """The step that folds new events into the tables."""
    from pipeline.correlate import Correlator
    from pipeline.sink import Sink

    settings = parts.settings
    return Correlator(
        parts.log,
        parts.codec,
        Sink(parts.store),
        parameters(settings),
        settings.batch_rows,
        settings.data,
        meter=meter,
    )


def evaluated(parts: Parts, progress: ProgressCall) -> Evaluation:
    """How good each model is on this workspace; without rows when no true cause is known."""
    from pipeline.evaluate import evaluate

    return evaluate(parts.log, parts.codec, parts.workspace, parameters(parts.settings), progress)


def rehearsed(parts: Parts, progress: ProgressCall, workspace: str = "") -> list[TableDifference]:
    """How the rows of a workspace, this one unless told, would differ after a rebuild."""
    from pipeline.rehearsing import rehearse

    settings = parts.settings
    return rehearse(
        parts.log,
        parts.codec,
        parts.store,
        parameters(settings),
        workspace or parts.workspace,
        settings.batch_rows,
        parts.scratch,
        progress,
    )


def explained(
    parts: Parts, name: str, as_of: int | None, progress: ProgressCall | None = None
) -> Explanation | None:
    """Why, as it is known now or as it was known at ``as_of``; ``None`` when nothing has this name."""
    from pipeline.explain import explain

    told = parameters(parts.settings)
    return explain(
        parts.log, parts.codec, parts.store, parts.workspace, name, told, as_of=as_of, progress=progress
    )
