"""The steps of a cluster on Kafka: against the embedded run, two workers against one, and what a start takes.

``python -m benchmarks cluster restore``. The broker is a process of its own, and so is each worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import logs, passes
from benchmarks.brokered import Broker, append, broker, copy_events, create_topics
from benchmarks.figures import Figure, at_least, at_most, known
from benchmarks.logs import WORKSPACE
from benchmarks.working import Together, Told, together
from benchmarks.world import END
from pipeline.codec import Codec
from pipeline.core.events import ClockTicked
from pipeline.core.parameters import MINUTE
from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS, STATE

EVENTS_READ = 1_000_000
QUICK_EVENTS_READ = 60_000
REPETITIONS = 2
QUICK_REPETITIONS = 1
WORK_SECONDS_MAX = 900.0

#: of the embedded run's events a second
SHARE_MIN = 0.7
SECOND_WORKER_MAX = 1.15
ENTITIES = 1_000_000
RESTORE_SECONDS_MAX = 30.0
WARM_SECONDS_MAX = 5.0
#: what one workspace of those that are restored read
RESTORED_EVENTS_READ = 300_000
#: a value of the changelog that says that its entity was forgotten
FORGOTTEN = b"-"


def cluster(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """One worker against the embedded run, then two against one; the best of each counts."""
    events = QUICK_EVENTS_READ if quick else EVENTS_READ
    repetitions = QUICK_REPETITIONS if quick else REPETITIONS
    mixed = logs.mixed(directory, events)
    embedded: list[passes.Pass] = []
    one: list[Together] = []
    alone: list[Together] = []
    shared: list[Together] = []
    half = logs.mixed(directory, events // 2)
    with broker() as running:
        for number in range(repetitions):
            embedded.append(passes.run("full", mixed))
            settings = running.part(f"one{number}")
            create_topics(settings)
            with closing(KafkaLog(settings)) as log:
                copy_events(mixed, log)
            told = Told("correlate", running.bootstrap, settings.prefix)
            one.append(together(running, [told], WORK_SECONDS_MAX))
            alone.append(_two_partitions(running, f"alone{number}", half, workers=1))
            shared.append(_two_partitions(running, f"shared{number}", half, workers=2))
    return [*_against_embedded(embedded, one), *_against_one(alone, shared)]


def _two_partitions(running: Broker, part: str, half: Path, workers: int) -> Together:
    """The same events in two workspaces of one partition each."""
    settings = running.part(part)
    create_topics(settings, partitions=2)
    with closing(KafkaLog(settings)) as log:
        for partition in range(2):
            copy_events(half, log, partition, f"{WORKSPACE}-{partition}")
    told = Told("correlate", running.bootstrap, settings.prefix, partitions=2 // workers)
    return together(running, [told] * workers, WORK_SECONDS_MAX)


def _against_embedded(embedded: list[passes.Pass], one: list[Together]) -> list[Figure]:
    file = min(embedded, key=lambda found: found.wall_seconds)
    work = min(one, key=lambda found: found.wall_seconds)
    ours, theirs = work.records / work.wall_seconds, file.events / file.wall_seconds
    million = work.records / 1e6
    text = (
        f"{ours:,.0f} ({work.records:,} events, {work.wall_seconds:.1f} s); CPU a million events:"
        f" {work.cpu_seconds / million:.1f} s, the broker {work.broker_cpu_seconds / million:.1f} s"
    )
    return [
        known(
            "embedded: events/s", theirs,
            f"{theirs:,.0f} ({file.wall_seconds:.1f} s); CPU a million events:"
            f" {file.cpu_seconds / million:.1f} s",
        ),
        known("one worker on Kafka: events/s", ours, text),
        at_least(
            "one worker on Kafka, of the embedded run's events/s", ours / theirs, SHARE_MIN,
            f"{ours / theirs:.2f} (CPU {file.cpu_seconds / work.cpu_seconds:.2f})",
        ),
    ]  # fmt: skip


def _against_one(alone: list[Together], shared: list[Together]) -> list[Figure]:
    single = min(alone, key=lambda found: found.cpu_seconds)
    both = min(shared, key=lambda found: found.cpu_seconds)
    ratio = both.cpu_seconds / both.records / (single.cpu_seconds / single.records)
    text = (
        f"{ratio:.2f} times ({single.cpu_seconds:.1f} s, {both.cpu_seconds:.1f} s; by the clock"
        f" {single.wall_seconds:.1f} s, {both.wall_seconds:.1f} s)"
    )
    what = "CPU of an event, two workers with a partition each against one with both"
    return [at_most(what, ratio, SECOND_WORKER_MAX, text)]


def restore(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Start a worker on a changelog of a million entities, and let one take over that stood by."""
    mixed = logs.mixed(directory, QUICK_EVENTS_READ if quick else RESTORED_EVENTS_READ)
    with broker() as running:
        settings = running.part("left")
        create_topics(settings)
        with closing(KafkaLog(settings)) as log:
            copy_events(mixed, log)
        told = Told("correlate", running.bootstrap, settings.prefix)
        together(running, [told], WORK_SECONDS_MAX)
        entities, workspaces, settings = _copied_states(running, settings, 2 if quick else None)
        told = Told("correlate", running.bootstrap, settings.prefix)
        cold = together(running, [told], WORK_SECONDS_MAX)
        with closing(KafkaLog(settings)) as log:
            append(log, EVENTS, 0, _ticks(workspaces, 2))
        ready = Told("correlate", running.bootstrap, settings.prefix, standby=True)
        warm = together(running, [ready], WORK_SECONDS_MAX)
    return [
        _started("restore from the changelog", entities, cold, RESTORE_SECONDS_MAX),
        _started("a standby takes over", entities, warm, WARM_SECONDS_MAX),
    ]


def _copied_states(
    running: Broker, left: KafkaSettings, copies: int | None
) -> tuple[int, int, KafkaSettings]:
    """What one workspace left, as that of several; returns how many entities and workspaces, and where."""
    settings = running.part("restored")
    create_topics(settings)
    with closing(KafkaLog(left)) as log:
        held = log.latest(STATE, 0)
    before = WORKSPACE.encode()
    live = sum(value != FORGOTTEN for value in held.values())
    copies = copies or -(-ENTITIES // live)
    with closing(KafkaLog(settings)) as log:
        for number in range(copies):
            name = f"{WORKSPACE}-{number}".encode()
            told = [NewRecord(name + key.removeprefix(before), value) for key, value in held.items()]
            append(log, STATE, 0, told)
        append(log, EVENTS, 0, _ticks(copies, 1))
    return live * copies, copies, settings


def _ticks(workspaces: int, minute: int) -> list[NewRecord]:
    """A minute that has passed, in each workspace: what makes a worker open it."""
    at = END + minute * MINUTE
    tick = ClockTicked(f"clock {at // MINUTE}", "clock", at, at, False, 0, 0, False, 0)
    (value,) = Codec().encode([tick])
    return [NewRecord(f"{WORKSPACE}-{number}".encode(), value) for number in range(workspaces)]


def _started(what: str, entities: int, took: Together, seconds_max: float) -> Figure:
    (work,) = took.workers
    seconds = work.opening_seconds + work.wall_seconds
    text = (
        f"{seconds:.1f} s ({entities:,} entities; {work.opening_seconds:.1f} s of it the changelog;"
        f" CPU {work.cpu_seconds:.1f} s, {work.peak_bytes / 1e6:,.0f} MB)"
    )
    million = seconds * ENTITIES / entities
    return at_most(
        f"{what}, until the first batch is committed", million, seconds_max, text,
        f"<= {seconds_max:g} s for 1 M",
    )  # fmt: skip
