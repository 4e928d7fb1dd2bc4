-- Which change most likely broke production, for each incident?
-- One row per incident, newest first.
--   verdict      confirmed (by a person), likely, leading, undecided, none (no deployment) or unseen (a deployment
--                that nobody reported)
--   answer       the verdict in words; read the candidates below only as far as it allows
--   probability  0 to 1, of the likeliest single cause
--   state        provisional, final or revised
--   deployment   the likeliest deployment, with its own probability (0 to 1), tag, and hours from live to onset;
--                whether it is the cause is the verdict's to say
--   change       the likeliest change of that deployment, with its share (0 to 1) of the incident's probability; empty
--                when the verdict is that no deployment did it, or one that nobody reported
--   rollback_target  deploy tag (else the key of the deployment) to go back to; empty: none
--   resolved_at  null: it is open
--   team         who owns the service that was deployed, else the incident's own; empty: nobody declared it
-- Left out: all candidates but the likeliest (incident_candidates has them).
WITH
    suspects AS
    (
        SELECT
            workspace,
            incident,
            argMin(candidate, rank) AS suspect,
            argMin(probability, rank) AS suspect_probability,
            argMin(lag_seconds, rank) AS suspect_lag_seconds
        FROM attributions FINAL
        WHERE kind = 'deployment'
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
FROM incident_answers AS i
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
    -- there may be a thousand times as many
    WHERE (workspace, change) IN (SELECT workspace, suspect_change FROM suspect_changes)
) AS m ON m.workspace = c.workspace AND m.change = c.suspect_change
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS o
    ON o.workspace = i.workspace AND o.service = if(d.service != '', d.service, i.service)
ORDER BY opened_at DESC, workspace, incident
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
