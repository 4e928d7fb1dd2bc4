-- How long does a change take from opening to the merge, and from the merge to production?
-- One row per repository and week of the merge (from Monday, UTC), newest first. All times in hours.
--   merged                      number of changes merged that week
--   timed                       how many of them have a known opening: n of opened_to_merged
--   opened_to_merged_median, _p75, _p90
--   deployed                    how many of them are known to have reached production: n of merged_to_deployed
--   merged_to_deployed_median, _p75, _p90
-- Left out: direct commits have no opening and count in `merged` and `merged_to_deployed` only; changes
-- not yet deployed are missing from `merged_to_deployed`, so that the newest weeks look faster than they are.
SELECT
    workspace,
    repository,
    toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
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
        workspace,
        repository,
        merged_at,
        dateDiff('second', opened_at, merged_at) / 3600 AS opened_hours,
        dateDiff('second', merged_at, deployed_at) / 3600 AS deployed_hours
    FROM changes FINAL
    WHERE state = 'merged' AND merged_at IS NOT NULL
)
GROUP BY workspace, repository, week
ORDER BY week DESC, workspace, repository
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, repository.
