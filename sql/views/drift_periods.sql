-- How long did each resource differ from its declaration, and did a deployment explain it?
-- One row per drift, newest first.
--   hours       how long it lasted; one that lasts still counts up to `as_of`
--   explained   it was seen while a deployment of the same service and environment was under way (without a known start:
--               in the 15 minutes before it was live)
--   as_of       the moment that it is shown as of: now, or where nothing was received for two hours (an import), the
--               newest receipt of the workspace
-- Left out: nothing.
SELECT
    r.workspace AS workspace,
    r.resource AS resource,
    r.detected_at AS detected_at,
    r.corrected_at AS corrected_at,
    s.team AS team,
    r.service AS service,
    r.environment AS environment,
    r.summary AS summary,
    greatest(0, dateDiff('second', r.detected_at, ifNull(r.corrected_at, k.as_of))) / 3600 AS hours,
    p.deployment != '' AND p.begun_at <= r.detected_at AS explained,
    k.as_of AS as_of
FROM (SELECT * FROM drifts FINAL) AS r
INNER JOIN as_of AS k ON k.workspace = r.workspace
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = r.workspace AND s.service = r.service
ASOF LEFT JOIN
(
    -- of all that went live then or later, the earliest that had begun
    SELECT
        workspace, service, environment, deployment, live_at,
        min(ifNull(started_at, live_at - INTERVAL 15 MINUTE)) OVER
        (
            PARTITION BY workspace, service, environment
            ORDER BY live_at
            RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS begun_at
    FROM deployments FINAL
    WHERE NOT ignored AND (workspace, service, environment) IN (SELECT workspace, service, environment FROM drifts)
) AS p
    ON p.workspace = r.workspace AND p.service = r.service AND p.environment = r.environment
    AND p.live_at >= r.detected_at
ORDER BY detected_at DESC, workspace, resource
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, detected_at, resource.
