-- How often does production differ from what is declared, for how long, and where does it now?
-- One row per workspace, week of the detection (from Monday, UTC), dimension and value, newest first.
--   dimension, value     what the drifts have in common: all, team, service, environment or resource
--   drifts               number of drifts that no deployment explains: n
--   open                 how many of them are not corrected
--   hours_median, _p90   how long they lasted, in hours; those that last still count up to `as_of`
--   explained            number of drifts that were seen while a deployment of the same service and environment was
--                        under way (without a known start: in the 15 minutes before it was live); they count nowhere
--                        else in the row
--   as_of                the moment that it is shown as of: now, or where nothing was received for two hours (an
--                        import), the newest receipt of the workspace
-- Left out: nothing else.
WITH known AS
(
    SELECT workspace, if(max(received_at) < now64(6) - INTERVAL 2 HOUR, max(received_at), now64(6)) AS as_of
    FROM events
    GROUP BY workspace
)
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT planned) AS drifts,
    countIf(NOT planned AND isNull(corrected_at)) AS open,
    round(quantileExactIf(0.5)(toNullable(hours), NOT planned), 2) AS hours_median,
    round(quantileExactIf(0.9)(toNullable(hours), NOT planned), 2) AS hours_p90,
    countIf(planned) AS explained,
    any(as_of) AS as_of
FROM
(
    SELECT
        r.workspace AS workspace,
        toStartOfWeek(r.detected_at, 1) AS week,
        r.corrected_at AS corrected_at,
        k.as_of AS as_of,
        greatest(0, dateDiff('second', r.detected_at, ifNull(r.corrected_at, k.as_of))) / 3600 AS hours,
        p.deployment != '' AND p.begun_at <= r.detected_at AS planned,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', s.team::String), ('service', r.service::String),
                ('environment', r.environment::String), ('resource', r.resource)
            ]
        ) AS dimensions
    FROM (SELECT * FROM drifts FINAL) AS r
    INNER JOIN known AS k ON k.workspace = r.workspace
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
        WHERE NOT ignored
    ) AS p
        ON p.workspace = r.workspace AND p.service = r.service AND p.environment = r.environment
        AND p.live_at >= r.detected_at
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
