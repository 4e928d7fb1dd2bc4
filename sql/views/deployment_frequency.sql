-- How often does each service go live?
-- One row per service, environment and week (from Monday, UTC), newest first.
--   deployments  number that went live (failed ones are not in it)
--   rollbacks    how many of them were rollbacks
--   failed       number that did not go live
--   changes      number of changes they brought
--   days         number of days of the week with a deployment
-- Left out: weeks without any deployment have no row; deployments that a person told to ignore.
SELECT
    workspace,
    service,
    environment,
    toStartOfWeek(live_at, 1) AS week,
    countIf(transition != 'failed') AS deployments,
    countIf(transition = 'rollback') AS rollbacks,
    countIf(transition = 'failed') AS failed,
    sumIf(changes, transition != 'failed') AS changes,
    uniqExactIf(toDate(live_at), transition != 'failed') AS days
FROM
(
    SELECT workspace, service, environment, live_at, transition, changes
    FROM deployments FINAL
    WHERE NOT ignored
)
GROUP BY workspace, service, environment, week
ORDER BY week DESC, workspace, service, environment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, service, environment.
