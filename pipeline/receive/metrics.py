"""What the receiver counts about itself, for Prometheus; no label takes a value that a sender chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

#: the label of deliveries to a source that is not enabled
UNKNOWN = "unknown"
STORED = "stored"
REPEATED = "repeated"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class ReceiverMetrics:
    """Counters of one receiver, in a registry of its own unless one is given."""

    def __init__(self, sources: Iterable[str], registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._sources = frozenset(sources)
        self._deliveries = Counter(
            "aftermerge_received_deliveries",
            "Deliveries by source and what became of them",
            ["source", "outcome"],
            registry=self.registry,
        )
        self._bytes = Counter(
            "aftermerge_received_bytes",
            "Bytes of the bodies that were stored, by source",
            ["source"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aftermerge_receive_seconds",
            "From the headers of a delivery to its answer",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "aftermerge_received_batch_deliveries",
            "How many deliveries one write to the log holds",
            buckets=_BATCHES,
            registry=self.registry,
        )
        self._known: dict[tuple[str, str], Counter] = {}

    def source(self, name: str) -> str:
        """The label of a source."""
        return name if name in self._sources else UNKNOWN

    def answered(self, source: str, outcome: str, seconds: float, stored_bytes: int = 0) -> None:
        """Count one delivery that was answered; ``source`` is a label."""
        counter = self._known.get((source, outcome))
        if counter is None:
            counter = self._known[source, outcome] = self._deliveries.labels(source, outcome)
        counter.inc()
        self._seconds.observe(seconds)
        if stored_bytes:
            self._bytes.labels(source).inc(stored_bytes)

    def appended(self, count: int) -> None:
        """Count one write to the log."""
        self._batches.observe(count)

    def watch(self, name: str, meaning: str, measure: Callable[[], float]) -> None:
        """Show a number that is looked up when it is asked for; NaN when it can't be had now."""

        def looked_up() -> float:
            try:
                return float(measure())
            except Exception:  # noqa: BLE001 - one number that is not there must not hide the others
                return math.nan

        Gauge(f"aftermerge_{name}", meaning, registry=self.registry).set_function(looked_up)

    def text(self) -> bytes:
        """Everything in the registry, as Prometheus reads it."""
        return generate_latest(self.registry)
