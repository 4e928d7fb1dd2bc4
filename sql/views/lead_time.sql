-- How long does a change take from opening to the merge, and from the merge to production?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first. All times in hours.
--   dimension, value            what the changes have in common: all, team, service, repository, size or change_class
--   merged                      number of changes merged that week, by people and by programs
--   timed                       how many of them have a known opening: n of opened_to_merged
--   opened_to_merged_median, _p75, _p90
--   deployed                    how many of them are known to have reached production: n of merged_to_deployed
--   merged_to_deployed_median, _p75, _p90
-- Left out: direct commits have no opening and count in `merged` and `merged_to_deployed` only; changes
-- not yet deployed are missing from `merged_to_deployed`, so that the newest weeks look faster than they are.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    count() AS merged,
    count(opened_hours) AS timed,
    round(quantileExact(0.5)(opened_hours), 2) AS opened_to_merged_median,
    round(quantileExact(0.75)(opened_hours), 2) AS opened_to_merged_p75,
    round(quantileExact(0.9)(opened_hours), 2) AS opened_to_merged_p90,
    count(deployed_hours) AS deployed,
    round(quantileExact(0.5)(deployed_hours), 2) AS merged_to_deployed_median,
    round(quantileExact(0.75)(deployed_hours), 2) AS merged_to_deployed_p75,
    round(quantileExact(0.9)(deployed_hours), 2) AS merged_to_deployed_p90
FROM
(
    SELECT
        c.workspace AS workspace,
        toStartOfWeek(assumeNotNull(c.merged_at), 1) AS week,
        dateDiff('second', c.opened_at, c.merged_at) / 3600 AS opened_hours,
        dateDiff('second', c.merged_at, c.deployed_at) / 3600 AS deployed_hours,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', o.team::String), ('service', o.service::String),
                ('repository', c.repository::String), ('size', o.size::String),
                ('change_class', o.change_class::String)
            ]
        ) AS dimensions
    FROM
    (
        SELECT workspace, change, repository, opened_at, merged_at, deployed_at
        FROM changes FINAL
        WHERE state = 'merged' AND isNotNull(merged_at)
    ) AS c
    LEFT JOIN (SELECT workspace, change, team, service, size, change_class FROM outcomes FINAL) AS o
        ON o.workspace = c.workspace AND o.change = c.change
    -- as many rows on both sides, in the same order: none of them is held in memory
    SETTINGS join_algorithm = 'full_sorting_merge'
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
