"""Errors as ClickHouse clients expect them: a status, a code in a header, and one line of text."""

from __future__ import annotations

import re
from typing import Final

from starlette.responses import PlainTextResponse, Response

BAD_ARGUMENTS: Final = 36
SYNTAX_ERROR: Final = 62
UNKNOWN_FORMAT: Final = 73
UNKNOWN_DATABASE: Final = 81
READONLY: Final = 164
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
TOO_LARGE: Final = 307
QUERY_WAS_CANCELLED: Final = 394
SETTING_CONSTRAINT_VIOLATION: Final = 452
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
UNEXPECTED: Final = 1002
#: seconds after which a client that was turned away may ask again
RETRY_AFTER_SECONDS: Final = 1

_CODE = re.compile(r"Code: (\d+)\.")
_PREFIX = re.compile(r"\A(?:Code: \d+\. )?(?:DB::Exception: )+")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_NESTED_TAIL = re.compile(r"\s*\(version [^)]*\)\.?\s*\([A-Z][A-Z0-9_]+\)\s*\Z")
#: how the engine shows a text of ours around the client's one
_SCOPE = re.compile(r": In scope SELECT (?:formatQuery|parseQueryToJSON)\(.*\)(?=\. \()", re.DOTALL)

_STATUSES: Final = {
    **dict.fromkeys((6, 27, 36, 38, 41, 42, 43, 47, 53, 62, 69, 70, 72, 128, 130, 386, 427, 456, 457), 400),
    **dict.fromkeys((46, 50, 60, 73, 81, 115), 404),
    **dict.fromkeys((164, 291, 452, 497), 403),
    48: 501,
    159: 408,
    202: 503,
    307: 413,
    516: 401,
}
_NAMES: Final = {
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    73: "UNKNOWN_FORMAT",
    81: "UNKNOWN_DATABASE",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    307: "TOO_MANY_BYTES",
    394: "QUERY_WAS_CANCELLED",
    452: "SETTING_CONSTRAINT_VIOLATION",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1002: "UNKNOWN_EXCEPTION",
}


class Refused(Exception):
    """A statement that is not answered; ``code`` is ClickHouse's number for the reason."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def refusal(code: int, message: str, query_id: str = "") -> Response:
    """An error of ours with one of ClickHouse's codes."""
    return _response(
        code, f"Code: {code}. DB::Exception: {message}. ({_NAMES.get(code, 'UNKNOWN_EXCEPTION')})", query_id
    )


def engine_refusal(said: str, query_id: str) -> Response:
    """An error of the engine's, in its words, which nest when one part of it reports another's."""
    text = _SCOPE.sub("", said[said.find("Code: ") :] if "Code: " in said else said).strip()
    found = _CODE.match(text)
    code = int(found[1]) if found else UNEXPECTED
    names = _NAME.findall(text)
    before = ""
    while before != text:
        before, text = text, _PREFIX.sub("", _NESTED_TAIL.sub("", text))
    text = re.sub(r"\s*\([A-Z][A-Z0-9_]+\)\s*\Z", "", text)
    name = names[-1] if names else _NAMES.get(code, "UNKNOWN_EXCEPTION")
    return _response(code, f"Code: {code}. DB::Exception: {text.rstrip('. ')}. ({name})", query_id)


def _response(code: int, text: str, query_id: str) -> Response:
    headers = {"X-ClickHouse-Exception-Code": str(code)}
    if query_id:
        headers["X-ClickHouse-Query-Id"] = query_id
    status = _STATUSES.get(code, 500)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse HTTP API"'
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return PlainTextResponse(text + "\n", status, headers)
