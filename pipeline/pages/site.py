"""The addresses of all pages, and what every page has: who looks, at which workspace, until when."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.pages.asking import Asking
from pipeline.pages.chosen import Chosen, Window, chosen, window, workspaces
from pipeline.pages.dashboards import BY_KEY, SERVICE_PAGE, dashboard, with_defaults
from pipeline.pages.reported import Reported
from pipeline.pages.showing import HEADERS, Static, Templates, page
from pipeline.pages.signing import Signing
from pipeline.panels import DASHBOARDS
from pipeline.receive.access import Identity
from pipeline.receive.problems import Problem
from pipeline.store import InvalidQuery, StoreUnavailable
from pipeline.store.errors import StoreMissing

#: what is asked again while somebody looks, in seconds
LIVE_SECONDS = 5
FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 50
_TITLES: Final = {
    400: "That can't be read",
    401: "Sign in",
    403: "Not for you",
    404: "There is no such thing",
}


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise Problem(400, "this is no form") from None


def _inside(address: str) -> str:
    """An address of ours to go on to; another one's would send people away with our name on the link."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


class Look(NamedTuple):
    """One look at a page."""

    request: Request
    identity: Identity
    told: Chosen
    workspaces: list[str]
    #: why they are not known
    lists_trouble: str
    browser: str

    @property
    def role(self) -> str:
        return str(self.identity.role)


Shower = Callable[[Look], Awaitable[Response]]


class Site:
    """All pages."""

    def __init__(
        self, asking: Asking, signing: Signing, reported: Reported, now: Callable[[], float] = time.time
    ) -> None:
        self.asking = asking
        self.signing = signing
        self.templates = Templates()
        self._static = Static()
        self._reported = reported
        self._now = now

    def routes(self) -> list[BaseRoute]:
        """For the root of a server."""
        shown = [Route(f"/{key}", self.served(self._dashboard), methods=["GET"]) for key in BY_KEY]
        return [
            Route("/", self.served(self._first), methods=["GET"]),
            *shown,
            Route("/sign-in", self.guarded(self._sign_in), methods=["GET", "POST"]),
            Route("/sign-out", self.guarded(self._sign_out), methods=["POST"]),
            Route("/static/{mark}/{name}", self._static.serve, methods=["GET"]),
        ]

    def guarded(
        self, show: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """What is wrong becomes a page, too."""

        async def answered(request: Request) -> Response:
            try:
                return await show(request)
            except Problem as problem:
                return self.refusal(request, problem)
            except (StoreUnavailable, StoreMissing, InvalidQuery) as error:
                return self.refusal(request, Problem(503, f"the store can't answer: {error}"))

        return answered

    def served(self, show: Shower) -> Callable[[Request], Awaitable[Response]]:
        """A page for whoever may look."""

        async def answered(request: Request) -> Response:
            identity = self.signing.identity(request)
            browser = self.signing.browser(request)
            told = chosen(request.query_params)
            known, trouble = await workspaces(self.asking, str(identity.role))
            if not told.workspace and known:
                told = told._replace(workspace=known[0])
            response = await show(Look(request, identity, told, known, trouble, browser))
            self.signing.remember(browser, request, response)
            return response

        return self.guarded(answered)

    async def window(self, look: Look, hours: int) -> Window:
        """The time that a page shows, which looks back so many hours where nobody said how many."""
        return await window(self.asking, look.told, hours, look.role, self._now())

    def now_micros(self) -> int:
        """Now, in microseconds UTC."""
        return int(self._now() * 1_000_000)

    def show(self, look: Look, name: str, told: dict[str, Any], status: int = 200) -> Response:
        """A page from its template, with what stands on every page."""
        return page(self.templates.html(name, {**self._everywhere(look), **told}), look.request, status)

    def _everywhere(self, look: Look) -> dict[str, Any]:
        return {
            "look": look,
            "told": look.told,
            "dashboards": DASHBOARDS,
            "person": look.identity.person,
            "role": look.role,
            "signed_in": self.signing.signed_in(look.request),
            "seal": self.signing.seal(look.request, look.browser),
            "lists_trouble": look.lists_trouble,
            "reported_trouble": self._reported.trouble,
            "live_seconds": LIVE_SECONDS,
            "path": look.request.url.path,
        }

    async def _first(self, look: Look) -> Response:
        return RedirectResponse(look.told.address("/executive"), 303, HEADERS)

    async def _dashboard(self, look: Look) -> Response:
        wanted = BY_KEY[look.request.url.path[1:]]
        if wanted is SERVICE_PAGE and not look.told.cuts["service"]:
            raise Problem(400, "which service? The address ends in ?workspace=...&service=...")
        shown = await self.window(look, wanted.hours)
        told = await with_defaults(self.asking, wanted, look.told, shown, look.role)
        context = await dashboard(self.asking, wanted, told, shown, look.role, self._reported)
        if self._reported.waits():
            await anyio.to_thread.run_sync(self._reported.save)
        return self.show(look, "dashboard.html", {**context, "window": shown})

    async def _sign_in(self, request: Request) -> Response:
        browser = self.signing.browser(request)
        wrong, then = "", _inside(request.query_params.get("then", ""))
        if request.method == "POST":
            form = await self.form(request)
            self.signing.check_form(request, form.get("seal", ""))
            then = _inside(form.get("then", ""))
            entered = RedirectResponse(then, 303, HEADERS)
            if self.signing.sign_in(
                form.get("token", "").strip(), entered, secure=self.signing.secure(request)
            ):
                return entered
            wrong = "This token is nobody's."
        told = {
            "seal": self.signing.seal(request, browser),
            "wrong": wrong,
            "then": then,
            "by_token": self.signing.by_token,
        }
        response = page(self.templates.html("sign_in.html", told), request, 403 if wrong else 200)
        self.signing.remember(browser, request, response)
        return response

    async def _sign_out(self, request: Request) -> Response:
        form = await self.form(request)
        self.signing.check_form(request, form.get("seal", ""))
        response = RedirectResponse("/sign-in", 303, HEADERS)
        self.signing.sign_out(request, response)
        return response

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form, each once. Raises ``Problem`` for what is none."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Problem(415, "this takes a form")
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > FORM_BYTES_MAX:
                raise Problem(413, f"a form has at most {FORM_BYTES_MAX} bytes")
        return dict(_fields(bytes(body)))

    def refusal(self, request: Request, problem: Problem) -> Response:
        """What is wrong, as a page: what, and what to do; whoever can sign in is asked to."""
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if problem.status == 401 and self.signing.by_token and request.method == "GET":
            return RedirectResponse(f"/sign-in?then={quote(here, safe='')}", 303, HEADERS)
        told = {
            "title": _TITLES.get(problem.status, "That did not work"),
            "detail": problem.detail,
            "sign_in": problem.status == 401 and self.signing.by_token,
        }
        response = page(self.templates.html("problem.html", told), request, problem.status)
        response.headers.update(problem.headers)
        return response
