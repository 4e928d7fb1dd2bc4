-- How often did a merge queue throw requests out, and why?
-- One row per workspace, week of the ejection (from Monday, UTC), dimension, value and reason, newest first.
--   dimension, value   what the requests have in common: all, team, service, repository or change_class
--   reason             why, in the source's own words (ci_failure, ci_timeout, merge_conflict, ...); empty: not told
--   ejections          how often: n
--   requests           number of requests that it happened to
--   merged             how many of these were merged since
-- Left out: requests that somebody took out himself, and groups that were made anew because of another request.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    reason,
    count() AS ejections,
    uniqExact(change) AS requests,
    uniqExactIf(change, state = 'merged') AS merged
FROM
(
    SELECT
        workspace, change, state,
        toStartOfWeek(fromUnixTimestamp64Micro(ejection.1, 'UTC'), 1) AS week,
        ejection.2::String AS reason,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team::String), ('service', service::String),
                ('repository', repository::String), ('change_class', change_class::String)
            ]
        ) AS dimensions
    FROM outcomes FINAL
    ARRAY JOIN arrayZip(ejections, ejected_for) AS ejection
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value, reason
ORDER BY week DESC, workspace, dimension, value, ejections DESC, reason
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
