"""The same join on the same log in Quix Streams, in Faust and as a step of ours, one after the other.

``python -m benchmarks peers``. Every contestant is one process with one partition, reads the same topic from
its beginning, and is done when everything is produced and committed; then what is in its topic of results is
compared. Beside them our `correlate` runs on the same log with everything on.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks import logs
from benchmarks.brokered import Broker, broker, copy_events, create_topics
from benchmarks.figures import Figure, at_least, known
from benchmarks.peers import contest, join
from benchmarks.peers.environments import python_of
from benchmarks.peers.ours import RESULTS
from benchmarks.working import Told, together
from pipeline.codec.schemas import shipped_schemas
from pipeline.core.facts import TABLES
from pipeline.log.kafka import KafkaLog
from pipeline.log.topics import EVENTS, fact_topic

ROOT = Path(__file__).resolve().parents[2]
EVENTS_READ = 300_000
QUICK_EVENTS_READ = 20_000
REPETITIONS = 2
QUICK_REPETITIONS = 1
CONTEST_SECONDS_MAX = 600
#: what the aim is for a row that has a peer
AIMS = {"quix": 3.0, "faust": 5.0}
TITLES = {
    "join": "ours, the same join",
    "correlate": "ours, everything on",
    "quix": "Quix Streams 3.28.1",
    "faust": "Faust 0.15.3",
}


class Took(msgspec.Struct):
    """What one contestant took for the whole log."""

    events: int
    wall_seconds: float
    cpu_seconds: float
    broker_cpu_seconds: float = 0.0
    rows: dict[bytes, bytes] = {}


def peers(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Each contestant some times, in turns; the best of each counts."""
    pythons = {peer: python_of(peer) for peer in AIMS}
    events = QUICK_EVENTS_READ if quick else EVENTS_READ
    mixed = logs.mixed(directory, events)
    best: dict[str, Took] = {}
    with broker() as running:
        with closing(KafkaLog(running.part("source"))) as log:
            log.create_topic(EVENTS)
            copy_events(mixed, log)
        for round_ in range(QUICK_REPETITIONS if quick else REPETITIONS):
            for name in TITLES:
                part = f"{name}{round_}"
                if name in pythons:
                    took = _peer(running, pythons[name], name, part, events, directory)
                else:
                    took = _ours(running, name, part, mixed)
                if name not in best or took.wall_seconds < best[name].wall_seconds:
                    best[name] = took
    _compare({name: took.rows for name, took in best.items() if name != "correlate"})
    return _figures(best)


def _ours(running: Broker, step: str, part: str, mixed: Path) -> Took:
    settings = running.part(part)
    create_topics(settings)
    with closing(KafkaLog(settings)) as log:
        log.create_topic(RESULTS, compacted=True)
        copy_events(mixed, log)
        told = Told(step, running.bootstrap, settings.prefix)
        done = together(running, [told], CONTEST_SECONDS_MAX)
        took = Took(done.records, done.wall_seconds, done.cpu_seconds, done.broker_cpu_seconds)
        if step == "join":
            took.rows = log.latest(RESULTS, 0)
        else:
            for table in TABLES:
                live = log.latest(fact_topic(table), 0)
                took.rows |= {table.encode() + b"/" + key: b"" for key in live}
    return took


def _peer(running: Broker, python: Path, peer: str, part: str, events: int, directory: Path) -> Took:
    settings = running.part(part)
    with closing(KafkaLog(settings)) as log:
        log.create_topic(RESULTS, compacted=True)
        told = contest.Told(
            bootstrap=running.bootstrap,
            prefix=settings.prefix,
            events_topic=running.part("source").topic(EVENTS),
            results_topic=settings.topic(RESULTS),
            events=events,
            schemas={
                str(schema.id): (schema.record, schema.document)
                for schema in shipped_schemas().values()
                if schema.record in join.RECORDS
            },
            directory=str(directory / part),
        )
        path = directory / f"{part}.json"
        path.write_text(json.dumps(told._asdict()), encoding="utf-8")
        before = running.cpu_seconds()
        done = subprocess.run(
            [str(python), "-m", f"benchmarks.peers.with_{peer}", str(path)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            timeout=CONTEST_SECONDS_MAX,
        )
        took = msgspec.json.decode(done.stdout.splitlines()[-1], type=Took)
        took.broker_cpu_seconds = running.cpu_seconds() - before
        took.rows = log.latest(RESULTS, 0)
    return took


def _compare(found: dict[str, dict[bytes, bytes]]) -> None:
    """All have to have joined the same; raises ``RuntimeError``."""
    told = {name: {key: json.loads(value) for key, value in rows.items()} for name, rows in found.items()}
    wanted = told["join"]
    for name, rows in told.items():
        if rows != wanted or not rows:
            missing, more = len(wanted.keys() - rows.keys()), len(rows.keys() - wanted.keys())
            raise RuntimeError(
                f"{TITLES[name]} joined {len(rows):,} rows, ours {len(wanted):,}: {missing:,} are missing,"
                f" {more:,} are too many, others differ"
            )


def _figures(best: dict[str, Took]) -> list[Figure]:
    figures = []
    for name, took in best.items():
        rate, million = took.events / took.wall_seconds, took.events / 1e6
        what = "rows of facts" if name == "correlate" else "joined rows"
        text = (
            f"{rate:,.0f} ({took.events:,} events, {len(took.rows):,} {what}); CPU a million events:"
            f" {took.cpu_seconds / million:.1f} s, the broker {took.broker_cpu_seconds / million:.1f} s"
        )
        figures.append(known(f"{TITLES[name]}: events/s", rate, text))
    for peer, aim in AIMS.items():
        for name in ("join", "correlate"):
            wall = best[peer].wall_seconds / best[name].wall_seconds
            cpu = best[peer].cpu_seconds / best[name].cpu_seconds
            title, text = f"{TITLES[name]}, against {TITLES[peer]}", f"{wall:.2f} times (CPU {cpu:.2f} times)"
            figures.append(at_least(title, wall, aim, text) if name == "join" else known(title, wall, text))
    return figures
