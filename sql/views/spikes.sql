-- Which weeks had more of what should be rare than their history explains, and how sure is that?
-- One row per workspace, closed week (from Monday, UTC), series, dimension and value that alarmed, newest first.
--   series               what was counted: bypasses, drift, flaky_reruns, incidents, rubber_stamps
--   dimension, value     where: all, team, service or repository. One thing that went wrong often shows in several
--   alarm                spike: this week is too much; shift: the rate of the last weeks has risen to about three times
--                        what it was; or both
--   k, n                 hits, and of how many things: merged changes (bypasses), approved requests of at least 50 lines
--                        (rubber_stamps), commits with checks (flaky_reruns), days of the week (incidents, drift)
--   expected, low, high  hits that the weeks before let expect, and the interval in which 95 of 100 such weeks lie
--   multiple             k / expected
--   smallest_multiple    smallest multiple of the usual rate that this week would have shown in 8 of 10 cases; null: none up to 100
--   p, q                 probability of so many hits or more by chance; share of false alarms among all that are as rare,
--                        over all series of the week
--   cusum                the sum that shows shifts; it alarms from 3.7 on
--   history_k, history_n, history_weeks
--                        what the expectation rests on: weeks that did not alarm, of the 26 before
--   judged_series        number of series that were judged in that week: each could have raised a false alarm
--   open_since           first week of the run of alarms without a break that this one belongs to
-- Left out: weeks that are not over; weeks without an alarm, and those with less than 4 weeks of history, which
-- the table `weekly_counts` has.
SELECT
    workspace,
    toDate(week_at) AS week,
    series,
    dimension,
    value,
    alarm,
    k,
    n,
    round(expected, 3) AS expected,
    low,
    high,
    round(k / nullIf(expected, 0), 1) AS multiple,
    smallest_multiple,
    p,
    q,
    cusum,
    history_k,
    history_n,
    history_weeks,
    judged_series,
    toDate(min(week_at) OVER (PARTITION BY workspace, series, dimension, value, run)) AS open_since
FROM
(
    SELECT
        *,
        -- weeks in a row have the same difference to their number among the alarms
        intDiv(toUnixTimestamp(week_at), 7 * 86400)
            - row_number() OVER (PARTITION BY workspace, series, dimension, value, alarm != '' ORDER BY week_at) AS run,
        countIf(isNotNull(p)) OVER (PARTITION BY workspace, week_at) AS judged_series
    FROM weekly_counts FINAL
)
WHERE alarm != ''
ORDER BY week DESC, workspace, p, series, dimension, value
