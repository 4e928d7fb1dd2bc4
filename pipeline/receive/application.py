"""The receiver's HTTP interface: deliveries and verdicts in, and what is known about its own health."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pipeline.receive.access import Role
from pipeline.receive.appending import Appender
from pipeline.receive.configuration import ReceiverSettings
from pipeline.receive.identifying import identify
from pipeline.receive.metrics import CONTENT_TYPE, ReceiverMetrics
from pipeline.receive.openapi import document
from pipeline.receive.problems import Problem, problem_response
from pipeline.receive.receiving import Receiving
from pipeline.receive.verdicts import Judge, Verdicts

_NOT_FOUND = "nothing is here: deliveries go to /receive/{workspace}/{source}; /openapi.json lists the rest"


def application(
    settings: ReceiverSettings,
    appender: Appender,
    *,
    ready: Callable[[], Sequence[str]] = tuple,
    stuck: Callable[[], str] = str,
    waiting: Callable[[], str] = str,
    judge: Judge | None = None,
    registry: CollectorRegistry | None = None,
    watched: Mapping[str, tuple[str, Callable[[], float]]] = MappingProxyType({}),
    now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """The receiver as an ASGI application.

    ``ready`` says, quickly, what keeps deliveries from being taken (nothing: ready); ``stuck`` why the
    process has to be restarted; ``waiting`` what rows are behind for, while deliveries are still taken.
    ``judge`` takes verdicts in; without it there is no address for them. ``registry`` is shown by
    `/metrics`; its own unless given. ``watched``: name -> meaning and how to look a further number for
    `/metrics` up. ``now`` is in microseconds UTC. ``pages`` are for browsers, at the same address. The
    caller starts and stops the appender.
    """
    metrics = ReceiverMetrics(settings.source_names, registry)
    receiving = Receiving(settings, appender, metrics, now)
    appender.tell(metrics.appended)
    metrics.watch("receive_waiting_deliveries", "Deliveries that wait for the disk", lambda: appender.waiting)
    metrics.watch("receive_bodies", "Bodies in memory", lambda: receiving.room.bodies)
    metrics.watch("receive_bodies_bytes", "Bytes of the bodies in memory", lambda: receiving.room.bytes_held)
    for name, (meaning, measure) in watched.items():
        metrics.watch(name, meaning, measure)
    own = _Pages(settings, appender, metrics, ready, stuck, waiting, judges=judge is not None)
    verdicts: list[BaseRoute] = []
    if judge is not None:
        verdicts = [Route("/verdicts/{workspace}", Verdicts(settings, judge).give, methods=["POST"])]
    app = Starlette(
        routes=[
            Route("/receive/{workspace}/{source}", receiving, methods=["POST"]),
            Route("/healthz", own.health, methods=["GET"]),
            Route("/readyz", own.readiness, methods=["GET"]),
            Route("/metrics", own.measured, methods=["GET"]),
            Route("/config", own.configured, methods=["GET"]),
            Route("/openapi.json", own.described, methods=["GET"]),
            *verdicts,
            *pages,
        ],
        exception_handlers={HTTPException: _refused, Problem: _problem, Exception: _failed},
    )
    app.router.redirect_slashes = False
    return app


class _Pages:
    """What the receiver says about itself."""

    def __init__(
        self,
        settings: ReceiverSettings,
        appender: Appender,
        metrics: ReceiverMetrics,
        ready: Callable[[], Sequence[str]],
        stuck: Callable[[], str],
        waiting: Callable[[], str],
        *,
        judges: bool,
    ) -> None:
        self._settings = settings
        self._appender = appender
        self._metrics = metrics
        self._ready = ready
        self._stuck = stuck
        self._waiting = waiting
        self._judges = judges

    async def health(self, request: Request) -> Response:
        stuck = self._stuck()
        return _json({"status": "stuck", "why": stuck} if stuck else {"status": "ok"}, 503 if stuck else 200)

    async def readiness(self, request: Request) -> Response:
        missing = list(self._ready())
        if self._appender.failure is not None:
            missing.append("the receiver has stopped writing: look at its log lines, and restart it")
        elif self._appender.unavailable:
            missing.append(self._appender.unavailable)
        told: dict[str, object] = {"ready": not missing}
        try:
            identify(self._settings.access, Role.VIEWER, request)
            if missing:
                told["missing"] = list(dict.fromkeys(missing))
            if waiting := self._waiting():
                told["waiting_for"] = waiting
        except Problem:
            pass  # a probe needs the status alone; reasons name paths and addresses
        return _json(told, 503 if missing else 200)

    async def measured(self, request: Request) -> Response:
        if not self._settings.open_metrics:
            identify(self._settings.access, Role.VIEWER, request)
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def configured(self, request: Request) -> Response:
        identify(self._settings.access, Role.ADMIN, request)
        settings = self._settings
        return _json(
            {
                "settings": dict(settings.shown()),
                "sources": {name: security.shown() for name, security in sorted(settings.sources.items())},
                "workspaces": sorted(settings.workspaces),
                "workspace_pattern": settings.workspace_pattern,
                "limits": asdict(settings.limits),
                "kept_deliveries_encrypted": bool(settings.keys),
                "readers": len(settings.access.tokens),
                "trusted_proxy": settings.access.proxy is not None,
            }
        )

    async def described(self, request: Request) -> Response:
        settings = self._settings
        try:
            identify(settings.access, Role.VIEWER, request)
        except Problem:
            return _json(document(verdicts=self._judges))  # names of organisations are not for everybody
        workspaces = () if settings.workspace_pattern else sorted(settings.workspaces)
        return _json(document(workspaces, sorted(settings.source_names), verdicts=self._judges))


def _json(value: object, status: int = 200) -> Response:
    return Response(
        json.dumps(value, default=str), status, {"cache-control": "no-store"}, media_type="application/json"
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem_response(404, _NOT_FOUND)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = headers.get("allow") or headers.get("Allow", "")
        return problem_response(405, f"this address takes {allowed} alone", {"allow": allowed})
    return problem_response(error.status_code, str(error.detail), headers)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _failed(request: Request, error: Exception) -> Response:
    return problem_response(500, "this is a bug: the receiver's log lines say where; send it again later")
