"""What an OpenTelemetry Collector would have written of a made-up world: requests, and what they logged.

Statements for the store in which the world's rows are: each deployment of the last weeks answered some
requests, and where it broke something, more of them failed.
"""

from __future__ import annotations

DATABASE = "otel"
#: deployments that have requests: those that went live so long before the newest one
REACH_DAYS = 14
REQUESTS_EACH = 40
#: one of so many requests fails: usually, and of a deployment that broke something
FAILS_USUALLY, FAILS_BROKEN = 150, 6

_COLUMNS = """
    Timestamp DateTime64(9, 'UTC'), TraceId String, SpanId String, ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String)"""
#: as its ClickHouse exporter makes them, as far as anybody asks here
TABLES = (
    f"CREATE DATABASE IF NOT EXISTS {DATABASE}",
    f"""CREATE TABLE IF NOT EXISTS {DATABASE}.otel_traces
({_COLUMNS}, ParentSpanId String, SpanName LowCardinality(String), SpanKind LowCardinality(String),
    SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String),
    StatusMessage String)
ENGINE = MergeTree ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))""",
    f"""CREATE TABLE IF NOT EXISTS {DATABASE}.otel_logs
({_COLUMNS}, SeverityText LowCardinality(String), SeverityNumber UInt8, Body String,
    LogAttributes Map(LowCardinality(String), String))
ENGINE = MergeTree ORDER BY (ServiceName, toDateTime(Timestamp))""",
)


def statements(workspace: str) -> tuple[str, ...]:
    """Make the tables anew with the requests of this workspace (a plain name) alone."""
    broken = (
        f"deployment IN (SELECT cause FROM incidents FINAL WHERE workspace = '{workspace}'"
        " AND cause_kind = 'deployment' AND probability > 0.5)"
    )
    requests = f"""
    SELECT
        live_at + toIntervalSecond(cityHash64(deployment, i) % 7200) AS at, service::String AS name, tag,
        hex(cityHash64(deployment, i, 1)) || hex(cityHash64(deployment, i, 2)) AS trace,
        hex(cityHash64(deployment, i, 3)) AS span,
        cityHash64(deployment, i, 4) % if({broken}, {FAILS_BROKEN}, {FAILS_USUALLY}) = 0 AS failed,
        ['GET /', 'GET /items', 'POST /items', 'GET /items/id'][1 + cityHash64(deployment, i, 5) % 4] AS what,
        20 + cityHash64(deployment, i, 6) % 180 + if(failed, 900, 0) AS milliseconds
    FROM (SELECT * FROM deployments FINAL WHERE workspace = '{workspace}' AND tag != ''
        AND transition != 'failed' AND live_at > (SELECT max(live_at) FROM deployments
        WHERE workspace = '{workspace}') - INTERVAL {REACH_DAYS} DAY)
    ARRAY JOIN range({REQUESTS_EACH}) AS i"""
    told = "at, trace, span, name, map('service.version', tag, 'service.name', name)"
    return (
        *TABLES,
        f"TRUNCATE TABLE {DATABASE}.otel_traces",
        f"TRUNCATE TABLE {DATABASE}.otel_logs",
        f"""INSERT INTO {DATABASE}.otel_traces SELECT {told}, '', what, 'Server', map('http.route', what),
        milliseconds * 1000000, if(failed, 'Error', 'Unset'), if(failed, 'upstream timed out', '')
        FROM ({requests})""",
        f"""INSERT INTO {DATABASE}.otel_logs SELECT {told}, 'ERROR', 17,
        concat(what, ' failed after ', toString(milliseconds), ' ms: upstream timed out'), map()
        FROM ({requests}) WHERE failed""",
    )
