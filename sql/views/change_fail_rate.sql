-- Which share of deployments broke something?
-- One row per workspace, month (UTC) in which the deployments went live, dimension and value, newest first; by week, and
-- with an interval: software_delivery.
--   dimension, value  what the deployments have in common: service in environment (`api in production`), environment,
--                     and of production alone: all, team, service, repository
--   deployments       number that went live: the denominator
--   incidents         number of incidents whose likeliest single cause is one of them
--   failures          sum over those incidents of the probability (0 to 1) that a deployment caused them: the numerator
--   rate              failures / deployments
-- Left out: incidents whose likeliest cause is none or unseen, failed deployments, and deployments that a
-- person told to ignore. One deployment that caused several incidents counts once for each.
WITH caused AS
(
    SELECT workspace, cause, count() AS incidents, sum(change_probability) AS failures
    FROM incidents FINAL
    WHERE cause_kind = 'deployment'
    GROUP BY workspace, cause
)
SELECT
    workspace,
    month,
    d.1 AS dimension,
    d.2 AS value,
    count() AS deployments,
    sum(caused_incidents) AS incidents,
    round(sum(caused_failures), 3) AS failures,
    round(sum(caused_failures) / count(), 4) AS rate
FROM
(
    SELECT
        d.workspace AS workspace,
        toStartOfMonth(d.live_at) AS month,
        c.incidents AS caused_incidents,
        c.failures AS caused_failures,
        arrayFilter(
            (pair, holds) -> holds,
            [
                ('service in environment', concat(d.service, ' in ', d.environment)),
                ('environment', d.environment::String), ('all', ''), ('team', s.team::String),
                ('service', d.service::String), ('repository', d.repository::String)
            ],
            arrayMap(
                (told, production) -> told != '' AND (NOT production OR d.environment = 'production'),
                [d.service::String, d.environment::String, 'all', s.team::String, d.service::String, d.repository::String],
                [false, false, true, true, true, true]
            )
        ) AS dimensions
    FROM (SELECT * FROM deployments FINAL WHERE transition != 'failed' AND NOT ignored) AS d
    LEFT JOIN caused AS c ON c.workspace = d.workspace AND c.cause = d.deployment
    LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
        ON s.workspace = d.workspace AND s.service = d.service
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, month, dimension, value
ORDER BY month DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, month, dimension, value.
