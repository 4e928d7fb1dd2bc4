-- What did a deployment do to the numbers that jobs report: duration, cost, lag, hit rate, denials?
-- One row per workspace, service, environment, metric and deployment, newest deployment first.
--   metric, kind, unit   its name, whether it is a metric or a cost, and its unit
--   deployment, tag      the deployment that was live when it was measured: the one whose tag the report names, else
--                        the newest of its service and environment that was live by then
--   live_at              when that was live
--   change_classes       classes of the changes that it brought, where known
--   measurements         number of reports: n
--   median, least, most  of their values
--   before_median, before_measurements
--                        the same of the deployment before it of which the metric is known; null: none
--   ratio                median / before_median; null: there is none before, or it is 0
-- Left out: reports that name neither a service nor a change; reports of a service and environment without a deployment.
WITH measured AS
(
    -- what was deployed of services that report anything
    SELECT workspace, deployment, change
    FROM deployment_changes FINAL
    WHERE (workspace, service::String) IN (SELECT workspace, service::String FROM events_measurement_reported)
)
SELECT
    workspace, service, environment, metric, kind, unit, deployment, tag, live_at, change_classes, measurements,
    round(middle, 6) AS median, least, most,
    round(before, 6) AS before_median, before_n AS before_measurements,
    round(middle / nullIf(before, 0), 4) AS ratio
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(middle)) OVER w AS before,
        lagInFrame(toNullable(measurements)) OVER w AS before_n
    FROM
    (
        SELECT
            m.workspace AS workspace, m.service AS service, m.environment AS environment, m.name AS metric, m.kind AS kind,
            m.unit AS unit, m.deployment AS deployment, m.tag AS tag, m.live_at AS live_at,
            arraySort(groupUniqArrayArray(ifNull(c.classes, []))) AS change_classes,
            count() AS measurements, quantileExact(0.5)(m.value) AS middle, min(m.value) AS least, max(m.value) AS most
        FROM
        (
            SELECT
                r.workspace AS workspace, r.service AS service, r.environment AS environment, r.name AS name, r.kind AS kind,
                r.unit AS unit, r.number AS value,
                if(t.deployment != '', t.deployment, d.deployment) AS deployment,
                if(t.deployment != '', t.tag, d.tag) AS tag,
                if(t.deployment != '', t.live_at, d.live_at) AS live_at
            FROM
            (
                SELECT
                    workspace, time AS at, name, kind, unit, assumeNotNull(value) AS number, service::String AS service,
                    if(environment = '', 'production', environment::String) AS environment, tag AS named
                FROM
                (
                    -- of several tellings of one report the newest one
                    SELECT * FROM events_measurement_reported
                    ORDER BY source_version DESC, parser_version DESC, retracted, received_at DESC
                    LIMIT 1 BY workspace, id
                )
                WHERE NOT retracted AND isNotNull(value) AND service != ''
            ) AS r
            LEFT JOIN
            (
                SELECT workspace, service::String AS service, environment::String AS environment, tag, deployment, live_at
                FROM deployments FINAL
                WHERE outcome = 'success' AND tag != '' AND NOT ignored
                ORDER BY live_at DESC, deployment
                LIMIT 1 BY workspace, service, environment, tag
            ) AS t ON t.workspace = r.workspace AND t.service = r.service AND t.environment = r.environment AND t.tag = r.named
            ASOF LEFT JOIN
            (
                SELECT workspace, service::String AS service, environment::String AS environment, deployment, tag, live_at
                FROM deployments FINAL
                WHERE outcome = 'success' AND NOT ignored
            ) AS d
                ON d.workspace = r.workspace AND d.service = r.service AND d.environment = r.environment AND d.live_at <= r.at
        ) AS m
        LEFT JOIN
        (
            SELECT dc.workspace AS workspace, dc.deployment AS deployment, groupUniqArrayArray(k.classes) AS classes
            FROM measured AS dc
            INNER JOIN
            (
                SELECT workspace, change, classes
                FROM compliance FINAL
                WHERE (workspace, change) IN (SELECT workspace, change FROM measured)
            ) AS k ON k.workspace = dc.workspace AND k.change = dc.change
            GROUP BY workspace, deployment
        ) AS c ON c.workspace = m.workspace AND c.deployment = m.deployment
        WHERE m.deployment != ''
        GROUP BY workspace, service, environment, metric, kind, unit, deployment, tag, live_at
    )
    WINDOW w AS
    (
        PARTITION BY workspace, service, environment, metric, unit
        ORDER BY live_at, deployment
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
ORDER BY live_at DESC, workspace, service, environment, metric
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, live_at, service, environment.
