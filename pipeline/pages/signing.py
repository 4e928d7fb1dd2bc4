"""Who looks at a page, and whether a form was filled in on one of ours.

A browser can't send a token by itself: whoever has one signs in with it, and the browser keeps a name for
that (never the token). Where a proxy signs people in, or on this machine alone, nothing is to be done.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from pipeline.receive.access import Access, AccessRefused, Identity, Role, headers_of, peer_of
from pipeline.receive.problems import Problem

SESSION_SECONDS_MAX = 12 * 3600
SESSIONS_MAX = 1_000
#: of the browser, whoever uses it: forms are bound to it
BROWSER_COOKIE: Final = "aftermerge_browser"
SESSION_COOKIE: Final = "aftermerge_session"
_ID_BYTES = 32


class _Session(NamedTuple):
    #: asked again at each request: a token that was taken back signs nobody in
    token: str
    until: float


class Signing:
    """Sessions of browsers, and the seals of forms; both end with the process."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._secret = secrets.token_bytes(_ID_BYTES)

    def identity(self, request: Request, role: Role = Role.VIEWER) -> Identity:
        """Who asks, if that may act in the role. Raises ``Problem`` (401 or 403)."""
        headers, peer = headers_of(request.scope), peer_of(request.scope)
        session = self._session(request)
        told = session.token if session is not None and "authorization" not in headers else None
        identity = self._access.identify(headers, peer, told)
        if identity is not None and identity.may(role):
            return identity
        try:
            return self._access.require(role, headers, peer)
        except AccessRefused as refused:
            if identity is not None:
                raise Problem(403, f"this needs the role {role}, and you have {identity.role}") from None
            raise Problem(refused.status, self._why(refused)) from None

    def _why(self, refused: AccessRefused) -> str:
        if self._access.configured:
            return refused.reason
        return (
            "without tokens, pages are for this machine alone, under its own name (127.0.0.1 or localhost):"
            " docs/up.md says how to let others in"
        )

    @property
    def by_token(self) -> bool:
        """Whether somebody can sign in here."""
        return bool(self._access.tokens)

    def secure(self, request: Request) -> bool:
        """Whether the browser speaks TLS, to us or to the proxy that we trust."""
        if request.url.scheme == "https":
            return True
        proxy = self._access.proxy
        scheme = request.headers.get("x-forwarded-proto", "").lower()
        return proxy is not None and proxy.trusts(peer_of(request.scope)) and scheme == "https"

    def sign_in(self, token: str, response: Response, *, secure: bool) -> bool:
        """Let the browser in, if the token is anybody's."""
        if self._access.by_token(token) is None:
            return False
        name = secrets.token_urlsafe(_ID_BYTES)
        self._sessions[name] = _Session(token, time.monotonic() + SESSION_SECONDS_MAX)
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        _set(response, SESSION_COOKIE, name, secure=secure)
        return True

    def sign_out(self, request: Request, response: Response) -> None:
        """Forget the browser."""
        self._sessions.pop(request.cookies.get(SESSION_COOKIE, ""), None)
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")

    def signed_in(self, request: Request) -> bool:
        """Whether this browser has signed in with a token."""
        return self._session(request) is not None

    def _session(self, request: Request) -> _Session | None:
        name = request.cookies.get(SESSION_COOKIE, "")
        session = self._sessions.get(name)
        if session is not None and session.until < time.monotonic():
            del self._sessions[name]
            return None
        return session

    def browser(self, request: Request) -> str:
        """The name of the browser; a new one where it has none yet."""
        return request.cookies.get(BROWSER_COOKIE, "") or secrets.token_urlsafe(_ID_BYTES)

    def remember(self, browser: str, request: Request, response: Response) -> None:
        """Have the browser keep its name."""
        if request.cookies.get(BROWSER_COOKIE, "") != browser:
            _set(response, BROWSER_COOKIE, browser, secure=self.secure(request))

    def seal(self, request: Request, browser: str) -> str:
        """What a form of ours carries for this browser and who is signed in; nobody else can make it."""
        bound = f"{browser}\0{request.cookies.get(SESSION_COOKIE, '')}"
        return hmac.digest(self._secret, bound.encode(), "sha256").hex()

    def check_form(self, request: Request, seal: str) -> None:
        """Raise ``Problem`` (403) unless the form was filled in on a page of ours, in this browser."""
        browser = request.cookies.get(BROWSER_COOKIE, "")
        origin = request.headers.get("origin", "")
        foreign = bool(origin) and origin.partition("://")[2] != request.headers.get("host", "")
        mine = hmac.compare_digest(self.seal(request, browser).encode(), seal.encode())
        if not browser or foreign or not mine:
            raise Problem(
                403, "this form is not from a page of ours, or is older than the process: load it again"
            )


# lax: a link that somebody was sent finds who is signed in here; a form of another site brings nothing
def _set(response: Response, name: str, value: str, *, secure: bool) -> None:
    response.set_cookie(
        name, value, max_age=SESSION_SECONDS_MAX, httponly=True, samesite="lax", secure=secure
    )
