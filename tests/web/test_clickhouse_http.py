"""The interface as curl sees it: where a question stands, formats, headers, errors, limits, leaving early."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from contextlib import closing

import lz4.frame  # type: ignore[import-untyped]
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.answering import quoted
from pipeline.web import blocks, clickhouse_http, encodings
from tests.web.conftest import ENDLESS, TOKEN, Endpoint


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


def test_a_question_stands_in_the_address_or_in_the_body(endpoint: Endpoint) -> None:
    assert endpoint.ask(query="select 1").body == b"1\n"
    assert endpoint.ask(query="select 2", method="GET").body == b"2\n"
    assert endpoint.ask("select 3").body == b"3\n"
    assert endpoint.ask("from (select 4 as a)", query="select a").body == b"4\n"
    assert endpoint.ask(query="select {n:UInt8} + 1", param_n=4).body == b"5\n"
    assert endpoint.ask("select {t:String}", param_t="it''s \\' \\\\ ;").body == b"it\\'\\'s \\' \\\\ ;\n"
    assert endpoint.ask(query="select 1", method="HEAD").body == b""
    assert endpoint.ask("").code == 62


def test_signs_of_life(endpoint: Endpoint) -> None:
    for path in ("/ping", "/replicas_status"):
        for method in ("GET", "HEAD"):
            got = endpoint.ask(path=path, method=method, password="")
            assert (got.status, got.body) == (200, b"Ok.\n" if method == "GET" else b"")
    assert endpoint.ask(method="GET").body == b"Ok.\n"
    assert endpoint.ask("select 1", method="PUT").status == 405


def test_the_password_is_a_token_wherever_it_stands(endpoint: Endpoint) -> None:
    for headers in (
        basic("a token"),
        {"X-ClickHouse-User": "anybody", "X-ClickHouse-Key": "a token"},
        {"Authorization": "Bearer a token"},
    ):
        assert endpoint.ask("select 1", password="", headers=headers).body == b"1\n"
    for headers in ({}, basic("wrong"), {"Authorization": "Basic !"}, {"X-ClickHouse-Key": "wrong"}):
        got = endpoint.ask("select 1", password="", headers=headers)
        assert (got.status, got.code) == (401, 516)
        assert got.headers["www-authenticate"].startswith("Basic")
        assert b"wrong" not in got.body


@pytest.mark.parametrize(
    ("format_", "body", "kind"),
    [
        ("TabSeparated", b"1\ta\n", "text/tab-separated-values"),
        ("CSVWithNames", b'"n","s"\n1,"a"\n', "text/csv"),
        ("JSONEachRow", b'{"n":1,"s":"a"}\n', "text/plain"),
        ("RowBinary", b"\x01\x01a", "application/octet-stream"),
        ("Native", b"\x02\x01\x01n\x05UInt8\x01\x01s\x06String\x01a", "application/octet-stream"),
        ("Values", b"(1,'a')", "text/plain"),
    ],
)
def test_formats(endpoint: Endpoint, format_: str, body: bytes, kind: str) -> None:
    statement = "select 1 as n, 'a' as s"
    for got in (
        endpoint.ask(f"{statement} format {format_}"),
        endpoint.ask(statement, default_format=format_),
        endpoint.ask(statement, headers={"X-ClickHouse-Format": format_}),
        endpoint.ask(f"{statement} format {format_}", default_format="XML"),
    ):
        assert (got.status, got.body) == (200, body)
        assert got.headers["x-clickhouse-format"] == format_
        assert got.headers["content-type"].startswith(kind)


def test_headers_of_an_answer(endpoint: Endpoint) -> None:
    got = endpoint.ask("select number from numbers(5) format JSON", query_id="mine")
    assert json.loads(got.body)["rows"] == 5
    assert got.headers["x-clickhouse-query-id"] == "mine"
    assert got.headers["x-clickhouse-server-display-name"] == "aftermerge"
    assert got.headers["x-clickhouse-timezone"]
    summary = json.loads(got.headers["x-clickhouse-summary"])
    assert (summary["result_rows"], summary["read_rows"]) == ("5", "5")
    assert endpoint.ask("select 1", query_id="a\r\nSet-Cookie: b").headers["x-clickhouse-query-id"] != ""
    assert "set-cookie" not in endpoint.ask("select 1", query_id="a\r\nSet-Cookie: b").headers


@pytest.mark.parametrize(
    ("statement", "status", "code", "text"),
    [
        ("select 1,,", 400, 62, "Syntax error"),
        ("select nothing", 400, 47, "Unknown expression identifier"),
        ("select * from nowhere", 404, 60, "nowhere"),
        ("select nofunction(1)", 403, 497, "nofunction"),
        ("select throwIf(1, 'on purpose')", 500, 395, "on purpose"),
        ("select 1 format Nothing", 404, 73, "Nothing"),
        ("drop table changes", 403, 164, "only statements that read"),
        ("select toInt8('x')", 400, 6, "Cannot parse"),
    ],
)
def test_errors_have_a_code_and_one_line(
    endpoint: Endpoint, statement: str, status: int, code: int, text: str
) -> None:
    got = endpoint.ask(statement, query_id="mine")
    assert (got.status, got.code) == (status, code), got.body
    said = got.body.decode()
    assert said.startswith(f"Code: {code}. DB::Exception: ")
    assert text in said
    assert said.count("DB::Exception") == 1
    assert "parseQueryToJSON" not in said
    assert "formatQuery" not in said
    assert got.headers["x-clickhouse-query-id"] == "mine"


def unzstd(body: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
        return bytes(stream.read())


def test_answers_are_compressed_when_asked(endpoint: Endpoint) -> None:
    statement = "select number from numbers(1000)"
    plain = endpoint.ask(statement).body
    unpacked = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "lz4": lz4.frame.decompress,
        "zstd": unzstd,
    }
    for name, unpack in unpacked.items():
        headers = {"Accept-Encoding": f"br;q=1.0, {name}"}
        got = endpoint.ask(statement, enable_http_compression=1, headers=headers)
        assert got.headers["content-encoding"] == name
        assert unpack(got.body) == plain
        assert "content-encoding" not in endpoint.ask(statement, headers=headers).headers
        # JDBC takes it for compressed whatever the headers say
        short = endpoint.ask("select 1", enable_http_compression=1, headers=headers)
        assert unpack(short.body) == b"1\n"
    refused = endpoint.ask(statement, enable_http_compression=1, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert refused.body == plain


def test_errors_are_in_blocks_where_answers_are(endpoint: Endpoint) -> None:
    for statement, password in (
        ("select nothing", TOKEN),
        ("drop table changes", TOKEN),
        ("select 1", "wrong"),
    ):
        plain = endpoint.ask(statement, password=password)
        packed = endpoint.ask(statement, password=password, compress=1)
        assert (packed.status, packed.code) == (plain.status, plain.code)
        assert packed.status >= 400
        assert packed.body == blocks.readable(plain.body)
        assert plain.body in packed.body


def test_questions_may_be_compressed_and_are_unpacked_to_a_limit(endpoint: Endpoint) -> None:
    packed = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "lz4": lz4.frame.compress,
        "zstd": lambda body: pa.Codec("zstd").compress(body, asbytes=True),
    }
    bomb = b"select 1 --" + b" " * (encodings.REQUEST_BYTES_MAX + 1)
    for name, pack in packed.items():
        headers = {"Content-Encoding": name}
        assert endpoint.ask(body=pack(b"select 1"), headers=headers).body == b"1\n"
        assert endpoint.ask(body=pack(bomb), headers=headers).status == 413
        assert endpoint.ask(body=b"no such thing", headers=headers).code == 36
        assert endpoint.ask(body=pack(b"select 1")[:-3], headers=headers).code == 36
        assert endpoint.ask(body=b"", headers=headers).code == 36
    assert endpoint.ask(body=gzip.compress(b"select 1")[:-9], headers={"Content-Encoding": "gzip"}).code == 36
    assert endpoint.ask(body=b"select 1", headers={"Content-Encoding": "br"}).code == 36
    assert endpoint.ask(body=bomb).status == 413
    assert endpoint.ask(body=b"select '\xff'").code == 36


def test_an_answer_ends_at_its_limits(endpoint: Endpoint) -> None:
    assert endpoint.ask(ENDLESS, max_execution_time=1).code == 159
    assert endpoint.ask("select number from numbers(100)", max_result_rows=10).code == 396
    assert endpoint.ask("select number from numbers(2000000)").code == 396
    assert endpoint.ask("select repeat('x', 1000000) from numbers(1000)").code in (241, 396)
    assert endpoint.ask("select length(groupArray(number)) from numbers(1e9)").code == 241
    assert (
        endpoint.ask(f"select number as {'x' * 20_000} from numbers(900000) format JSONEachRow").code == 241
    )
    assert endpoint.ask("select 1").body == b"1\n"


def test_who_leaves_frees_the_place(endpoint: Endpoint) -> None:
    connection = endpoint.connection()
    with closing(connection):
        connection.request("POST", "/?password=a%20token", ENDLESS.encode())
        endpoint.wait_for(1)
    endpoint.wait_for(0)
    assert endpoint.ask("select 1").body == b"1\n"


def test_a_full_endpoint_says_so(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(endpoint.connection()) as first:
        first.request("POST", "/?password=a%20token", ENDLESS.encode())
        endpoint.wait_for(1)
        monkeypatch.setattr(clickhouse_http, "WAIT_SECONDS_MAX", 0.05)
        waited = endpoint.ask("select 1")
        monkeypatch.setattr(clickhouse_http, "WAITING_QUERIES_MAX", 0)
        turned_away = endpoint.ask("select 1")
    endpoint.wait_for(0)
    for got in (waited, turned_away):
        assert (got.status, got.code) == (503, 202)
        assert got.headers["retry-after"] == "1"


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_a_text_stays_the_text_that_it_is(endpoint: Endpoint, text: str) -> None:
    ((read,),) = endpoint.answers.rows(f"SELECT {quoted(text)}")
    assert read == text
    # what is checked says the same as what was asked, also when it is checked again
    statement = endpoint.answers.canonical(f"select {quoted(text)}")
    assert endpoint.answers.canonical(statement) == statement
    ((again,),) = endpoint.answers.rows(statement)
    assert again == text
