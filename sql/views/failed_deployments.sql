-- Which deployments failed in production, and how long did it take to recover from each?
-- One row per deployment that went live and failed, newest first.
--   incidents          sum of its probabilities over all incidents: how many it caused, in expectation
--   likely_incidents   number of incidents of which it is the confirmed or likely cause
--   rolled_back_at     when the first rollback that undid it was live; null: none did
--   resolved_at        when the last of those incidents was resolved; null: there are none, or one is open
--   recovered_at       the earlier of the two; null: neither came
--   recovery_hours     from its being live to that
--   failed_by          incident, rollback, or both: what says that it failed
-- Left out: deployments that never went live (they failed before anybody was hurt), those that a person told to
-- ignore, and incidents of which no deployment is the likely cause: nobody recovers from a deployment there.
WITH
    blamed AS
    (
        SELECT workspace, candidate, sum(probability) AS expected
        FROM attributions FINAL
        WHERE kind = 'deployment'
        GROUP BY workspace, candidate
    ),
    caused AS
    (
        SELECT
            workspace,
            cause,
            count() AS likely,
            if(countIf(isNull(resolved_at)) = 0, max(resolved_at), NULL) AS resolved_at
        FROM incidents FINAL
        WHERE cause_kind = 'deployment' AND verdict IN ('confirmed', 'likely')
        GROUP BY workspace, cause
    ),
    undone AS
    (
        SELECT workspace, rolls_back, toNullable(min(live_at)) AS rolled_back_at
        FROM deployments FINAL
        WHERE transition = 'rollback' AND rolls_back != '' AND NOT ignored
        GROUP BY workspace, rolls_back
    )
SELECT
    d.workspace AS workspace,
    d.deployment AS deployment,
    d.service AS service,
    d.environment AS environment,
    d.tag AS tag,
    d.live_at AS live_at,
    round(b.expected, 3) AS incidents,
    c.likely AS likely_incidents,
    u.rolled_back_at AS rolled_back_at,
    c.resolved_at AS resolved_at,
    if(isNull(u.rolled_back_at) OR c.resolved_at < u.rolled_back_at, c.resolved_at, u.rolled_back_at) AS recovered_at,
    if(isNull(recovered_at), NULL, round(greatest(0, dateDiff('second', d.live_at, recovered_at)) / 3600, 2)) AS recovery_hours,
    multiIf(c.likely = 0, 'rollback', isNull(u.rolled_back_at), 'incident', 'both') AS failed_by
FROM
(
    SELECT workspace, deployment, service, environment, tag, live_at
    FROM deployments FINAL
    WHERE transition != 'failed' AND NOT ignored
) AS d
LEFT JOIN blamed AS b ON b.workspace = d.workspace AND b.candidate = d.deployment
LEFT JOIN caused AS c ON c.workspace = d.workspace AND c.cause = d.deployment
LEFT JOIN undone AS u ON u.workspace = d.workspace AND u.rolls_back = d.deployment
WHERE c.likely > 0 OR isNotNull(u.rolled_back_at)
ORDER BY live_at DESC, workspace, deployment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
