-- Which views are computed ahead, and as of when are their answers?
-- One row per view, those that are computed ahead first, then by name.
--   view       the view
--   ahead      1 when it is computed ahead; 0 when it is computed when somebody asks, and never old
--   as_of      when its rows began to be computed: what came later is not in them; null: it is computed when somebody
--              asks, or was never computed yet
--   seconds    how long that took
--   next_at    when it is computed again
--   problem    why the last time failed, where it did: its rows are those of `as_of`; else empty
-- `aftermerge views` says what is computed ahead.
-- Left out: views that somebody else made.
SELECT
    v.name AS view,
    r.view != '' AS ahead,
    toDateTime64(r.last_success_time, 6, 'UTC') - toIntervalMillisecond(ifNull(r.last_success_duration_ms, 0)) AS as_of,
    if(isNull(as_of), NULL, r.last_success_duration_ms / 1000) AS seconds,
    if(ahead, toDateTime64(r.next_refresh_time, 6, 'UTC'), NULL) AS next_at,
    r.exception AS problem
FROM
(
    SELECT name
    FROM system.tables
    WHERE database = currentDatabase() AND engine = 'View' AND match(comment, ' \\[[0-9a-f]{16}\\]$')
        AND NOT endsWith(name, '_now')
) AS v
LEFT JOIN (SELECT * FROM system.view_refreshes WHERE database = currentDatabase()) AS r
    ON r.view = concat('refresh_', v.name)
ORDER BY ahead DESC, view
