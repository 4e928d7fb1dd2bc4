-- What was rolled back, by what, and how long was the bad version live?
-- One row per rollback, newest first.
--   team                   of the service, where one is declared
--   rolled_back_at         when the rollback was live
--   restored_tag           the deploy tag that it brought back
--   bad_deployment         the newest deployment that it undid, with its tag and when it went live
--   bad_hours              hours from the bad deployment being live to the rollback being live
--   bad_changes            number of changes that the bad deployment had brought
--   incidents              sum of the bad deployment's probabilities over all incidents
--   link_rule              how the changes of the rollback were looked for
-- Left out: older deployments that the same rollback undid too; rollbacks whose target is not known have
-- an empty bad_deployment and null beside it.
WITH
    undoing AS
    (
        SELECT workspace, deployment, service, environment, live_at, tag, rolls_back, link_rule
        FROM deployments FINAL
        WHERE transition = 'rollback'
    ),
    blamed AS
    (
        SELECT workspace, candidate, sum(probability) AS expected
        FROM attributions FINAL
        WHERE kind = 'deployment'
        GROUP BY workspace, candidate
    )
SELECT
    r.workspace AS workspace,
    r.live_at AS rolled_back_at,
    s.team AS team,
    r.service AS service,
    r.environment AS environment,
    r.deployment AS rollback,
    r.tag AS restored_tag,
    r.rolls_back AS bad_deployment,
    b.tag AS bad_tag,
    b.live_at AS bad_live_at,
    round(dateDiff('second', b.live_at, r.live_at) / 3600, 2) AS bad_hours,
    b.changes AS bad_changes,
    round(i.expected, 3) AS incidents,
    r.link_rule AS link_rule
FROM undoing AS r
LEFT JOIN
(
    SELECT workspace, deployment, tag, toNullable(live_at) AS live_at, toNullable(changes) AS changes
    FROM deployments FINAL
    WHERE (workspace, deployment) IN (SELECT workspace, rolls_back FROM deployments WHERE rolls_back != '')
) AS b ON b.workspace = r.workspace AND b.deployment = r.rolls_back
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = r.workspace AND s.service = r.service
LEFT JOIN blamed AS i ON i.workspace = r.workspace AND i.candidate = r.rolls_back
ORDER BY rolled_back_at DESC, workspace, rollback
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, rolled_back_at, rollback.
