"""What its traces and logs say: as the OpenTelemetry Collector wrote them, joined by ``service.version``."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Unit

_CONNECT = (
    "No telemetry of it. The OpenTelemetry Collector writes some with its ClickHouse exporter; "
    "`service.version` has to be the deploy tag."
)
_ITS_VERSION = """
    SELECT service::String, tag
    FROM deployments FINAL
    WHERE workspace = {workspace:String} AND deployment = {deployment:String} AND tag != ''
"""
_VERSION = "ResourceAttributes['service.version']"

ERROR_RATES = Panel(
    key="debug-error-rates",
    title="Do its requests fail more often than those of the tag before?",
    question="Requests that the service answered (spans of kind Server), by deploy tag: how many, how "
    "many of them failed, and how long nine tenths took at most. The tag before it stands "
    "below.",
    form=Form.TABLE,
    sql=f"""
WITH
    its AS
    (
        SELECT service::String AS name, tag, previous
        FROM deployments FINAL
        WHERE workspace = {{workspace:String}} AND deployment = {{deployment:String}} AND tag != ''
    ),
    versions AS
    (
        SELECT name, tag FROM its
        UNION ALL
        SELECT service::String, tag
        FROM deployments FINAL
        WHERE workspace = {{workspace:String}} AND tag != '' AND deployment IN (SELECT previous FROM its)
    )
SELECT
    {_VERSION} AS version, count() AS n,
    countIf(StatusCode = 'Error') AS failed, failed / n AS rate,
    quantile(0.5)(Duration) / 1000000 AS median_ms, quantile(0.9)(Duration) / 1000000 AS p90_ms,
    min(Timestamp) AS first_at,
    max(Timestamp) AS last_at
FROM telemetry_traces
WHERE (ServiceName::String, {_VERSION}) IN (SELECT name, tag FROM versions)
    AND SpanKind IN ('Server', 'SPAN_KIND_SERVER')
GROUP BY version
ORDER BY version IN (SELECT tag FROM its) DESC, version
LIMIT 10
""",
    columns=(
        Column("version", "Tag"),
        Column("n", "Requests (n)", Unit.COUNT),
        Column("failed", "Failed", Unit.COUNT),
        Column("rate", "Error rate", Unit.SHARE, Limits(0.01, 0.05)),
        Column("median_ms", "Median, ms", Unit.NUMBER),
        Column("p90_ms", "90 %, ms", Unit.NUMBER),
        Column("first_at", "First", Unit.TIME),
        Column("last_at", "Last", Unit.TIME),
    ),
    wide=PARTS,
    tall=4,
    empty=_CONNECT,
)
TRACES = Panel(
    key="debug-traces",
    title="Which of its requests failed, and which were slow?",
    question="Traces of the deployment by the tag that they carry: those that failed first, then the "
    "slowest.",
    form=Form.TABLE,
    sql=f"""
SELECT Timestamp AS at, TraceId AS trace, SpanName AS span, StatusCode AS status, StatusMessage AS message,
    Duration / 1000000 AS ms
FROM telemetry_traces
WHERE (ServiceName::String, {_VERSION}) IN ({_ITS_VERSION}) AND SpanKind IN ('Server', 'SPAN_KIND_SERVER')
ORDER BY StatusCode = 'Error' DESC, Duration DESC
LIMIT 50
""",
    columns=(
        Column("at", "Began", Unit.TIME),
        Column("trace", "Trace"),
        Column("span", "Request"),
        Column("status", "Status"),
        Column("message", "What went wrong"),
        Column("ms", "Took, ms", Unit.NUMBER),
    ),
    wide=PARTS,
    empty=_CONNECT,
)
LOGS = Panel(
    key="debug-logs",
    title="What did failed requests log?",
    question="Errors that the deployment logged, and whatever else was logged in a trace that failed, "
    "the newest first.",
    form=Form.LOGS,
    sql=f"""
SELECT Timestamp AS timestamp, lower(SeverityText) AS level, Body AS body
FROM telemetry_logs
WHERE (ServiceName::String, {_VERSION}) IN ({_ITS_VERSION})
    AND
    (
        SeverityNumber >= 17 OR TraceId != '' AND TraceId IN
        (
            SELECT TraceId
            FROM telemetry_traces
            WHERE (ServiceName::String, {_VERSION}) IN ({_ITS_VERSION}) AND StatusCode = 'Error'
        )
    )
ORDER BY timestamp DESC
LIMIT 200
""",
    columns=(
        Column("timestamp", "At", Unit.TIME),
        Column("level", "Level"),
        Column("body", "Said"),
    ),
    wide=PARTS,
    empty=_CONNECT,
)
