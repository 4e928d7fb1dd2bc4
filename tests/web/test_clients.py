"""Real clients over HTTP: clickhouse-connect, and clickhouse-go, which Grafana's data source is made of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.web.conftest import TOKEN, Endpoint

GO_SECONDS_MAX = 600
GO_SOURCE = Path(__file__).with_name("clickhouse_go")

#: a value of every kind of column, with the cases in which its bytes are laid out differently
KINDS = """
    SELECT -1::Int8 AS i8, -1::Int16 AS i16, -1::Int64 AS i64, -1::Int128 AS i128, 1::UInt256 AS u256,
    1.5::Float32 AS f32, 1.5 AS f64, 1.23::Decimal(9, 2) AS d9, 1.23::Decimal(18, 3) AS d18,
    1.23::Decimal(38, 4) AS d38, 1.23::Decimal(76, 5) AS d76, true AS b, 'text' AS s,
    repeat('long', 100) AS long,
    'ab'::FixedString(2) AS fixed, toDate('2024-01-02') AS d, toDate32('1960-01-02') AS d32,
    toDateTime('2024-01-02 03:04:05', 'UTC') AS t,
    toDateTime64('2024-01-02 03:04:05.678901', 6, 'UTC') AS t64,
    toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS uuid, toIPv4('1.2.3.4') AS ip4, toIPv6('::1') AS ip6,
    'a'::Enum8('a' = 1, 'b,)(' = 2) AS e8, 'x'::Enum16('x' = 300) AS e16, NULL AS nothing,
    1::Nullable(Int32) AS some, NULL::Nullable(String) AS none,
    'x'::LowCardinality(String) AS low, NULL::LowCardinality(Nullable(String)) AS low_none,
    [1, 2] AS a, []::Array(String) AS empty, [[1, 2], [], [3]] AS nested,
    ['x', 'y']::Array(LowCardinality(String)) AS lows,
    []::Array(LowCardinality(String)) AS no_lows,
    ['a', NULL]::Array(LowCardinality(Nullable(String))) AS some_lows,
    (1, 'a') AS tuple, (1, 'b')::Tuple(x Int8, `y, z` LowCardinality(String)) AS named,
    map('a', 1) AS m, map('a'::LowCardinality(String), ['x']) AS m_low,
    [(1, 'a')]::Nested(p Int8, q String) AS n,
    [(1, NULL)]::Array(Tuple(Int8, Nullable(DateTime64(6, 'UTC')))) AS deep, (1.5, 2.5)::Point AS point
"""


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    yield from connected(endpoint, compress=False)


def connected(endpoint: Endpoint, compress: bool | str) -> Iterator[Client]:
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=endpoint.port,
        username="anybody",
        password=TOKEN,
        database=endpoint.database,
        compress=compress,
        tz_mode="aware",
        autogenerate_session_id=False,
    )
    try:
        yield client
    finally:
        client.close()


def tables(endpoint: Endpoint) -> list[str]:
    found = [name for (name,) in endpoint.answers.rows("SHOW TABLES")]
    assert len(found) > 40
    return [name for name in found if name != "events_finding_reported"]


def test_every_table_and_view_reads_as_in_the_process(endpoint: Endpoint, client: Client) -> None:
    for table in tables(endpoint):
        if table in ("events", "event_counts", "silent_sources"):
            continue  # rows of it are hidden from this role
        statement = f"SELECT * FROM {table} ORDER BY ALL"
        there = client.query(statement)
        here = endpoint.store.query(statement)
        assert [tuple(row) for row in there.result_rows] == here.rows
        # also where there are no rows
        assert [kind.name for kind in there.column_types] == here.types
        assert list(there.column_names) == here.columns


@pytest.mark.parametrize("compress", [True, "gzip", "lz4", "zstd"])
def test_every_kind_of_column(endpoint: Endpoint, compress: bool | str) -> None:
    statement = f"{KINDS} UNION ALL {KINDS}"
    for client in connected(endpoint, compress):
        there = client.query(statement)
        assert [tuple(row) for row in there.result_rows] == endpoint.store.query(statement).rows
        many = client.query("SELECT number, toString(number)::LowCardinality(String) FROM numbers(300000)")
        assert many.result_rows[-1] == (299999, "299999")


def test_parameters_streams_and_commands(client: Client) -> None:
    for text in ("a'b", "a\\b", "tab\tline\n", "\\n", "'; drop table changes; --", "é\u2028"):
        assert client.query("SELECT {x:String}", parameters={"x": text}).result_rows == [(text,)]
    assert client.query("SELECT {x:Array(String)}", parameters={"x": ["a'b", "c"]}).result_rows == [
        (["a'b", "c"],)
    ]
    with client.query_row_block_stream("SELECT number FROM numbers(100000)") as blocks:
        assert sum(len(block) for block in blocks) == 100_000
    assert client.command("SELECT 5") == 5
    assert client.ping()
    assert client.query_arrow("SELECT 1 AS x").to_pydict() == {"x": [1]}
    wish = {"max_execution_time": 10_000}
    assert client.query("SELECT 1", settings=wish).result_rows == [(1,)]


def test_errors_come_through(endpoint: Endpoint, client: Client) -> None:
    for statement, code in (("SELECT nothing", 47), ("SELECT * FROM file('x')", 497)):
        with pytest.raises(DatabaseError) as caught:
            client.query(statement)
        assert caught.value.code == code
    with pytest.raises(DatabaseError, match="only statements that read"):
        client.command("DROP TABLE changes")
    with pytest.raises(DatabaseError, match="Authentication failed"):
        clickhouse_connect.get_client(host="127.0.0.1", port=endpoint.port, username="a", password="wrong")


@pytest.fixture(scope="module")
def go_program() -> str:
    """The small Go program, built where Go keeps what it builds: outside this tree."""
    if shutil.which("go") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Go here, and CI has to have it")
        pytest.skip("there is no Go here: clickhouse-go is tested where it is")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aftermerge-tests"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / "clickhouse_go"
    # -mod=readonly: nothing but what go.sum names
    built = subprocess.run(
        ["go", "build", "-mod=readonly", "-o", str(program), "."],
        cwd=GO_SOURCE,
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return str(program)


def go(program: str, endpoint: Endpoint, compression: str, *statements: str) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [program, f"127.0.0.1:{endpoint.port}", endpoint.database, TOKEN, compression, *statements],
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "gzip", "lz4"])
def test_clickhouse_go_reads_every_table_and_view(
    endpoint: Endpoint, go_program: str, compression: str
) -> None:
    names = [name for name in tables(endpoint) if name not in ("events", "event_counts", "silent_sources")]
    answers = go(go_program, endpoint, compression, *(f"SELECT * FROM {name}" for name in names))
    for name, answer in zip(names, answers, strict=True):
        here = endpoint.store.query(f"SELECT * FROM {name}")
        assert (name, answer["error"]) == (name, "")
        assert answer["columns"] == here.columns
        assert answer["types"] == here.types
        assert answer["rows"] == len(here.rows)


@pytest.mark.slow
def test_clickhouse_go_reads_every_kind_of_column_and_sees_errors(
    endpoint: Endpoint, go_program: str
) -> None:
    kinds_in_go = KINDS.replace("`y, z`", "y")
    kinds, many, wrong, refused = go(
        go_program,
        endpoint,
        "gzip",
        # it reads no names with commas
        kinds_in_go,
        "SELECT number, toString(number)::LowCardinality(String) FROM numbers(300000)",
        "SELECT nothing",
        "SELECT * FROM file('x')",
    )
    assert kinds["error"] == ""
    here = endpoint.store.query(kinds_in_go)
    assert kinds["columns"] == here.columns
    assert kinds["first"][here.columns.index("s")] == "text"
    assert kinds["first"][here.columns.index("t64")].startswith("2024-01-02 03:04:05.678901")
    assert (many["rows"], many["last"]) == (300_000, ["299999", "299999"])
    assert "code: 47" in wrong["error"].lower()
    assert "code: 497" in refused["error"].lower()
