"""The least of an HTTP client: one request on a connection of its own, and what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple

ASK_SECONDS_MAX = 30


class Answer(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    place: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "",
) -> Answer:
    """Ask ``place`` (``127.0.0.1:8080``): a POST with a body, a GET without, unless ``method`` says more."""
    with closing(HTTPConnection(place, timeout=ASK_SECONDS_MAX)) as connection:
        connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())
