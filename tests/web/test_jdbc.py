"""A real client over HTTP: ClickHouse's JDBC driver, which DBeaver uses. Its values are compared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.artifacts import demand, jdbc_jars
from tests.web.conftest import ENDLESS, SECURITY_TOKEN, Endpoint, sockets, wait_until_left
from tests.web.kinds import KINDS, plain

JAVA_SECONDS_MAX = 300
SOURCE = Path(__file__).with_name("clickhouse_jdbc") / "Reader.java"
#: a query is cancelled after so long: in most tests never
QUERY_SECONDS_MAX = 120
#: Java's own zone must not matter; this one is no whole number of hours away and has no summer time
ZONE = "-Duser.timezone=Asia/Kathmandu"
#: the driver's own compression, that of HTTP, and none
COMPRESSIONS = ("compress=true", "compress=true,client.use_http_compression=true", "compress=false")
#: with what the driver tells of it; of some statuses it doesn't unpack the words
WRONG = (
    ("SELECT nothing", 47, "Unknown expression identifier `nothing`"),
    ("SELECT * FROM nowhere", 60, "'nowhere'"),
    ("SELECT * FROM file('x')", 497, "the table function file is not available here. (ACCESS_DENIED)"),
    ("DROP TABLE changes", 164, "only statements that read are answered here"),
    ("SELECT 1,,", 62, "Syntax error"),
)

pytestmark = pytest.mark.slow


def jdbc(
    endpoint: Endpoint, properties: str, *statements: str, seconds: float = QUERY_SECONDS_MAX
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the driver tells of the database, and its answers."""
    demand(jdbc_jars())
    address = f"127.0.0.1:{endpoint.port}"
    told = [address, endpoint.database, SECURITY_TOKEN, properties, str(seconds), *statements]
    ran = subprocess.run(
        ["java", ZONE, "-cp", f"{jdbc_jars()}/*", str(SOURCE), *told],
        capture_output=True,
        text=True,
        timeout=JAVA_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    about, *answers = (json.loads(line) for line in ran.stdout.splitlines())
    return about, answers


def column(listed: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of what is listed."""
    assert listed["error"] == ""
    places = [listed["columns"].index(name) for name in names]
    return [tuple(row[place] for place in places) for row in listed["rows"]]


def test_it_lists_what_there_is(endpoint: Endpoint) -> None:
    about, _ = jdbc(endpoint, "")
    assert (endpoint.database,) in column(about["schemas"], "TABLE_SCHEM")
    assert about["catalogs"]["error"] == ""
    assert ("VIEW",) in column(about["kinds"], "TABLE_TYPE")
    assert ("DateTime64",) in column(about["types"], "TYPE_NAME")
    assert column(about["keys"], "COLUMN_NAME") == [("change",), ("workspace",)]
    assert about["indexes"]["error"] == ""
    engines = endpoint.answers.rows(
        "SELECT name, engine, comment FROM system.tables WHERE database = currentDatabase()"
    )
    tables = column(about["tables"], "TABLE_NAME", "TABLE_TYPE", "REMARKS")
    assert sorted(tables) == sorted(
        (name, "VIEW" if engine == "View" else "TABLE", comment) for name, engine, comment in engines
    )
    columns = endpoint.answers.rows(
        "SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase()"
    )
    found = column(about["columns"], "TABLE_NAME", "COLUMN_NAME", "TYPE_NAME", "REMARKS")
    assert sorted(found) == sorted(map(tuple, columns))


@pytest.mark.parametrize("properties", COMPRESSIONS)
def test_it_reads_every_table_view_and_kind_of_column(endpoint: Endpoint, properties: str) -> None:
    statements = [f"SELECT * FROM {name} ORDER BY ALL" for name in endpoint.tables()]
    many = "SELECT number, toString(number)::LowCardinality(String) FROM numbers(300000) ORDER BY number"
    _, (kinds, numbers, *answers) = jdbc(endpoint, properties, KINDS, many, *statements)
    for statement, answer in zip(statements, answers, strict=True):
        here = endpoint.store.query(statement)
        assert (statement, answer["error"]) == (statement, "")
        assert answer["columns"] == here.columns
        assert answer["types"] == here.types
        assert answer["rows"] == plain(here.rows), statement
    here = endpoint.store.query(KINDS)
    # it reads tuples, and leaves the names of their elements away
    unnamed = {"named": [1, "b"], "n": [[1, "a"]]}
    assert kinds["error"] == ""
    for name, value, there in zip(here.columns, here.rows[0], kinds["rows"][0], strict=True):
        assert (name, there) == (name, unnamed.get(name, plain(value)))
    assert (len(numbers["rows"]), numbers["rows"][-1]) == (300_000, [299999, "299999"])


@pytest.mark.parametrize("properties", COMPRESSIONS)
def test_it_sees_errors_and_cancels(endpoint: Endpoint, properties: str) -> None:
    before = sockets()
    statements = [statement for statement, _, _ in WRONG] + [ENDLESS, "SELECT 7"] * 2
    _, answers = jdbc(endpoint, properties, *statements, seconds=2)
    assert [answer["cancelling"] for answer in answers] == [[]] * len(statements)
    wrong, rest = answers[: len(WRONG)], answers[len(WRONG) :]
    for (statement, code, said), answer in zip(WRONG, wrong, strict=True):
        assert (statement, answer["code"]) == (statement, code)
        assert said in answer["error"]
    # there is one place: each question is answered only because the one before it left its own
    for stopped, next_one in zip(rest[::2], rest[1::2], strict=True):
        assert (stopped["code"], "Query was cancelled" in stopped["error"]) == (394, True)
        assert (next_one["error"], next_one["rows"]) == ("", [[7]])
    assert endpoint.computing() == 0
    wait_until_left(before)
