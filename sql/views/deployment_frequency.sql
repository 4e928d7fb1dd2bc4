-- How often do services go live?
-- One row per workspace, week (from Monday, UTC), dimension and value, newest first.
--   dimension, value  what the deployments have in common: service in environment (`api in production`), environment,
--                     and of production alone: all, team, service, repository
--   deployments       number that went live (failed ones are not in it)
--   rollbacks         how many of them were rollbacks
--   failed            number that did not go live
--   changes           number of changes they brought; one that several of them brought counts in each
--   days              number of days of the week with a deployment
-- Left out: weeks without any deployment have no row; deployments that a person told to ignore.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(transition != 'failed') AS deployments,
    countIf(transition = 'rollback') AS rollbacks,
    countIf(transition = 'failed') AS failed,
    sumIf(changes, transition != 'failed') AS changes,
    uniqExactIf(toDate(live_at), transition != 'failed') AS days
FROM
(
    SELECT
        d.workspace AS workspace,
        toStartOfWeek(d.live_at, 1) AS week,
        d.live_at AS live_at,
        d.transition AS transition,
        d.changes AS changes,
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
    FROM (SELECT * FROM deployments FINAL WHERE NOT ignored) AS d
    LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
        ON s.workspace = d.workspace AND s.service = d.service
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
