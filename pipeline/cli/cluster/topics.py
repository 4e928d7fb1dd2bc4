"""``aftermerge topics``: what a cluster has to hold, created and compared."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import format_option, write_rows

if TYPE_CHECKING:
    from pipeline.log.kafka.topics import TopicSettings
    from pipeline.settings import Settings

DAY_MILLISECONDS = 86_400_000


@click.group(short_help="Create the topics of a Kafka cluster, or say what differs.")
def topics() -> None:
    """The topics that the processes of a cluster need; docs/topics.md says what is in each."""


@topics.command(
    short_help="Create what is missing, and register the schemas.",
    epilog=examples(
        "AFTERMERGE_KAFKA_BOOTSTRAP=broker:9092 aftermerge topics create",
        "AFTERMERGE_KAFKA_REPLICAS=1 AFTERMERGE_KAFKA_REPLICAS_IN_SYNC_MIN=1 aftermerge topics create",
    ),
)
@shared_options
@click.pass_obj
def create(invocation: Invocation) -> None:
    """Create the topics that are missing. What is there stays as it is; `check` says whether it fits.

    Exit 0: all are there. 2: a setting is wrong. 3: one is there with other settings, or the registry refuses
    a schema, which does not fit the versions that it has. 4: no broker answers.
    """
    from pipeline.cli.cluster.opening import kafka_of, opened_registry
    from pipeline.log.kafka import KafkaLog
    from pipeline.registry import register

    settings = invocation.settings
    with closing(KafkaLog(kafka_of(settings))) as log:
        made = []
        for topic, wanted in wanted_topics(settings).items():
            if log.topics.described(topic) is None:
                log.topics.create(topic, wanted)
                made.append(topic)
    with opened_registry(settings) as registry:
        if registry is not None:
            done = register(registry)
            added = sum(one.added for one in done)
            click.echo(f"{added} schemas registered, {len(done) - added} were there")
    click.echo(f"{len(made)} topics created, {len(wanted_topics(settings)) - len(made)} were there")
    _exit_when_different(settings)


@topics.command(
    short_help="Say what differs from what the settings ask for.",
    epilog=examples("aftermerge topics check", "aftermerge topics check --format json"),
)
@format_option
@shared_options
@click.pass_obj
def check(invocation: Invocation, format_: str) -> None:
    """Compare topics and schemas with what is asked for.

    Of topics: partitions, compaction, retention, sizes, copies. Of the registry: every schema.

    Exit 0: nothing differs. 1: something does. 4: no broker answers.
    """
    found = differences(invocation.settings)
    lines = [(topic, text) for topic, texts in found.items() for text in texts]
    write_rows(("topic", "difference"), lines, format_)
    if lines:
        raise click.exceptions.Exit(Exit.PARTLY)


def wanted_topics(settings: Settings) -> dict[str, TopicSettings]:
    """What each topic of the cluster is to be like."""
    from pipeline.log.cluster_topics import CLUSTER_TOPICS
    from pipeline.log.kafka.topics import FOREVER, TopicSettings
    from pipeline.log.topics import RECEIVED, UNDIVIDED

    retention = {RECEIVED: settings.received_days * DAY_MILLISECONDS}
    return {
        topic: TopicSettings(
            partitions=1 if topic in UNDIVIDED else settings.kafka_partitions,
            compacted=compacted,
            retention_milliseconds=retention.get(topic, FOREVER),
            replication_factor=settings.kafka_replicas,
            min_insync_replicas=settings.kafka_replicas_in_sync_min,
        )
        for topic, compacted in CLUSTER_TOPICS.items()
    }


def differences(settings: Settings) -> dict[str, list[str]]:
    """Topic, or registry -> how it differs from what is asked for; those that fit are left out."""
    from pipeline.cli.cluster.opening import kafka_of, opened_registry
    from pipeline.log.kafka import KafkaLog
    from pipeline.registry import differences as unregistered

    found: dict[str, list[str]] = {}
    with closing(KafkaLog(kafka_of(settings))) as log:
        for topic, wanted in wanted_topics(settings).items():
            described = log.topics.described(topic)
            texts = ["it is missing"] if described is None else wanted.differences(described)
            if texts:
                found[topic] = texts
    with opened_registry(settings) as registry:
        if registry is not None and (texts := unregistered(registry)):
            found["(registry)"] = texts
    return found


def _exit_when_different(settings: Settings) -> None:
    found = differences(settings)
    for topic, texts in found.items():
        for text in texts:
            click.echo(f"{topic}: {text}", err=True)
    if found:
        click.echo("docs/cluster.md says how partitions are changed (a rebuild)", err=True)
        raise click.exceptions.Exit(Exit.DATA)
