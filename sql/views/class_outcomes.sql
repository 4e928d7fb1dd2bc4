-- What becomes of the changes of each class: how fast are they, do their checks hold, and what do they break?
-- One row per workspace, week of the merge (from Monday, UTC) and change class, newest first.
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
    c.workspace AS workspace,
    toStartOfWeek(assumeNotNull(c.merged_at), 1) AS week,
    c.change_class AS change_class,
    countIf(NOT c.bot) AS merged,
    countIf(NOT c.bot AND isNotNull(n.deployed_at)) AS deployed,
    round(quantileExactIf(0.5)(
        toNullable(dateDiff('second', coalesce(c.opened_at, c.merged_at), n.deployed_at)),
        NOT c.bot AND isNotNull(n.deployed_at)
    ) / 3600, 2) AS hours_to_production,
    round(avgIf(c.approvals, NOT c.bot), 2) AS approvals,
    sumIf(n.checks, NOT c.bot) AS checks,
    sumIf(n.failed_checks, NOT c.bot) AS failed_checks,
    round(1 - failed_checks / nullIf(checks, 0), 4) AS check_pass_rate,
    sumIf(arrayCount(rule -> startsWith(rule, 'check '), c.violations), NOT c.bot) AS policy_failures,
    sumIf(f.findings, NOT c.bot) AS findings,
    round(sumIf(a.probability, NOT c.bot), 4) AS incidents,
    countIf(NOT c.bot AND notEmpty(n.reverted_by)) AS reverted,
    countIf(NOT c.bot AND notEmpty(c.bypassed)) AS bypassed,
    countIf(c.bot) AS by_bots
FROM (SELECT * FROM compliance FINAL WHERE state = 'merged' AND isNotNull(merged_at)) AS c
LEFT JOIN (SELECT workspace, change, deployed_at, checks, failed_checks, reverted_by FROM changes FINAL) AS n
    ON n.workspace = c.workspace AND n.change = c.change
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
GROUP BY workspace, week, change_class
ORDER BY week DESC, workspace, change_class
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, week, change_class.
