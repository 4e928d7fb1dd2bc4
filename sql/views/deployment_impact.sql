-- What did each deployment bring, and what did it break?
-- One row per deployment, newest first.
--   team                of the service, where one is declared
--   transition          forward, rollback, redeploy, reinstate, baseline (the first one known) or failed
--   changes, additions  number of changes it brought, and the lines they added
--   hours_live          hours until it was replaced; null: it is live still, or never was
--   incidents           sum of its probabilities over all incidents: how many it caused, in expectation
--   link_rule           how its changes were found
--   fraction            share of the traffic that it has (0 to 1), while it is rolled out; null: not told
--   previous            the deployment before it in the same service and environment; empty: none known
-- recent_deployments says how long after the one before it each came. That reads all of them; this does not, where it is
-- asked for a few by their keys.
-- Left out: nothing.
WITH blamed AS
(
    SELECT workspace, candidate, sum(probability) AS expected
    FROM attributions FINAL
    WHERE kind = 'deployment'
    GROUP BY workspace, candidate
)
SELECT
    d.workspace AS workspace,
    d.live_at AS live_at,
    s.team AS team,
    d.service AS service,
    d.environment AS environment,
    d.kind AS kind,
    d.tag AS tag,
    d.transition AS transition,
    d.outcome AS outcome,
    d.changes AS changes,
    d.additions AS additions,
    round(dateDiff('second', d.live_at, d.replaced_at) / 3600, 2) AS hours_live,
    round(b.expected, 3) AS incidents,
    d.link_rule AS link_rule,
    d.fraction AS fraction,
    d.repository AS repository,
    d.sha AS sha,
    d.previous AS previous,
    d.deployment AS deployment
FROM
(
    SELECT
        workspace, deployment, live_at, service, environment, kind, tag, transition, outcome,
        changes, additions, replaced_at, link_rule, fraction, previous, repository, sha
    FROM deployments FINAL
) AS d
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = d.workspace AND s.service = d.service
LEFT JOIN blamed AS b ON b.workspace = d.workspace AND b.candidate = d.deployment
ORDER BY live_at DESC, workspace, deployment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
