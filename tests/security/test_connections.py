"""What strangers send who know HTTP well: the receiver gives no way in, and no way to fill its memory."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from pipeline.receive import protocol
from tests.receive.running import ADMIN_TOKEN, SETTINGS, Running, running, signed

ROOT = Path(__file__).resolve().parents[2]
BODY = b'{"zen": "Keep it logically awesome."}'
PLACE = b"/receive/acme/github"
ANSWER_BYTES_MAX = 1_000_000
ANSWER_SECONDS_MAX = 30
#: what a sender gets rid of before its connection ends: our bound, and what lies in buffers on the way
SENT_BYTES_MAX = 30 * 1024 * 1024


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("receiver")) as started:
        yield started


def headers(body: bytes = BODY, *more: str) -> bytes:
    told = {"Host": "localhost", "Connection": "close", **signed(body)}
    lines = [*(f"{name}: {value}" for name, value in told.items()), *more]
    return "".join(f"{line}\r\n" for line in lines).encode()


def exchanged(receiver: Running, sent: bytes, *, ended: bool = True) -> bytes:
    """Everything that comes back until the connection ends; ``ended``: we say that no more comes."""
    address = ("127.0.0.1", receiver.server.port)
    with closing(socket.create_connection(address, timeout=ANSWER_SECONDS_MAX)) as connection:
        found = b""
        with suppress(ConnectionError):
            connection.sendall(sent)
            if ended:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while len(found) < ANSWER_BYTES_MAX and (piece := connection.recv(65_536)):
                found += piece
        return found


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


HIDDEN = b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        b"Content-Length: 37\r\nContent-Length: 5\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: 37, 5\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: +37\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: -1\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: 0x25\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: 99999999999999999999\r\n\r\n" + BODY + HIDDEN,
        b"Content-Length: 37\n\n" + BODY + HIDDEN,
        b"A: b\r\n c\r\nContent-Length: 37\r\n\r\n" + BODY + HIDDEN,
        b"A: b\0c\r\nContent-Length: 37\r\n\r\n" + BODY + HIDDEN,
        b"Transfer-Encoding: chunked\r\n\r\n-25\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN,
        b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN,
    ],
)
def test_one_request_can_not_hide_another(receiver: Running, framing: bytes) -> None:
    kept = len(receiver.kept())
    answer = exchanged(receiver, b"POST " + PLACE + b" HTTP/1.1\r\n" + headers() + framing)
    assert statuses(answer) == [400]
    assert len(receiver.kept()) == kept


@pytest.mark.parametrize(
    "told",
    [
        b"GET /config HTTP/1.1\r\n",
        b"HEAD /config HTTP/1.1\r\n",
        b"GET //config HTTP/1.1\r\n",
        b"GET /config/ HTTP/1.1\r\n",
        b"GET /%63onfig HTTP/1.1\r\n",
        b"GET /config%00 HTTP/1.1\r\n",
        b"GET /receive/../config HTTP/1.1\r\n",
        b"GET http://localhost/config HTTP/1.1\r\n",
        b"GET * HTTP/1.1\r\n",
        b"OPTIONS /config HTTP/1.1\r\n",
        b"TRACE /config HTTP/1.1\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\n",
        b"PUT /config HTTP/1.1\r\n",
        b"GET /config HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1\r\n",
        b"GET /config HTTP/1.1\r\nX-Aftermerge-Role: admin\r\n",
        b"GET /config HTTP/1.1\r\nX-HTTP-Method-Override: GET\r\nX-Original-URL: /config\r\n",
        b"GET /config HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
    ],
)
def test_nothing_but_a_token_opens_the_settings(receiver: Running, told: bytes) -> None:
    answer = exchanged(receiver, told + b"Host: localhost\r\nConnection: close\r\n\r\n")
    assert statuses(answer)[0] in (400, 401, 404, 405)
    assert b"workspaces" not in answer
    opened = told + f"Authorization: Bearer {ADMIN_TOKEN}\r\n".encode()
    assert b"Traceback" not in exchanged(receiver, opened + b"Host: x\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    "place",
    [
        "/receive/../github",
        "/receive/%2e%2e/github",
        "/receive/acme%2Fgithub/github",
        "/receive/acme/acme%2Fgithub",
        "/receive/acme/../../etc/github",
        "/receive/ACME/github",
        "/receive/acme/GITHUB",
        "/receive/acme/github%00",
        "/receive/acme/github%0d%0aX-A:%20b",
        "/receive/acme/%ff%fe",
        "/receive/acme/github;x",
        "/receive/" + "a" * 50_000 + "/github",
    ],
)
def test_names_in_the_address_are_names(receiver: Running, place: str) -> None:
    kept = len(receiver.kept())
    told = f"POST {place} HTTP/1.1\r\n".encode() + headers() + b"Content-Length: 37\r\n\r\n" + BODY
    assert statuses(exchanged(receiver, told)) == [404]
    assert len(receiver.kept()) == kept


def test_a_second_signature_is_no_second_chance(receiver: Running) -> None:
    wrong = b"POST " + PLACE + b" HTTP/1.1\r\nX-Hub-Signature-256: sha256=00\r\n"
    assert statuses(exchanged(receiver, wrong + headers() + b"Content-Length: 37\r\n\r\n" + BODY)) == [401]


def test_requests_behind_each_other_are_answered_in_order(receiver: Running) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    told = (one + b"\r\n") * 499 + one + b"Connection: close\r\n\r\n"
    assert statuses(exchanged(receiver, told, ended=False)) == [200] * 500


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"GET /healthz HTTP/1.1\r\nA: ", b"b" * 65_536),
        (b"GET /healthz HTTP/1.1\r\n", b"A: b\r\n" * 10_000),
        (b"GET /", b"a" * 65_536),
        (b"POST " + PLACE + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 10_000),
        (b"POST " + PLACE + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"b" * 65_536),
        (b"POST " + PLACE + b" HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
        (b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"b" * 65_536),
    ],
    ids=[
        "header",
        "headers",
        "address",
        "trailers",
        "trailer",
        "chunk extension",
        "trailer behind an answer",
    ],
)
def test_what_is_no_body_has_a_bound(receiver: Running, begun: bytes, piece: bytes) -> None:
    address = ("127.0.0.1", receiver.server.port)
    with closing(socket.create_connection(address, timeout=ANSWER_SECONDS_MAX)) as connection:
        connection.sendall(begun)
        sent = 0
        with suppress(ConnectionError):
            while sent < SENT_BYTES_MAX:
                connection.sendall(piece)
                sent += len(piece)
    assert sent < SENT_BYTES_MAX


def test_connections_leave_files_for_the_log() -> None:
    """In a process that may open few files; the limit can't be raised again here."""
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 400));"
        "from pipeline.receive import protocol;"
        "print(protocol.bounded(1.0).connections_max, resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["100", "400"]
    assert protocol.bounded(1.0).connections_max <= protocol.CONNECTIONS_MAX


def test_connections_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 5)
    with running(tmp_path, SETTINGS) as receiver:
        address = ("127.0.0.1", receiver.server.port)
        held = [socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) for _ in range(5)]
        try:
            for connection in held:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            assert exchanged(receiver, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        finally:
            for connection in held:
                connection.close()
