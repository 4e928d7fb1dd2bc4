-- How long do changes take from their opening to the merge, and from their first commit to running in production?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first. Times in hours.
--   dimension, value              what the changes have in common: all, team, service, repository, size or change_class
--   merged                        number of changes by people that reached the main line that week
--   opened                        how many of them have a known opening before the merge: n of
--   opened_to_merged_median, _p75, _p90
--                                 from the first opening: drafts and closed times of reopened requests count
--   deployed                      how many of them are known to run in production
--   timed                         how many of these have a known first commit: n of
--   committed_to_deployed_median, _p75, _p90
--   merged_to_deployed_median, _p75, _p90
--                                 of all deployed ones
--   picked                        number of changes that were picked from another branch, where they had been timed
--   elsewhere                     number of changes merged into other branches: those of stacked requests, which reach
--                                 production with the request that carries them, and of releases
--   by_bots                       number of changes by programs
-- The main line of a repository is the branch that most of its changes were merged into.
-- Left out: what the last three count; changes not yet deployed are missing from the times, so that the newest weeks look faster than they are.
WITH lines AS
(
    SELECT workspace, repository, argMax(branch, (merged, branch)) AS branch
    FROM
    (
        SELECT workspace, repository, branch, count() AS merged
        FROM outcomes FINAL
        WHERE state = 'merged'
        GROUP BY workspace, repository, branch
    )
    GROUP BY workspace, repository
)
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(counts) AS merged,
    countIf(counts AND isNotNull(opened_hours)) AS opened,
    round(quantileExactIf(0.5)(opened_hours, counts), 2) AS opened_to_merged_median,
    round(quantileExactIf(0.75)(opened_hours, counts), 2) AS opened_to_merged_p75,
    round(quantileExactIf(0.9)(opened_hours, counts), 2) AS opened_to_merged_p90,
    countIf(counts AND isNotNull(merged_hours)) AS deployed,
    countIf(counts AND isNotNull(commit_hours)) AS timed,
    round(quantileExactIf(0.5)(commit_hours, counts), 2) AS committed_to_deployed_median,
    round(quantileExactIf(0.75)(commit_hours, counts), 2) AS committed_to_deployed_p75,
    round(quantileExactIf(0.9)(commit_hours, counts), 2) AS committed_to_deployed_p90,
    round(quantileExactIf(0.5)(merged_hours, counts), 2) AS merged_to_deployed_median,
    round(quantileExactIf(0.75)(merged_hours, counts), 2) AS merged_to_deployed_p75,
    round(quantileExactIf(0.9)(merged_hours, counts), 2) AS merged_to_deployed_p90,
    countIf(is_picked) AS picked,
    countIf(off_line) AS elsewhere,
    countIf(is_bot) AS by_bots
FROM
(
    SELECT
        o.workspace AS workspace,
        o.week AS week,
        o.bot AS is_bot,
        NOT is_bot AND o.branch != l.branch AS off_line,
        NOT is_bot AND NOT off_line AND o.picked AS is_picked,
        NOT (is_bot OR off_line OR is_picked) AS counts,
        o.opened_hours AS opened_hours,
        o.merged_hours AS merged_hours,
        o.commit_hours AS commit_hours,
        o.dimensions AS dimensions
    FROM
    (
        SELECT
            o.workspace AS workspace,
            o.repository AS repository,
            o.branch AS branch,
            o.bot AS bot,
            toStartOfWeek(assumeNotNull(o.merged_at), 1) AS week,
            notEmpty(c.picked_from) AS picked,
            if(c.opened_at <= c.merged_at, dateDiff('second', c.opened_at, c.merged_at) / 3600, NULL) AS opened_hours,
            dateDiff('second', c.merged_at, c.deployed_at) / 3600 AS merged_hours,
            dateDiff('second', c.first_commit_at, c.deployed_at) / 3600 AS commit_hours,
            arrayFilter(
                pair -> pair.1 = 'all' OR pair.2 != '',
                [
                    ('all', ''), ('team', o.team::String), ('service', o.service::String),
                    ('repository', o.repository::String), ('size', o.size::String),
                    ('change_class', o.change_class::String)
                ]
            ) AS dimensions
        FROM (SELECT * FROM outcomes FINAL WHERE state = 'merged') AS o
        LEFT JOIN
        (
            SELECT workspace, change, opened_at, merged_at, deployed_at, first_commit_at, picked_from
            FROM changes FINAL
        ) AS c ON c.workspace = o.workspace AND c.change = o.change
        -- as many rows on both sides, in the same order: none of them is held in memory
        SETTINGS join_algorithm = 'full_sorting_merge'
    ) AS o
    INNER JOIN lines AS l ON l.workspace = o.workspace AND l.repository = o.repository
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
