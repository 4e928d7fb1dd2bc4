-- How large are the changes that people write, without what machines write for them?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first.
--   dimension, value   what the changes have in common: all, team, service, repository or change_class
--   merged             number of changes by people that were merged that week
--   sized              how many of them have a known size: n of what follows
--   lines_median, _p75, _p90
--                      lines added and deleted, without those of generated and vendored files
--   tiny, small, medium, large, huge
--                      how many have below 10, 50, 300, 1,000 such lines, and more
--   told               how many of them have their generated lines told; of the others all lines count
--   generated_share    the share of the lines of these that is generated
--   shrunk             how many of these are in a smaller class than with their generated lines
--   by_bots            number of changes by programs, which count nowhere else in the row
-- Left out: changes that nobody told the size of.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    countIf(NOT bot AND isNotNull(written)) AS sized,
    quantileExactIf(0.5)(written, NOT bot) AS lines_median,
    quantileExactIf(0.75)(written, NOT bot) AS lines_p75,
    quantileExactIf(0.9)(written, NOT bot) AS lines_p90,
    countIf(NOT bot AND size = 'tiny') AS tiny,
    countIf(NOT bot AND size = 'small') AS small,
    countIf(NOT bot AND size = 'medium') AS medium,
    countIf(NOT bot AND size = 'large') AS large,
    countIf(NOT bot AND size = 'huge') AS huge,
    countIf(NOT bot AND isNotNull(generated_lines)) AS told,
    round(sumIf(generated_lines, NOT bot) / nullIf(sumIf(lines, NOT bot AND isNotNull(generated_lines)), 0), 4) AS generated_share,
    countIf(NOT bot AND size != whole_size) AS shrunk,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, bot, lines, generated_lines, size,
        if(isNull(lines), NULL, greatest(0, lines - coalesce(generated_lines, 0))) AS written,
        multiIf(isNull(lines), '', lines < 10, 'tiny', lines < 50, 'small', lines < 300, 'medium', lines < 1000, 'large', 'huge') AS whole_size,
        toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team::String), ('service', service::String),
                ('repository', repository::String), ('change_class', change_class::String)
            ]
        ) AS dimensions
    FROM outcomes FINAL
    WHERE state = 'merged'
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
