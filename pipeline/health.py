"""What a process without an interface of its own tells about itself: health, readiness, numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

#: label values -> number; one metric
Measured = Mapping[tuple[str, ...], float]

_LOOPBACK = ("127.", "::1")


class Watched(Collector):
    """Numbers that are looked up when somebody asks: name -> meaning, labels, and how to look them up."""

    def __init__(self, metrics: Mapping[str, tuple[str, tuple[str, ...], Callable[[], Measured]]]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """See ``Collector``; a number that can't be had now hides none of the others."""
        found: list[Metric] = []
        for name, (meaning, labels, measure) in self._metrics.items():
            family = GaugeMetricFamily(f"aftermerge_{name}", meaning, labels=labels)
            try:
                measured = measure()
            except Exception:  # noqa: BLE001 - one number that is not there must not hide the others
                measured = {} if labels else {(): math.nan}
            for values, number in measured.items():
                family.add_metric(values, number)
            found.append(family)
        return found


def application(
    stuck: Callable[[], str],
    waiting: Callable[[], str],
    metrics: Mapping[str, tuple[str, tuple[str, ...], Callable[[], Measured]]],
) -> Starlette:
    """`/healthz`, `/readyz` and `/metrics` of one process.

    ``stuck`` says why it has to be restarted, ``waiting`` what it waits for (nothing: ready). Reasons name
    addresses: they are told on this machine alone.
    """
    registry = CollectorRegistry()
    registry.register(Watched(metrics))

    async def health(request: Request) -> Response:
        return _status(request, "stuck", stuck())

    async def readiness(request: Request) -> Response:
        return _status(request, "waiting", waiting())

    async def measured(request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", health, methods=["GET"]),
            Route("/readyz", readiness, methods=["GET"]),
            Route("/metrics", measured, methods=["GET"]),
        ]
    )


def _status(request: Request, name: str, why: str) -> Response:
    told = {"status": name if why else "ok"}
    host = request.client.host if request.client is not None else ""
    if why and host.startswith(_LOOPBACK):
        told["why"] = why
    return Response(json.dumps(told), 503 if why else 200, media_type="application/json")
