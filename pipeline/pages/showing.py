"""HTML from templates: everything from outside is escaped, and headers let nothing else run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from pipeline.pages.cells import hours, minute, number, share

_HERE = Path(__file__).resolve().parent
STATIC: Final = _HERE / "static"

#: nothing but our own scripts and styles runs, whatever a title says; no other page may frame this one
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # looked up anew each time, but not sent again when it is the same
    "cache-control": "private, no-cache",
}
_MEDIA: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
_FILES_SECONDS = 365 * 86_400


class Templates:
    """The templates of all pages."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "hours": hours,
            "share": share,
            "number": number,
            "minute": minute,
            "utc": utc,
            "micros": lambda at: utc(at / 1e6),
            "weblike": lambda text: str(text).lower().startswith(("https://", "http://")),
        }
        self._environment.globals["static"] = Static().address
        self._environment.globals["digest"] = digest

    def html(self, name: str, told: Mapping[str, Any]) -> str:
        """A page's text."""
        return self._environment.get_template(name).render(told)


def digest(*told: object) -> str:
    """Another text when anything of it is different: by it a page sees which of its parts are new."""
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()


class Static:
    """Our scripts and styles, each under an address that changes with its content."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir())}
        self._marks = {
            name: hashlib.blake2b(body, digest_size=6).hexdigest() for name, body in self._files.items()
        }

    def address(self, name: str) -> str:
        """Where a file is."""
        return f"/static/{self._marks[name]}/{name}"

    async def serve(self, request: Request) -> Response:
        """One file; the address of another version is answered with this one, and not kept."""
        name = str(request.path_params["name"])
        if name not in self._files:
            return Response("no such file\n", 404, media_type="text/plain")
        same = request.path_params["mark"] == self._marks[name]
        kept = f"public, max-age={_FILES_SECONDS}, immutable" if same else "no-cache"
        headers = {**HEADERS, "cache-control": kept}
        return Response(self._files[name], headers=headers, media_type=_MEDIA[Path(name).suffix])


def page(text: str, request: Request, status: int = 200) -> Response:
    """HTML as an answer; nothing is sent where the browser has just that."""
    mark = f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'
    if status == 200 and mark in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**HEADERS, "etag": mark})
    return Response(text, status, {**HEADERS, "etag": mark}, media_type="text/html")


def utc(seconds: float) -> str:
    """Seconds since 1970 to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
