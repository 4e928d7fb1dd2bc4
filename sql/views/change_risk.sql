-- Do the riskier changes get more review, and what becomes of them?
-- One row per workspace, week of the merge (from Monday, UTC), risk, dimension and value, newest first.
--   dimension, value  what the changes have in common: all, team, service, repository or change_class
--   risk              low (below 1 %), usual (up to 3 %) or high: how likely it is that a change breaks production, by what
--                     is known before it runs there (column `risk` of the table changes)
--   merged            number of changes by people that were merged that week: n
--   approvals         mean number of approvals that stood at the merge
--   unapproved        how many had none
--   under_reviewed    how many had fewer than their policies ask for
--   rubber_stamps     how many were approved faster than anybody reads them
--   bypassed          how many went past review
--   expected          sum of their risks: how many of them were to be expected to break something
--   incidents         in expectation, how many incidents they caused: the sum of the probabilities
--   by_bots           number of merged changes by programs, which count nowhere else in the row
-- Left out: changes of which no forge told, and requests of which nobody told more than the merge.
SELECT
    workspace,
    week,
    risk,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    round(avgIf(its_approvals, NOT bot), 2) AS approvals,
    countIf(NOT bot AND its_approvals = 0) AS unapproved,
    countIf(NOT bot AND its_approvals < needed) AS under_reviewed,
    countIf(NOT bot AND stamped) AS rubber_stamps,
    countIf(NOT bot AND was_past) AS bypassed,
    round(sumIf(its_risk, NOT bot), 4) AS expected,
    round(sumIf(probability, NOT bot), 4) AS incidents,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        c.workspace AS workspace,
        c.week AS week,
        multiIf(c.its_risk < 0.01, 'low', c.its_risk <= 0.03, 'usual', 'high') AS risk,
        c.its_risk AS its_risk,
        c.bot AS bot,
        c.approvals AS its_approvals,
        c.needed AS needed,
        c.was_past AS was_past,
        c.stamped AS stamped,
        a.probability AS probability,
        c.dimensions AS dimensions
    FROM
    (
        SELECT
            c.workspace AS workspace, c.change AS change, c.week AS week, c.bot AS bot, c.approvals AS approvals,
            c.needed AS needed, c.was_past AS was_past, c.its_risk AS its_risk, r.rubber_stamp AS stamped,
            c.dimensions AS dimensions
        FROM
        (
            SELECT
                c.workspace AS workspace,
                c.change AS change,
                toStartOfWeek(assumeNotNull(c.merged_at), 1) AS week,
                c.bot AS bot,
                c.approvals AS approvals,
                c.approvals_needed AS needed,
                notEmpty(c.bypassed) AS was_past,
                n.risk AS its_risk,
                arrayFilter(
                    pair -> pair.1 = 'all' OR pair.2 != '',
                    [
                        ('all', ''), ('team', c.team::String), ('service', c.service::String),
                        ('repository', c.repository::String), ('change_class', c.change_class::String)
                    ]
                ) AS dimensions
            FROM (SELECT * FROM compliance FINAL WHERE state = 'merged' AND isNotNull(merged_at)) AS c
            LEFT JOIN (SELECT workspace, change, risk FROM changes FINAL) AS n
                ON n.workspace = c.workspace AND n.change = c.change
            -- as many rows on both sides, in the same order: none of them is held in memory
            SETTINGS join_algorithm = 'full_sorting_merge', join_use_nulls = 0
        ) AS c
        LEFT JOIN (SELECT workspace, change, rubber_stamp FROM reviews FINAL) AS r
            ON r.workspace = c.workspace AND r.change = c.change
        SETTINGS join_algorithm = 'full_sorting_merge', join_use_nulls = 0
    ) AS c
    LEFT JOIN
    (
        SELECT workspace, change, sum(probability) AS probability
        FROM change_attributions FINAL
        GROUP BY workspace, change
    ) AS a ON a.workspace = c.workspace AND a.change = c.change
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, risk, dimension, value
ORDER BY week DESC, workspace, risk, dimension, value
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, week, dimension, value, risk.
