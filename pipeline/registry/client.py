"""Asking a schema registry over Confluent's HTTP interface: each question bounded in time and in size."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import HTTPError

from pipeline.log.protocol import LogUnavailable

CONNECT_SECONDS = 3.0
#: one answer, from asking to its last byte
ANSWER_SECONDS_MAX = 10.0
TRIES_MAX = 3
RETRY_WAIT_SECONDS = 0.25
CONNECTIONS_MAX = 4
ANSWER_BYTES_MAX = 4 << 20
ANSWER_PART_BYTES = 1 << 16
REASON_CHARACTERS_MAX = 2_000

#: what every subject of ours promises: each version reads what any other has written
COMPATIBILITY = "FULL_TRANSITIVE"

_CONTENT = "application/vnd.schemaregistry.v1+json"
_PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
#: what a registry says when it knows itself that something isn't there. Any other 404 says nothing of
#: schemas: the address may be wrong.
_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA, _NO_SETTING = 40401, 40402, 40403, 40408


class RegistryUnavailable(LogUnavailable):
    """The registry does not answer, or not as a registry does: retry, then stop."""


class Refused(Exception):
    """The registry understood what it was given, and does not take it."""


@dataclass(frozen=True)
class RegistrySettings:
    """One registry, and how this process speaks to it. The password never shows in ``repr``.

    ``url`` is where Confluent's interface begins, without a user. ``ca_file`` holds the certificates that
    the registry's own is checked against; empty: those that this machine trusts.
    """

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""

    @classmethod
    def of(cls, url: str, ca_file: str = "") -> RegistrySettings:
        """Settings from one address, in which ``user:password@`` may stand, each percent-encoded.

        Raises ``ValueError`` for what is no address, or names a file that isn't there; never with the
        password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise ValueError("the address of the registry isn't one: write http://host:port/path, or https")
        if ca_file and not Path(ca_file).is_file():
            raise ValueError(f"{ca_file}: no such file, which the registry's certificate is to be checked by")
        name = f"[{host}]" if ":" in host else host
        place = f"{name}:{port}" if port else name
        bare = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        return cls(bare, unquote(parts.username or ""), unquote(parts.password or ""), ca_file)


class _Answer(NamedTuple):
    status: int
    said: Any


class Registry:
    """One registry. Every method raises ``RegistryUnavailable`` when it can't be asked.

    That takes at most ``TRIES_MAX`` times ``CONNECT_SECONDS`` and ``ANSWER_SECONDS_MAX``, and some waiting.
    May be used by several threads.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        headers = {"Content-Type": _CONTENT, "Accept": f"{_CONTENT}, application/json"}
        if settings.username:
            headers |= urllib3.make_headers(basic_auth=f"{settings.username}:{settings.password}")
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS_MAX,
            headers=headers,
            retries=False,
            ca_certs=settings.ca_file or None,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS_MAX),
        )

    def __repr__(self) -> str:
        return f"Registry({self._settings.url})"

    def close(self) -> None:
        self._pool.clear()

    def schema(self, number: int) -> str | None:
        """The text of the schema with an id; None when there is none, or it isn't Avro."""
        answer = self._ask("GET", f"/schemas/ids/{number}", absent={_NO_SCHEMA})
        if answer is None:
            return None
        text = self._text(answer, "schema")
        # what is not Avro, or made of several documents, is not ours
        ours = answer.get("schemaType", "AVRO") == "AVRO" and not answer.get("references")
        return text if ours else None

    def find(self, subject: str, text: str) -> int | None:
        """The id that exactly this text has under a subject; None when it is not registered there."""
        path = f"/subjects/{quote(subject, safe='')}"
        answer = self._ask("POST", path, {"schema": text}, absent={_NO_SUBJECT, _NO_SCHEMA})
        return None if answer is None else self._number(answer, "id")

    def add(self, subject: str, text: str) -> int:
        """Register a text under a subject, as its newest version unless it is there; returns its id.

        Raises ``Refused`` with the registry's reason.
        """
        answer = self._ask("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": text})
        return self._number(answer, "id")

    def versions(self, subject: str) -> list[int]:
        """The numbers of a subject's versions, oldest first; none when there is no such subject."""
        answer = self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions", absent={_NO_SUBJECT})
        if answer is None:
            return []
        if not isinstance(answer, list) or not all(isinstance(number, int) for number in answer):
            raise self._odd("versions")
        return sorted(answer)

    def version(self, subject: str, number: int) -> tuple[int, str] | None:
        """Id and text of one version of a subject; None when it is gone."""
        path = f"/subjects/{quote(subject, safe='')}/versions/{number}"
        answer = self._ask("GET", path, absent={_NO_SUBJECT, _NO_VERSION})
        return None if answer is None else (self._number(answer, "id"), self._text(answer, "schema"))

    def compatibility(self, subject: str) -> str:
        """What a subject promises. When it promises nothing of its own, "" or the default of the registry."""
        path = f"/config/{quote(subject, safe='')}"
        answer = self._ask("GET", path, absent={_NO_SUBJECT, _NO_SETTING})
        return "" if answer is None else self._text(answer, "compatibilityLevel")

    def promise(self, subject: str) -> None:
        """From now on a subject refuses versions that can't read, or be read by, all its others."""
        self._ask("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": COMPATIBILITY})

    def _ask(
        self, method: str, path: str, body: Mapping[str, str] | None = None, absent: Collection[int] = ()
    ) -> Any:
        """What the registry says; None when it says that what was asked for is ``absent``."""
        trouble = ""
        for tried in range(TRIES_MAX):
            if tried:
                time.sleep(RETRY_WAIT_SECONDS * 2 ** (tried - 1))
            try:
                answer = self._answer(method, path, body)
            except (HTTPError, OSError, ValueError) as error:
                trouble = f"does not answer ({self._hidden(str(error))})"
                continue
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer.said
            code, reason = self._reason(answer)
            if answer.status == HTTPStatus.NOT_FOUND and code in absent:
                return None
            if answer.status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
                raise Refused(reason)
            trouble = f"answers {answer.status} to {method} {path}: {reason}"
            if answer.status not in _PASSING:
                break
        raise RegistryUnavailable(f"the schema registry {self._settings.url} {trouble}")

    def _answer(self, method: str, path: str, body: Mapping[str, str] | None) -> _Answer:
        until = time.monotonic() + ANSWER_SECONDS_MAX
        answer = self._pool.request(
            method,
            self._settings.url + path,
            body=None if body is None else json.dumps(body).encode(),
            preload_content=False,
            # a password goes to the address that it was given for, and nowhere else
            redirect=False,
        )
        whole = False
        try:
            found = bytearray()
            while part := answer.read1(ANSWER_PART_BYTES):
                found += part
                if len(found) > ANSWER_BYTES_MAX:
                    raise ValueError(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
                if time.monotonic() > until:
                    raise ValueError(f"the answer takes more than {ANSWER_SECONDS_MAX:.0f} s")
            whole = True
        finally:
            # a connection in the middle of an answer is of no more use
            if whole:
                answer.release_conn()
            else:
                answer.close()
        try:
            return _Answer(answer.status, json.loads(found))
        except ValueError:
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise
            return _Answer(answer.status, found.decode(errors="replace"))

    def _reason(self, answer: _Answer) -> tuple[int, str]:
        """The registry's own code for an error, 0 for none, and its words."""
        said, code = answer.said, 0
        if isinstance(said, dict):
            code, said = said.get("error_code", 0), said.get("message", "")
        elif answer.status == HTTPStatus.NOT_FOUND:
            said = "is the address that of Confluent's interface?"
        return code, self._hidden(str(said)) or "it gives no reason"

    def _hidden(self, text: str) -> str:
        """Others' words without our password, and not too many of them."""
        if self._settings.password:
            text = text.replace(self._settings.password, "***")
        return text[:REASON_CHARACTERS_MAX]

    def _number(self, answer: Any, name: str) -> int:
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, int):
            raise self._odd(name)
        return found

    def _text(self, answer: Any, name: str) -> str:
        found = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(found, str):
            raise self._odd(name)
        return found

    def _odd(self, name: str) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"the schema registry {self._settings.url} gives an answer without {name}: is the address that"
            " of Confluent's interface?"
        )
