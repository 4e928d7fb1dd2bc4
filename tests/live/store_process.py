"""A ClickHouse server that can be killed: ``python -m tests.live.store_process DIRECTORY PORT [PEM]``.

It is the embedded engine behind as much of the HTTP interface as the driver uses: no users, no limits,
one statement at a time. Statements and rows come by POST; an INSERT's rows are the body. With a file that
holds its key and certificate it speaks TLS.
"""

from __future__ import annotations

import gzip
import os
import re
import ssl
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import chdb
import lz4.frame  # type: ignore[import-untyped]  # it ships no types

_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*$", re.I)
_CODE = re.compile(r"Code: (\d+)")
_UNPACKED = {"gzip": gzip.decompress, "lz4": lz4.frame.decompress}


class Server(ThreadingHTTPServer):
    """One engine, one connection, one statement at a time."""

    daemon_threads = True

    def __init__(self, directory: str, port: int) -> None:
        self.engine = chdb.connect(directory)
        self.turn = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def answer(self, statement: str, body: bytes, parameters: dict[str, str], database: str) -> bytes:
        with self.turn, tempfile.NamedTemporaryFile() as rows:
            if not statement and body.startswith(b"INSERT"):
                head, _, body = body.partition(b"\n")
                statement = head.decode()
            if statement.lstrip().upper().startswith("INSERT"):
                rows.write(body)
                rows.flush()
                statement = _FORMAT.sub(rf" FROM INFILE '{rows.name}' FORMAT \1", statement)
            else:
                statement = "\n".join(filter(None, (statement, body.decode())))
            if database:
                self.engine.query(f"USE {database}")
            found: bytes = self.engine.query(statement, "TabSeparated", params=parameters).bytes() or b""
            return found


class Handler(BaseHTTPRequestHandler):
    """What the driver asks for."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._answered(200, b"Ok.\n")

    def do_POST(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
        unpack = _UNPACKED.get(self.headers.get("Content-Encoding", ""), bytes)
        parameters = {
            name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")
        }
        try:
            found = self.server.answer(
                asked.get("query", ""), unpack(body), parameters, asked.get("database", "")
            )
        except RuntimeError as error:
            code = _CODE.search(str(error))
            self._answered(
                500, str(error).encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "1"}
            )
        else:
            self._answered(200, found)

    def _chunks(self) -> bytes:
        parts = []
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        return b"".join(parts)

    def _answered(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the test's output is for the test."""


if __name__ == "__main__":
    with Server(sys.argv[1], int(sys.argv[2])) as server:
        for pem in sys.argv[3:]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            # the handshake is made by the thread of the connection, not by the one that accepts
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()
    os._exit(0)
