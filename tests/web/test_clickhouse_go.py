"""A real client over HTTP: clickhouse-go, which Grafana's data source is made of. Its values are compared."""

from __future__ import annotations

from typing import Any

import pytest

from grafana import statements as grafana_statements
from pipeline.panels import DASHBOARDS
from tests.grafana.sent import ALL, sent
from tests.web import go_client
from tests.web.conftest import ENDLESS, SECURITY_TOKEN, Endpoint, sockets, wait_until_left
from tests.web.go_client import QUERY_SECONDS_MAX
from tests.web.kinds import KINDS, plain

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def go_program() -> str:
    return go_client.built()


def go(
    program: str, endpoint: Endpoint, compression: str, *statements: str, seconds: float = QUERY_SECONDS_MAX
) -> list[dict[str, Any]]:
    return go_client.read(
        program,
        f"127.0.0.1:{endpoint.port}",
        statements,
        database=endpoint.database,
        token=SECURITY_TOKEN,
        compression=compression,
        seconds=seconds,
    )


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4"])
def test_it_reads_every_table_and_view_as_in_the_process(
    endpoint: Endpoint, go_program: str, compression: str
) -> None:
    statements = [f"SELECT * FROM {name} ORDER BY ALL" for name in endpoint.tables()]
    answers = go(go_program, endpoint, compression, *statements)
    for statement, answer in zip(statements, answers, strict=True):
        here = endpoint.store.query(statement)
        assert (statement, answer["error"]) == (statement, "")
        assert answer["columns"] == here.columns
        assert answer["types"] == here.types
        assert answer["count"] == len(here.rows)
        assert (answer["rows"] or []) == plain(here.rows), statement


def test_it_reads_what_every_panel_asks(endpoint: Endpoint, go_program: str) -> None:
    begin, end = 1_700_000_000, 1_706_000_000
    chosen = {"workspace": "acme", "deployment": "d2", "since": begin, "until": end}
    statements = []
    for told in DASHBOARDS:
        everything: dict[str, object] = {choice.name: ALL for choice in told.choices}
        statements += [
            sent(grafana_statements.statement(panel.sql), everything | chosen, begin, end)
            for panel in told.panels
        ]
    answers = go(go_program, endpoint, "lz4", *statements)
    assert len(answers) == len(statements)
    for asked, answer in zip(statements, answers, strict=True):
        here = endpoint.store.query(asked)
        assert (asked, answer["error"]) == (asked, "")
        assert (answer["columns"], answer["types"]) == (here.columns, here.types)
        assert (answer["rows"] or []) == plain(here.rows), asked


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4"])
def test_it_reads_every_kind_of_column_and_sees_errors(
    endpoint: Endpoint, go_program: str, compression: str
) -> None:
    # it reads no names with commas
    kinds_in_go = KINDS.replace("`y, z`", "y")
    kinds, many, wrong, refused = go(
        go_program,
        endpoint,
        compression,
        f"{kinds_in_go} UNION ALL {kinds_in_go}",
        "SELECT number, toString(number)::LowCardinality(String) FROM numbers(300000)",
        "SELECT nothing",
        "SELECT * FROM file('x')",
    )
    assert kinds["error"] == ""
    here = endpoint.store.query(kinds_in_go)
    for row in kinds["rows"]:
        for name, value, there in zip(here.columns, here.rows[0], row, strict=True):
            assert (name, there) == (name, plain(value))
    assert kinds["count"] == 2
    assert (many["count"], many["last"]) == (300_000, [299999, "299999"])
    assert "code: 47" in wrong["error"].lower()
    assert "code: 497" in refused["error"].lower()


def test_what_it_cancels_is_stopped(endpoint: Endpoint, go_program: str) -> None:
    before = sockets()
    # there is one place: each question is answered only because the one before it left its own
    answers = go(go_program, endpoint, "gzip", *[ENDLESS, "SELECT 7"] * 3, seconds=2)
    for cancelled, next_one in zip(answers[::2], answers[1::2], strict=True):
        assert "context canceled" in cancelled["error"]
        assert (next_one["error"], next_one["rows"]) == ("", [[7]])
    assert endpoint.computing() == 0
    wait_until_left(before)
