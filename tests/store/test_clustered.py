"""What a cluster of servers is told: every shipped statement, on every replica, into replicated tables.

No cluster runs here. The text is compared with `clustered.golden.sql`, read by the engine's own parser, and
sent to a server that notes it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.store import ClusterRefused, Store
from pipeline.store.beside import Beside
from pipeline.store.clustered import on_cluster
from pipeline.store.migrations import STATUS_TABLE, read_migrations, read_views
from tests.store.failing import Failing, serving

CLUSTER, DATABASE = "replicas", "on_replicas"
GOLDEN = Path(__file__).with_name("clustered.golden.sql")

ON_CLUSTER = re.compile(r" ON CLUSTER `replicas`")
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
#: what changes what others see
CHANGES = re.compile(r"(?:CREATE|ALTER|DROP|EXCHANGE|RENAME|TRUNCATE|OPTIMIZE|SYSTEM)\b")
#: what replicas learn from each other
LEARNT = re.compile(r"(?:TRUNCATE|OPTIMIZE) TABLE ")


def shipped() -> list[str]:
    migrations = read_migrations(resources.sql() / "migrations")
    views = read_views(resources.sql() / "views")
    return [
        STATUS_TABLE.strip(),
        *(statement for migration in migrations for statement in migration.statements),
        *(view.statement for view in views),
    ]


OURS = {
    "CREATE DATABASE IF NOT EXISTS `a b` ENGINE = Atomic COMMENT 'x'": (
        "CREATE DATABASE IF NOT EXISTS `a b` ON CLUSTER `replicas` ENGINE = Atomic COMMENT 'x'"
    ),
    "DROP DATABASE IF EXISTS `a b` SYNC": "DROP DATABASE IF EXISTS `a b` ON CLUSTER `replicas` SYNC",
    "DROP VIEW IF EXISTS `v`": "DROP VIEW IF EXISTS `v` ON CLUSTER `replicas`",
    "ALTER TABLE `t` MODIFY SETTING a = 1": "ALTER TABLE `t` ON CLUSTER `replicas` MODIFY SETTING a = 1",
    "SYSTEM SYNC REPLICA `a`.`t`": "SYSTEM SYNC REPLICA ON CLUSTER `replicas` `a`.`t`",
    "OPTIMIZE TABLE `t` FINAL": "OPTIMIZE TABLE `t` FINAL",
    "TRUNCATE TABLE dead_letters SYNC": "TRUNCATE TABLE dead_letters SYNC",
}


@pytest.mark.parametrize("statement", OURS)
def test_statements_of_our_own(statement: str, without_rows: Store) -> None:
    told = on_cluster(statement, CLUSTER, DATABASE)
    assert told == OURS[statement]
    without_rows.query("SELECT formatQuery({q:String})", {"q": told})


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a Int8) ENGINE = Memory",  # not repeatable
        "CREATE TABLE IF NOT EXISTS t (a Int8)\nENGINE = Memory",
        "CREATE TABLE IF NOT EXISTS t (a Int8) ENGINE = MergeTree ORDER BY a",  # not on a line of its own
        "CREATE MATERIALIZED VIEW v TO t AS SELECT 1",
        "RENAME TABLE a TO b",
        "DROP TABLE IF EXISTS t",
        "INSERT INTO t SELECT 1",
        "TRUNCATE TABLE t; DROP TABLE u",
    ],
)
def test_what_nobody_thought_of_is_refused(statement: str) -> None:
    with pytest.raises(ClusterRefused):
        on_cluster(statement, CLUSTER, DATABASE)


def test_every_shipped_statement_is_told_as_expected() -> None:
    """Only the lines that differ, in the order of the statements."""
    lines = []
    for statement in shipped():
        told = on_cluster(statement, CLUSTER, DATABASE)
        before, after = statement.splitlines(), told.splitlines()
        assert len(before) == len(after)
        lines += [new for old, new in zip(before, after, strict=True) if old != new]
    expected = GOLDEN.read_text(encoding="utf-8").splitlines()
    assert "\n".join(difflib.unified_diff(expected, lines, "golden", "now", lineterm="")) == ""


def test_nothing_else_of_a_statement_changes() -> None:
    for statement in shipped():
        told = on_cluster(statement, CLUSTER, DATABASE)
        assert len(ON_CLUSTER.findall(told)) == 1
        back = REPLICATED.sub(r"\1(", ON_CLUSTER.sub("", told))
        back = back.replace(f"Merge('{DATABASE}'", "Merge(currentDatabase()")
        assert back == statement


def test_the_engine_reads_every_statement(without_rows: Store) -> None:
    for statement in shipped():
        told = on_cluster(statement, CLUSTER, DATABASE)
        ((formatted,),) = without_rows.query("SELECT formatQuery({q:String})", {"q": told}).rows
        assert f"ON CLUSTER {CLUSTER}" in str(formatted).splitlines()[0]
        if statement.startswith("CREATE TABLE"):
            assert re.search(r"^ENGINE = (?:Replicated\w*MergeTree|Merge)\(", str(formatted), re.MULTILINE)


class Noting(Failing):
    """Notes what a cluster is told, and does for one server what is left of it."""

    def __init__(self, place: str, port: int = 0) -> None:
        self.told: list[str] = []
        self.shards = 1
        super().__init__(place, port)

    def answer(self, statement: str, body: bytes, parameters: dict[str, str], database: str) -> bytes:
        text = statement or body.decode(errors="replace")
        if CHANGES.match(text):
            self.told.append(text)
            text = REPLICATED.sub(r"\1(", ON_CLUSTER.sub("", text))
            statement, body = ("SELECT 1" if text.startswith("SYSTEM") else text), b""
        elif "system.clusters" in text:
            known = f"(SELECT 'replicas' AS cluster, arrayJoin(range({self.shards})) AS shard_num)"
            statement, body = text.replace("system.clusters", known), b""
        return super().answer(statement, body, parameters, database)


@pytest.fixture
def noting(dsn: str) -> Iterator[Noting]:
    with serving(Noting, dsn) as server:
        yield server
        server.engine.query(f"DROP DATABASE IF EXISTS `{DATABASE}` SYNC")


def test_everything_that_is_changed_is_changed_on_the_whole_cluster(noting: Noting) -> None:
    with closing(Store.open(noting.dsn, DATABASE, CLUSTER)) as store:
        assert store.migrate()
        store.insert_facts("services", "acme", 1, [], [("api",)])
        store.settle(["services"])
        with closing(Beside(store)) as beside:
            assert all(difference.rows_live == 0 for difference in beside.compare())
            beside.drop()
    alone = [text for text in noting.told if " ON CLUSTER `replicas`" not in text]
    assert [text for text in alone if not LEARNT.match(text)] == []
    heads = {" ".join(text.split()[:2]) for text in noting.told}
    assert {
        "CREATE DATABASE", "CREATE TABLE", "CREATE OR", "ALTER TABLE", "SYSTEM SYNC", "DROP DATABASE",
    } <= heads  # fmt: skip
    # replicated tables know repeated inserts by themselves
    assert not any("deduplication_window" in text for text in noting.told)


def test_a_cluster_that_the_server_does_not_know(noting: Noting) -> None:
    with pytest.raises(ClusterRefused, match=r"knows no cluster 'other' \(it knows: replicas\)"):
        Store.open(noting.dsn, DATABASE, "other")
    assert noting.told == []


def test_a_cluster_of_two_shards(noting: Noting) -> None:
    noting.shards = 2
    with pytest.raises(ClusterRefused, match="has 2 shards: every replica has to hold all rows"):
        Store.open(noting.dsn, DATABASE, CLUSTER)
    assert noting.told == []


def test_tables_of_one_server_do_not_become_those_of_a_cluster(noting: Noting) -> None:
    with closing(Store.open(noting.dsn, DATABASE)) as alone:
        alone.migrate()
    noting.told.clear()
    with (
        closing(Store.open(noting.dsn, DATABASE, CLUSTER)) as store,
        pytest.raises(ClusterRefused, match=r"made for one server \(artifacts, .*name another database"),
    ):
        store.migrate()
    assert noting.told == []


def test_the_embedded_store_is_on_no_cluster(dsn: str) -> None:
    with pytest.raises(ClusterRefused, match="is on no cluster"):
        Store.open(dsn, DATABASE, CLUSTER)
