"""``aftermerge normalize``, ``correlate``, ``sink`` and ``migrate``: the cluster's processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Invocation, examples, shared_options

if TYPE_CHECKING:
    from pipeline.measuring import ProgressCall

_EXITS = """
    Exit 0: stopped as told, with everything committed. 2: a setting is wrong, or too much of a topic can't
    be read. 3: topics are missing. 4: the log or the store was unavailable for too long.
    """

listen_option = click.option(
    "--listen", "listen_health", help="Address and port of its health [default: 127.0.0.1:8081]."
)


def _documented(text: str) -> str:
    return text + _EXITS


@click.command(
    short_help="A process of a cluster: deliveries become events.",
    help=_documented("""Parse the deliveries of the partitions that the group gives this process.

    As many as there are partitions can run; each delivery is one process's.
    """),
    epilog=examples("AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 aftermerge normalize"),
)
@listen_option
@shared_options
@click.pass_obj
def normalize(invocation: Invocation, listen_health: str | None) -> None:
    from pipeline.assigned import Normalizing
    from pipeline.cli.cluster.opening import opened_cluster, opened_codecs
    from pipeline.cli.cluster.working import work
    from pipeline.cli.configuring import mappings_of, reader_of
    from pipeline.cli.instants import machine_now
    from pipeline.cli.keeping import unsealer_here
    from pipeline.cli.wiring import persons_of
    from pipeline.health import StepMeters
    from pipeline.letter_limit import LetterLimit
    from pipeline.log.topics import RECEIVED
    from pipeline.normalize import Normalizer
    from pipeline.persons import KnownPersons
    from pipeline.reached import NORMALIZE

    invocation.overrides |= {"listen_health": listen_health}
    settings = invocation.settings
    unseal = unsealer_here()
    mappings = mappings_of(settings.mappings)
    meters = StepMeters()
    meter = meters.of(NORMALIZE)
    with opened_cluster(settings, NORMALIZE) as log, opened_codecs(settings) as codecs:

        def make(partition: int) -> Normalizer:
            persons = KnownPersons(persons_of(settings), log)
            reader = reader_of(settings, persons.person_token, mappings)
            limit = LetterLimit(RECEIVED, settings.dead_letter_ratio_max)
            return Normalizer(
                log,
                codecs.events(),
                reader,
                unseal,
                machine_now,
                persons,
                partition=partition,
                judge=limit.judge,
                meter=meter,
            )

        def opened(partition: int, progress: ProgressCall) -> Normalizing:
            return Normalizing(log, partition, make)

        work(settings, log, NORMALIZE, RECEIVED, opened, meters)


@click.command(
    short_help="A process of a cluster: events become rows.",
    help=_documented("""Fold the events of the partitions that the group gives this process, and derive rows.

    The rows go onto the topics facts.*, in the same transaction as the state and the offset. With
    --standby it keeps the state of partitions that other processes have, too, and takes them over at once.
    """),
    epilog=examples(
        "AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 aftermerge correlate",
        "AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 aftermerge correlate --standby all",
    ),
)
@listen_option
@click.option("--standby", help="Partitions to be ready for: all, or numbers like 0,3 [default: none].")
@shared_options
@click.pass_obj
def correlate(invocation: Invocation, listen_health: str | None, standby: str | None) -> None:
    from pipeline.assigned import Correlating
    from pipeline.cli.cluster.opening import opened_cluster, opened_codecs
    from pipeline.cli.cluster.working import standing_by, work
    from pipeline.cli.modelling import parameters
    from pipeline.correlate import Correlator
    from pipeline.health import StepMeters
    from pipeline.letter_limit import LetterLimit
    from pipeline.log.topics import EVENTS
    from pipeline.publish import Publisher
    from pipeline.reached import CORRELATE

    invocation.overrides |= {"listen_health": listen_health, "standby": standby}
    settings = invocation.settings
    meters = StepMeters()
    meter = meters.of(CORRELATE)
    with (
        opened_cluster(settings, CORRELATE) as log,
        opened_codecs(settings) as codecs,
        standing_by(settings, log) as standbys,
    ):

        def make(partition: int) -> Correlator:
            return Correlator(
                log,
                codecs.events(),
                Publisher(log, codecs.facts(), partition),
                parameters(settings),
                settings.batch_rows,
                partition=partition,
                judge=LetterLimit(EVENTS, settings.dead_letter_ratio_max).judge,
                stood_by=lambda: standbys.take(partition),
                meter=meter,
            )

        def opened(partition: int, progress: ProgressCall) -> Correlating:
            return Correlating(log, partition, make, settings.batch_rows, standbys.leave, progress)

        work(settings, log, CORRELATE, EVENTS, opened, meters, standbys)


@click.command(
    short_help="A process of a cluster: events and rows go into ClickHouse.",
    help=_documented("""Insert the events and rows of the partitions that the group gives this process.

    It reads what was committed, and commits its own place after the insert.
    """),
    epilog=examples("AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 AFTERMERGE_STORE_DSN=... aftermerge sink"),
)
@listen_option
@shared_options
@click.pass_obj
def sink(invocation: Invocation, listen_health: str | None) -> None:
    from pipeline.assigned import Sinking
    from pipeline.cli.cluster.opening import opened_cluster, opened_codecs, opened_server
    from pipeline.cli.cluster.working import work
    from pipeline.health import StepMeters
    from pipeline.log.topics import EVENTS
    from pipeline.reached import SINK

    invocation.overrides |= {"listen_health": listen_health}
    settings = invocation.settings
    meters = StepMeters()
    meter = meters.of(SINK)
    with (
        opened_cluster(settings, SINK) as log,
        opened_server(settings, waiting=True) as store,
        opened_codecs(settings) as codecs,
    ):

        def opened(partition: int, progress: ProgressCall) -> Sinking:
            return Sinking(log, partition, codecs.events(), codecs.facts(), store, meter)

        work(settings, log, SINK, EVENTS, opened, meters)


@click.command(
    short_help="Bring the tables and views of a ClickHouse server up to date.",
    epilog=examples("AFTERMERGE_STORE_DSN=clickhouse://owner@host:8123 aftermerge migrate"),
)
@shared_options
@click.pass_obj
def migrate(invocation: Invocation) -> None:
    """Apply the migrations that the server does not have yet, and make the views.

    Exit 0: the tables fit this version. 2: no server is named. 4: it does not answer, or a newer version
    made the tables.
    """
    from pipeline.cli.cluster.opening import opened_server

    with opened_server(invocation.settings, migrating=True) as store:
        names = store.migrate()
    click.echo("\n".join(["applied:", *names]) if names else "the tables are up to date")
