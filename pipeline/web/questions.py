"""What a request to the ClickHouse HTTP interface asks for, wherever its client puts the parts."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request

from pipeline.web import encodings
from pipeline.web.refusals import BAD_ARGUMENTS, UNKNOWN_DATABASE, Refused
from pipeline.web.wishes import checked_format, requested_settings

PARAMETERS_MAX = 200


class Question(NamedTuple):
    text: str
    format: str
    settings: dict[str, str | int]
    parameters: dict[str, str]
    protocol: int
    #: of the whole body; and whether it is made of ClickHouse's own compressed blocks
    encoding: str
    blocks: bool
    role: str
    query_id: str


def token(request: Request) -> str:
    """The password, wherever a client puts it; a user's name means nothing."""
    given = request.headers.get("Authorization", "")
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.headers.get("X-ClickHouse-Key") or request.query_params.get("password", "")


def in_blocks(request: Request) -> bool:
    """Whether answers and errors are to be made of ClickHouse's own compressed blocks."""
    return request.query_params.get("compress") in ("1", "true")


async def question(request: Request, role: str, query_id: str, database: str) -> Question:
    """What is asked. Raises what ``query`` turns into an error."""
    asked = request.query_params
    text = "\n".join(part for part in (asked.get("query", ""), await _body(request)) if part)
    format_ = request.headers.get("X-ClickHouse-Format") or asked.get("default_format") or "TabSeparated"
    parameters = {
        name.removeprefix("param_"): value for name, value in asked.items() if name.startswith("param_")
    }
    if len(parameters) > PARAMETERS_MAX or not all(name.isidentifier() for name in parameters):
        raise Refused(BAD_ARGUMENTS, f"at most {PARAMETERS_MAX} parameters, each named like an identifier")
    protocol = asked.get("client_protocol_version", "0")
    if not protocol.isascii() or not protocol.isdecimal() or len(protocol) > 9:
        raise Refused(BAD_ARGUMENTS, "client_protocol_version is no number")
    wanted = asked.get("enable_http_compression", "0") in ("1", "true")
    return Question(
        text=text,
        format=checked_format(format_),
        settings=_settings(request, asked, database),
        parameters=parameters,
        protocol=int(protocol),
        encoding=encodings.chosen(request.headers.get("Accept-Encoding", "")) if wanted else "",
        blocks=in_blocks(request),
        role=role,
        query_id=query_id,
    )


def _settings(request: Request, asked: QueryParams, ours: str) -> dict[str, str | int]:
    database = asked.get("database") or request.headers.get("X-ClickHouse-Database") or ours
    if database not in (ours, "default"):
        raise Refused(UNKNOWN_DATABASE, f"Database {database!a} does not exist here: use {ours}")
    return requested_settings({name: value for name, value in asked.items() if not name.startswith("param_")})


async def _body(request: Request) -> str:
    """The text of a POST, unpacked. A longer one than a question's is refused as soon as that is seen."""
    if request.method != "POST":
        return ""
    if request.headers.get("Content-Type", "").startswith("multipart/"):
        raise Refused(BAD_ARGUMENTS, "external tables are not available here: send the statement alone")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > encodings.REQUEST_BYTES_MAX:
            raise encodings.BodyTooLarge(f"a question has at most {encodings.REQUEST_BYTES_MAX} bytes")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    try:
        return encodings.decoded(bytes(received), encoding).decode()
    except UnicodeDecodeError:
        raise Refused(BAD_ARGUMENTS, "a statement is UTF-8") from None
