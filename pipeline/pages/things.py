"""Pages of one thing each: an incident with its verdict form, a change, a deployment; and the SQL console."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipeline.explain import (
    ChangeFindings,
    DeploymentFindings,
    Explanation,
    IncidentFindings,
    SeveralFindings,
)
from pipeline.explain.incident_page import answer_words
from pipeline.explain.known import CHANGE, DEPLOYMENT, INCIDENT
from pipeline.log.protocol import LogUnavailable
from pipeline.pages.changes import CHECKS, MEASURED, change_context
from pipeline.pages.chosen import instant_micros
from pipeline.pages.console import Console, console_context
from pipeline.pages.dashboards import BY_KEY, panels
from pipeline.pages.deployments import COMPARED, deployment_context
from pipeline.pages.explaining import Explaining, NotYet
from pipeline.pages.incidents import around, incident_context
from pipeline.pages.showing import HEADERS
from pipeline.pages.site import Look, Site
from pipeline.panels import DASHBOARDS
from pipeline.receive.access import Identity, Role
from pipeline.receive.problems import Problem
from pipeline.receive.verdicts import NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX, Judge, Said

F = TypeVar("F", IncidentFindings, ChangeFindings, DeploymentFindings)
_PATHS: Final = {INCIDENT: "/incident", CHANGE: "/change", DEPLOYMENT: "/deployment"}
_DEBUG_HOURS = BY_KEY["debug"].hours
#: somebody who waits for what is folded looks again
AGAIN_SECONDS = 3
_PANELS: Final = {panel.key: panel for told in DASHBOARDS for panel in told.panels}
VERDICTS_AT_ONCE_MAX = 2


class Things:
    """Pages of things, on a site."""

    def __init__(self, site: Site, explaining: Explaining, judge: Judge, console: Console) -> None:
        self._site = site
        self._explaining = explaining
        self._judge = judge
        self._console = console
        self._places = asyncio.Semaphore(VERDICTS_AT_ONCE_MAX)

    def routes(self) -> list[BaseRoute]:
        """For the root of a server."""
        return [
            Route("/incident", self._site.served(self._incident), methods=["GET"]),
            Route("/incident/verdict", self._site.guarded(self._verdict), methods=["POST"]),
            Route("/change", self._site.served(self._change), methods=["GET"]),
            Route("/deployment", self._site.served(self._deployment), methods=["GET"]),
            Route("/sql", self._site.served(self._sql), methods=["GET"]),
        ]

    async def _incident(self, look: Look) -> Response:
        found = await self._found(look, INCIDENT, IncidentFindings)
        if not isinstance(found, IncidentFindings):
            return found
        others = await around(self._site.asking, found, look.role)
        identity = look.identity
        told = {
            **incident_context(found, others, look.told, self._site.now_micros()),
            "restated": self._restated(look, found),
            "may_judge": identity.may(Role.RESPONDER) and _is_person(identity),
            "said": look.request.query_params.get("said", ""),
        }
        return self._site.show(look, "incident.html", told)

    def _restated(self, look: Look, found: IncidentFindings) -> str:
        """The answer as it became final, where news has changed it since; "" until that is known."""
        if found.incident.state != "revised" or found.as_of is not None:
            return ""
        then = self._explaining.later(look.told.workspace, found.incident.incident, found.incident.final_at)
        if not isinstance(then, IncidentFindings):
            return ""
        before, now = ", ".join(answer_words(then)), ", ".join(answer_words(found))
        return f"{then.incident.verdict}: {before}" if before != now else ""

    async def _change(self, look: Look) -> Response:
        found = await self._found(look, CHANGE, ChangeFindings)
        if not isinstance(found, ChangeFindings):
            return found
        given: dict[str, str | int] = {"workspace": look.told.workspace, "change": found.change.change}
        commit = f"{found.change.repository}@{found.change.sha}"
        measured, checks = await asyncio.gather(
            self._site.asking.ask(MEASURED, given, look.role),
            self._site.asking.ask(CHECKS, {**given, "commit": commit}, look.role),
        )
        context = change_context(found, measured, checks, look.told)
        return self._site.show(look, "change.html", context)

    async def _deployment(self, look: Look) -> Response:
        found = await self._found(look, DEPLOYMENT, DeploymentFindings)
        if not isinstance(found, DeploymentFindings):
            return found
        told = look.told._replace(cuts={**look.told.cuts, "deployment": found.deployment.deployment})
        shown = await self._site.window(look, _DEBUG_HOURS)
        ready = await panels(self._site.asking, (_PANELS[key] for key in COMPARED), told, shown, look.role)
        context = deployment_context(found, look.told)
        return self._site.show(look, "deployment.html", {**context, "panels": list(ready.values())})

    async def _sql(self, look: Look) -> Response:
        statement = look.request.query_params.get("q", "")
        answer = None
        if statement.strip() and self._console.open:
            answer = await self._console.answer(statement, look.told.workspace, look.role)
        return self._site.show(look, "sql.html", console_context(self._console, statement, answer))

    async def _found(self, look: Look, kind: str, findings: type[F]) -> F | Response:
        """What the address names; the page of what it is, where that is another kind of thing."""
        name = look.request.query_params.get(kind, "")[:NAME_CHARACTERS_MAX]
        if not name:
            raise Problem(400, f"which {kind}? The address ends in ?workspace=...&{kind}=...")
        as_of = _as_of(look.request)
        if as_of is not None and as_of > self._site.now_micros():
            raise Problem(400, "as_of lies in the future: nobody knows yet what will be known then")
        try:
            found = await self._explaining.findings(look.told.workspace, name, as_of)
        except NotYet:
            told = {"name": name, "then": as_of is not None, "again_seconds": AGAIN_SECONDS}
            waiting = self._site.show(look, "not_yet.html", told, 202)
            waiting.headers["refresh"] = str(AGAIN_SECONDS)
            return waiting
        if isinstance(found, findings):
            return found
        if found is None:
            when = " was known then and" if as_of is not None else ""
            raise Problem(404, f"nothing{when} in the workspace {look.told.workspace!a} is called {name!a}")
        if isinstance(found, SeveralFindings):
            told = {
                "name": name,
                "matches": [
                    (one.kind, one.key, one.about, look.told.address(_PATHS[one.kind], **{one.kind: one.key}))
                    for one in found.matches
                ],
            }
            return self._site.show(look, "several.html", told)
        other, key = _kind_and_key(found)
        return RedirectResponse(look.told.address(_PATHS[other], **{other: key}), 303, HEADERS)

    async def _verdict(self, request: Request) -> Response:
        """Take a person's word, and go back to the incident."""
        signing = self._site.signing
        identity = signing.identity(request, Role.RESPONDER)
        form = await self._site.form(request)
        signing.check_form(request, form.get("seal", ""))
        if not _is_person(identity):
            raise Problem(403, "a verdict needs a person: sign in with a token of your own, or at the proxy")
        workspace = _field(form, "workspace", NAME_CHARACTERS_MAX)
        incident = _field(form, "incident", NAME_CHARACTERS_MAX)
        cause = _field(form, "cause" if form.get("cause", "").strip() else "other", NAME_CHARACTERS_MAX)
        said = Said(incident=incident, because=_field(form, "because", REASON_CHARACTERS_MAX), change=cause)
        try:
            async with self._places:
                given = await asyncio.shield(asyncio.to_thread(self._judge, workspace, said, identity.person))
        except LogUnavailable:
            raise Problem(503, "log or store are away: your word is not kept, say it again later") from None
        self._explaining.forget(workspace, incident)
        back = f"/incident?workspace={quote(workspace, safe='')}&incident={quote(incident, safe='')}"
        said_so = "later" if given.waits_for_rebuild else "yes"
        return RedirectResponse(f"{back}&said={said_so}#verdicts", 303, HEADERS)


def _is_person(identity: Identity) -> bool:
    """Whether it is known who speaks: whom the proxy names, whose token it is, or who is on this machine."""
    return bool(identity.person) and not identity.shared


def _field(form: dict[str, str], name: str, characters_max: int) -> str:
    value = form.get(name, "").strip()
    if not value:
        raise Problem(422, f"the form leaves out what is asked for: {name}")
    if len(value) > characters_max:
        raise Problem(422, f"{name} has at most {characters_max} characters")
    return value


def _as_of(request: Request) -> int | None:
    told = request.query_params.get("as_of", "")
    if not told:
        return None
    try:
        return instant_micros(told)
    except ValueError:
        raise Problem(400, "as_of is a moment such as 2026-11-23T14:00:00Z") from None


def _kind_and_key(found: Explanation) -> tuple[str, str]:
    if isinstance(found, IncidentFindings):
        return INCIDENT, found.incident.incident
    if isinstance(found, ChangeFindings):
        return CHANGE, found.change.change
    assert isinstance(found, DeploymentFindings)
    return DEPLOYMENT, found.deployment.deployment
