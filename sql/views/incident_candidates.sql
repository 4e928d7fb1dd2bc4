-- What could have caused an incident, and what speaks for and against each candidate?
-- One row per incident and candidate, newest incident first; the probabilities of an incident sum to 1.
--   kind           deployment, none (no deployment), unseen (one nobody reported) or rest (all below the likeliest)
--   rank           1 is the likeliest deployment; 0 for the other kinds
--   probability    0 to 1
--   lag_hours      hours from the deployment being live to the onset of the symptoms
--   speaks_for     factors that raise the probability, strongest first
--   speaks_against factors that lower it, strongest first
--   factors        factor -> contribution as a natural logarithm (0.69 doubles the intensity, -0.69 halves it)
-- Left out: what was excluded before weighing (column `excluded` of the table incidents counts it).
SELECT
    a.workspace AS workspace,
    a.incident AS incident,
    a.onset_at AS onset_at,
    a.rank AS rank,
    a.kind AS kind,
    a.candidate AS candidate,
    a.probability AS probability,
    a.service AS service,
    a.environment AS environment,
    d.tag AS tag,
    a.live_at AS live_at,
    a.lag_hours AS lag_hours,
    d.changes AS changes,
    d.transition AS transition,
    a.speaks_for AS speaks_for,
    a.speaks_against AS speaks_against,
    a.factors AS factors,
    a.model AS model
FROM candidate_evidence AS a
LEFT JOIN
(
    SELECT workspace, deployment, tag, toNullable(changes) AS changes, transition
    FROM deployments FINAL
    WHERE (workspace, deployment) IN (SELECT workspace, candidate FROM attributions)
) AS d ON d.workspace = a.workspace AND d.deployment = a.candidate
ORDER BY onset_at DESC, workspace, incident, rank = 0, rank, probability DESC, candidate
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
