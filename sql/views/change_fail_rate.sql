-- Which share of deployments broke something?
-- One row per service and month (UTC) in which the deployments went live, newest first.
--   deployments  number that went live: the denominator
--   incidents    number of incidents whose likeliest single cause is one of them
--   failures     sum over those incidents of the probability (0 to 1) that a deployment caused them: the numerator
--   rate         failures / deployments
-- Left out: incidents whose likeliest cause is none or unseen, failed deployments, and deployments that a
-- person told to ignore. One deployment that caused several incidents counts once for each.
WITH caused AS
(
    SELECT workspace, cause, count() AS incidents, sum(change_probability) AS failures
    FROM incidents FINAL
    WHERE cause_kind = 'deployment'
    GROUP BY workspace, cause
)
SELECT
    d.workspace AS workspace,
    d.service AS service,
    toStartOfMonth(d.live_at) AS month,
    count() AS deployments,
    sum(c.incidents) AS incidents,
    round(sum(c.failures), 3) AS failures,
    round(sum(c.failures) / count(), 4) AS rate
FROM
(
    SELECT workspace, deployment, service, live_at
    FROM deployments FINAL
    WHERE transition != 'failed' AND NOT ignored
) AS d
LEFT JOIN caused AS c ON c.workspace = d.workspace AND c.cause = d.deployment
GROUP BY workspace, service, month
ORDER BY month DESC, workspace, service
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, month, service.
