-- How many changes went past review, and were they reviewed afterwards?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first.
--   dimension, value    what the changes have in common: all, team, service, repository or change_class
--   merged              number of changes by people that were merged that week: n
--   bypassed            how many of them went past review, in whatever way
--   bypass_rate         bypassed / merged
--   by_label            how many of them are called an emergency, by a label or in their title
--   by_push             how many are commits that were pushed without a request
--   by_approvals        how many requests were merged without the approvals that their policies ask for
--   by_rule             how many were put past a rule of the branch by somebody who may
--   retro_reviewed      how many of those that went past review were reviewed after their merge, in time
--   retro_late          how many were reviewed after their merge, too late
--   retro_due           how many still have time to be reviewed
--   retro_overdue       how many were not reviewed, and the time is over
--   by_bots             number of merged changes by programs, which count nowhere else in the row
-- A change may have gone past review in several ways, and counts once in bypassed.
-- Left out: changes of which no forge told, and requests of which nobody told more than the merge: it is not known
-- whether they were reviewed.
SELECT
    workspace,
    toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    countIf(NOT bot AND past) AS bypassed,
    round(bypassed / nullIf(merged, 0), 4) AS bypass_rate,
    countIf(NOT bot AND has(ways, 'label')) AS by_label,
    countIf(NOT bot AND has(ways, 'push')) AS by_push,
    countIf(NOT bot AND has(ways, 'approvals')) AS by_approvals,
    countIf(NOT bot AND has(ways, 'rule')) AS by_rule,
    countIf(NOT bot AND past AND retro_reviewed_at <= retro_review_due_at) AS retro_reviewed,
    countIf(NOT bot AND past AND retro_reviewed_at > retro_review_due_at) AS retro_late,
    countIf(NOT bot AND past AND isNull(retro_reviewed_at) AND retro_review_due_at >= as_of) AS retro_due,
    countIf(NOT bot AND past AND isNull(retro_reviewed_at) AND retro_review_due_at < as_of) AS retro_overdue,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        c.workspace AS workspace, c.merged_at AS merged_at, c.bot AS bot, c.bypassed AS ways,
        notEmpty(c.bypassed) AS past, c.retro_review_due_at AS retro_review_due_at,
        c.retro_reviewed_at AS retro_reviewed_at, k.as_of AS as_of,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', c.team), ('service', c.service), ('repository', c.repository),
                ('change_class', c.change_class)
            ]
        ) AS dimensions
    FROM (SELECT * FROM compliance FINAL WHERE state = 'merged' AND isNotNull(merged_at)) AS c
    INNER JOIN as_of AS k ON k.workspace = c.workspace
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.
