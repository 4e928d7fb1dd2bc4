-- How long does a request take from its opening to its merge, small ones and large ones?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first. All times in hours.
--   dimension, value             what the requests have in common: all, team, service, repository, size or change_class
--   merged                       number of requests by people that were merged that week: n
--   opened_to_merged_median, _p75, _p90
--   ready_to_merged_median, _p75, _p90
--                                from the moment at which the request was no draft any more
--   authors_median, reviewers_median, mergers_median
--                                of that: how long it was its author's turn (drafts, requested changes, red checks),
--                                its reviewers', and approved; medians of parts don't add up to the median of the whole
--   by_bots                      number of merged requests by programs, which count nowhere else in the row
-- Left out: direct commits, and changes of which nobody told more than the merge (`lead_time` has these).
SELECT
    workspace,
    toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    round(quantileExactIf(0.5)(toNullable(opened_hours), NOT bot), 2) AS opened_to_merged_median,
    round(quantileExactIf(0.75)(toNullable(opened_hours), NOT bot), 2) AS opened_to_merged_p75,
    round(quantileExactIf(0.9)(toNullable(opened_hours), NOT bot), 2) AS opened_to_merged_p90,
    round(quantileExactIf(0.5)(ready_hours, NOT bot), 2) AS ready_to_merged_median,
    round(quantileExactIf(0.75)(ready_hours, NOT bot), 2) AS ready_to_merged_p75,
    round(quantileExactIf(0.9)(ready_hours, NOT bot), 2) AS ready_to_merged_p90,
    round(quantileExactIf(0.5)(toNullable(author_seconds), NOT bot) / 3600, 2) AS authors_median,
    round(quantileExactIf(0.5)(toNullable(waiting_seconds), NOT bot) / 3600, 2) AS reviewers_median,
    round(quantileExactIf(0.5)(toNullable(merging_seconds), NOT bot) / 3600, 2) AS mergers_median,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, merged_at, bot, author_seconds, waiting_seconds, merging_seconds,
        greatest(0, dateDiff('second', opened_at, assumeNotNull(merged_at))) / 3600 AS opened_hours,
        if(isNull(ready_at), NULL, greatest(0, dateDiff('second', ready_at, assumeNotNull(merged_at))) / 3600) AS ready_hours,
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
