"""Requests of a made-up world: those of a deployment that broke something fail more often."""

from __future__ import annotations

from pipeline.core.facts import DeploymentFact, IncidentFact
from pipeline.simulate.telemetry import FAILS_BROKEN, FAILS_USUALLY, REQUESTS_EACH, statements
from pipeline.store import Store
from tests.store.rows import DAY, MONDAY, row

DEPLOYMENTS = 60
_FAILED = "SELECT countIf(StatusCode = 'Error') / count() FROM telemetry_traces WHERE {}"


def values(store: Store, statement: str) -> list[float]:
    """The one row of a statement."""
    ((*found,),) = store.query(statement).rows
    return [float(str(value)) for value in found]


def test_requests_carry_the_deploy_tag_and_fail_where_something_broke(store: Store) -> None:
    told = {"service": "api", "environment": "production", "transition": "forward", "outcome": "success"}
    rows = [
        row(DeploymentFact, deployment=f"d{n}", tag=f"v{n}", live_at=MONDAY + n * DAY // 10, **told)
        for n in range(DEPLOYMENTS)
    ]
    rows.append(row(DeploymentFact, deployment="old", tag="v-old", live_at=MONDAY - 60 * DAY, **told))
    store.insert_facts("deployments", "acme", 1, rows)
    blamed = [
        row(
            IncidentFact,
            incident=f"i{n}",
            cause=f"d{n}",
            cause_kind="deployment",
            probability=0.9,
            service="api",
        )
        for n in range(0, DEPLOYMENTS, 2)
    ]
    store.insert_facts("incidents", "acme", 1, blamed)
    try:
        for _ in range(2):  # twice is once
            for statement in statements("acme"):
                store.make(statement)
        requests, tags = values(
            store, "SELECT count(), uniqExact(ResourceAttributes['service.version']) FROM telemetry_traces"
        )
        assert (requests, tags) == (DEPLOYMENTS * REQUESTS_EACH, DEPLOYMENTS)
        even = "toUInt32(substring(ResourceAttributes['service.version'], 2)) % 2 = 0"
        (broken,) = values(store, _FAILED.format(even))
        (usual,) = values(store, _FAILED.format(f"NOT ({even})"))
        assert abs(broken - 1 / FAILS_BROKEN) < 0.04
        assert abs(usual - 1 / FAILS_USUALLY) < 0.01
        (logs,) = values(store, "SELECT count() FROM telemetry_logs")
        (failed,) = values(store, "SELECT countIf(StatusCode = 'Error') FROM telemetry_traces")
        assert logs == failed
        assert failed > 0
    finally:
        store.make("DROP DATABASE IF EXISTS otel")
