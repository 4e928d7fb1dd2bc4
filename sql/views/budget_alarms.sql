-- How often were error budgets spent too fast, and how long did that last?
-- One row per workspace, week of the beginning (from Monday, UTC), dimension and value, newest first.
--   dimension, value  what the burns have in common: all, team, service, environment, objective or rule
--   burns             number of times that a rule began to fire: n
--   objectives        number of objectives that this happened to
--   pages, tickets, reviews
--                     what had to happen: somebody is woken up, does something in working hours, or has another look
--                     at what changed recently (more than half of the budget within six hours)
--   open              how many of them fire still
--   hours_median, _p90
--                     how long those that ended fired, in hours
--   detection_minutes_median
--                     from the end of the first bucket that spent too fast to the rule's firing, in minutes
-- Left out: burns that alerts reported (`burns`). What goes on from one stretch of time to the next counts once, where it
-- began, and its length up to the end of that stretch.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    count() AS burns,
    uniqExact(slo, service, environment) AS objectives,
    countIf(severity = 'page') AS pages,
    countIf(severity = 'ticket') AS tickets,
    countIf(severity = 'review') AS reviews,
    countIf(isNull(ended_at)) AS open,
    round(quantileExactIf(0.5)(toNullable(hours), isNotNull(ended_at)), 2) AS hours_median,
    round(quantileExactIf(0.9)(toNullable(hours), isNotNull(ended_at)), 2) AS hours_p90,
    round(quantileExact(0.5)(dateDiff('second', onset_at, began_at)) / 60, 1) AS detection_minutes_median
FROM
(
    SELECT
        b.workspace AS workspace,
        toStartOfWeek(b.began_at, 1) AS week,
        b.slo AS slo,
        b.service AS service,
        b.environment AS environment,
        b.severity AS severity,
        b.onset_at AS onset_at,
        b.began_at AS began_at,
        b.ended_at AS ended_at,
        dateDiff('second', b.began_at, b.ended_at) / 3600 AS hours,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', s.team::String), ('service', b.service::String),
                ('environment', b.environment::String), ('objective', b.slo::String), ('rule', b.rule::String)
            ]
        ) AS dimensions
    FROM (SELECT * FROM budget_burns FINAL WHERE NOT continues) AS b
    LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
        ON s.workspace = b.workspace AND s.service = b.service
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
