-- How much of its error budget has each objective left, and is it being spent too fast?
-- One row per workspace, service, environment and objective, the emptiest budget first.
--   target          share of events that shall be good, in percent; null: nobody declared the objective
--   period_days     length of the rolling period that the budget is for
--   good, total     events of that period: n
--   allowed         how many of so many events may be bad
--   consumed        share of the period's budget that is gone; above 1: more than there was. While less than a period is
--                   counted, the budget is drawn up to a whole one
--   remaining       1 - consumed
--   state           within budget, half spent, spent; uncounted (declared, nothing counted), undeclared (the other way)
--   half_spent_at, spent_at
--                   since when more than half, or all, of it is gone; at most one period before counted_until_at
--   fastest_burn    the highest of the burn rates of all windows: 1 spends exactly the whole budget over the period
--   burn_rates      length of a window (5m, 1h, 3d) -> its burn rate, up to the newest bucket
--   burning         rules that fire now
--   counted_until_at
--                   end of the newest bucket: the row is as of then
--   silent_hours    how long nothing was counted since, in hours
--   as_of           the moment that this is told at: now, or where nothing was received for two hours (an import), the
--                   newest receipt of the workspace
-- Left out: nothing. Objectives that only one side knows are shown without a budget.
SELECT
    b.workspace AS workspace,
    b.service AS service,
    b.environment AS environment,
    b.slo AS slo,
    s.team AS team,
    b.target_ppm / 10000 AS target,
    round(b.period_seconds / 86400, 2) AS period_days,
    b.good AS good,
    b.total AS total,
    floor((1000000 - b.target_ppm) * b.total / 1000000, 2) AS allowed,
    b.consumed AS consumed,
    b.remaining AS remaining,
    b.state AS state,
    b.half_spent_at AS half_spent_at,
    b.spent_at AS spent_at,
    if(isNull(b.consumed), NULL, arrayMax(mapValues(b.burn_rates))) AS fastest_burn,
    b.burn_rates AS burn_rates,
    b.burning AS burning,
    b.counted_until_at AS counted_until_at,
    round(if(b.counted_until_at > k.as_of, 0, dateDiff('second', b.counted_until_at, k.as_of)) / 3600, 2) AS silent_hours,
    k.as_of AS as_of
FROM (SELECT * FROM budgets FINAL) AS b
INNER JOIN as_of AS k ON k.workspace = b.workspace
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = b.workspace AND s.service = b.service
ORDER BY remaining ASC NULLS LAST, workspace, service, environment, slo
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
