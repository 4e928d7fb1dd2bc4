-- What the OpenTelemetry Collector's ClickHouse exporter writes (into the database `otel`, or where it was told nothing
-- else, `default`), so that it can be asked for beside deployments. The tables themselves are the Collector's: while there
-- are none, these are empty. `service.version` of the resource = deploy tag joins them with deployments.

CREATE TABLE IF NOT EXISTS telemetry_traces
(
    Timestamp          DateTime64(9, 'UTC') COMMENT 'When the span began',
    TraceId            String COMMENT 'Trace that it belongs to',
    SpanId             String COMMENT 'Its own id',
    ParentSpanId       String COMMENT 'Span that it is part of; empty: none',
    SpanName           LowCardinality(String) COMMENT 'What was done',
    SpanKind           LowCardinality(String) COMMENT 'Server, Client, Internal, Producer or Consumer',
    ServiceName        LowCardinality(String) COMMENT 'Service that did it',
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of what did it; service.version is the deploy tag',
    SpanAttributes     Map(LowCardinality(String), String) COMMENT 'Attributes of the span',
    Duration           UInt64 COMMENT 'How long it took, in nanoseconds',
    StatusCode         LowCardinality(String) COMMENT 'Unset, Ok or Error',
    StatusMessage      String COMMENT 'What went wrong'
)
ENGINE = Merge(REGEXP('^(otel|default)$'), '^otel_traces$')
COMMENT 'Spans of requests, as the OpenTelemetry Collector writes them; empty while it writes none';

CREATE TABLE IF NOT EXISTS telemetry_logs
(
    Timestamp          DateTime64(9, 'UTC') COMMENT 'When it was logged',
    TraceId            String COMMENT 'Trace that it belongs to; empty: none',
    SpanId             String COMMENT 'Span that it belongs to; empty: none',
    SeverityText       LowCardinality(String) COMMENT 'Level, as the service calls it',
    SeverityNumber     UInt8 COMMENT '1 to 24; 17 and more are errors',
    ServiceName        LowCardinality(String) COMMENT 'Service that logged it',
    Body               String COMMENT 'What was logged',
    ResourceAttributes Map(LowCardinality(String), String) COMMENT 'Attributes of what logged it; service.version is the deploy tag',
    LogAttributes      Map(LowCardinality(String), String) COMMENT 'Attributes of the entry'
)
ENGINE = Merge(REGEXP('^(otel|default)$'), '^otel_logs$')
COMMENT 'Log entries, as the OpenTelemetry Collector writes them; empty while it writes none';
