"""Real brokers and a real schema registry, each a process of its own on loopback, ended by its id."""

from __future__ import annotations

import atexit
import base64
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka.artifacts import demand, kafka_jars, registry_home
from tests.ports import free_ports

START_SECONDS_MAX = 90
STOP_SECONDS_MAX = 30
ASK_SECONDS = 2
POLL_SECONDS = 0.05
SAID_BYTES_SHOWN = 2_000

#: names the address of a broker to use instead of one that is started here
BOOTSTRAP_VARIABLE = "KAFKA_BOOTSTRAP"
REGISTRY_VARIABLE = "SCHEMA_REGISTRY_URL"

_JAVA = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOG4J = """rootLogger.level = WARN
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c: %m%n
"""


class Server:
    """One Java process, which can be ended in several ways and started again."""

    def __init__(self, name: str, directory: Path, command: list[str]) -> None:
        self.name = name
        self.directory = directory
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        """The end of what it wrote."""
        path = self.directory / f"{self.name}.out"
        return path.read_text(encoding="utf-8", errors="replace")[-SAID_BYTES_SHOWN:]

    @property
    def runs(self) -> bool:
        return self._process is not None

    def launch(self) -> None:
        """Start the process; see ``ready`` for when it can be used."""
        assert self._process is None
        # dies with the tests, also when those are killed
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.directory / f"{self.name}.out").open("ab") as out:
            self._process = subprocess.Popen(
                [*guard, "java", *_JAVA, *self._command],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS_MAX
        while not ready():
            assert self._process is not None
            assert self._process.poll() is None, f"{self.name} ended: {self.said}"
            assert time.monotonic() < until, f"{self.name} did not start: {self.said}"
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL: nothing is written any more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that takes too long."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
        self._process = None

    def fill_disk(self) -> None:
        """No file may grow any more, as on a full disk; returns when the process has given up."""
        assert self._process is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (1, 1))
        self._process.wait(START_SECONDS_MAX)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for a while: connections stay open and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


class Brokers:
    """Some Kafka nodes (each broker and controller) that are one cluster."""

    def __init__(
        self,
        directory: Path,
        count: int = 1,
        settings: dict[str, str] | None = None,
        client: dict[str, str] | None = None,
    ) -> None:
        """Format the storage of every node; nothing runs yet.

        ``settings`` go beside the nodes' own, or instead of them; ``client``: what else a client is told.
        """
        demand(kafka_jars())
        self._client = client or {}
        self.directory = directory
        ports = free_ports(2 * count)
        self.ports, controllers = ports[:count], ports[count:]
        voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, 1))
        # with a letter first: a hyphen would be taken for an option
        identity = "K" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        (directory / "log4j2.properties").write_text(_LOG4J)
        self.nodes: list[Server] = []
        for node, (port, controller) in enumerate(zip(self.ports, controllers, strict=True), 1):
            told = _node_settings(directory / f"node{node}", node, port, controller, voters, count)
            path = directory / f"node{node}.properties"
            path.write_text("".join(f"{name}={value}\n" for name, value in (told | (settings or {})).items()))
            self._format(path, identity)
            self.nodes.append(
                Server(
                    f"node{node}",
                    directory,
                    ["-Xmx512m", *self._java("kafka.Kafka"), str(path)],
                )
            )

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def start(self) -> None:
        """Start every node that does not run, and wait until all of them are members."""
        for node in self.nodes:
            if not node.runs:
                node.launch()
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, **self._client})

        def ready() -> bool:
            try:
                return len(admin.list_topics(timeout=ASK_SECONDS).brokers) == len(self.nodes)
            except KafkaException:
                return False

        self.nodes[-1].wait_for(ready)

    def stop(self) -> None:
        # a cluster that is to go away has nothing to hand over
        for node in self.nodes:
            node.kill()

    def _java(self, program: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}"
        return [log4j, "-cp", f"{kafka_jars()}/*", program]

    def _format(self, path: Path, identity: str) -> None:
        subprocess.run(
            [
                "java",
                *_JAVA,
                *self._java("kafka.tools.StorageTool"),
                "format",
                "-t",
                identity,
                "-c",
                str(path),
            ],
            check=True,
            capture_output=True,
            timeout=START_SECONDS_MAX,
        )


def _node_settings(
    data: Path, node: int, port: int, controller: int, voters: str, count: int
) -> dict[str, str]:
    copies = str(min(count, 3))
    in_sync = str(min(count, 2))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": voters,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # quick: few partitions of its own topics, compaction and aborts without waiting
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        # a node that was killed may come back as soon as this is over
        "broker.session.timeout.ms": "1500",
        "broker.heartbeat.interval.ms": "300",
        "log.cleaner.backoff.ms": "500",
        "log.cleaner.dedupe.buffer.size": "16777216",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
    }


class Registry:
    """A schema registry that speaks Confluent's interface and keeps everything in memory."""

    def __init__(self, directory: Path) -> None:
        home = registry_home()
        demand(home)
        (self.port,) = free_ports(1)
        jar = next(home.glob("*-runner.jar"))
        listening = [f"-Dquarkus.http.port={self.port}", "-Dquarkus.http.host=127.0.0.1"]
        self.server = Server("registry", directory, ["-Xmx400m", *listening, "-jar", str(jar)])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def start(self) -> None:
        def ready() -> bool:
            try:
                with urllib.request.urlopen(f"{self.url}/subjects", timeout=ASK_SECONDS) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        self.server.launch()
        self.server.wait_for(ready)

    def stop(self) -> None:
        self.server.stop()


@contextmanager
def brokers(
    count: int = 1, settings: dict[str, str] | None = None, client: dict[str, str] | None = None
) -> Iterator[Brokers]:
    """A cluster of one's own, for tests that kill it."""
    with tempfile.TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True) as directory:
        found = Brokers(Path(directory), count, settings, client)
        try:
            found.start()
            yield found
        finally:
            found.stop()


@cache
def bootstrap() -> str:
    """The address of the one broker that all tests of this run share; it ends with the process."""
    if named := os.environ.get(BOOTSTRAP_VARIABLE):
        return named
    started = brokers()
    address = started.__enter__().bootstrap
    atexit.register(started.__exit__, None, None, None)
    return address


@contextmanager
def one_registry() -> Iterator[Registry]:
    """A registry of one's own, for tests that end or freeze it."""
    with tempfile.TemporaryDirectory(prefix="registry-", ignore_cleanup_errors=True) as directory:
        found = Registry(Path(directory))
        found.start()
        try:
            yield found
        finally:
            found.stop()


@cache
def registry() -> str:
    """The address of the one registry that all tests of this run share; it ends with the process."""
    if named := os.environ.get(REGISTRY_VARIABLE):
        return named
    started = one_registry()
    address = started.__enter__().url
    atexit.register(started.__exit__, None, None, None)
    return address
