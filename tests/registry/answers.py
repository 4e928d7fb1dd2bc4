"""A server of HTTP that answers what a test tells it to: what a registry, or a proxy before one, may say."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

JSON = "application/vnd.schemaregistry.v1+json"


class Asked(NamedTuple):
    """One question as it arrived."""

    method: str
    path: str
    authorization: str
    body: bytes


class Said(NamedTuple):
    """One answer; ``pause_seconds`` pass before each byte of the body."""

    status: int = 200
    body: bytes = b"{}"
    location: str = ""
    pause_seconds: float = 0.0


def said(status: int, **fields: object) -> Said:
    return Said(status, json.dumps(fields).encode())


class Server:
    """What was asked, and how it is answered: ``answer`` may be replaced at any time."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Said] = lambda asked: Said()
        self.url = ""


@contextmanager
def answering(certificate: Path | None = None) -> Iterator[Server]:
    """A server on loopback; over TLS with a certificate, whose key is in the same file."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, ssl.SSLError):
                self.close_connection = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, self.headers.get("Authorization", ""), body)
            server.asked.append(asked)
            answer = server.answer(asked)
            self.send_response(answer.status)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            if not answer.pause_seconds:
                self.wfile.write(answer.body)
                return
            for place in range(len(answer.body)):
                time.sleep(answer.pause_seconds)
                self.wfile.write(answer.body[place : place + 1])

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that leaves in the middle is what some tests are about."""

    listening = Listening(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listening.socket = context.wrap_socket(
            listening.socket, server_side=True, do_handshake_on_connect=False
        )
    server.url = f"{scheme}://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
