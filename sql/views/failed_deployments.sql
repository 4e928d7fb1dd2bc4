-- Which deployments failed in production, and how long did it take to recover from each?
-- One row per deployment that went live and failed, newest first.
--   incidents          sum of its probabilities over all incidents: how many it caused, in expectation
--   likely_incidents   number of incidents of which it is the confirmed or likely cause
--   rolled_back_at     when the first rollback that undid it was live; null: none did
--   hotfix_at          when the first later deployment of the service to the environment was live that repairs it: it
--                      brings a change that takes back one of its own, or one that names one of those incidents, or it
--                      is the next one and brings an emergency change; null: none did
--   resolved_at        when the last of those incidents was resolved; null: there are none, or one is open
--   recovered_at       the earliest of the three; null: none came
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
    ),
    telling AS
    (
        -- most changes repair nothing, and are repaired by nothing
        SELECT workspace, change, reverted_by, incidents, emergency
        FROM changes FINAL
        WHERE notEmpty(reverted_by) OR notEmpty(incidents) OR emergency != ''
            OR (workspace, change) IN (SELECT workspace, arrayJoin(reverted_by) FROM changes FINAL)
    ),
    brought AS
    (
        SELECT
            dc.workspace AS workspace, dc.deployment AS deployment, dc.change AS change, dc.live_at AS live_at,
            dc.service AS service, dc.environment AS environment,
            c.reverted_by AS reverted_by, c.incidents AS incidents, c.emergency != '' AS emergency
        FROM (SELECT * FROM deployment_changes FINAL) AS dc
        INNER JOIN telling AS c
            ON c.workspace = dc.workspace AND c.change = dc.change
    ),
    repairs AS
    (
        SELECT b.workspace AS workspace, b.deployment AS failed, b.live_at AS failed_at, r.live_at AS live_at
        FROM
        (
            SELECT workspace, deployment, live_at, service, environment, arrayJoin(reverted_by) AS change
            FROM brought
        ) AS b
        INNER JOIN brought AS r
            ON r.workspace = b.workspace AND r.change = b.change AND r.service = b.service
            AND r.environment = b.environment

        UNION ALL

        SELECT i.workspace, i.cause, f.live_at, r.live_at
        FROM
        (
            -- a text names an incident by the end of its key
            SELECT workspace, cause, extract(incident, '[A-Za-z0-9-]+$') AS name
            FROM incidents FINAL
            WHERE cause_kind = 'deployment' AND verdict IN ('confirmed', 'likely')
        ) AS i
        INNER JOIN (SELECT workspace, deployment, live_at, service, environment FROM deployments FINAL) AS f
            ON f.workspace = i.workspace AND f.deployment = i.cause
        INNER JOIN
        (
            SELECT workspace, live_at, service, environment, arrayJoin(incidents) AS name FROM brought
        ) AS r
            ON r.workspace = f.workspace AND r.service = f.service AND r.environment = f.environment
            AND r.name = i.name

        UNION ALL

        SELECT n.workspace, n.previous, toDateTime64(0, 6, 'UTC'), n.live_at
        FROM
        (
            SELECT workspace, deployment, previous, live_at
            FROM deployments FINAL
            WHERE previous != '' AND transition NOT IN ('failed', 'rollback')
        ) AS n
        INNER JOIN (SELECT DISTINCT workspace, deployment FROM brought WHERE emergency) AS e
            ON e.workspace = n.workspace AND e.deployment = n.deployment
    ),
    repaired AS
    (
        SELECT workspace, failed, toNullable(min(live_at)) AS hotfix_at
        FROM repairs
        WHERE live_at > failed_at
        GROUP BY workspace, failed
    )
SELECT
    d.workspace AS workspace,
    d.deployment AS deployment,
    d.service AS service,
    s.team AS team,
    d.repository AS repository,
    d.environment AS environment,
    d.tag AS tag,
    d.live_at AS live_at,
    round(b.expected, 3) AS incidents,
    c.likely AS likely_incidents,
    u.rolled_back_at AS rolled_back_at,
    h.hotfix_at AS hotfix_at,
    c.resolved_at AS resolved_at,
    arrayMin(arrayFilter(at -> isNotNull(at), [u.rolled_back_at, h.hotfix_at, c.resolved_at])) AS recovered_at,
    if(isNull(recovered_at), NULL, round(greatest(0, dateDiff('second', d.live_at, recovered_at)) / 3600, 2)) AS recovery_hours,
    multiIf(c.likely = 0, 'rollback', isNull(u.rolled_back_at), 'incident', 'both') AS failed_by
FROM
(
    SELECT workspace, deployment, service, repository, environment, tag, live_at
    FROM deployments FINAL
    WHERE transition != 'failed' AND NOT ignored
) AS d
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = d.workspace AND s.service = d.service
LEFT JOIN blamed AS b ON b.workspace = d.workspace AND b.candidate = d.deployment
LEFT JOIN caused AS c ON c.workspace = d.workspace AND c.cause = d.deployment
LEFT JOIN undone AS u ON u.workspace = d.workspace AND u.rolls_back = d.deployment
LEFT JOIN repaired AS h ON h.workspace = d.workspace AND h.failed = d.deployment
WHERE c.likely > 0 OR isNotNull(u.rolled_back_at)
ORDER BY live_at DESC, workspace, deployment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, live_at, deployment.
