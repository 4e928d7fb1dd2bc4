-- Which requests are open, whose turn is it, and for how long has nobody answered?
-- One row per open request, the longest unanswered first.
--   as_of           the moment that it is shown as of: now, or where nothing was received for two hours (an import),
--                   the newest receipt of the workspace
--   turn            author (a draft, requested changes, red checks), reviewers, or merge (approved)
--   turn_hours      how long it has been that turn
--   waited_on       who was asked and has not answered; empty: nobody by name
--   working_hours   how many working hours of those who are waited on have gone by since a reviewer last said
--                   something in this turn; null: it is not the reviewers' turn. At most 60 working windows count
--   target_hours    within how many working hours those who are waited on answer; null: it is not the reviewers' turn
--   overdue         1 when that is over
--   open_hours      how long it has been open, by the clock
-- Left out: requests that are merged or abandoned.
SELECT
    r.workspace AS workspace,
    r.change AS change,
    r.repository AS repository,
    r.service AS service,
    r.team AS team,
    r.bot AS bot,
    r.size AS size,
    r.change_class AS change_class,
    r.turn AS turn,
    r.turn_hours AS turn_hours,
    r.waited_on AS waited_on,
    r.working_hours AS working_hours,
    r.target_hours AS target_hours,
    r.overdue AS overdue,
    r.open_hours AS open_hours,
    r.hours_of AS hours_of,
    r.as_of AS as_of
FROM
(
    SELECT
        o.*,
        k.as_of AS as_of,
        toUnixTimestamp64Micro(k.as_of) AS now,
        round(dateDiff('second', o.turn_since_at, k.as_of) / 3600, 2) AS turn_hours,
        if(
            o.turn = 'reviewers',
            round(arraySum((f, u) -> greatest(0, least(u, now) - f), o.working_from, o.working_until) / 3.6e9, 2),
            NULL
        ) AS working_hours,
        round(o.review_target_seconds / 3600, 2) AS target_hours,
        toUInt8(ifNull(o.review_due_at < k.as_of, 0)) AS overdue,
        round(dateDiff('second', o.opened_at, k.as_of) / 3600, 2) AS open_hours
    FROM (SELECT * FROM reviews FINAL WHERE state = 'open') AS o
    INNER JOIN as_of AS k ON k.workspace = o.workspace
) AS r
ORDER BY working_hours DESC NULLS LAST, turn_hours DESC, workspace, change
-- Computed ahead by: workspace, change.
