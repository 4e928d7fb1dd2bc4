-- How many requests fall on each reviewer, and how unequally are they spread?
-- One row per workspace, week in which requests became ready for review (from Monday, UTC), dimension and value,
-- newest first. Nobody is named.
--   dimension, value  what the requests have in common: all, team, service, repository or change_class
--   requests          number of requests by people that asked at least one person: n
--   persons           number of persons who were asked
--   asked             how often one was, over all requests
--   asked_median, asked_p90, asked_most
--                     how often each person was: the median, the 90th percentile and the most
--   top_share         share of `asked` that fell on the one person who was asked the most
--   gini              Gini coefficient of how often each was asked: 0 when all were asked alike, near 1 when one was asked
--                     for all of them
-- Left out: requests by programs; those that asked a team and no person; persons who were never asked that week, so
-- the spread is that among those who were.
SELECT
    workspace, week, dimension, value, requests, length(times) AS persons, arraySum(times) AS asked,
    arrayReduce('quantileExact(0.5)', times) AS asked_median,
    arrayReduce('quantileExact(0.9)', times) AS asked_p90,
    arrayMax(times) AS asked_most,
    round(asked_most / asked, 4) AS top_share,
    round(2 * arraySum((one, place) -> one * place, times, arrayEnumerate(times)) / (persons * asked) - (persons + 1) / persons, 4) AS gini
FROM
(
    SELECT
        workspace, week, d.1 AS dimension, d.2 AS value, count() AS requests,
        arraySort(sumMap(arrayMap(name -> name::String, who), arrayMap(name -> 1, who)).2) AS times
    FROM
    (
        SELECT
            workspace, toStartOfWeek(assumeNotNull(ready_at), 1) AS week,
            arrayDistinct(arrayFilter(name -> startsWith(name, 'p:'), asked)) AS who,
            arrayFilter(
                pair -> pair.1 = 'all' OR pair.2 != '',
                [
                    ('all', ''), ('team', team), ('service', service), ('repository', repository),
                    ('change_class', change_class)
                ]
            ) AS dimensions
        FROM reviews FINAL
        WHERE NOT bot AND isNotNull(ready_at)
    )
    ARRAY JOIN dimensions AS d
    WHERE notEmpty(who)
    GROUP BY workspace, week, dimension, value
)
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
