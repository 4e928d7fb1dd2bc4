-- What is broken now, and which change most likely did it?
-- One row per incident that is open, newest first; the columns are those of which_change_broke_it.
-- It is asked at night, and often: nothing is read but of the incidents that are open.
-- Left out: incidents that are resolved; all candidates but the likeliest (incident_candidates has them).
WITH
    open AS (SELECT * FROM incident_answers WHERE isNull(resolved_at)),
    suspects AS
    (
        SELECT
            workspace,
            incident,
            argMin(candidate, rank) AS suspect,
            argMin(probability, rank) AS suspect_probability,
            argMin(lag_seconds, rank) AS suspect_lag_seconds
        FROM attributions FINAL
        WHERE kind = 'deployment' AND (workspace, incident) IN (SELECT workspace, incident FROM open)
        GROUP BY workspace, incident
    ),
    suspect_changes AS
    (
        SELECT
            workspace,
            incident,
            deployment,
            argMin(change, rank) AS suspect_change,
            argMin(probability, rank) AS suspect_change_probability
        FROM change_attributions FINAL
        WHERE (workspace, incident) IN (SELECT workspace, incident FROM open)
        GROUP BY workspace, incident, deployment
    )
SELECT
    i.workspace AS workspace,
    i.incident AS incident,
    i.opened_at AS opened_at,
    i.service AS service,
    i.environment AS environment,
    i.severity AS severity,
    i.title AS title,
    i.verdict AS verdict,
    i.answer AS answer,
    i.probability AS probability,
    i.state AS state,
    s.suspect AS deployment,
    s.suspect_probability AS deployment_probability,
    d.service AS deployed_service,
    d.tag AS tag,
    d.live_at AS live_at,
    round(s.suspect_lag_seconds / 3600, 2) AS lag_hours,
    c.suspect_change AS change,
    c.suspect_change_probability AS change_probability,
    m.title AS change_title,
    m.author AS author,
    i.rollback_target AS rollback_target,
    i.resolved_at AS resolved_at,
    o.team AS team
FROM open AS i
LEFT JOIN suspects AS s ON s.workspace = i.workspace AND s.incident = i.incident
LEFT JOIN
(
    SELECT workspace, deployment, service, tag, toNullable(live_at) AS live_at
    FROM deployments FINAL
    WHERE (workspace, deployment) IN (SELECT workspace, suspect FROM suspects)
) AS d ON d.workspace = s.workspace AND d.deployment = s.suspect
LEFT JOIN suspect_changes AS c
    ON c.workspace = s.workspace AND c.incident = s.incident AND c.deployment = s.suspect
    AND NOT (i.verdict IN ('none', 'unseen') OR i.verdict = 'confirmed' AND i.cause_kind != 'deployment')
LEFT JOIN
(
    SELECT workspace, change, title, author
    FROM changes FINAL
    WHERE (workspace, change) IN (SELECT workspace, suspect_change FROM suspect_changes)
) AS m ON m.workspace = c.workspace AND m.change = c.suspect_change
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS o
    ON o.workspace = i.workspace AND o.service = if(d.service != '', d.service, i.service)
ORDER BY opened_at DESC, workspace, incident
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
