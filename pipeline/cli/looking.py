"""What ``doctor`` sees of a cluster: brokers, topics, how far each step is, schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli.cluster.opening import kafka_of, opened_registry
from pipeline.cli.cluster.topics import differences
from pipeline.cli.finding import Finding
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.log.protocol import Log

DIFFERENCES_SHOWN_MAX = 20


def cluster_lines(settings: Settings) -> Iterator[Finding]:
    """What there is before anything is read; raises ``LogUnavailable`` when no broker answers."""
    for lines in (_secret_lines, _broker_lines, _topic_lines, _registry_lines):
        yield from lines(settings)


def _broker_lines(settings: Settings) -> Iterator[Finding]:
    from pipeline.log.kafka.watching import Watcher

    brokers = Watcher(kafka_of(settings)).brokers()
    yield Finding("cluster", "brokers", f"{len(brokers):,}: {', '.join(brokers)}")


def _topic_lines(settings: Settings) -> Iterator[Finding]:
    found = [(topic, text) for topic, texts in differences(settings).items() for text in texts]
    for topic, text in found[:DIFFERENCES_SHOWN_MAX]:
        yield Finding("topics", topic, text, "problem", "`aftermerge topics create`, or the settings of it")
    if (left := len(found) - DIFFERENCES_SHOWN_MAX) > 0:
        yield Finding("topics", "further differences", f"{left:,}", "problem", "`aftermerge topics check`")
    if not found:
        yield Finding("topics", "as the settings ask", "all")


def step_lines(settings: Settings, log: Log) -> Iterator[Finding]:
    """By step: how many processes share it, and how many records it has before it."""
    from pipeline.log.kafka.watching import Watcher
    from pipeline.reached import STEPS, lags

    watcher = Watcher(kafka_of(settings))
    for step in STEPS:
        members, behind = watcher.members(step), lags(log, step)
        waiting = {partition: lag for partition, lag in behind.items() if lag}
        text = f"{members:,} process{'es' * (members != 1)}, {sum(waiting.values()):,} records behind"
        if waiting:
            text += f" (partition {', '.join(map(str, waiting))})"
        if not members:
            yield Finding("steps", step, text, "problem", f"start `aftermerge {step}`: nobody does its work")
        else:
            yield Finding("steps", step, text, "note" if waiting else "ok", "they are at it" * bool(waiting))


def _registry_lines(settings: Settings) -> Iterator[Finding]:
    """Whether the registry has the schemas; none where no registry is named."""
    from pipeline.registry import RegistryUnavailable
    from pipeline.registry import differences as missing_in

    with opened_registry(settings) as registry:
        if registry is None:
            return
        try:
            wrong = missing_in(registry)
        except RegistryUnavailable as error:
            yield Finding("registry", "unavailable", str(error), "problem", "see whether it runs")
            return
    for text in wrong[:DIFFERENCES_SHOWN_MAX]:
        yield Finding("registry", "schema", text, "problem", "`aftermerge topics create` registers it")
    if not wrong:
        yield Finding("registry", "schemas", "all are registered")


def _secret_lines(settings: Settings) -> Iterator[Finding]:
    """What every process and every command of a cluster has to be told the same."""
    if not settings.person_key.get_secret_value():
        yield Finding(
            "setting",
            "person_key",
            "is not set",
            "problem",
            "set AFTERMERGE_PERSON_KEY to the one that `receive` and `normalize` have",
        )
