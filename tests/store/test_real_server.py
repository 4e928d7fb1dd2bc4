"""What only a ClickHouse server can show: its memory of inserts, users, a cluster with its keeper.

Runs where a Docker engine answers, with the image of ``docker-compose.yml``, or against the server named by
``TEST_CLICKHOUSE_DSN`` (a DSN whose user may do everything; with a cluster called ``replicas``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
import yaml

from pipeline.store import Patience, Store, StoreUnavailable
from pipeline.store.beside import Beside
from tests.live.process import ROOT, eventually
from tests.ports import free_ports
from tests.store.rows import MONDAY, batch, event

NAMED = "TEST_CLICKHOUSE_DSN"
DOCKER_SECONDS_MAX = 300
START_SECONDS_MAX = 120
PASSWORD = "for-tests-only"

#: a cluster of one replica, and its keeper in the same process
CONFIG = """<clickhouse>
  <keeper_server>
    <tcp_port>9181</tcp_port><server_id>1</server_id>
    <log_storage_path>/var/lib/clickhouse/coordination/log</log_storage_path>
    <snapshot_storage_path>/var/lib/clickhouse/coordination/snapshots</snapshot_storage_path>
    <raft_configuration><server><id>1</id><hostname>localhost</hostname><port>9234</port></server></raft_configuration>
  </keeper_server>
  <zookeeper><node><host>localhost</host><port>9181</port></node></zookeeper>
  <macros><shard>1</shard><replica>one</replica></macros>
  <remote_servers><replicas><shard><internal_replication>true</internal_replication>
    <replica><host>localhost</host><port>9000</port><user>default</user><password>for-tests-only</password></replica>
  </shard></replicas></remote_servers>
  <distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
</clickhouse>
"""


def docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, timeout=DOCKER_SECONDS_MAX, check=True
    )
    return done.stdout.strip()


def no_engine() -> str:
    """Why no Docker engine can be used; "" when one can."""
    if shutil.which("docker") is None:
        return "the command docker is not there"
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except (subprocess.SubprocessError, OSError):
        return "no Docker engine answers"
    return ""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server."""
    if named := os.environ.get(NAMED):
        yield named
        return
    if why := no_engine():
        pytest.skip(f"{why}, and {NAMED} names no server: its own behaviour is not tested")
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    config = tmp_path_factory.mktemp("clickhouse") / "zz-cluster.xml"
    config.write_text(CONFIG, "utf-8")
    config.chmod(0o644)
    (port,) = free_ports(1)
    container = docker(
        *("run", "--detach", "--rm", "--publish", f"127.0.0.1:{port}:8123"),
        *("--env", f"CLICKHOUSE_PASSWORD={PASSWORD}", "--env", "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT=1"),
        *("--volume", f"{config}:/etc/clickhouse-server/config.d/{config.name}:ro"),
        composed["services"]["clickhouse"]["image"],
    )
    try:
        dsn = f"clickhouse://default:{PASSWORD}@127.0.0.1:{port}"
        eventually(lambda: answers(dsn), "the server does not start", START_SECONDS_MAX)
        yield dsn
    finally:
        docker("rm", "--force", container)


def answers(dsn: str) -> bool:
    with suppress(StoreUnavailable):
        Store.open(dsn, "default").close()
        return True
    return False


@pytest.fixture(params=["", "replicas"], ids=["one server", "a cluster"])
def real(server: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """All tables in a database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    with closing(Store.open(server, name, request.param, patience=Patience(10.0))) as store:
        store.migrate()
        yield store
        store._connection.writer.database = "system"
        store._command(f"DROP DATABASE IF EXISTS {name} SYNC", "tidy up")


def parts(store: Store) -> int:
    """How many inserts into the table of services a server took."""
    asked = (
        "SELECT count() FROM system.parts"
        " WHERE database = currentDatabase() AND table = 'services' AND active AND rows > 0"
    )
    return int(str(store._read(asked, {}).rows[0][0]))


def tick(store: Store) -> None:
    told = batch("clock_ticked", [event("clock_ticked", id="a", time=MONDAY)])
    store.insert_events("clock_ticked", "acme", told)


def test_an_insert_that_is_made_again_counts_once(real: Store) -> None:
    real._connection.writer.command("SYSTEM STOP MERGES services")
    for _ in range(3):
        real.insert_facts("services", "acme", 1, [], [("api",)])
    assert parts(real) == 1
    real.insert_facts("services", "acme", 2, [], [("api",)])
    assert parts(real) == 2


def test_an_emptied_table_takes_the_same_rows_again(real: Store) -> None:
    for _ in range(2):
        real.insert_facts("services", "acme", 1, [], [("api",)])
        assert parts(real) == 1
        real._command("TRUNCATE TABLE services SYNC", "empty it")
        assert parts(real) == 0


def test_tables_are_of_the_expected_kind_and_filled(real: Store) -> None:
    kinds = real.query(
        "SELECT DISTINCT engine FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree'"
    ).rows
    assert kinds == [("ReplicatedReplacingMergeTree" if real._session.cluster else "ReplacingMergeTree",)]
    real.insert_events(
        "clock_ticked", "acme", batch("clock_ticked", [event("clock_ticked", id="a", time=MONDAY)])
    )
    assert real.query("SELECT id, record FROM events").rows == [("a", "clock_ticked")]
    assert real.migrate() == []
    assert real.check() == []


def test_tables_beside_are_compared(real: Store) -> None:
    real.insert_facts("changes", "acme", 1, [], [("acme/api#1",)])
    with closing(Beside(real)) as beside:
        tick(beside.store)
        assert [found.table for found in beside.compare() if not found.same] == ["events_clock_ticked"]
        beside.drop()
    assert real.query("SELECT id FROM events").rows == []


def test_who_may_only_read_and_insert_fills_what_is_there(server: str, real: Store) -> None:
    name = f"sink_{uuid.uuid4().hex[:8]}"
    admin = real._connection.writer
    admin.command(f"CREATE USER {name} IDENTIFIED WITH sha256_password BY '{PASSWORD}'")
    admin.command(f"GRANT SELECT, INSERT ON {real._database}.* TO {name}")
    try:
        place = server.rpartition("@")[2]
        dsn = f"clickhouse://{name}:{PASSWORD}@{place}"
        with closing(Store.open(dsn, real._database, real._session.cluster, create=False)) as sink:
            sink.insert_facts("services", "acme", 1, [], [("api",)])
            with pytest.raises(StoreUnavailable, match="lacks a right"):
                sink._command("TRUNCATE TABLE services SYNC", "empty a table")
        with pytest.raises(StoreUnavailable, match="lacks a right"):
            Store.open(dsn, f"{name}_elsewhere")
    finally:
        admin.command(f"DROP USER {name}")
