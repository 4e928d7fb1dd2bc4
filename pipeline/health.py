"""What a process without an interface of its own tells about itself: health, readiness, numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.dead_letters import kind_of
from pipeline.measuring import Meter

#: label values -> number; one metric
Measured = Mapping[tuple[str, ...], float]

_LOOPBACK = ("127.", "::1")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


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


class StepMeters:
    """What the steps of a process measure, for Prometheus; no label takes a value that a sender chooses."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._stages = Histogram(
            "aftermerge_stage_seconds",
            "How long each stage of a batch takes",
            ["step", "stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "aftermerge_batch_records",
            "Records of each batch that was committed",
            ["step"],
            buckets=_RECORDS,
            registry=self.registry,
        )
        self._letters = Counter(
            "aftermerge_dead_lettered",
            "Records that became dead letters, by kind of reason",
            ["step", "reason"],
            registry=self.registry,
        )

    def of(self, step: str) -> Meter:
        """The meter of one step."""
        return _StepMeter(step, self._stages, self._batches, self._letters)


class _StepMeter:
    def __init__(self, step: str, stages: Histogram, batches: Histogram, letters: Counter) -> None:
        self._step, self._stages, self._letters = step, stages, letters
        self._batches = batches.labels(step)

    def stage(self, name: str) -> AbstractContextManager[object]:
        return self._stages.labels(self._step, name).time()

    def batch(self, records: int) -> None:
        self._batches.observe(records)

    def refused(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self._letters.labels(self._step, kind_of(reason)).inc()


def application(
    stuck: Callable[[], str],
    waiting: Callable[[], str],
    metrics: Mapping[str, tuple[str, tuple[str, ...], Callable[[], Measured]]],
    meters: StepMeters | None = None,
) -> Starlette:
    """`/healthz`, `/readyz` and `/metrics` of one process.

    ``stuck`` says why it has to be restarted, ``waiting`` what it waits for (nothing: ready). Reasons name
    addresses: they are told on this machine alone.
    """
    registry = CollectorRegistry() if meters is None else meters.registry
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
