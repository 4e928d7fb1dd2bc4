"""Deliveries over HTTP: what is stored, and how each bad one is answered."""

from __future__ import annotations

import base64
import gzip
import hmac
import http.client
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.receive import KeyRing, SourceSecurity
from pipeline.receive.problems import PROBLEM_TYPE
from tests.answers import Answer
from tests.receive.running import (
    ADMIN_TOKEN,
    NEXT_SECRET,
    PAIR,
    SECRET,
    SETTINGS,
    TOKEN,
    VIEWER_TOKEN,
    Running,
    bearer,
    limited,
    running,
    signed,
)

BODY = b'{"zen": "Keep it logically awesome."}'


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as started:
        yield started


def refused(answer: Answer, status: int, said: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM_TYPE)
    assert answer.json["status"] == status
    assert said in answer.json["detail"]


def raw(receiver: Running, sent: bytes, *, seconds: float = 20.0) -> bytes:
    """Send bytes as they are; what is answered before the connection closes or falls silent."""
    with socket.create_connection(("127.0.0.1", receiver.server.port), timeout=seconds) as connection:
        connection.sendall(sent)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := connection.recv(65_536)):
            answer += part
        return answer


def test_a_delivery_is_stored_as_it_came(receiver: Running) -> None:
    before = time.time_ns() // 1_000
    answer = receiver.github(BODY)
    assert (answer.status, answer.json) == (202, {"received": 0})
    (kept,) = receiver.kept()
    assert (kept.workspace, kept.source, kept.body) == ("acme", "github", BODY)
    assert before <= kept.received_at <= time.time_ns() // 1_000
    assert kept.headers == {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    assert receiver.log.read("received", 0, 0, 1)[0].key == b"acme"


@pytest.mark.parametrize("body", [b"", b'{"cut": ', b"\xff\xfe\x00", b"[" * 100_000, bytes(2_000_000)])
def test_what_is_no_json_is_stored_too(receiver: Running, body: bytes) -> None:
    assert receiver.github(body).status == 202
    assert receiver.kept()[0].body == body


def test_every_scheme_over_http(receiver: Running) -> None:
    now = str(int(time.time()))
    signature = hmac.digest(SECRET.encode(), b"m-1." + now.encode() + b"." + BODY, "sha256")
    told = {
        "gitlab": {
            "webhook-id": "m-1",
            "webhook-timestamp": now,
            "webhook-signature": "v1," + base64.b64encode(signature).decode(),
        },
        "pagerduty": {"X-PagerDuty-Signature": f"v1={hmac.digest(SECRET.encode(), BODY, 'sha256').hex()}"},
        "alertmanager": bearer(TOKEN),
        "grafana": {"Authorization": "Basic " + base64.b64encode(PAIR.encode()).decode()},
        "local": {},
    }
    for source, headers in told.items():
        assert receiver.ask(f"/receive/acme/{source}", headers, BODY).status == 202, source
    assert receiver.ask("/receive/acme/gitlab", {"X-Gitlab-Token": SECRET}, BODY).status == 202
    assert [kept.source for kept in receiver.kept()] == [*told, "gitlab"]


def test_both_secrets_of_a_rotation(receiver: Running) -> None:
    assert receiver.github(BODY, SECRET).status == 202
    assert receiver.github(BODY + b" ", NEXT_SECRET).status == 202


@pytest.mark.parametrize(
    ("source", "headers", "said"),
    [
        ("github", {}, "X-Hub-Signature-256 is missing"),
        ("github", signed(BODY, "another secret"), "does not fit"),
        ("github", signed(BODY + b" "), "does not fit"),
        ("gitlab", {"X-Gitlab-Token": "guess"}, "X-Gitlab-Token does not fit"),
        ("alertmanager", bearer("guess"), "does not fit"),
        ("grafana", {"Authorization": "Basic !"}, "no base64"),
        ("unset", signed(BODY), "no secret is set"),
        ("local", {"Origin": "https://evil.example"}, "own machine"),
        ("local", {"Host": "evil.example"}, "own machine"),
        ("local", {"X-Forwarded-For": "203.0.113.9"}, "own machine"),
    ],
)
def test_a_wrong_secret(receiver: Running, source: str, headers: dict[str, str], said: str) -> None:
    answer = receiver.ask(f"/receive/acme/{source}", headers, BODY)
    refused(answer, 401, said)
    assert answer.headers["www-authenticate"]
    assert receiver.kept() == []


def test_unknown_places(receiver: Running) -> None:
    refused(receiver.ask("/receive/acme/jenkins", signed(BODY), BODY), 404, "no such source")
    refused(receiver.ask("/receive/other/github", signed(BODY), BODY), 404, "no such workspace")
    for path in (
        "/receive/acme",
        "/receive/acme/github/x",
        "/receive/a%2Fb/github",
        "/receive/acme/github/",
        "/",
    ):
        refused(receiver.ask(path, signed(BODY), BODY), 404, "nothing is here")
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = receiver.ask("/receive/acme/github", method=method)
        refused(answer, 405, "POST")
        assert answer.headers["allow"] == "POST"
    assert receiver.ask("/receive/acme/github", method="HEAD").status == 405


def test_workspaces_by_pattern_and_a_secret_for_one_of_them(tmp_path: Path) -> None:
    sources = {**SETTINGS.sources, "team-7/github": SourceSecurity(("github",), ("only for team 7",))}
    with running(tmp_path, replace(SETTINGS, sources=sources, workspace_pattern="team-[0-9]+")) as receiver:

        def post(workspace: str, secret: str) -> int:
            return receiver.ask(f"/receive/{workspace}/github", signed(BODY, secret), BODY).status

        assert [post("team-1", SECRET), post("team-7", "only for team 7")] == [202, 202]
        assert [post("team-7", SECRET), post("team-1", "only for team 7")] == [401, 401]
        assert [post("team-x", SECRET), post("team-1%0A", SECRET)] == [404, 404]


def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    with running(tmp_path, limited(body_bytes_max=1_000)) as receiver:
        refused(receiver.github(b"x" * 1_001), 413, "larger than 1000 bytes")
        assert receiver.github(b"x" * 1_000).status == 202
        head = b"POST /receive/acme/github HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert b" 413 " in raw(receiver, head + b"3e8\r\n" + b"x" * 1_000 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        assert len(receiver.kept()) == 1


def test_a_large_refused_body_leaves_the_connection_usable(receiver: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.server.port, timeout=30)
    for _ in range(2):
        connection.request("POST", "/receive/acme/alertmanager", bytes(3_000_000), bearer("guess"))
        response = connection.getresponse()
        assert (response.status, response.read()[:1]) == (401, b"{")
    connection.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies_are_kept_as_they_were_before(receiver: Running, encoding: str) -> None:
    packed = gzip.compress(BODY) if encoding == "gzip" else zlib.compress(BODY)
    assert receiver.github(packed, Content_Encoding=encoding).status == 202
    assert receiver.kept()[0].body == BODY


def test_a_bomb_and_what_is_compressed_wrongly(tmp_path: Path) -> None:
    with running(tmp_path, limited(inflated_bytes_max=1_000_000)) as receiver:
        refused(
            receiver.github(gzip.compress(bytes(30_000_000)), Content_Encoding="gzip"), 413, "decompressed"
        )
        refused(receiver.github(b"no gzip", Content_Encoding="gzip"), 400, "not compressed")
        refused(receiver.github(gzip.compress(BODY)[:-3], Content_Encoding="gzip"), 400, "too early")
        refused(receiver.github(BODY, Content_Encoding="br"), 415, "gzip or deflate")
        assert receiver.kept() == []


def test_a_slow_sender_is_let_go_and_holds_nobody_up(tmp_path: Path) -> None:
    with running(tmp_path, limited(body_seconds_max=0.5)) as receiver:
        head = b"POST /receive/acme/github HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        held = [socket.create_connection(("127.0.0.1", receiver.server.port), timeout=20) for _ in range(50)]
        for connection in held:
            connection.sendall(head)
        assert receiver.github(BODY).status == 202
        for connection in held:
            assert b" 408 " in connection.recv(65_536)
            connection.close()
        assert len(receiver.kept()) == 1


def test_a_sender_that_leaves_halfway_stores_nothing(receiver: Running) -> None:
    body = BODY[: len(BODY) // 2]
    with socket.create_connection(("127.0.0.1", receiver.server.port)) as connection:
        connection.sendall(
            b"POST /receive/acme/local HTTP/1.1\r\nHost: localhost\r\nContent-Length: 37\r\n\r\n" + body
        )
    assert receiver.github(BODY).status == 202
    assert [kept.source for kept in receiver.kept()] == ["github"]


def test_too_many_bodies_at_once(tmp_path: Path) -> None:
    with running(tmp_path, limited(bodies_max=2)) as receiver:
        head = b"POST /receive/acme/github HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        held = [socket.create_connection(("127.0.0.1", receiver.server.port), timeout=20) for _ in range(2)]
        for connection in held:
            connection.sendall(head)
        overdue = time.monotonic() + 20
        while b"aftermerge_receive_bodies 2.0" not in receiver.ask("/metrics", bearer(VIEWER_TOKEN)).body:
            assert time.monotonic() < overdue
        answer = receiver.github(BODY)
        refused(answer, 503, "received at once")
        assert answer.headers["retry-after"] == "5"
        for connection in held:
            connection.close()
        while receiver.github(BODY).status != 202:
            assert time.monotonic() < overdue


def test_more_than_the_rate(tmp_path: Path) -> None:
    with running(tmp_path, limited(deliveries_per_second=0.01, deliveries_burst=2)) as receiver:
        for _ in range(5):  # what is not genuine uses up nothing
            assert receiver.github(BODY, "guess").status == 401
        assert [receiver.github(b"%d" % number).status for number in range(2)] == [202, 202]
        answer = receiver.github(b"3")
        refused(answer, 429, "more than its limit")
        assert 1 <= int(answer.headers["retry-after"]) <= 100
        assert receiver.ask("/receive/acme/alertmanager", bearer(TOKEN), BODY).status == 202
        assert len(receiver.kept()) == 3


def test_a_repeated_delivery_is_stored_once(receiver: Running) -> None:
    first, again = receiver.github(BODY), receiver.github(BODY)
    assert (first.status, again.status) == (202, 200)
    assert first.json == again.json
    # the same bytes as another event, and another body with the id of the first, are new
    assert receiver.github(BODY, X_GitHub_Event="ping").status == 202
    assert receiver.github(BODY + b" ").status == 202
    # a source whose scheme tells repetitions from news by nothing: law 1 takes care of it
    for _ in range(2):
        assert receiver.ask("/receive/acme/alertmanager", bearer(TOKEN), BODY).status == 202
    assert len(receiver.kept()) == 5


def test_a_key_of_the_sender_hides_no_other_delivery(receiver: Running) -> None:
    """GitLab's plain token signs nothing: only the same bytes under the same key are the same delivery."""
    told = {"X-Gitlab-Token": SECRET, "Idempotency-Key": "k1"}
    answers = [
        receiver.ask("/receive/acme/gitlab", headers, body)
        for headers, body in (
            (told, BODY), (told, BODY), (told, BODY + b" "), (told | {"Idempotency-Key": "k2"}, BODY),
        )
    ]  # fmt: skip
    assert [answer.status for answer in answers] == [202, 200, 202, 202]
    assert answers[0].json == answers[1].json
    assert [kept.body for kept in receiver.kept()] == [BODY, BODY + b" ", BODY]


def test_encrypted_at_rest(tmp_path: Path) -> None:
    with running(tmp_path, replace(SETTINGS, keys=KeyRing([b"k" * 32]))) as receiver:
        assert receiver.github(BODY).status == 202
        assert receiver.kept()[0].body == BODY
    assert not any(b"logically" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"y" * 200_000,
        b"GET /" + b"y" * 200_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_headers_without_end(receiver: Running, sent: bytes) -> None:
    assert raw(receiver, sent).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http(receiver: Running, sent: bytes) -> None:
    assert raw(receiver, sent).startswith(b"HTTP/1.1 400 ")
    assert receiver.ask("/healthz").status == 200


def test_an_upgrade_is_answered_as_a_plain_request(receiver: Running) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert raw(receiver, sent).startswith(b"HTTP/1.1 200 ")


def test_tokens_for_reading_do_not_send(receiver: Running) -> None:
    assert receiver.ask("/receive/acme/alertmanager", bearer(ADMIN_TOKEN), BODY).status == 401
