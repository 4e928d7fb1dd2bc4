-- How many of the changes that reached the main line failed there: taken back, checks broken, or repaired later?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first.
--   dimension, value   what the changes have in common: all, team, service, repository, size or change_class
--   merged             number of changes merged that week that take nothing back: n
--   reverted           how many of them were taken back on the main line
--   restored           how many of these are in effect again: what took them back was taken back
--   out                how many are out: reverted - restored
--   days_in_median     days from the merge to being taken back
--   tested             how many have checks on the commit as which they were merged: n of `red`
--   red                how many of those broke a check: it fails in its last attempt, and did not on the commit
--                      before on which it ran. Changes that were merged while it was red already are not blamed
--   rolled_forward     how many of the red were repaired by a later change that is no revert, within a week
--   red_hours_median   hours from the first broken check to the last one's being green again
--   fixed              how many probably caused an incident (an even chance at least) that a later change to the
--                      same repository names
--   failed             how many were reverted, red or fixed; each once
--   failure_rate       failed / merged
--   flaky              how many have a check that failed and then passed on the same commit; these don't fail
--   undoing            number of changes that take others back, which count nowhere else in the row
-- The main line of a repository is the branch that most of its changes were merged into.
-- Left out: other branches, reverts after some ten weeks. A change whose repository has no checks can only be found out by a revert or a fix.
WITH
    lines AS
    (
        SELECT workspace, repository, argMax(branch, (merged, branch)) AS branch
        FROM
        (
            SELECT workspace, repository, branch, count() AS merged
            FROM outcomes FINAL
            WHERE state = 'merged'
            GROUP BY workspace, repository, branch
        )
        GROUP BY workspace, repository
    ),
    named AS
    (
        -- a text names an incident by the end of its key
        SELECT workspace, change, repository, merged_at, arrayJoin(incidents) AS incident
        FROM changes FINAL
        WHERE state = 'merged' AND isNotNull(merged_at)
    ),
    repaired AS
    (
        SELECT DISTINCT a.workspace AS workspace, a.change AS change
        FROM
        (
            SELECT workspace, change, extract(incident, '[A-Za-z0-9-]+$') AS incident
            FROM change_attributions FINAL
            WHERE probability >= 0.5
        ) AS a
        INNER JOIN
        (
            SELECT workspace, change, repository, merged_at
            FROM changes FINAL
            WHERE (workspace, change) IN (SELECT workspace, change FROM change_attributions)
        ) AS c ON c.workspace = a.workspace AND c.change = a.change
        INNER JOIN named AS n
            ON n.workspace = a.workspace AND n.incident = a.incident AND n.repository = c.repository
        WHERE n.merged_at > c.merged_at
    )
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT undoes) AS merged,
    countIf(NOT undoes AND isNotNull(reverted_at)) AS reverted,
    countIf(NOT undoes AND isNotNull(restored_at)) AS restored,
    reverted - restored AS out,
    round(quantileExactIf(0.5)(toNullable(in_days), NOT undoes), 2) AS days_in_median,
    countIf(NOT undoes AND checks > 0) AS tested,
    countIf(NOT undoes AND is_red) AS red,
    countIf(NOT undoes AND is_red AND forward) AS rolled_forward,
    round(quantileExactIf(0.5)(toNullable(red_hours), NOT undoes), 2) AS red_hours_median,
    countIf(NOT undoes AND was_fixed) AS fixed,
    countIf(NOT undoes AND (isNotNull(reverted_at) OR is_red OR was_fixed)) AS failed,
    round(failed / nullIf(merged, 0), 4) AS failure_rate,
    countIf(NOT undoes AND is_flaky) AS flaky,
    countIf(undoes) AS undoing
FROM
(
    SELECT
        o.workspace AS workspace,
        toStartOfWeek(assumeNotNull(o.merged_at), 1) AS week,
        o.undoes AS undoes,
        o.reverted_at AS reverted_at,
        o.restored_at AS restored_at,
        dateDiff('second', o.merged_at, o.reverted_at) / 86400 AS in_days,
        o.checks AS checks,
        notEmpty(o.red_checks) AS is_red,
        dateDiff('second', o.red_at, o.green_at) / 3600 AS red_hours,
        o.green_by != '' AND NOT (g.undoes) AS forward,
        r.change != '' AS was_fixed,
        notEmpty(o.flaky_checks) AS is_flaky,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', o.team::String), ('service', o.service::String),
                ('repository', o.repository::String), ('size', o.size::String),
                ('change_class', o.change_class::String)
            ]
        ) AS dimensions
    FROM (SELECT * FROM outcomes FINAL WHERE state = 'merged') AS o
    INNER JOIN lines AS l
        ON l.workspace = o.workspace AND l.repository = o.repository AND l.branch = o.branch
    LEFT JOIN
    (
        SELECT workspace, change, undoes
        FROM outcomes FINAL
        WHERE (workspace, change) IN (SELECT workspace, green_by FROM outcomes WHERE green_by != '')
    ) AS g ON g.workspace = o.workspace AND g.change = o.green_by
    LEFT JOIN repaired AS r ON r.workspace = o.workspace AND r.change = o.change
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
