-- How often does production differ from what is declared, for how long, and where does it now?
-- One row per workspace, week of the detection (from Monday, UTC), dimension and value, newest first.
--   dimension, value     what the drifts have in common: all, team, service, environment or resource
--   drifts               number of drifts that no deployment explains: n
--   open                 how many of them are not corrected
--   hours_median, _p90   how long they lasted, in hours; those that last still count up to `as_of`
--   explained            number of drifts that were seen while a deployment of the same service and environment was
--                        under way (without a known start: in the 15 minutes before it was live); they count nowhere
--                        else in the row
--   as_of                the moment that it is shown as of: now, or where nothing was received for two hours (an
--                        import), the newest receipt of the workspace
-- Left out: nothing else.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT is_explained) AS drifts,
    countIf(NOT is_explained AND isNull(corrected_at)) AS open,
    round(quantileExactIf(0.5)(toNullable(hours), NOT is_explained), 2) AS hours_median,
    round(quantileExactIf(0.9)(toNullable(hours), NOT is_explained), 2) AS hours_p90,
    countIf(is_explained) AS explained,
    any(as_of) AS as_of
FROM
(
    SELECT
        workspace,
        toStartOfWeek(detected_at, 1) AS week,
        corrected_at,
        as_of,
        hours,
        explained AS is_explained,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team::String), ('service', service::String),
                ('environment', environment::String), ('resource', resource)
            ]
        ) AS dimensions
    FROM drift_periods
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
