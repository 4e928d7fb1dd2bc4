"""A real client over HTTP: clickhouse-connect, with every compression; and what all clients are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.web.conftest import SECURITY_TOKEN, TOKEN, Endpoint
from tests.web.kinds import KINDS


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    yield from connected(endpoint, compress=False)


def connected(endpoint: Endpoint, compress: bool | str, token: str = TOKEN) -> Iterator[Client]:
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=endpoint.port,
        username="anybody",
        password=token,
        database=endpoint.database,
        compress=compress,
        tz_mode="aware",
        autogenerate_session_id=False,
    )
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("compress", [False, "gzip"])
def test_every_table_and_view_reads_as_in_the_process(endpoint: Endpoint, compress: bool | str) -> None:
    for client in connected(endpoint, compress, SECURITY_TOKEN):
        for table in endpoint.tables():
            statement = f"SELECT * FROM {table} ORDER BY ALL"
            there = client.query(statement)
            here = endpoint.store.query(statement)
            assert [tuple(row) for row in there.result_rows] == here.rows
            # also where there are no rows
            assert [kind.name for kind in there.column_types] == here.types
            assert list(there.column_names) == here.columns


def test_every_view_has_rows_to_compare(endpoint: Endpoint) -> None:
    listed = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
    views = [name for (name,) in endpoint.answers.rows(listed)]
    assert {"event_counts", "silent_sources", "which_change_broke_it"} <= set(views)
    for view in ("events", *views):
        assert endpoint.store.query(f"SELECT * FROM {view} LIMIT 1").rows, view


def test_clients_are_tested_with_a_value_of_every_type_that_tables_and_views_have(endpoint: Endpoint) -> None:
    """Every client is asked for ``KINDS``, and its values are compared."""
    listed = "SELECT DISTINCT type FROM system.columns WHERE database = currentDatabase()"
    used = {kind for (kind,) in endpoint.answers.rows(listed)}
    shown = {row[1] for row in endpoint.answers.rows(f"DESCRIBE TABLE ({KINDS})")}
    assert len(used) > 10
    assert used - shown == set(), "give KINDS a value of this type"


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
