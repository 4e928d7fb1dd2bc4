-- How much is said in reviews, and how many approvals can't have been more than a rubber stamp?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first.
--   dimension, value          what the requests have in common: all, team, service, repository, size or change_class
--   merged                    number of requests by people that were merged that week: n
--   commented                 how many of them somebody else said anything about
--   with_substance            how many of them have at least one substantive comment
--   substance_rate            with_substance / merged
--   comments_median, substantive_comments_median, _p90
--                             comments of other persons on each of them
--   stampable                 how many were approved and have enough lines that are not generated (50) to have
--                             `stamp_seconds`: only these can be rubber stamps
--   rubber_stamps             how many of those were approved without a comment of two points, in less than their
--                             `stamp_seconds`: fewer than there are, since nobody knows when somebody began to read
--   rubber_stamp_rate         rubber_stamps / stampable
--   without_size              number of approved requests whose size nobody told; they can't be judged
--   by_bots                   number of merged requests by programs, which count nowhere else in the row
-- Left out: direct commits, requests that were abandoned, what bots and authors said. A rate says something of a team
-- or a repository; there is none by person.
SELECT
    workspace,
    toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    countIf(NOT bot AND comments > 0) AS commented,
    countIf(NOT bot AND substantive_comments > 0) AS with_substance,
    round(with_substance / nullIf(merged, 0), 4) AS substance_rate,
    quantileExactIf(0.5)(toNullable(comments), NOT bot) AS comments_median,
    quantileExactIf(0.5)(toNullable(substantive_comments), NOT bot) AS substantive_comments_median,
    quantileExactIf(0.9)(toNullable(substantive_comments), NOT bot) AS substantive_comments_p90,
    countIf(NOT bot AND isNotNull(approval_seconds) AND isNotNull(stamp_seconds)) AS stampable,
    countIf(NOT bot AND rubber_stamp) AS rubber_stamps,
    round(rubber_stamps / nullIf(stampable, 0), 4) AS rubber_stamp_rate,
    countIf(NOT bot AND isNotNull(approval_seconds) AND isNull(lines)) AS without_size,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, merged_at, bot, comments, substantive_comments, approval_seconds, rubber_stamp, lines, stamp_seconds,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team), ('service', service), ('repository', repository), ('size', size),
                ('change_class', change_class)
            ]
        ) AS dimensions
    FROM reviews FINAL
    WHERE state = 'merged' AND isNotNull(merged_at)
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
