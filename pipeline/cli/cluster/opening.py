"""From settings to what the processes of a cluster work with: the log on Kafka, codecs, persons."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pipeline.cli.exits import Exit, Problem
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.codec import Codec
    from pipeline.codec.facts import FactCodec
    from pipeline.log.kafka import KafkaLog
    from pipeline.log.kafka.configuration import KafkaSettings
    from pipeline.registry import Registry
    from pipeline.store import Store


#: the steps may be started together with what they need
STORE_WAIT_SECONDS_MAX = 60.0
STORE_WAIT_PAUSE_SECONDS = 1.0


def kafka_of(settings: Settings) -> KafkaSettings:
    """What is to be known about the cluster; raises ``Problem`` where that can't work."""
    from pipeline.log.kafka.configuration import KafkaSettings

    if not settings.kafka_bootstrap:
        raise Problem(
            "no Kafka cluster is named",
            hint="set AFTERMERGE_KAFKA_BOOTSTRAP=host:port; without one, `aftermerge up` does all of it",
            code=Exit.USAGE,
        )
    try:
        return KafkaSettings(
            bootstrap=settings.kafka_bootstrap,
            prefix=settings.kafka_prefix,
            instance=settings.kafka_instance,
            protocol=settings.kafka_security_protocol,
            ca_file=settings.kafka_ssl_ca,
            certificate_file=settings.kafka_ssl_certificate,
            key_file=settings.kafka_ssl_key,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            replication_factor=settings.kafka_replicas,
            min_insync_replicas=settings.kafka_replicas_in_sync_min,
        )
    except ValueError as error:
        raise Problem(str(error), hint="docs/settings.md, under AFTERMERGE_KAFKA_", code=Exit.USAGE) from None


@contextmanager
def opened_cluster(settings: Settings, step: str = "") -> Iterator[KafkaLog]:
    """The log on Kafka, with the topics there that a step, or a person, needs; raises ``Problem`` when not.

    A topic that the user may not describe is missing for it.
    """
    from pipeline.log.cluster_topics import CLUSTER_TOPICS, STEP_TOPICS
    from pipeline.log.kafka import KafkaLog
    from pipeline.log.topics import UNDIVIDED

    with closing(KafkaLog(kafka_of(settings))) as log:
        present = log.topics.present()
        needed = STEP_TOPICS.get(step, CLUSTER_TOPICS)
        missing = [topic for topic in needed if topic not in present]
        if missing:
            raise Problem(
                f"topics are missing in the cluster: {', '.join(missing)}",
                hint="run `aftermerge topics create` with a user who may, and grant this one its rights"
                " (docs/cluster.md)",
                code=Exit.DATA,
            )
        divided = {topic: present[topic] for topic in needed if topic not in UNDIVIDED}
        if len(set(divided.values())) > 1:
            fewest, most = min(divided, key=divided.__getitem__), max(divided, key=divided.__getitem__)
            raise Problem(
                f"topics differ in their partitions: {fewest} has {divided[fewest]}, {most} {divided[most]},"
                " and a workspace would be in two of them",
                hint="docs/cluster.md tells how partitions are changed: never on topics that are in use",
                code=Exit.DATA,
            )
        yield log


class Codecs:
    """Codecs for events and for facts, by a registry or by the content of the schemas.

    Made when a partition is opened: a registry that does not answer yet is waited for as a broker is.
    """

    def __init__(self, registry: Registry | None) -> None:
        self._registry = registry

    def events(self) -> Codec:
        """Raises ``LogUnavailable`` while the registry does not answer, or has no such schemas yet."""
        from pipeline.codec import Codec
        from pipeline.registry import known

        if self._registry is None:
            return Codec()
        found = known(self._registry)
        return Codec(found.schemas, found.ids)

    def facts(self) -> FactCodec:
        """See ``events``."""
        from pipeline.codec.facts import FactCodec
        from pipeline.codec.schemas import FACTS
        from pipeline.registry import known

        if self._registry is None:
            return FactCodec()
        found = known(self._registry, FACTS)
        return FactCodec(schemas=found.schemas, ids=found.ids)


@contextmanager
def opened_registry(settings: Settings) -> Iterator[Registry | None]:
    """The schema registry; ``None`` where none is named."""
    from pipeline.registry import Registry, RegistrySettings

    url = settings.registry_url.get_secret_value()
    if not url:
        yield None
        return
    try:
        told = RegistrySettings.of(url, ca_file=settings.registry_ssl_ca)
    except ValueError as error:
        raise Problem(
            str(error), hint="docs/settings.md, under AFTERMERGE_REGISTRY_", code=Exit.USAGE
        ) from None
    with closing(Registry(told)) as registry:
        yield registry


@contextmanager
def opened_codecs(settings: Settings) -> Iterator[Codecs]:
    """How the processes of a cluster write and read what is on its topics."""
    with opened_registry(settings) as registry:
        yield Codecs(registry)


@contextmanager
def opened_server(settings: Settings, *, migrating: bool = False, waiting: bool = False) -> Iterator[Store]:
    """The store of a cluster: a server, since several processes write it.

    Nothing is made there but by ``migrating``: a user who can read and insert is enough. By ``waiting``, a
    server that does not answer yet, or has no tables yet, is waited for, now and later on.
    """
    from pipeline.store import AT_ONCE, PATIENT, Store, StoreUnavailable

    if settings.embedded:
        raise Problem(
            "the processes of a cluster share one store, and none is named",
            hint="set AFTERMERGE_STORE_DSN=clickhouse://user:password@host:8123",
            code=Exit.USAGE,
        )
    until = time.monotonic() + STORE_WAIT_SECONDS_MAX

    def opened() -> Store | None:
        try:
            return Store.open(
                settings.resolved_dsn(),
                settings.database,
                settings.store_cluster,
                create=migrating,
                patience=PATIENT if waiting else AT_ONCE,
            )
        except StoreUnavailable:
            if not waiting or time.monotonic() > until:
                raise
            return None

    while (store := opened()) is None:
        time.sleep(STORE_WAIT_PAUSE_SECONDS)
    with closing(store):
        yield store
