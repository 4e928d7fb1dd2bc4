-- How did a change get from its opening to production, and what did it do there?
-- One row per change, newest first (by its merge, else its opening).
--   hours_to_first_review  from opening to the first review by another person; null: no review, or no opening told
--   hours_to_merge         from opening to the merge; null for a direct commit or an open request
--   hours_to_production    from the merge to the first deployment that brought it; null: none known
--   hours_in_all           from opening to production
--   lines                  lines added and removed; null: not told
--   incidents              sum of its shares of incidents: how many it caused, in expectation
-- Left out: deployments after the first one (table deployment_changes has all).
WITH blamed AS
(
    SELECT workspace, change, sum(probability) AS expected
    FROM change_attributions FINAL
    GROUP BY workspace, change
)
SELECT
    c.workspace AS workspace,
    c.change AS change,
    c.repository AS repository,
    c.title AS title,
    c.author AS author,
    c.state AS state,
    c.opened_at AS opened_at,
    c.first_review_at AS first_review_at,
    c.approved_at AS approved_at,
    c.merged_at AS merged_at,
    c.deployed_at AS deployed_at,
    c.deployment AS deployment,
    round(dateDiff('second', c.opened_at, c.first_review_at) / 3600, 2) AS hours_to_first_review,
    round(dateDiff('second', c.opened_at, c.merged_at) / 3600, 2) AS hours_to_merge,
    round(dateDiff('second', c.merged_at, c.deployed_at) / 3600, 2) AS hours_to_production,
    round(dateDiff('second', c.opened_at, c.deployed_at) / 3600, 2) AS hours_in_all,
    c.additions + c.deletions AS lines,
    c.files AS files,
    c.reviews AS reviews,
    c.approvals AS approvals,
    c.failed_checks AS failed_checks,
    c.reverted_by AS reverted_by,
    round(b.expected, 3) AS incidents
FROM (SELECT * FROM changes FINAL) AS c
LEFT JOIN blamed AS b ON b.workspace = c.workspace AND b.change = c.change
ORDER BY coalesce(merged_at, opened_at) DESC NULLS LAST, workspace, change
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
