"""A whole cluster on loopback: a broker's part, a store of one's own, and the steps as real processes."""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pytest

from pipeline import reached
from pipeline.codec import Codec
from pipeline.core.events import RECORDS, Event
from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import LogUnavailable, NewRecord
from pipeline.log.topics import EVENTS
from pipeline.registry import Registry, RegistrySettings, known
from pipeline.store import Store
from tests.live.process import ROOT, command, environment
from tests.live.test_store_gone import store
from tests.ports import free_ports

STEPS = reached.STEPS
#: large enough for Java, Kafka and several Python processes on two cores
DONE_SECONDS_MAX = 240
STOP_SECONDS_MAX = 60
POLL_SECONDS = 0.2
#: far less time than the histories cover, and more than anything in them comes late
HORIZON_DAYS = 20
BATCH_ROWS = 2_000


class Cluster:
    """Topics and tables that nobody else uses, and the processes that were started on them."""

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        partitions: int,
        store_port: int,
        copies: int = 1,
        registry_url: str = "",
    ) -> None:
        self.directory = directory
        self.partitions = partitions
        self.dsn = f"clickhouse://127.0.0.1:{store_port}"
        self.database = f"c{uuid.uuid4().hex[:10]}"
        self.settings = KafkaSettings(
            bootstrap,
            prefix=f"{self.database}.",
            replication_factor=copies,
            min_insync_replicas=min(copies, 2),
        )
        self.environment = environment(
            kafka_bootstrap=bootstrap,
            kafka_prefix=self.settings.prefix,
            kafka_replicas=str(copies),
            kafka_replicas_in_sync_min=str(min(copies, 2)),
            kafka_partitions=str(partitions),
            registry_url=registry_url,
            store_dsn=self.dsn,
            database=self.database,
            person_key="5f" * 32,
            data=str(directory / "data"),
            horizon_days=str(HORIZON_DAYS),
            batch_rows=str(BATCH_ROWS),
        )
        self.registry_url = registry_url
        self.codec = Codec()
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        return subprocess.run(
            command(*arguments),
            check=False,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DONE_SECONDS_MAX,
        )

    def prepare(self) -> None:
        for arguments in (("topics", "create"), ("migrate",)):
            done = self.run(*arguments)
            assert done.returncode == 0, done.stderr
        if self.registry_url:
            with closing(Registry(RegistrySettings.of(self.registry_url))) as registry:
                found = known(registry)
                self.codec = Codec(found.schemas, found.ids)

    def start(self, step: str, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start one process of a step."""
        (port,) = free_ports(1)
        told = self.environment | {f"AFTERMERGE_{name.upper()}": value for name, value in settings.items()}
        listening = ("--listen", f"127.0.0.1:{port}")
        path = self.directory / f"{step}-{len(self.running)}.out"
        with path.open("wb") as out:
            process = subprocess.Popen(
                command(step, *listening, *arguments), env=told, cwd=ROOT, stdout=out, stderr=out
            )
        self.running.append((step, process))
        return process

    def start_steps(self, workers: int = 1) -> None:
        for step in STEPS:
            for _ in range(workers):
                self.start(step)

    def of(self, step: str) -> list[subprocess.Popen[bytes]]:
        """The processes of a step that have not ended."""
        return [process for name, process in self.running if name == step and process.poll() is None]

    def said(self) -> str:
        return "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-1_500:]}"
            for path in sorted(self.directory.glob("*.out"))
        )

    def stop(self) -> None:
        """End what is left: kindly, and each has to end with 0."""
        left = [(name, process) for name, process in self.running if process.poll() is None]
        for _, process in left:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for name, process in left:
            try:
                assert process.wait(STOP_SECONDS_MAX) == 0, f"{name}: {self.said()}"
            finally:
                process.kill()

    def kill(self) -> None:
        for _, process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait(STOP_SECONDS_MAX)

    def append(self, workspace: str, events: Sequence[Event]) -> None:
        """Put events of a workspace on the log, as `receive` and `normalize` would."""
        values = self.codec.encode(events)
        partition = partition_in(self.log, workspace)
        self.log.append(EVENTS, partition, [NewRecord(workspace.encode(), value) for value in values])

    def tell(self, piece: Iterable[tuple[str, Sequence[Event]]]) -> None:
        """Append a piece of the events of several workspaces."""
        for workspace, events in piece:
            self.append(workspace, events)

    def wait_until_done(self, seconds: float = DONE_SECONDS_MAX) -> None:
        """Until everything that is on the log is in the tables."""
        followed = [
            place for step in reached.STEPS for number in range(self.partitions)
            for place in reached.places(step, number)
        ]  # fmt: skip
        log = self.log

        def behind() -> list[str]:
            for _, process in self.running:
                assert process.poll() in (None, -signal.SIGKILL), self.said()
            try:
                return [
                    f"{place}: {came} of {end}"
                    for place in followed
                    if (came := reached.reached(log, place)) < (end := log.end(place.topic, place.partition))
                ]
            except LogUnavailable as unavailable:
                # a transaction that a kill left open hides for a while what came after it
                return [str(unavailable)]

        # twice: what was done last may have left something for the next step
        for _ in range(2):
            until = time.monotonic() + seconds
            while left := behind():
                if time.monotonic() > until:
                    pytest.fail(f"after {seconds:g} s there is left: {left}; {self.said()}")
                time.sleep(POLL_SECONDS)

    def held(self, workspaces: Sequence[str]) -> dict[str, Any]:
        """Everything that the tables say, in a form that can be compared."""
        with closing(Store.open(self.dsn, self.database)) as opened:
            return {workspace: held(opened, workspace) for workspace in workspaces}

    @cached_property
    def log(self) -> KafkaLog:
        """One for all: it knows what it has written, and does not take an earlier end for the end."""
        return KafkaLog(self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.log.close()


def held(opened: Store, workspace: str) -> dict[str, Any]:
    """Fingerprints of all tables of a workspace."""
    found: dict[str, Any] = dict(opened.fingerprints(workspace))
    for record in RECORDS:
        (row,) = opened.query(
            f"SELECT count(), groupBitXor(sipHash64(toString(tuple(*)))) FROM events_{record} FINAL"
            " WHERE workspace = {workspace:String}",
            {"workspace": workspace},
        ).rows
        found[f"events_{record}"] = tuple(map(int, map(str, row)))
    return found


@contextmanager
def cluster(
    directory: Path, bootstrap: str, partitions: int, copies: int = 1, registry_url: str = ""
) -> Iterator[Cluster]:
    """A cluster with topics and tables, a store of its own, and no step yet."""
    (port,) = free_ports(1)
    made = Cluster(directory, bootstrap, partitions, port, copies, registry_url)
    with store(directory / "server", port), made:
        made.prepare()
        yield made
