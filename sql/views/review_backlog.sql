-- How many requests wait for a review longer than they should, and where?
-- One row per workspace, dimension and value, the most overdue first.
--   dimension, value       what the requests have in common: all, team, service, repository, size, change_class, or
--                          waited_on (a person's token or a team that was asked and has not answered)
--   as_of                  the moment that it is shown as of: now, or where nothing was received for two hours (an
--                          import), the newest receipt of the workspace
--   open                   number of open requests by people: n
--   waiting                how many of them wait for their reviewers
--   overdue                how many of those have waited longer than the target says, in working hours since a
--                          reviewer last said something: the backlog
--   at_author, at_merge    how many are with their author, and how many are approved
--   working_hours_median, _p90, _max
--                          working hours since a reviewer last said something, of those that wait; null: none waits
--   oldest                 the request that has waited longest; empty: none waits
--   by_bots                number of open requests by programs, which count nowhere else in the row
-- Left out: requests that are merged or abandoned. Of one that waits, at most 60 working windows count (12 weeks of
-- five days, fewer where people of several zones are waited on).
SELECT
    workspace,
    d.1 AS dimension,
    d.2 AS value,
    any(as_of) AS as_of,
    countIf(NOT bot) AS open,
    countIf(NOT bot AND turn = 'reviewers') AS waiting,
    countIf(NOT bot AND overdue) AS overdue,
    countIf(NOT bot AND turn = 'author') AS at_author,
    countIf(NOT bot AND turn = 'merge') AS at_merge,
    round(quantileExactIf(0.5)(working, NOT bot) / 3.6e9, 2) AS working_hours_median,
    round(quantileExactIf(0.9)(working, NOT bot) / 3.6e9, 2) AS working_hours_p90,
    round(maxIf(working, NOT bot) / 3.6e9, 2) AS working_hours_max,
    ifNull(argMaxIf(change, (working, change), NOT bot AND isNotNull(working)), '') AS oldest,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        o.workspace AS workspace,
        o.change AS change,
        o.bot AS bot,
        o.turn AS turn,
        k.as_of AS as_of,
        ifNull(o.review_due_at < k.as_of, false) AS overdue,
        if(
            o.turn = 'reviewers',
            arraySum((f, u) -> greatest(0, least(u, toUnixTimestamp64Micro(k.as_of)) - f), o.working_from, o.working_until),
            NULL
        ) AS working,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            arrayConcat(
                [
                    ('all', ''), ('team', o.team::String), ('service', o.service::String),
                    ('repository', o.repository::String), ('size', o.size::String),
                    ('change_class', o.change_class::String)
                ],
                arrayMap(name -> ('waited_on', name::String), o.waited_on)
            )
        ) AS dimensions
    FROM (SELECT * FROM reviews FINAL WHERE state = 'open') AS o
    INNER JOIN as_of AS k ON k.workspace = o.workspace
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, dimension, value
ORDER BY overdue DESC, waiting DESC, workspace, dimension, value
-- Computed ahead by: workspace, dimension, value.
