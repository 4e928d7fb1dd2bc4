"""Statements as a cluster of servers runs them: on every replica, into tables that replicate themselves.

One shard, as many replicas as you like. The files of ``sql/`` are written for one server; only these
few forms stand there, and whatever else would change something is refused.
"""

from __future__ import annotations

import re

from clickhouse_connect.driver.binding import quote_identifier

from pipeline.store.errors import ClusterRefused

#: where a table keeps what its replicas agree on, by the table's own identifier: a table that is dropped and
#: made anew has nothing to do with the former one
REPLICA_PATH = "/clickhouse/tables/{uuid}/{shard}"
REPLICA_NAME = "{replica}"

_NAME = r"(?:`[^`]+`|\w+)(?:\.(?:`[^`]+`|\w+))?"
#: `ON CLUSTER` stands behind the name ...
_NAMED = re.compile(
    r"(?:CREATE DATABASE IF NOT EXISTS|DROP DATABASE IF EXISTS|CREATE TABLE IF NOT EXISTS|ALTER TABLE"
    rf"|CREATE OR REPLACE VIEW|DROP VIEW IF EXISTS) {_NAME}(?![\w.`])"
)
#: ... before the name ...
_SYSTEM = re.compile(r"SYSTEM SYNC REPLICA(?= )")
#: ... or nowhere: one replica does it, and the others learn it from their log
_REPLICATED_BY_ITSELF = re.compile(rf"(?:OPTIMIZE|TRUNCATE) TABLE {_NAME}(?: FINAL| SYNC)?\Z")

_ENGINE = re.compile(r"^ENGINE = (\w+)(?:\((.*)\))?$", re.MULTILINE)


def on_cluster(statement: str, cluster: str, database: str) -> str:
    """The statement for all replicas of ``cluster``; ``database`` is where its tables are.

    Raises ``ClusterRefused`` for a statement of which it isn't known how a cluster runs it.
    """
    where = f"ON CLUSTER {quote_identifier(cluster)}"
    if _REPLICATED_BY_ITSELF.fullmatch(statement):
        return statement
    if match := _SYSTEM.match(statement):
        return f"{match[0]} {where}{statement[match.end() :]}"
    if (match := _NAMED.match(statement)) is None:
        raise ClusterRefused(f"nobody told how a cluster runs this statement: {statement.splitlines()[0]}")
    rest = statement[match.end() :]
    if statement.startswith("CREATE TABLE"):
        rest = _replicated(rest, database)
    return f"{match[0]} {where}{rest}"


def _replicated(rest: str, database: str) -> str:
    """What follows a table's name in the statement that makes it, with an engine that replicates."""
    found = list(_ENGINE.finditer(rest))
    if len(found) != 1:
        raise ClusterRefused(
            f"a statement that makes a table names {len(found)} engines on lines of their own"
        )
    (match,) = found
    engine, arguments = match[1], match[2] or ""
    if engine == "Merge":
        # each replica would ask for its own current database
        replaced = arguments.replace("currentDatabase()", _literal(database))
    elif engine.endswith("MergeTree"):
        engine = f"Replicated{engine}"
        replaced = ", ".join(filter(None, (_literal(REPLICA_PATH), _literal(REPLICA_NAME), arguments)))
    else:
        raise ClusterRefused(f"nobody told how a cluster keeps a table of the engine {engine}")
    return f"{rest[: match.start()]}ENGINE = {engine}({replaced}){rest[match.end() :]}"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
