-- What becomes of the changes of each class: how fast are they, do their checks hold, and what do they break?
-- One row per workspace, week of the merge (from Monday, UTC), change class, dimension and value, newest first.
--   dimension, value      what the changes of the class have in common: all, team, service or repository
--   change_class          iam, database-migration, api-contract, ...: the most telling class of a change
--   merged                number of changes by people that were merged that week: n
--   deployed              how many of them are known to have reached production
--   hours_to_production   median, from the opening (of a direct commit from its merge) to production, in hours
--   approvals             mean number of approvals that stood at the merge
--   checks, failed_checks checks of their commits in the last attempt, and how many of these failed
--   check_pass_rate       1 - failed_checks / checks
--   policy_failures       how many policy checks failed on them at some time
--   findings              how many findings of scanners came with them after their merge
--   incidents             in expectation, how many incidents they caused: the sum of the probabilities
--   reverted              how many of them were reverted
--   bypassed              how many went past review
--   by_bots               number of merged changes by programs, which count nowhere else in the row
-- Left out: changes of which no forge told, and requests of which nobody told more than the merge.
SELECT
    workspace,
    week,
    change_class,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS merged,
    countIf(NOT bot AND isNotNull(deployed_seconds)) AS deployed,
    round(quantileExactIf(0.5)(deployed_seconds, NOT bot) / 3600, 2) AS hours_to_production,
    round(avgIf(its_approvals, NOT bot), 2) AS approvals,
    sumIf(its_checks, NOT bot) AS checks,
    sumIf(its_failed_checks, NOT bot) AS failed_checks,
    round(1 - failed_checks / nullIf(checks, 0), 4) AS check_pass_rate,
    sumIf(its_policy_failures, NOT bot) AS policy_failures,
    sumIf(its_findings, NOT bot) AS findings,
    round(sumIf(probability, NOT bot), 4) AS incidents,
    countIf(NOT bot AND was_reverted) AS reverted,
    countIf(NOT bot AND was_past) AS bypassed,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        c.workspace AS workspace,
        c.week AS week,
        c.change_class AS change_class,
        c.bot AS bot,
        c.deployed_seconds AS deployed_seconds,
        c.approvals AS its_approvals,
        c.checks AS its_checks,
        c.failed_checks AS its_failed_checks,
        c.policy_failures AS its_policy_failures,
        f.findings AS its_findings,
        a.probability AS probability,
        c.was_reverted AS was_reverted,
        c.was_past AS was_past,
        c.dimensions AS dimensions
    FROM
    (
        SELECT
            c.workspace AS workspace,
            c.change AS change,
            toStartOfWeek(assumeNotNull(c.merged_at), 1) AS week,
            c.change_class AS change_class,
            c.bot AS bot,
            dateDiff('second', coalesce(c.opened_at, c.merged_at), n.deployed_at) AS deployed_seconds,
            c.approvals AS approvals,
            n.checks AS checks,
            n.failed_checks AS failed_checks,
            arrayCount(rule -> startsWith(rule, 'check '), c.violations) AS policy_failures,
            notEmpty(n.reverted_by) AS was_reverted,
            notEmpty(c.bypassed) AS was_past,
            arrayFilter(
                pair -> pair.1 = 'all' OR pair.2 != '',
                [('all', ''), ('team', c.team::String), ('service', c.service::String), ('repository', c.repository::String)]
            ) AS dimensions
        FROM (SELECT * FROM compliance FINAL WHERE state = 'merged' AND isNotNull(merged_at)) AS c
        LEFT JOIN (SELECT workspace, change, deployed_at, checks, failed_checks, reverted_by FROM changes FINAL) AS n
            ON n.workspace = c.workspace AND n.change = c.change
        -- as many rows on both sides, in the same order: none of them is held in memory
        SETTINGS join_algorithm = 'full_sorting_merge', join_use_nulls = 0
    ) AS c
    LEFT JOIN
    (
        SELECT workspace, change, sum(probability) AS probability
        FROM change_attributions FINAL
        GROUP BY workspace, change
    ) AS a ON a.workspace = c.workspace AND a.change = c.change
    LEFT JOIN
    (
        SELECT workspace, change, countIf(after_merge) AS findings
        FROM findings FINAL
        WHERE change != ''
        GROUP BY workspace, change
    ) AS f ON f.workspace = c.workspace AND f.change = c.change
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, change_class, dimension, value
ORDER BY week DESC, workspace, change_class, dimension, value
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, week, dimension, value, change_class.
